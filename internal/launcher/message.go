package launcher

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Message format, both ways 64 bytes, little-endian. Bytes not named are zero, and a request in which they are not
// is refused.
//
//	 0 u16 magic   2 u8 version   3 u8 operation (answers: | 0x80)   4 u32 slot   8 u64 sequence
//	Create     16 u32 runtime  20 u32 CPU millis  24 u64 memory  32 u64 /tmp  40 u32 processes  44 u32 files
//	MountCode  16 u8 target    32 [32] digest
//	MountDev   16 u8 target    and one descriptor
//	Start      16 u8 phase (0 boot, 1 start)
//	answer     16 u32 code     20 u32 error number  24 u32 state  28 u32 flags  32 u32 handle mask
const (
	messageSize    = 64
	messageMagic   = 0x6756
	messageVersion = 1
	answerBit      = 0x80
)

// Op is what a request asks for.
type Op uint8

// Operations.
const (
	OpCreate Op = iota + 1
	OpMountCode
	OpMountDev
	OpStart
	OpKill
	OpReap
	opEnd
)

func (o Op) String() string {
	names := [...]string{OpCreate: "Create", OpMountCode: "MountCode", OpMountDev: "MountDev", OpStart: "Start", OpKill: "Kill", OpReap: "Reap"}
	if int(o) < len(names) && names[o] != "" {
		return names[o]
	}
	return fmt.Sprintf("operation %d", uint8(o))
}

// Target is where a mount goes.
type Target uint8

// Targets. No other path can be named.
const (
	TargetTask Target = iota // /var/task
	TargetOpt                // /opt
	targetEnd
)

var targetPaths = [...]string{TargetTask: "var/task", TargetOpt: "opt"}

// Phase says what Start lets run.
type Phase uint8

// Phases.
const (
	PhaseBoot  Phase = iota // the runtime, before any user code is there; code may be mounted once afterwards
	PhaseStart              // user code; no mounts afterwards
	phaseEnd
)

// Limits bound one slot. Each is at least 1 and at most the launcher's own maximum.
type Limits struct {
	MemoryBytes int64
	TmpBytes    int64
	CPUMillis   int
	Pids        int
	OpenFiles   int
}

// Digest names unpacked code: SHA-256.
type Digest [32]byte

// request is one decoded message.
type request struct {
	op      Op
	slot    uint32
	seq     uint64
	runtime uint32
	limits  Limits
	target  Target
	phase   Phase
	digest  Digest
}

// code is an answer's outcome.
type code uint32

const (
	codeOK code = iota
	codeMessage
	codeSlot
	codeState
	codeLimit
	codeNotFound
	codeDevOff
	codeNotYet
	codeSystem
)

// Errors by which the launcher refuses.
var (
	ErrMessage   = errors.New("launcher: malformed message")
	ErrSlot      = errors.New("launcher: no such slot")
	ErrState     = errors.New("launcher: not in this state of the slot")
	ErrLimit     = errors.New("launcher: outside the launcher's limits")
	ErrNotFound  = errors.New("launcher: no code of this digest")
	ErrDevOff    = errors.New("launcher: mounting folders is for development only")
	ErrNotYet    = errors.New("launcher: processes of the slot are still there")
	ErrSystem    = errors.New("launcher: refused by the system")
	ErrGone      = errors.New("launcher: gone")
	ErrArch      = errors.New("launcher: no first process has been written for this architecture")
	errorsByCode = [...]error{codeMessage: ErrMessage, codeSlot: ErrSlot, codeState: ErrState, codeLimit: ErrLimit,
		codeNotFound: ErrNotFound, codeDevOff: ErrDevOff, codeNotYet: ErrNotYet, codeSystem: ErrSystem}
)

// answer is one decoded answer.
type answer struct {
	op    Op
	slot  uint32
	seq   uint64
	code  code
	errno unix.Errno
	state State
	flags uint32
	mask  uint32
}

func (a answer) err() error {
	switch {
	case a.code == codeOK:
		return nil
	case int(a.code) >= len(errorsByCode):
		return ErrMessage
	case a.errno != 0:
		return fmt.Errorf("%w: %w", errorsByCode[a.code], a.errno)
	}
	return errorsByCode[a.code]
}

var le = binary.LittleEndian

func (r request) encode() [messageSize]byte {
	var b [messageSize]byte
	le.PutUint16(b[0:], messageMagic)
	b[2], b[3] = messageVersion, byte(r.op)
	le.PutUint32(b[4:], r.slot)
	le.PutUint64(b[8:], r.seq)
	switch r.op {
	case OpCreate:
		le.PutUint32(b[16:], r.runtime)
		le.PutUint32(b[20:], uint32(r.limits.CPUMillis))
		le.PutUint64(b[24:], uint64(r.limits.MemoryBytes))
		le.PutUint64(b[32:], uint64(r.limits.TmpBytes))
		le.PutUint32(b[40:], uint32(r.limits.Pids))
		le.PutUint32(b[44:], uint32(r.limits.OpenFiles))
	case OpMountCode:
		b[16] = byte(r.target)
		copy(b[32:], r.digest[:])
	case OpMountDev:
		b[16] = byte(r.target)
	case OpStart:
		b[16] = byte(r.phase)
	}
	return b
}

// decodeRequest refuses everything that encode cannot have made.
func decodeRequest(b []byte) (request, error) {
	var r request
	if len(b) != messageSize || le.Uint16(b) != messageMagic || b[2] != messageVersion {
		return r, ErrMessage
	}
	r.op, r.slot, r.seq = Op(b[3]), le.Uint32(b[4:]), le.Uint64(b[8:])
	switch r.op {
	case OpCreate:
		r.runtime = le.Uint32(b[16:])
		r.limits = Limits{CPUMillis: int(le.Uint32(b[20:])), MemoryBytes: int64(le.Uint64(b[24:])), TmpBytes: int64(le.Uint64(b[32:])),
			Pids: int(le.Uint32(b[40:])), OpenFiles: int(le.Uint32(b[44:]))}
	case OpMountCode:
		r.target = Target(b[16])
		copy(r.digest[:], b[32:])
	case OpMountDev:
		r.target = Target(b[16])
	case OpStart:
		r.phase = Phase(b[16])
	case OpKill, OpReap:
	default:
		return r, ErrMessage
	}
	if r.target >= targetEnd || r.phase >= phaseEnd || r.encode() != [messageSize]byte(b) {
		return r, ErrMessage
	}
	return r, nil
}

func (a answer) encode() [messageSize]byte {
	var b [messageSize]byte
	le.PutUint16(b[0:], messageMagic)
	b[2], b[3] = messageVersion, byte(a.op)|answerBit
	le.PutUint32(b[4:], a.slot)
	le.PutUint64(b[8:], a.seq)
	for i, v := range []uint32{uint32(a.code), uint32(a.errno), uint32(a.state), a.flags, a.mask} {
		le.PutUint32(b[16+4*i:], v)
	}
	return b
}

func decodeAnswer(b []byte) (answer, error) {
	if len(b) != messageSize || le.Uint16(b) != messageMagic || b[2] != messageVersion || b[3]&answerBit == 0 {
		return answer{}, ErrMessage
	}
	return answer{op: Op(b[3] &^ answerBit), slot: le.Uint32(b[4:]), seq: le.Uint64(b[8:]), code: code(le.Uint32(b[16:])),
		errno: unix.Errno(le.Uint32(b[20:])), state: State(le.Uint32(b[24:])), flags: le.Uint32(b[28:]), mask: le.Uint32(b[32:])}, nil
}
