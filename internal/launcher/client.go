package launcher

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Client is the server's side of the pair. Its methods may be called by many goroutines; they take turns.
type Client struct {
	conn    *net.UnixConn
	cfg     Config
	mu      sync.Mutex
	seq     uint64
	answers chan reply
	gone    chan struct{}
	proc    *exec.Cmd // the launcher, where this process started it
}

type reply struct {
	answer answer
	fds    []int
}

// turnWait bounds one turn: the launcher answers in microseconds to a few milliseconds.
const turnWait = 30 * time.Second

// Connect takes over the connection that a launcher (Serve) handed to this process as a descriptor, and waits until
// the launcher is ready. cfg is the launcher's.
func Connect(fd int, cfg Config) (*Client, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "launcher")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("launcher: connection: %w", err)
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("launcher: descriptor %d is a %T", fd, c)
	}
	cl := &Client{conn: uc, cfg: cfg, answers: make(chan reply, 1), gone: make(chan struct{})}
	go cl.read()
	select {
	case r := <-cl.answers:
		closeAll(r.fds...)
		if r.answer.slot != helloSlot {
			cl.conn.Close()
			return nil, ErrMessage
		}
		return cl, nil
	case <-cl.gone:
		return nil, ErrGone
	case <-time.After(turnWait):
		cl.conn.Close()
		return nil, fmt.Errorf("%w: not ready within %v", ErrGone, turnWait)
	}
}

// Spawn starts a launcher from this process: the development way, and the way without privileges (then in a user
// namespace of its own, and everything weaker is named by Probe in sandbox/namespace). This binary's main must
// dispatch on Arg. When this process ends, the launcher kills every sandbox and ends.
func Spawn(cfg Config) (*Client, error) {
	cfg = cfg.WithDefaults()
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() != 0 {
		cfg.Rootless = true
	}
	if cfg.Rootless {
		attr.Cloneflags = syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(pair[1]), "launcher")
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe", Arg, string(text))
	cmd.Env = []string{}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		unix.Close(pair[0])
		return nil, fmt.Errorf("launcher: %w", err)
	}
	theirs.Close()
	c, err := Connect(pair[0], cfg)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	c.proc = cmd
	return c, nil
}

// Config is the launcher's configuration.
func (c *Client) Config() Config { return c.cfg }

// Pid is the launcher's process where this process started it, else 0.
func (c *Client) Pid() int {
	if c.proc == nil {
		return 0
	}
	return c.proc.Process.Pid
}

// Gone is closed when the launcher is. A server without a launcher ends.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Close ends the connection; the launcher then kills every sandbox. Where this process started the launcher, Close
// waits for its end.
func (c *Client) Close() error {
	err := c.conn.Close()
	if c.proc != nil {
		_ = c.proc.Wait()
	}
	<-c.gone
	return err
}

func (c *Client) read() {
	defer close(c.gone)
	buf := make([]byte, messageSize+1)
	oob := make([]byte, unix.CmsgSpace(4*fdsMax))
	for {
		n, oobn, _, _, err := c.conn.ReadMsgUnix(buf, oob)
		if err != nil || n == 0 {
			return
		}
		fds := receivedFDs(oob[:oobn])
		a, err := decodeAnswer(buf[:n])
		if err != nil {
			closeAll(fds...)
			return
		}
		c.answers <- reply{a, fds}
	}
}

// turn sends one request and waits for its answer.
func (c *Client) turn(r request, fds ...int) (answer, []int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	r.seq = c.seq
	msg := r.encode()
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if _, _, err := c.conn.WriteMsgUnix(msg[:], rights, nil); err != nil {
		return answer{}, nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	limit := time.NewTimer(turnWait)
	defer limit.Stop()
	select {
	case got := <-c.answers:
		if got.answer.seq != r.seq || got.answer.slot != r.slot || got.answer.op != r.op {
			closeAll(got.fds...)
			c.conn.Close()
			return answer{}, nil, fmt.Errorf("%w: answer to another question", ErrMessage)
		}
		return got.answer, got.fds, got.answer.err()
	case <-c.gone:
		return answer{}, nil, ErrGone
	case <-limit.C:
		c.conn.Close() // an answer that came later would be taken for the next one's
		return answer{}, nil, fmt.Errorf("%w: no answer within %v", ErrGone, turnWait)
	}
}

// Parked is what Create hands over. Every descriptor belongs to the caller; -1 where the machine has none.
type Parked struct {
	Control, Log, Pid                            int
	Runtime, Endpoint, Redirect, DNS, DNSPackets int
	MemoryLimit, MemoryPeak, OOM                 int
	CPULimit, CPUUsage, Freeze                   int
	CPULimitV1, CPUUsageV1                       bool // formats, see cgroup.Handles
	NoNAT                                        bool // outbound connections are closed: this kernel took no rules
}

// Create makes a parked sandbox in a free slot.
func (c *Client) Create(slot uint32, runtime uint32, lim Limits) (Parked, error) {
	a, fds, err := c.turn(request{op: OpCreate, slot: slot, runtime: runtime, limits: lim})
	if err != nil {
		closeAll(fds...)
		return Parked{}, err
	}
	p := Parked{CPULimitV1: a.flags&flagCPULimitV1 != 0, CPUUsageV1: a.flags&flagCPUUsageV1 != 0, NoNAT: a.flags&flagNoNAT != 0}
	at := 0
	for i, to := range []*int{&p.Control, &p.Log, &p.Pid, &p.Runtime, &p.Endpoint, &p.Redirect, &p.DNS, &p.DNSPackets,
		&p.MemoryLimit, &p.MemoryPeak, &p.OOM, &p.CPULimit, &p.CPUUsage, &p.Freeze} {
		*to = -1
		if i >= fdxFixed && a.mask&(1<<(i-fdxFixed)) == 0 {
			continue
		}
		if at >= len(fds) {
			closeAll(fds...)
			return Parked{}, fmt.Errorf("%w: %d descriptors", ErrMessage, len(fds))
		}
		*to = fds[at]
		at++
	}
	if at != len(fds) {
		closeAll(fds...)
		return Parked{}, fmt.Errorf("%w: %d descriptors", ErrMessage, len(fds))
	}
	return p, nil
}

// MountCode puts unpacked code at a target, before user code runs. Each target takes one mount.
func (c *Client) MountCode(slot uint32, t Target, d Digest) error {
	_, _, err := c.turn(request{op: OpMountCode, slot: slot, target: t, digest: d})
	return err
}

// MountDev puts the folder of a descriptor at a target; development only. The descriptor stays the caller's.
func (c *Client) MountDev(slot uint32, t Target, fd int) error {
	_, _, err := c.turn(request{op: OpMountDev, slot: slot, target: t}, fd)
	return err
}

// Start lets the first process read its arguments from the control descriptor and run them (from parked), or, after
// a boot, closes the way to further mounts.
func (c *Client) Start(slot uint32, p Phase) error {
	_, _, err := c.turn(request{op: OpStart, slot: slot, phase: p})
	return err
}

// Kill kills every process of a slot.
func (c *Client) Kill(slot uint32) error {
	_, _, err := c.turn(request{op: OpKill, slot: slot})
	return err
}

// Reap frees a slot whose processes are gone, else ErrNotYet.
func (c *Client) Reap(slot uint32) error {
	_, _, err := c.turn(request{op: OpReap, slot: slot})
	return err
}
