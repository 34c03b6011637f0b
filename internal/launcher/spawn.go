package launcher

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"virga/internal/launcher/cgroup"
	"virga/internal/sandbox/netredirect"
)

// answerWait bounds how long the launcher waits for a first process to make its next step, in seconds. It runs our
// own image only; past this the machine is in trouble and the sandbox is given up.
const answerWait = 10

// Order of the descriptors that a parked sandbox's answer carries. Those of the cgroup follow, each only when its
// bit of the mask is set.
const (
	fdxControl = iota
	fdxLog
	fdxPid
	fdxRuntime
	fdxEndpoint
	fdxRedirect
	fdxDNS
	fdxDNSPackets
	fdxFixed
)

// Flags of a Create answer.
const (
	flagCPULimitV1 = 1 << iota
	flagCPUUsageV1
	flagNoNAT
)

// linuxBox is a sandbox as the system made it.
type linuxBox struct {
	home   *home
	group  *cgroup.Group
	pid    int
	pidfd  int
	mnt    int
	gate   int
	reaped bool
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// create implements maker.
func (h *home) create(slotN, runtimeN uint32, lim Limits) (_ box, fds []int, flags, mask uint32, err error) {
	name := "s" + strconv.FormatUint(uint64(slotN), 10)
	group, err := cgroup.New(h.tree, h.layout, name, cgroup.Limits{MemoryBytes: lim.MemoryBytes, CPUMillis: lim.CPUMillis, Pids: lim.Pids})
	if err != nil {
		return nil, nil, 0, 0, err
	}
	b := &linuxBox{home: h, group: group, pidfd: -1, mnt: -1, gate: -1}
	var ours, theirs []int // to be closed on failure; in any case
	defer func() {
		closeAll(theirs...)
		if err != nil {
			closeAll(ours...)
			b.abandon()
		}
	}()
	m := &must{}
	pair := func() (int, int) {
		p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		m.do("socket pair", err)
		return p[0], p[1]
	}
	control, controlIn := pair()
	gate, gateIn := pair()
	var log [2]int
	m.do("log pipe", unix.Pipe2(log[:], unix.O_CLOEXEC))
	dir := m.fd("cgroup")(group.Dir())
	if m.err != nil {
		return nil, nil, 0, 0, m.err // descriptors of a failed pair are 0 and must not be closed; the few others leak once
	}
	b.gate = gate
	ours, theirs = append(ours, control, log[0]), append(theirs, controlIn, gateIn, log[1], dir)
	m.do("control", unix.SetNonblock(control, true))
	m.do("log", unix.SetNonblock(log[0], true))
	m.do("gate", unix.SetsockoptTimeval(gate, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerWait}))

	var sockets netredirect.Sockets
	m.do("sandbox", h.away(func() error {
		var err error
		if err = unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS); err != nil {
			return fmt.Errorf("namespaces: %w", err)
		}
		if b.mnt, err = openNS("mnt"); err != nil {
			return err
		}
		if err = h.plan.Apply(); errors.Is(err, netredirect.ErrNoNAT) {
			h.noNAT = err
		} else if err != nil {
			return err
		}
		if sockets, err = netredirect.Listen(); err != nil {
			return err
		}
		ours = append(ours, sockets.FDs()...)
		if err = unix.Sethostname([]byte(hostName)); err != nil {
			return fmt.Errorf("host name: %w", err)
		}
		tmp, err := tmpfs(strconv.FormatInt(lim.TmpBytes, 10), "1777", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
		if err != nil {
			return err
		}
		if err = attach(tmp, "/"+homeTree+"/tmp"); err != nil {
			return fmt.Errorf("/tmp: %w", err)
		}
		from := "/" + homeRuntimes + "/" + strconv.FormatUint(uint64(runtimeN), 10)
		if err = unix.Mount(from, "/"+homeTree+"/var/runtime", "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
		return b.fork(dir, []uintptr{uintptr(h.null), uintptr(log[1]), uintptr(log[1]), uintptr(controlIn), uintptr(gateIn)})
	}))
	if m.err != nil {
		return nil, nil, 0, 0, m.err
	}
	if err := b.settle(slotN, lim); err != nil {
		return nil, nil, 0, 0, err
	}
	handles, err := group.Handles()
	if err != nil {
		return nil, nil, 0, 0, err
	}
	pidfd, err := unix.FcntlInt(uintptr(b.pidfd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		handles.Close()
		return nil, nil, 0, 0, err
	}
	fds = append([]int{control, log[0], pidfd}, sockets.FDs()...)
	for i, fd := range handles.FDs() {
		if fd >= 0 {
			fds, mask = append(fds, fd), mask|1<<i
		}
	}
	if handles.CPULimitV1 {
		flags |= flagCPULimitV1
	}
	if handles.CPUUsageV1 {
		flags |= flagCPUUsageV1
	}
	if h.noNAT != nil {
		flags |= flagNoNAT
	}
	return b, fds, flags, mask, nil
}

// away runs fn, which may leave the launcher's namespaces, and comes back. Failing to come back ends the launcher
// and with it everything: the next message would act in the wrong place.
func (h *home) away(fn func() error) error {
	err := fn()
	if e := h.own.enter(); e != nil {
		panic(fmt.Sprintf("launcher: cannot return to its own place: %v", e))
	}
	return err
}

// fork starts the first process from the calling thread, which is the launcher's one and permanent thread: the
// parent-death signal belongs to it.
func (b *linuxBox) fork(cgroupDir int, files []uintptr) error {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL, PidFD: &b.pidfd}
	if cgroupDir >= 0 {
		attr.UseCgroupFD, attr.CgroupFD = true, cgroupDir
	}
	pid, err := syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(b.home.image), []string{"init"},
		&syscall.ProcAttr{Env: []string{}, Files: files, Sys: attr})
	if err != nil {
		return fmt.Errorf("first process: %w", err)
	}
	if b.pidfd < 0 {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil)
		return errors.New("first process: this kernel gives no process descriptor")
	}
	b.pid = pid
	return nil
}

