package launcher

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Blob is what the server writes to the control descriptor before Start: path, arguments and environment as the
// first process hands them to execve, laid out for the fixed address at which it reads them. A wrong blob harms
// nobody but the sandbox: it is read after every privilege is gone.
func Blob(argv, env []string) ([]byte, error) {
	if len(argv) == 0 || !strings.HasPrefix(argv[0], "/") {
		return nil, fmt.Errorf("launcher: command %q: needs an absolute path", argv)
	}
	table := 8 * (3 + len(argv) + 1 + len(env) + 1)
	size := table
	for _, s := range append(append([]string{}, argv...), env...) {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, fmt.Errorf("launcher: argument or environment with a NUL byte")
		}
		size += len(s) + 1
	}
	if size > BlobMax {
		return nil, fmt.Errorf("launcher: arguments and environment are %d bytes of at most %d", size, BlobMax)
	}
	out := make([]byte, 0, table)
	text := make([]byte, 0, size-table)
	word := func(v int) { out = binary.LittleEndian.AppendUint64(out, uint64(v)) }
	str := func(s string) {
		word(imageBlob + table + len(text))
		text = append(append(text, s...), 0)
	}
	const argvAt = 8 * 3
	word(imageBlob + table) // the path is the first argument
	word(imageBlob + argvAt)
	word(imageBlob + argvAt + 8*(len(argv)+1))
	for _, s := range argv {
		str(s)
	}
	word(0)
	for _, s := range env {
		str(s)
	}
	word(0)
	return append(out, text...), nil
}

// Ending is what the first process tells about its end on the control descriptor.
type Ending struct {
	ExecErrno int // the command could not be run; else 0
	Exited    bool
	Status    uint32 // wait status of the command
}

// ParseEnding reads one message of the control descriptor; ok is false for anything else.
func ParseEnding(b []byte) (e Ending, ok bool) {
	if len(b) != 16 {
		return e, false
	}
	v := int64(binary.LittleEndian.Uint64(b[8:]))
	switch binary.LittleEndian.Uint64(b) {
	case controlExec:
		return Ending{ExecErrno: int(-v)}, true
	case controlExit:
		return Ending{Exited: true, Status: uint32(v)}, true
	}
	return e, false
}
