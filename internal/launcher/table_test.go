package launcher

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// world is a maker and its boxes that note what is done to them and refuse what no launcher may ever do.
type world struct {
	t    testing.TB
	tab  *table
	live map[uint32]*fakeBox
	made int
	fail error // of the next create
}

type fakeBox struct {
	w       *world
	slot    uint32
	mounted []Target
	started int
	killed  bool
	gone    bool
	busy    int // reaps that are still refused
}

func (w *world) create(slot, rt uint32, lim Limits) (box, []int, uint32, uint32, error) {
	if w.fail != nil {
		return nil, nil, 0, 0, w.fail
	}
	switch {
	case int(slot) >= len(w.tab.slots):
		w.t.Fatalf("created outside the slots: %d", slot)
	case w.live[slot] != nil:
		w.t.Fatalf("slot %d created twice", slot)
	case int(rt) >= w.tab.runtimes:
		w.t.Fatalf("runtime %d", rt)
	case !w.tab.allows(lim):
		w.t.Fatalf("limits %+v", lim)
	}
	b := &fakeBox{w: w, slot: slot}
	w.live[slot] = b
	w.made++
	return b, nil, 0, 0, nil
}

func (b *fakeBox) use() {
	if b.gone || b.w.live[b.slot] != b {
		b.w.t.Fatalf("slot %d used after it was reaped", b.slot)
	}
}

func (b *fakeBox) put(t Target) error {
	b.use()
	if b.killed || t >= targetEnd || slices.Contains(b.mounted, t) || b.w.tab.slots[b.slot].state == StateStarted {
		b.w.t.Fatalf("slot %d: mount at %d in %v", b.slot, t, b.w.tab.slots[b.slot].state)
	}
	b.mounted = append(b.mounted, t)
	return nil
}

func (b *fakeBox) mountCode(t Target, _ Digest) error { return b.put(t) }

func (b *fakeBox) mountDev(t Target, _ int) error {
	if !b.w.tab.dev {
		b.w.t.Fatal("a folder mounted without development")
	}
	return b.put(t)
}

func (b *fakeBox) start() error {
	b.use()
	if b.started++; b.started > 1 || b.killed {
		b.w.t.Fatalf("slot %d started %d times", b.slot, b.started)
	}
	return nil
}

func (b *fakeBox) kill() { b.use(); b.killed = true }

func (b *fakeBox) reap() error {
	b.use()
	if !b.killed || b.busy > 0 {
		b.busy--
		return ErrNotYet
	}
	b.gone = true
	delete(b.w.live, b.slot)
	return nil
}

func newWorld(t testing.TB, dev bool) *world {
	w := &world{t: t, live: map[uint32]*fakeBox{}}
	w.tab = &table{slots: make([]slot, 4), runtimes: 2, max: testLimits, dev: dev, make: w}
	return w
}

// randomMessage is half nonsense, half near-misses of real requests.
func randomMessage(r *rand.Rand) []byte {
	q := request{op: Op(r.IntN(8)), slot: uint32(r.IntN(6)), seq: r.Uint64(), runtime: uint32(r.IntN(3)), target: Target(r.IntN(3)), phase: Phase(r.IntN(3))}
	q.limits = testLimits
	for i := range q.digest {
		q.digest[i] = byte(r.Uint32())
	}
	switch r.IntN(8) {
	case 0:
		q.limits.MemoryBytes = int64(r.Uint64())
	case 1:
		q.limits.Pids = int(r.Uint32())
	case 2:
		q.slot = r.Uint32()
	case 3:
		q.runtime = r.Uint32()
	}
	b := q.encode()
	msg := b[:]
	switch r.IntN(6) {
	case 0:
		msg[r.IntN(len(msg))] ^= byte(1 << r.IntN(8))
	case 1:
		for i := range msg {
			msg[i] = byte(r.Uint32())
		}
	case 2:
		msg = msg[:r.IntN(len(msg)+1)]
	}
	return msg
}

