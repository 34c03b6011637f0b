package launcher

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// State is a slot's.
type State uint8

// States of a slot.
const (
	StateFree     State = iota
	StateParked         // namespaces, limits and listeners are there; the first process waits
	StateBooted         // the runtime runs, no user code is there yet
	StateAssigned       // code is mounted, user code has not run
	StateStarted        // user code runs; no mount any more
	StateDying          // killed, not yet reaped
	stateEnd
)

func (s State) String() string {
	names := [...]string{"free", "parked", "booted", "assigned", "started", "dying"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// transition says where an operation leads, before it is done: the only place that knows the order of things.
// A slot with code that was booted goes from booted to assigned to started like one that was not; what runs was
// started at boot, so Start then only closes the way to further mounts.
func transition(s State, op Op, phase Phase) (State, bool) {
	switch op {
	case OpCreate:
		return StateParked, s == StateFree
	case OpMountCode, OpMountDev:
		return StateAssigned, s == StateParked || s == StateBooted || s == StateAssigned
	case OpStart:
		if phase == PhaseBoot {
			return StateBooted, s == StateParked
		}
		return StateStarted, s == StateParked || s == StateBooted || s == StateAssigned
	case OpKill:
		return StateDying, s != StateFree
	case OpReap:
		return StateFree, s != StateFree
	}
	return s, false
}

// slot is the launcher's record of one.
type slot struct {
	state   State
	running bool            // the first process was told to go on
	mounted [targetEnd]bool // each target takes one mount
	box     box
}

// box is one sandbox as the system made it.
type box interface {
	// mountCode and mountDev put code at a target; mountDev's descriptor stays the caller's.
	mountCode(Target, Digest) error
	mountDev(Target, int) error
	// start lets the first process read its arguments and run them.
	start() error
	// kill kills every process; it may be called more than once.
	kill()
	// reap lets go of everything when no process is left, else errNotYet.
	reap() error
}

// maker makes boxes; the system's or a test's.
type maker interface {
	// create makes a parked sandbox in a slot and gives the descriptors to hand over: flags and mask tell what
	// they are. They are closed by the caller.
	create(slot uint32, runtime uint32, lim Limits) (b box, fds []int, flags, mask uint32, err error)
}

// table is all slots and what may be asked of them.
type table struct {
	slots    []slot
	runtimes int
	max      Limits
	dev      bool
	make     maker
}

func (t *table) allows(l Limits) bool {
	in := func(v, limit int64) bool { return v >= 1 && v <= limit }
	return in(l.MemoryBytes, t.max.MemoryBytes) && in(l.TmpBytes, t.max.TmpBytes) && in(int64(l.CPUMillis), int64(t.max.CPUMillis)) &&
		in(int64(l.Pids), int64(t.max.Pids)) && in(int64(l.OpenFiles), int64(t.max.OpenFiles))
}

// handle answers one message. fds are the descriptors that came with it and stay the caller's to close; out are
// descriptors to send and then to close.
func (t *table) handle(msg []byte, fds []int) (a answer, out []int) {
	r, err := decodeRequest(msg)
	if err != nil {
		return answer{code: codeMessage}, nil
	}
	a = answer{op: r.op, slot: r.slot, seq: r.seq}
	refuse := func(c code) (answer, []int) { a.code = c; return a, nil }
	want := 0
	if r.op == OpMountDev {
		want = 1
	}
	if len(fds) != want {
		return refuse(codeMessage)
	}
	if uint64(r.slot) >= uint64(len(t.slots)) {
		return refuse(codeSlot)
	}
	s := &t.slots[r.slot]
	a.state = s.state
	next, ok := transition(s.state, r.op, r.phase)
	if !ok {
		return refuse(codeState)
	}
	switch r.op {
	case OpCreate:
		if uint64(r.runtime) >= uint64(t.runtimes) || !t.allows(r.limits) {
			return refuse(codeLimit)
		}
		var b box
		b, out, a.flags, a.mask, err = t.make.create(r.slot, r.runtime, r.limits)
		if err == nil {
			*s = slot{box: b}
		}
	case OpMountCode, OpMountDev:
		if s.mounted[r.target] {
			return refuse(codeState)
		}
		if r.op == OpMountDev {
			if !t.dev {
				return refuse(codeDevOff)
			}
			err = s.box.mountDev(r.target, fds[0])
		} else {
			err = s.box.mountCode(r.target, r.digest)
		}
		s.mounted[r.target] = err == nil
	case OpStart:
		if !s.running {
			err = s.box.start()
			s.running = err == nil
		}
	case OpKill:
		s.box.kill()
	case OpReap:
		if err = s.box.reap(); err == nil {
			s.box = nil
		}
	}
	if err != nil {
		return refuseError(a, err), nil
	}
	s.state = next
	a.state = next
	return a, out
}

func refuseError(a answer, err error) answer {
	a.code = codeSystem
	for c, e := range errorsByCode {
		if e != nil && errors.Is(err, e) {
			a.code = code(c)
		}
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		a.errno = errno
	}
	return a
}

// killAll kills every sandbox and reaps what has died; it tells how many are left.
func (t *table) killAll() (left int) {
	for i := range t.slots {
		s := &t.slots[i]
		if s.state == StateFree {
			continue
		}
		s.box.kill()
		s.state = StateDying
		if s.box.reap() == nil {
			*s = slot{}
			continue
		}
		left++
	}
	return left
}
