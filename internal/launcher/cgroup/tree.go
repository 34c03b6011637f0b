package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is the cgroup file system as a Group needs it. Hierarchies are "" for v2 and the controller's name for v1;
// paths are relative to the folder that sandboxes are made in.
type Tree interface {
	Mkdir(hierarchy, name string) error
	Rmdir(hierarchy, name string) error
	Write(hierarchy, path, value string) error
	// Open gives a descriptor of a file or folder, close-on-exec.
	Open(hierarchy, path string, flags int) (int, error)
	// List gives the names of folders directly below.
	List(hierarchy string) ([]string, error)
}

// Layout says which hierarchies are there and what each can do.
type Layout struct {
	// V1 are the version 1 controllers in use: memory, cpu, cpuacct, pids, freezer.
	V1 map[string]bool
	// Joined are those of V1 that share the folder of another one (cpu,cpuacct): nothing is made for them.
	Joined map[string]bool
	// V2 is set when the version 2 hierarchy is there, with or without controllers.
	V2 bool
	// V2Controllers are the controllers that can be used in V2.
	V2Controllers map[string]bool
}

// controllers are what a sandbox is held by, in the order in which it is attached.
var controllers = [...]string{"memory", "pids", "cpu", "cpuacct", "freezer"}

// Version is the layout's name as operators read it: "v1", "v2", "hybrid" or "none".
func (l Layout) Version() string {
	switch {
	case len(l.V1) > 0 && l.V2:
		return "hybrid"
	case len(l.V1) > 0:
		return "v1"
	case l.V2:
		return "v2"
	}
	return "none"
}

// Lacks names what this layout cannot hold a sandbox to.
func (l Layout) Lacks() []string {
	var out []string
	for _, c := range []string{"memory", "pids", "cpu"} {
		if !l.V1[c] && !l.V2Controllers[c] {
			out = append(out, c+" limit")
		}
	}
	if !l.V2 {
		out = append(out, "freezing")
	}
	return out
}

// FSTree is the machine's tree, held by descriptors.
type FSTree struct {
	base string
	dirs map[string]int // hierarchy -> folder that sandboxes are made in
}

// Close removes the folders that are empty and lets go of all.
func (t *FSTree) Close() {
	for h, fd := range t.dirs {
		_ = unix.Unlinkat(fd, "../"+t.base, unix.AT_REMOVEDIR)
		unix.Close(fd)
		delete(t.dirs, h)
	}
}

// Find opens the folders named base at the machine's cgroup mounts and says what was found. Mount points are read
// from mountinfo (the text of /proc/self/mountinfo). A hierarchy in which no folder can be made is left out. Where no
// version 2 hierarchy is mounted one is, for ourselves only: it needs no controllers to freeze and to kill.
func Find(mountinfo, base string) (*FSTree, Layout, error) {
	l := Layout{V1: map[string]bool{}, Joined: map[string]bool{}, V2Controllers: map[string]bool{}}
	t := &FSTree{base: base, dirs: map[string]int{}}
	v1, v2 := mounts(mountinfo)
	open := func(hierarchy, mount string) error {
		dir := filepath.Join(mount, base)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		t.dirs[hierarchy] = fd
		return nil
	}
	var firstErr error
	seen := map[string]bool{}
	for _, c := range controllers {
		mount, ok := v1[c]
		if !ok {
			continue
		}
		if err := open(c, mount); err != nil {
			firstErr = errors.Join(firstErr, err)
			continue
		}
		l.V1[c], l.Joined[c], seen[mount] = true, seen[mount], true
	}
	if v2 != "" {
		l.V2Controllers = enable(v2, base)
		if err := open("", v2); err != nil {
			firstErr = errors.Join(firstErr, err)
		} else {
			l.V2 = true
		}
		if !l.V2 {
			clear(l.V2Controllers)
		}
	}
	if v2 == "" && len(l.V1) > 0 {
		if fd, err := ownV2(base); err != nil {
			firstErr = errors.Join(firstErr, err)
		} else {
			t.dirs[""], l.V2 = fd, true
		}
	}
	if l.Version() == "none" && firstErr != nil {
		return t, l, fmt.Errorf("cgroups: %w", firstErr)
	}
	return t, l, nil
}