// A million random messages gain nothing outside their slots: the world fails the test when the table lets one act
// outside the slots, the limits, the runtimes, a slot's state, or development.
func TestRandomMessagesGainNothing(t *testing.T) {
	const n = 1_000_000
	count := n
	if testing.Short() {
		count = 100_000
	}
	for _, dev := range []bool{false, true} {
		r := rand.New(rand.NewPCG(uint64(count), 7))
		w := newWorld(t, dev)
		refused, done := 0, map[Op]int{}
		null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(null)
		for range count / 2 {
			var fds []int
			for range max(0, r.IntN(5)-2) {
				fds = append(fds, null)
			}
			for _, b := range w.live {
				b.busy = r.IntN(3)
				break
			}
			a, _ := w.tab.handle(randomMessage(r), fds)
			if a.err() != nil {
				refused++
			} else {
				done[a.op]++
			}
			for i := range w.tab.slots {
				s := &w.tab.slots[i]
				if s.state >= stateEnd || (s.state == StateFree) != (w.live[uint32(i)] == nil) {
					t.Fatalf("slot %d is %v, sandbox there: %v", i, s.state, w.live[uint32(i)] != nil)
				}
			}
		}
		t.Logf("dev %v: %d messages, %d refused, done %v, %d sandboxes made", dev, count/2, refused, done, w.made)
		for op := OpCreate; op < opEnd; op++ {
			if done[op] == 0 && (dev || op != OpMountDev) {
				t.Errorf("%v never came through, so the test shows little", op)
			}
		}
	}
}

func TestTransitions(t *testing.T) {
	type try struct {
		op    Op
		phase Phase
	}
	tries := []try{{OpCreate, 0}, {OpMountCode, 0}, {OpMountDev, 0}, {OpStart, PhaseBoot}, {OpStart, PhaseStart}, {OpKill, 0}, {OpReap, 0}}
	const no = stateEnd
	want := map[State][]State{
		StateFree:     {StateParked, no, no, no, no, no, no},
		StateParked:   {no, StateAssigned, StateAssigned, StateBooted, StateStarted, StateDying, StateFree},
		StateBooted:   {no, StateAssigned, StateAssigned, no, StateStarted, StateDying, StateFree},
		StateAssigned: {no, StateAssigned, StateAssigned, no, StateStarted, StateDying, StateFree},
		StateStarted:  {no, no, no, no, no, StateDying, StateFree},
		StateDying:    {no, no, no, no, no, StateDying, StateFree},
	}
	for s := range stateEnd {
		for i, c := range tries {
			got, ok := transition(s, c.op, c.phase)
			if !ok {
				got = no
			}
			if got != want[s][i] {
				t.Errorf("%v: %v phase %d leads to %v, want %v", s, c.op, c.phase, got, want[s][i])
			}
		}
	}
}

func TestDescriptorsMustFitTheMessage(t *testing.T) {
	w := newWorld(t, true)
	create := request{op: OpCreate, limits: testLimits}.encode()
	if a, _ := w.tab.handle(create[:], []int{0}); !errors.Is(a.err(), ErrMessage) {
		t.Errorf("Create with a descriptor: %v", a.err())
	}
	if a, _ := w.tab.handle(create[:], nil); a.err() != nil {
		t.Fatal(a.err())
	}
	dev := request{op: OpMountDev}.encode()
	for _, fds := range [][]int{nil, {0, 1}} {
		if a, _ := w.tab.handle(dev[:], fds); !errors.Is(a.err(), ErrMessage) {
			t.Errorf("MountDev with %d descriptors: %v", len(fds), a.err())
		}
	}
	w.tab.dev = false
	if a, _ := w.tab.handle(dev[:], []int{0}); !errors.Is(a.err(), ErrDevOff) {
		t.Errorf("MountDev without development: %v", a.err())
	}
}

func TestFailedCreateLeavesTheSlotFree(t *testing.T) {
	w := newWorld(t, false)
	w.fail = unix.ENOSPC
	create := request{op: OpCreate, slot: 1, limits: testLimits}.encode()
	a, _ := w.tab.handle(create[:], nil)
	if !errors.Is(a.err(), ErrSystem) || !errors.Is(a.err(), unix.ENOSPC) || w.tab.slots[1].state != StateFree {
		t.Errorf("%v, %v", a.err(), w.tab.slots[1].state)
	}
	w.fail = nil
	if a, _ := w.tab.handle(create[:], nil); a.err() != nil || a.state != StateParked {
		t.Errorf("%v, %v", a.err(), a.state)
	}
}

