package launcher

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Config is what the operator decides about sandboxes. It reaches the launcher at its start, never by a message.
type Config struct {
	// CodeRoot holds unpacked code, one folder per digest (64 lower-case hex digits), files readable by all.
	CodeRoot string
	// Runtimes are the folders that can be seen as /var/runtime; messages name them by index.
	Runtimes []Runtime
	// Base is the folder whose usr, lib, lib64, bin and sbin function code sees; "/" for the host's own (then
	// without usr/local and usr/src), or an unpacked base image.
	Base string
	// Etc adds files and folders to the synthesised /etc: name inside -> path on the host ("alternatives" ->
	// "/etc/alternatives"). They are opened once, at start; what is absent then is an error.
	Etc map[string]string
	// UIDBase is the host uid and gid of slot 0; slot n has UIDBase+n. Slots is how many there are.
	UIDBase, Slots int
	// Max bounds what a message may ask for one slot.
	Max Limits
	// Cgroup names the folder in each cgroup hierarchy that sandboxes are made in. One running launcher per name.
	Cgroup string
	// Dev lets the server hand over folders of code as descriptors (MountDev).
	Dev bool
	// ServerUID and ServerGID are what the server runs as when the launcher starts it (Serve).
	ServerUID, ServerGID int
	// Mirror is the port of loopback on which the host serves AWS's API, 0 for none; inside it leads to the endpoint too.
	Mirror int
	// Rootless is set by Spawn when it starts the launcher without privileges.
	Rootless bool
}

// Runtime is one folder of a language runtime.
type Runtime struct {
	Name string
	Dir  string
}

// Bounds of the configuration.
const (
	SlotsMax = 65536
	uidMin   = 1000
)

// Defaults for a laptop.
var defaults = Config{UIDBase: 210_000, Slots: 1024, Base: "/", Cgroup: "virga",
	Max: Limits{MemoryBytes: 10240 << 20, TmpBytes: 10240 << 20, CPUMillis: 6000, Pids: 4096, OpenFiles: 65536}}

// WithDefaults fills what is zero.
func (c Config) WithDefaults() Config {
	fill(&c.UIDBase, defaults.UIDBase)
	fill(&c.Slots, defaults.Slots)
	fill(&c.Base, defaults.Base)
	fill(&c.Cgroup, defaults.Cgroup)
	fill(&c.Max, defaults.Max)
	return c
}

func fill[T comparable](at *T, v T) {
	var zero T
	if *at == zero {
		*at = v
	}
}

// Check refuses a configuration that cannot be safe. passwd and subuid are the texts of those files.
func (c Config) Check(passwd, subuid string) error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf("launcher: "+format, a...)) }
	if c.Slots < 1 || c.Slots > SlotsMax {
		bad("slots %d: 1 to %d", c.Slots, SlotsMax)
	}
	if c.UIDBase < uidMin || c.UIDBase+c.Slots > 1<<31 {
		bad("uids %d to %d: from %d on", c.UIDBase, c.UIDBase+c.Slots-1, uidMin)
	}
	if c.Cgroup == "" || strings.ContainsAny(c.Cgroup, "/\x00") || strings.HasPrefix(c.Cgroup, ".") {
		bad("cgroup folder %q", c.Cgroup)
	}
	for _, p := range append([]string{c.CodeRoot, c.Base}, runtimeDirs(c.Runtimes)...) {
		if !filepath.IsAbs(p) {
			bad("path %q is not absolute", p)
		}
	}
	for name := range c.Etc {
		if !filepath.IsLocal(name) {
			bad("/etc name %q", name)
		}
	}
	for _, who := range clashes(passwd, c.UIDBase, c.Slots) {
		bad("the uids of sandboxes, %d to %d, clash with %s", c.UIDBase, c.UIDBase+c.Slots-1, who)
	}
	for _, r := range subranges(subuid) {
		if r.first < c.UIDBase+c.Slots && c.UIDBase < r.first+r.count {
			bad("the uids of sandboxes, %d to %d, clash with the subordinate uids of %s, %d to %d", c.UIDBase, c.UIDBase+c.Slots-1, r.who, r.first, r.first+r.count-1)
		}
	}
	return errors.Join(errs...)
}

func runtimeDirs(rs []Runtime) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Dir)
	}
	return out
}

// clashes names the users of passwd whose uid or gid is one of a slot's.
func clashes(passwd string, base, n int) []string {
	var out []string
	sc := bufio.NewScanner(strings.NewReader(passwd))
	for sc.Scan() {
		f := strings.Split(sc.Text(), ":")
		if len(f) < 4 {
			continue
		}
		for _, w := range f[2:4] {
			if id, err := strconv.Atoi(w); err == nil && id >= base && id < base+n && !slices.Contains(out, "user "+f[0]) {
				out = append(out, "user "+f[0])
			}
		}
	}
	return out
}

type subrange struct {
	who          string
	first, count int
}

func subranges(subuid string) []subrange {
	var out []subrange
	for line := range strings.Lines(subuid) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 {
			continue
		}
		first, err1 := strconv.Atoi(f[1])
		count, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil {
			out = append(out, subrange{f[0], first, count})
		}
	}
	return out
}

// check reads the machine's own files.
func (c Config) check() error {
	if c.Rootless {
		return nil // one uid only, and it is the caller's
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	subuid, err := os.ReadFile("/etc/subuid")
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return c.Check(string(passwd), string(subuid))
}
