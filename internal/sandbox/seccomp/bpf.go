package seccomp

import (
	"encoding/binary"
	"fmt"
	"sort"
)

// Inst is one classic BPF instruction, laid out as the kernel's struct sock_filter.
type Inst struct {
	Code   uint16
	Jt, Jf uint8
	K      uint32
}

// Instruction codes that the assembler emits and the interpreter knows. All others are refused.
const (
	opLoad   = 0x20 // A = word at offset K of the data
	opJump   = 0x05 // skip K instructions
	opJumpEQ = 0x15 // A == K
	opJumpGT = 0x25 // A > K
	opJumpGE = 0x35 // A >= K
	opJumpSE = 0x45 // A & K != 0
	opReturn = 0x06 // the answer is K
)

// Action is what the kernel does with a call: the word a filter returns.
type Action uint32

// Actions. Errno adds the number to its word.
const (
	KillProcess Action = 0x80000000
	Allow       Action = 0x7fff0000
	errnoBase   Action = 0x00050000
)

// Errno is the action that makes a call return -n without being run.
func Errno(n uint16) Action { return errnoBase | Action(n) }

func (a Action) String() string {
	switch {
	case a == KillProcess:
		return "kill"
	case a == Allow:
		return "allow"
	case a&0xffff0000 == errnoBase:
		return fmt.Sprintf("errno %d", uint32(a)&0xffff)
	}
	return fmt.Sprintf("action %#x", uint32(a))
}

// Data is what a filter sees of one call: the kernel's struct seccomp_data.
type Data struct {
	Nr   uint32
	Arch uint32
	IP   uint64
	Args [6]uint64
}

// Offsets into Data on little-endian machines, the only ones supported.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
	dataLen = 64
)

// argLow is the offset of the low half of argument i. The calls whose arguments are looked at take ints, of
// which the kernel itself sees only the low half, so the high half must not be compared.
func argLow(i int) uint32 { return uint32(offArgs + 8*i) }

func (d Data) bytes() [dataLen]byte {
	var b [dataLen]byte
	binary.LittleEndian.PutUint32(b[offNr:], d.Nr)
	binary.LittleEndian.PutUint32(b[offArch:], d.Arch)
	binary.LittleEndian.PutUint64(b[8:], d.IP)
	for i, a := range d.Args {
		binary.LittleEndian.PutUint64(b[offArgs+8*i:], a)
	}
	return b
}

// Run interprets a program over the data of one call, as the kernel would. A program that jumps out of itself,
// reads out of the data, uses an unknown instruction or ends without a return is an error.
func Run(prog []Inst, d Data) (Action, error) {
	b := d.bytes()
	var a uint32
	for pc := 0; ; pc++ {
		if pc < 0 || pc >= len(prog) {
			return 0, fmt.Errorf("seccomp: ran out of the program at %d of %d", pc, len(prog))
		}
		in := prog[pc]
		var yes bool
		switch in.Code {
		case opLoad:
			if in.K > dataLen-4 || in.K%4 != 0 {
				return 0, fmt.Errorf("seccomp: load at offset %d", in.K)
			}
			a = binary.LittleEndian.Uint32(b[in.K:])
			continue
		case opJump:
			if in.K > uint32(len(prog)) {
				return 0, fmt.Errorf("seccomp: jump by %d", in.K)
			}
			pc += int(in.K)
			continue
		case opReturn:
			return Action(in.K), nil
		case opJumpEQ:
			yes = a == in.K
		case opJumpGT:
			yes = a > in.K
		case opJumpGE:
			yes = a >= in.K
		case opJumpSE:
			yes = a&in.K != 0
		default:
			return 0, fmt.Errorf("seccomp: instruction %#x", in.Code)
		}
		if yes {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
}

// Encode lays a program out as the kernel reads it: 8 bytes an instruction, little-endian.
func Encode(prog []Inst) []byte {
	b := make([]byte, 0, 8*len(prog))
	for _, in := range prog {
		b = binary.LittleEndian.AppendUint16(b, in.Code)
		b = append(b, in.Jt, in.Jf)
		b = binary.LittleEndian.AppendUint32(b, in.K)
	}
	return b
}

// span is a run of call numbers with the same answer, up to but not including the next span's first number.
type span struct {
	first uint32
	body  []Inst // ends in returns on every path
	key   string // equal keys may be merged
}

// assemble turns number -> body into one program: architecture check, then a binary search over spans.
func assemble(arch uint32, x32bit uint32, bodies map[uint32][]Inst, otherwise []Inst) []Inst {
	nrs := make([]uint32, 0, len(bodies))
	for nr := range bodies {
		nrs = append(nrs, nr)
	}
	sort.Slice(nrs, func(i, j int) bool { return nrs[i] < nrs[j] })

	var spans []span
	add := func(first uint32, body []Inst) {
		key := string(Encode(body))
		if n := len(spans); n > 0 && spans[n-1].key == key {
			return
		}
		spans = append(spans, span{first: first, body: body, key: key})
	}
	next := uint32(0)
	for _, nr := range nrs {
		if nr > next {
			add(next, otherwise)
		}
		add(nr, bodies[nr])
		next = nr + 1
	}
	add(next, otherwise)

	prog := []Inst{
		{Code: opLoad, K: offArch},
		{Code: opJumpEQ, Jt: 1, K: arch},
		{Code: opReturn, K: uint32(KillProcess)},
		{Code: opLoad, K: offNr},
	}
	if x32bit != 0 {
		prog = append(prog, Inst{Code: opJumpSE, Jf: 1, K: x32bit}, Inst{Code: opReturn, K: uint32(KillProcess)})
	}
	return append(prog, search(spans)...)
}

// search emits a binary search with the call number in A. Conditional jumps reach 255 instructions only, so the
// right half is reached by an unconditional one.
func search(spans []span) []Inst {
	if len(spans) == 1 {
		return spans[0].body
	}
	mid := len(spans) / 2
	left, right := search(spans[:mid]), search(spans[mid:])
	out := []Inst{
		{Code: opJumpGE, Jf: 1, K: spans[mid].first},
		{Code: opJump, K: uint32(len(left))},
	}
	out = append(out, left...)
	return append(out, right...)
}

func ret(a Action) []Inst { return []Inst{{Code: opReturn, K: uint32(a)}} }