// settle attaches the first process to its limits and walks it to the place where it waits for start.
func (b *linuxBox) settle(slotN uint32, lim Limits) error {
	if err := b.group.Attach(b.pid); err != nil {
		return err
	}
	files, procs := min(uint64(lim.OpenFiles), b.home.maxOpen), min(uint64(lim.Pids), b.home.maxProc)
	if err := b.tell(words(files, files, procs, procs)); err != nil {
		return err
	}
	if err := b.expect(gateWantMaps); err != nil {
		return err
	}
	uid, gid := b.home.cfg.UIDBase+int(slotN), b.home.cfg.UIDBase+int(slotN)
	if b.home.cfg.Rootless {
		uid, gid = 0, 0
	}
	proc := "/proc/" + strconv.Itoa(b.pid)
	if b.home.cfg.Rootless {
		if err := writeFile(proc+"/setgroups", "deny"); err != nil {
			return err
		}
	}
	if err := writeFile(proc+"/uid_map", fmt.Sprintf("%d %d 1", insideUID, uid)); err != nil {
		return err
	}
	if err := writeFile(proc+"/gid_map", fmt.Sprintf("%d %d 1", insideGID, gid)); err != nil {
		return err
	}
	if err := b.tell([]byte{gateGo}); err != nil {
		return err
	}
	return b.expect(gateReady)
}

