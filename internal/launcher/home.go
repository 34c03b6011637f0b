package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"virga/internal/launcher/cgroup"
	"virga/internal/sandbox/netredirect"
)

// The launcher's own root, in its own mount namespace: nothing of the host but what sandboxes need. A sandbox's
// namespace is a copy of it, from which the first process pivots into homeTree; the rest is let go of.
const (
	homeTree     = "t" // the sandbox's root
	homeCode     = "c" // Config.CodeRoot
	homeRuntimes = "r" // one folder per runtime
	homeProc     = "proc"
	homeHost     = "h" // rootless development only: the user's own view of the host
)

// Sizes of the two small memory file systems that hold folders and synthesised files.
const homeSize = "4m"

// readOnly are the attributes of every mount a sandbox sees, except /tmp, /proc and the device nodes.
const readOnly = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV

var deviceNodes = [...]string{"null", "zero", "full", "random", "urandom"}

// home is the launcher's place, on its one thread.
type home struct {
	cfg     Config
	own     nsSet // to come back to
	host    nsSet // where the launcher was started: for development's descriptors and for starting the server
	image   int   // the first process
	steps   *imageBuilder
	null    int
	tree    *cgroup.FSTree
	layout  cgroup.Layout
	plan    *netredirect.Plan
	noNAT   error // why outbound connections are not led anywhere; nil when they are
	maxOpen uint64
	maxProc uint64
}

// nsSet is a place: descriptors of four namespaces.
type nsSet struct{ mnt, net, ipc, uts int }

// here opens the calling thread's.
func (m *must) here() nsSet {
	return nsSet{m.fd("namespace")(openNS("mnt")), m.fd("namespace")(openNS("net")), m.fd("namespace")(openNS("ipc")), m.fd("namespace")(openNS("uts"))}
}

// enter moves the calling thread there.
func (n nsSet) enter() error {
	for _, ns := range []struct{ fd, kind int }{{n.mnt, unix.CLONE_NEWNS}, {n.net, unix.CLONE_NEWNET}, {n.ipc, unix.CLONE_NEWIPC}, {n.uts, unix.CLONE_NEWUTS}} {
		if err := unix.Setns(ns.fd, ns.kind); err != nil {
			return fmt.Errorf("enter namespace %#x: %w", ns.kind, err)
		}
	}
	return nil
}

func (n nsSet) close() { closeAll(n.mnt, n.net, n.ipc, n.uts) }

// must collects the first error of a run of steps.
type must struct{ err error }

func (m *must) do(what string, err error) {
	if m.err == nil && err != nil {
		m.err = fmt.Errorf("%s: %w", what, err)
	}
}

// fd is used as m.fd("what")(open(...)).
func (m *must) fd(what string) func(int, error) int {
	return func(fd int, err error) int {
		m.do(what, err)
		return fd
	}
}

// clone gives a detached copy of the mount at path with the given attributes; recursive also takes what is mounted
// below it.
func clone(dirfd int, path string, attr uint64, flags uint) (int, error) {
	fd, err := unix.OpenTree(dirfd, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|flags)
	if err != nil {
		return -1, fmt.Errorf("open_tree: %w", err)
	}
	if attr != 0 {
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|(flags&unix.AT_RECURSIVE), &unix.MountAttr{Attr_set: attr}); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("mount_setattr: %w", err)
		}
	}
	return fd, nil
}

// tmpfs gives a detached memory file system.
func tmpfs(size, mode string, attr int) (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(fs)
	m := &must{}
	m.do("tmpfs size", unix.FsconfigSetString(fs, "size", size))
	m.do("tmpfs mode", unix.FsconfigSetString(fs, "mode", mode))
	m.do("tmpfs", unix.FsconfigCreate(fs))
	if m.err != nil {
		return -1, m.err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, attr)
}