func TestConfigRefusesClashes(t *testing.T) {
	good := Config{CodeRoot: "/c", UIDBase: 200_000, Slots: 10}.WithDefaults()
	passwd := "root:x:0:0::/:/bin/sh\nx:x:100:100::/:/bin/sh\nbroken\n"
	if err := good.Check(passwd, "x:300000:65536\n"); err != nil {
		t.Errorf("refused: %v", err)
	}
	for name, c := range map[string]struct {
		change         func(*Config)
		passwd, subuid string
	}{
		"uid of a user":     {nil, "alice:x:200005:100::/:/bin/sh\n", ""},
		"gid of a user":     {nil, "alice:x:100:200009::/:/bin/sh\n", ""},
		"subordinate uids":  {nil, "", "bob:199000:1001\n"},
		"no slots":          {func(c *Config) { c.Slots = -1 }, "", ""},
		"too many slots":    {func(c *Config) { c.Slots = SlotsMax + 1 }, "", ""},
		"system uids":       {func(c *Config) { c.UIDBase = 10 }, "", ""},
		"relative code":     {func(c *Config) { c.CodeRoot = "code" }, "", ""},
		"cgroup with slash": {func(c *Config) { c.Cgroup = "a/b" }, "", ""},
		"cgroup up":         {func(c *Config) { c.Cgroup = ".." }, "", ""},
		"etc up":            {func(c *Config) { c.Etc = map[string]string{"../x": "/etc/passwd"} }, "", ""},
	} {
		cfg := good
		if c.change != nil {
			c.change(&cfg)
		}
		if cfg.Check(c.passwd, c.subuid) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestBlob(t *testing.T) {
	if _, err := Blob([]string{"/bin/x"}, []string{strings.Repeat("a", BlobMax)}); err == nil {
		t.Error("too large, taken")
	}
	for _, argv := range [][]string{nil, {"x"}, {""}, {"/x\x00y"}} {
		if _, err := Blob(argv, nil); err == nil {
			t.Errorf("%q taken", argv)
		}
	}
	b, err := Blob([]string{"/bin/x", "", "é"}, []string{"A=b", "C="})
	if err != nil {
		t.Fatal(err)
	}
	word := func(at uint64) uint64 { return le.Uint64(b[at-imageBlob:]) }
	str := func(at uint64) string { s, _, _ := strings.Cut(string(b[at-imageBlob:]), "\x00"); return s }
	list := func(at uint64) (out []string) {
		for ; word(at) != 0; at += 8 {
			out = append(out, str(word(at)))
		}
		return out
	}
	if str(word(imageBlob)) != "/bin/x" || !slices.Equal(list(word(imageBlob+8)), []string{"/bin/x", "", "é"}) || !slices.Equal(list(word(imageBlob+16)), []string{"A=b", "C="}) {
		t.Errorf("%q", b)
	}
	// The first process hands fixed addresses to execve by reading these three words.
	if word(imageBlob+8) != imageBlob+24 {
		t.Errorf("arguments at %#x", word(imageBlob+8))
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for op := OpCreate; op < opEnd; op++ {
		b := request{op: op, limits: testLimits}.encode()
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRequest(b)
		if err != nil {
			return
		}
		if again := r.encode(); string(again[:]) != string(b) {
			t.Fatalf("%x is not what it encodes to, %x", b, again)
		}
	})
}

func FuzzParseEnding(f *testing.F) {
	f.Add(words(controlExit, 256))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := ParseEnding(b); ok && len(b) != 16 {
			t.Fatalf("%+v from %d bytes", e, len(b))
		}
	})
}

// Random messages to a real launcher: it answers each, lives on, and leaves nothing.
func TestRandomMessagesToRealLauncher(t *testing.T) {
	c := spawn(t)
	const n = 10_000
	r := rand.New(rand.NewPCG(n, 9))
	null, _ := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	defer unix.Close(null)
	made := 0
	for range n {
		msg := randomMessage(r)
		if len(msg) == 0 {
			continue // a message of no length is the end of the connection
		}
		if len(msg) == messageSize && msg[3] == byte(OpCreate) && r.IntN(4) != 0 {
			continue // sandboxes cost
		}
		var rights []byte
		if r.IntN(4) == 0 {
			rights = unix.UnixRights(null, null)
		}
		if _, _, err := c.conn.WriteMsgUnix(msg, rights, nil); err != nil {
			t.Fatal(err)
		}
		select {
		case a := <-c.answers:
			closeAll(a.fds...)
			if a.answer.op == OpCreate && a.answer.code == codeOK {
				made++
			}
		case <-c.gone:
			t.Fatalf("the launcher is gone after %x", msg)
		}
	}
	t.Logf("%d messages, %d sandboxes made", n, made)
	if made == 0 {
		t.Error("no sandbox was made, so the test shows little")
	}
	fds, err := os.ReadDir("/proc/" + idText(c.Pid()) + "/fd")
	if err != nil || len(fds) > 60 {
		t.Errorf("the launcher holds %d descriptors (%v)", len(fds), err)
	}
}