func writeFile(path, text string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (b *linuxBox) tell(msg []byte) error {
	if err := unix.Sendto(b.gate, msg, unix.MSG_NOSIGNAL, nil); err != nil {
		return fmt.Errorf("first process: %w", err)
	}
	return nil
}

// expect reads the first process's next message.
func (b *linuxBox) expect(want byte) error {
	var buf [16]byte
	var n int
	var err error
	for {
		n, err = unix.Read(b.gate, buf[:])
		if err != unix.EINTR {
			break
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("first process: %w", err)
	case n == 16:
		return fmt.Errorf("first process: %s: %w", b.home.steps.stepName(le.Uint64(buf[:])), syscall.Errno(-int64(le.Uint64(buf[8:]))))
	case n == 1 && buf[0] == want:
		return nil
	}
	return fmt.Errorf("first process: ended early (%d bytes)", n)
}

// codeResolve: a name below the code root, no link, no other file system.
const codeResolve = unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV

// mountCode implements box.
func (b *linuxBox) mountCode(t Target, d Digest) error {
	root, err := open("/"+homeCode, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	dir, err := unix.Openat2(root, hex.EncodeToString(d[:]), &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: codeResolve})
	if errors.Is(err, unix.ENOENT) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("code: %w", err)
	}
	defer unix.Close(dir)
	fd, err := clone(dir, "", readOnly, unix.AT_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("code: %w", err)
	}
	return b.mount(t, fd)
}

// mountDev implements box: the descriptor is from the place that the launcher was started in.
func (b *linuxBox) mountDev(t Target, from int) error {
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("folder: %w", unix.ENOTDIR)
	}
	var fd int
	var err error
	if b.home.cfg.Rootless {
		fd, err = b.cloneOwn(from, st)
	} else {
		err = b.home.away(func() error {
			err := unix.Setns(b.home.host.mnt, unix.CLONE_NEWNS)
			if err == nil {
				fd, err = clone(from, "", readOnly, unix.AT_EMPTY_PATH)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	return b.mount(t, fd)
}

// cloneOwn finds a descriptor's folder again in the launcher's copy of the host's tree: without privileges it may
// not go back to where the descriptor is from. It has no more rights than the user, so a path may be followed; what
// is found must be the same folder.
func (b *linuxBox) cloneOwn(from int, want unix.Stat_t) (int, error) {
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(from))
	if err != nil {
		return -1, err
	}
	dir, err := unix.Open("/"+homeHost+path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil || st.Dev != want.Dev || st.Ino != want.Ino {
		return -1, fmt.Errorf("%s is not the folder that was handed over: %w", path, unix.ESTALE)
	}
	return clone(dir, "", readOnly, unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
}

// mount puts a detached mount into the sandbox, through its mount namespace, and closes the descriptor.
func (b *linuxBox) mount(t Target, fd int) error {
	defer unix.Close(fd)
	err := unix.Setns(b.mnt, unix.CLONE_NEWNS)
	if err == nil {
		err = moveTo(fd, targetPaths[t])
	}
	if e := unix.Setns(b.home.own.mnt, unix.CLONE_NEWNS); e != nil {
		panic(fmt.Sprintf("launcher: cannot return to its own mounts: %v", e))
	}
	if err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}

func moveTo(fd int, path string) error {
	root, err := open("/", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	target, err := unix.Openat2(root, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_BENEATH})
	if err != nil {
		return err
	}
	defer unix.Close(target)
	return unix.MoveMount(fd, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// start implements box.
func (b *linuxBox) start() error { return b.tell([]byte{gateGo}) }

// kill implements box.
func (b *linuxBox) kill() {
	if !b.reaped && b.pidfd >= 0 {
		_ = unix.PidfdSendSignal(b.pidfd, unix.SIGKILL, nil, 0)
	}
	b.group.Kill()
}

// reap implements box. The order matters: processes, then limits, then mounts; only then is the uid free.
func (b *linuxBox) reap() error {
	if !b.reaped {
		pid, err := unix.Wait4(b.pid, nil, unix.WNOHANG, nil)
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		if pid == 0 {
			return ErrNotYet
		}
		b.reaped = true
	}
	if err := b.group.Remove(); errors.Is(err, unix.EBUSY) {
		return ErrNotYet
	} else if err != nil {
		return err
	}
	closeAll(b.mnt, b.gate, b.pidfd)
	b.mnt, b.gate, b.pidfd = -1, -1, -1
	return nil
}

// abandon undoes a create that failed half way. It waits for the first process, which is killed.
func (b *linuxBox) abandon() {
	if b.pid > 0 && !b.reaped {
		b.kill()
		_, _ = unix.Wait4(b.pid, nil, 0, nil)
		b.reaped = true
	}
	_ = b.group.Remove()
	closeAll(b.mnt, b.gate, b.pidfd)
}
