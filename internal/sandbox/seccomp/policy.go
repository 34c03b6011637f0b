package seccomp

// Error numbers that the filter answers with; the same on every architecture we build for.
const (
	ePerm           = 1
	eNoSys          = 38
	eProtoNoSupport = 93
	eAFNoSupport    = 97
)

// Socket families that function code may open.
const (
	afUnix    = 1
	afInet    = 2
	afInet6   = 10
	afNetlink = 16
)

// cloneNew are all flags of clone(2) that make a namespace. CLONE_NEWTIME shares its bit with the exit signal
// there and can be asked for by clone3 and unshare only, which are refused whole.
const cloneNew = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000

// Terminal commands that put characters into somebody's input.
const (
	ioctlTIOCSTI   = 0x5412
	ioctlTIOCLINUX = 0x541c
)

// rlimitCore is RLIMIT_CORE. It is 1 in a sandbox, which keeps the kernel from starting the host's core handler; at 0
// the kernel would start it, so that even lowering the limit is refused.
const rlimitCore = 4

// call is one row of the list.
type call struct {
	name string
	nr   uint32
}

// Filter is the program for this machine's architecture.
func Filter() []Inst { return build(allowed(), refused(), conditions()) }

func build(allow, refuse []call, cond map[uint32][]Inst) []Inst {
	bodies := map[uint32][]Inst{}
	put := func(c call, body []Inst) {
		if _, twice := bodies[c.nr]; twice {
			panic("seccomp: " + c.name + " is listed twice")
		}
		bodies[c.nr] = body
	}
	for _, c := range allow {
		put(c, ret(Allow))
	}
	for _, c := range refuse {
		put(c, ret(Errno(ePerm)))
	}
	for nr, body := range cond {
		put(call{"conditional call", nr}, body)
	}
	return assemble(auditArch, x32Bit, bodies, ret(Errno(eNoSys)))
}

// socketRule allows UNIX, INET, INET6 and NETLINK_ROUTE.
func socketRule() []Inst {
	return []Inst{
		{Code: opLoad, K: argLow(0)},
		{Code: opJumpEQ, Jt: 7, K: afUnix},
		{Code: opJumpEQ, Jt: 6, K: afInet},
		{Code: opJumpEQ, Jt: 5, K: afInet6},
		{Code: opJumpEQ, Jt: 1, K: afNetlink},
		{Code: opReturn, K: uint32(Errno(eAFNoSupport))},
		{Code: opLoad, K: argLow(2)},
		{Code: opJumpEQ, Jt: 1, K: 0}, // NETLINK_ROUTE
		{Code: opReturn, K: uint32(Errno(eProtoNoSupport))},
		{Code: opReturn, K: uint32(Allow)},
	}
}

// prlimitRule refuses to set (third argument not null) the core limit; reading it is allowed.
func prlimitRule() []Inst {
	return []Inst{
		{Code: opLoad, K: argLow(1)},
		{Code: opJumpEQ, Jf: 5, K: rlimitCore},
		{Code: opLoad, K: argLow(2)},
		{Code: opJumpEQ, Jf: 2, K: 0},
		{Code: opLoad, K: argLow(2) + 4},
		{Code: opJumpEQ, Jt: 1, K: 0},
		{Code: opReturn, K: uint32(Errno(ePerm))},
		{Code: opReturn, K: uint32(Allow)},
	}
}

// onlyRule allows the call when argument i is one of values.
func onlyRule(i int, otherwise Action, values ...uint32) []Inst {
	out := []Inst{{Code: opLoad, K: argLow(i)}}
	for n, v := range values {
		out = append(out, Inst{Code: opJumpEQ, Jt: uint8(len(values) - n), K: v})
	}
	return append(out, Inst{Code: opReturn, K: uint32(otherwise)}, Inst{Code: opReturn, K: uint32(Allow)})
}

// exceptRule refuses the call when argument i is one of values.
func exceptRule(i int, refusal Action, values ...uint32) []Inst {
	out := []Inst{{Code: opLoad, K: argLow(i)}}
	for n, v := range values {
		out = append(out, Inst{Code: opJumpEQ, Jt: uint8(len(values) - n), K: v})
	}
	return append(out, Inst{Code: opReturn, K: uint32(Allow)}, Inst{Code: opReturn, K: uint32(refusal)})
}

// withoutBitsRule refuses the call when argument i has one of the bits.
func withoutBitsRule(i int, refusal Action, bits uint32) []Inst {
	return []Inst{
		{Code: opLoad, K: argLow(i)},
		{Code: opJumpSE, Jf: 1, K: bits},
		{Code: opReturn, K: uint32(refusal)},
		{Code: opReturn, K: uint32(Allow)},
	}
}

// ServerFilter is for the server itself: everything but the calls known to be dangerous, which it never makes.
func ServerFilter() []Inst {
	bodies := map[uint32][]Inst{}
	for _, c := range refused() {
		bodies[c.nr] = ret(Errno(ePerm))
	}
	return assemble(auditArch, x32Bit, bodies, ret(Allow))
}

// AllowAll refuses nothing; installing it carries no_new_privs to every thread.
func AllowAll() []Inst { return ret(Allow) }