// ownV2 mounts the version 2 hierarchy without attaching it anywhere and opens our folder in it.
func ownV2(base string) (int, error) {
	fs, err := unix.Fsopen("cgroup2", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("cgroup2: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, fmt.Errorf("cgroup2: %w", err)
	}
	root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, fmt.Errorf("cgroup2: %w", err)
	}
	defer unix.Close(root)
	if err := unix.Mkdirat(root, base, 0o755); err != nil && err != unix.EEXIST {
		return -1, fmt.Errorf("cgroup2: %w", err)
	}
	return unix.Openat(root, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}

// mounts picks the cgroup mounts out of mountinfo.
func mounts(mountinfo string) (v1 map[string]string, v2 string) {
	v1 = map[string]string{}
	for line := range strings.Lines(mountinfo) {
		head, tail, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		h, f := strings.Fields(head), strings.Fields(tail)
		if !ok || len(h) < 5 || len(f) < 3 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(h[4])
		switch f[0] {
		case "cgroup2":
			if v2 == "" {
				v2 = point
			}
		case "cgroup":
			for o := range strings.SplitSeq(f[2], ",") {
				if _, seen := v1[o]; !seen {
					v1[o] = point
				}
			}
		}
	}
	return v1, v2
}

// enable turns controllers on for the folders below mount/base and says which of them a sandbox can use.
func enable(mount, base string) map[string]bool {
	got := map[string]bool{}
	b, err := os.ReadFile(filepath.Join(mount, "cgroup.controllers"))
	if err != nil {
		return got
	}
	_ = os.Mkdir(filepath.Join(mount, base), 0o755)
	for _, c := range strings.Fields(string(b)) {
		if c != "memory" && c != "pids" && c != "cpu" {
			continue
		}
		err := os.WriteFile(filepath.Join(mount, "cgroup.subtree_control"), []byte("+"+c), 0)
		if errors.Is(err, unix.EBUSY) && moveAside(mount, base) {
			err = os.WriteFile(filepath.Join(mount, "cgroup.subtree_control"), []byte("+"+c), 0)
		}
		if err != nil {
			continue
		}
		if os.WriteFile(filepath.Join(mount, base, "cgroup.subtree_control"), []byte("+"+c), 0) == nil {
			got[c] = true
		}
	}
	return got
}

// moveAside moves the processes of a folder that is the root only of our view (a container's) to a leaf, because
// version 2 gives controllers only to folders without processes.
func moveAside(mount, base string) bool {
	leaf := filepath.Join(mount, base+"-self")
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return false
	}
	b, err := os.ReadFile(filepath.Join(mount, "cgroup.procs"))
	if err != nil {
		return false
	}
	for _, pid := range strings.Fields(string(b)) {
		if os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(pid), 0) != nil {
			return false
		}
	}
	return true
}

// Mkdir implements Tree.
func (t *FSTree) Mkdir(h, name string) error { return unix.Mkdirat(t.dirs[h], name, 0o755) }

// Rmdir implements Tree.
func (t *FSTree) Rmdir(h, name string) error {
	return unix.Unlinkat(t.dirs[h], name, unix.AT_REMOVEDIR)
}

// Open implements Tree.
func (t *FSTree) Open(h, path string, flags int) (int, error) {
	return unix.Openat(t.dirs[h], path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}

// Write implements Tree.
func (t *FSTree) Write(h, path, value string) error {
	fd, err := t.Open(h, path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

// List implements Tree.
func (t *FSTree) List(h string) ([]string, error) {
	fd, err := t.Open(h, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "cgroup")
	defer f.Close()
	entries, err := f.ReadDir(-1)
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, err
}