// attach puts a detached mount at a path and closes its descriptor.
func attach(fd int, path string) error {
	defer unix.Close(fd)
	return unix.MoveMount(fd, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// newHome builds the place. The calling goroutine is locked to its thread for ever; the thread keeps the place.
// keepHost keeps the way back to where it came from.
func newHome(cfg Config, keepHost bool) (*home, error) {
	h := &home{cfg: cfg, plan: netredirect.NewPlan(uint16(cfg.Mirror))}
	m := &must{}

	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	m.do("mounts", err)
	tree, layout, err := cgroup.Find(string(mountinfo), cfg.Cgroup)
	if err != nil && !cfg.Rootless {
		return nil, err
	}
	h.tree, h.layout = tree, layout
	if err := cgroup.Sweep(tree, layout); err != nil && !errors.Is(err, unix.EBUSY) {
		return nil, err
	}
	h.maxOpen, h.maxProc = hardLimit(unix.RLIMIT_NOFILE), hardLimit(unix.RLIMIT_NPROC)

	h.host = m.here()
	// A place of its own, without a network: nothing the launcher could be talked into reaches anybody.
	m.do("own namespaces", unix.Unshare(unix.CLONE_NEWNS|unix.CLONE_FS|unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS))
	m.do("private mounts", unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	if m.err != nil {
		return nil, m.err
	}
	if err := h.buildTree(); err != nil {
		return nil, err
	}
	h.null = m.fd("/dev/null")(open("/"+homeTree+"/dev/null", unix.O_RDWR))
	h.own = m.here()
	if !keepHost {
		h.host.close()
		h.host = nsSet{-1, -1, -1, -1}
	}

	capLast, err := readInt("/proc/sys/kernel/cap_last_cap")
	m.do("capabilities", err)
	has := func(name string) bool { return unix.Access("/proc/"+name, unix.F_OK) == nil }
	h.steps = imageSteps(has, capLast, has("sys/user/max_user_namespaces"))
	program, err := imageProgram()
	m.do("first process", err)
	elf, err := h.steps.elf(program)
	m.do("first process", err)
	if m.err != nil {
		return nil, m.err
	}
	h.image, err = sealed(elf)
	return h, err
}

func open(path string, flags int) (int, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return fd, err
}

func openNS(name string) (int, error) { return open("/proc/thread-self/ns/"+name, unix.O_RDONLY) }

func hardLimit(which int) uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(which, &r) != nil {
		return 1024
	}
	return r.Max
}

func readInt(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// source is one mount to be put into the home: taken before the host's files go out of sight.
type source struct {
	path, at string
	fd       int
	file     bool
}

// buildTree makes the home root and pivots into it.
func (h *home) buildTree() error {
	cfg := h.cfg
	var sources []source
	take := func(path, at string, attr uint64, flags uint) error {
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		fd, err := clone(unix.AT_FDCWD, path, attr, flags)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		sources = append(sources, source{path, at, fd, !st.IsDir()})
		return nil
	}
	// The user namespace of a launcher without privileges may only copy a mount together with what is below it.
	var flags uint
	if cfg.Rootless {
		flags = unix.AT_RECURSIVE
	}
	m := &must{}
	links := map[string]string{}
	for _, d := range []string{"usr", "lib", "lib64", "bin", "sbin"} {
		path := filepath.Join(cfg.Base, d)
		st, err := os.Lstat(path)
		switch {
		case errors.Is(err, unix.ENOENT):
		case err != nil:
			m.do(path, err)
		case st.Mode()&os.ModeSymlink != 0:
			to, err := os.Readlink(path)
			m.do(path, err)
			links[homeTree+"/"+d] = to
		default:
			m.do("base", take(path, homeTree+"/"+d, readOnly, flags))
		}
	}
	for _, n := range deviceNodes {
		m.do("device", take("/dev/"+n, homeTree+"/dev/"+n, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, 0))
	}
	etc := make([]string, 0, len(cfg.Etc))
	for name := range cfg.Etc {
		etc = append(etc, name)
	}
	sort.Strings(etc)
	for _, name := range etc {
		m.do("etc", take(cfg.Etc[name], homeTree+"/etc/"+name, readOnly|unix.MOUNT_ATTR_NOEXEC, flags))
	}
	for i, r := range cfg.Runtimes {
		m.do("runtime "+r.Name, take(r.Dir, homeRuntimes+"/"+strconv.Itoa(i), readOnly, flags))
	}
	m.do("code", take(cfg.CodeRoot, homeCode, readOnly, flags))
	m.do("proc", take("/proc", homeProc, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC, flags))
	if cfg.Rootless && cfg.Dev {
		m.do("host", take("/", homeHost, 0, flags))
	}
	root := m.fd("root")(tmpfsWithAttr())
	if m.err != nil {
		return m.err
	}

	const place = "/tmp" // any folder: only this namespace sees what is put over it
	m.do("root", attach(root, place))
	m.do("root", unix.Chdir(place))
	if m.err != nil {
		return m.err
	}
	for _, d := range []string{homeTree + "/dev", homeTree + "/etc/ssl", homeTree + "/proc", homeTree + "/tmp", homeTree + "/var/task",
		homeTree + "/var/runtime", homeTree + "/opt", homeTree + "/run/empty"} {
		m.do("folder", os.MkdirAll(d, 0o755))
	}
	for at, to := range links {
		m.do("link", os.Symlink(to, at))
	}
	for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		m.do("link", os.Symlink(to, homeTree+"/dev/"+name))
	}
	for name, text := range etcFiles {
		m.do("etc", os.WriteFile(homeTree+"/etc/"+name, []byte(text), 0o644))
	}
	if m.err != nil {
		return m.err
	}
	for _, s := range sources {
		m.do("folder", os.MkdirAll(filepath.Dir(s.at), 0o755))
		if s.file {
			m.do("file", os.WriteFile(s.at, nil, 0o644))
		} else {
			m.do("folder", os.MkdirAll(s.at, 0o755))
		}
		m.do(s.at, attach(s.fd, s.at))
	}
	if m.err != nil {
		return m.err
	}
	// The sandbox's root becomes a mount of its own, read-only, so that it can be pivoted into.
	for _, hidden := range []string{"usr/local", "usr/src"} {
		if _, err := os.Stat(homeTree + "/" + hidden); err == nil && cfg.Base == "/" {
			m.do("hide "+hidden, unix.Mount(homeTree+"/run/empty", homeTree+"/"+hidden, "", unix.MS_BIND, ""))
		}
	}
	self := m.fd("tree")(cloneTree(homeTree))
	m.do("tree", attach(self, homeTree))
	m.do("pivot_root", unix.PivotRoot(".", "."))
	m.do("old root", unix.Unmount(".", unix.MNT_DETACH))
	m.do("chdir", unix.Chdir("/"))
	return m.err
}

func tmpfsWithAttr() (int, error) {
	return tmpfs(homeSize, "755", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

// cloneTree copies the tree with its mounts and makes its top read-only; the others have their own attributes.
func cloneTree(path string) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, err
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: readOnly}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID})
}

// etcFiles is the synthesised /etc.
var etcFiles = map[string]string{
	"passwd":        "root:x:0:0:root:/:/sbin/nologin\nsandbox:x:" + idText(insideUID) + ":" + idText(insideGID) + "::/tmp:/sbin/nologin\n",
	"group":         "root:x:0:\nsandbox:x:" + idText(insideGID) + ":\n",
	"hosts":         "127.0.0.1 localhost\n::1 localhost ip6-localhost\n",
	"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	"resolv.conf":   "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n",
	"hostname":      hostName + "\n",
	"machine-id":    "",
}

// hostName is every sandbox's.
const hostName = "sandbox"

func idText(n int) string { return strconv.Itoa(n) }
