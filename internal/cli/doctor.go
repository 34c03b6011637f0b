package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/launcher/cgroup"
	"virga/internal/runtime"
)

type doctorCmd struct {
	Globals

	Data     string `type:"path" help:"Folder whose disk is measured; else the server's data folder."`
	Runtimes string `type:"path" env:"VIRGA_RUNTIMES" help:"Folder that make runtimes filled."`
}

// Help teaches.
func (*doctorCmd) Help() string {
	return `Looks at this machine, not at a server: how functions would be walled off, which runtimes are here, what can be limited, and how
long a write takes to reach the disk. Each line that is not as it should be says what to do. Ends with 1 where functions
cannot run in the full sandbox.

  virga doctor
  sudo virga doctor       # as the server would see it when started by root`
}

// check is one thing that was looked at.
type check struct {
	Name string `json:"name"`
	Good bool   `json:"good"`
	Says string `json:"says"`
	Do   string `json:"do,omitempty"`
}

// Run looks at the machine.
func (c *doctorCmd) Run(a *App) error {
	if c.Data == "" {
		c.Data = a.Data
	}
	kind, namespaces := sandboxKind()
	checks := []check{kind, namespaces, landlockCheck(), cgroupCheck()}
	checks = append(checks, runtimeChecks(c.Runtimes)...)
	checks = append(checks, syncCheck(c.Data))
	if a.json() {
		if err := a.print(checks); err != nil {
			return err
		}
	} else {
		for _, x := range checks {
			mark := "ok  "
			if !x.Good {
				mark = "look"
			}
			a.say("%s  %-18s %s", mark, x.Name, x.Says)
			if x.Do != "" {
				a.say("      %-18s do: %s", "", x.Do)
			}
		}
	}
	if !kind.Good {
		return silent(ExitFailed)
	}
	return nil
}

// sandboxKind says in which kind functions would run, by making the namespaces that it takes.
func sandboxKind() (kind, namespaces check) {
	root := os.Geteuid() == 0
	err := newNamespaces(root)
	namespaces = check{Name: "user namespaces", Good: true, Says: "can be made by this user"}
	if max, e := os.ReadFile("/proc/sys/user/max_user_namespaces"); e == nil {
		namespaces.Says += ", at most " + strings.TrimSpace(string(max))
	}
	if err != nil {
		namespaces = check{"user namespaces", false, "cannot be made here: " + err.Error(),
			"start the server as root, or allow them: sysctl kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces=10000"}
	}
	switch {
	case err == nil && root:
		return check{"sandbox", true, "namespace, with the server under a uid of its own (started as root)", ""}, namespaces
	case err == nil:
		return check{"sandbox", true, "namespace without root: one uid for all sandboxes, and no limits where cgroups are not delegated",
			"for a production server start it as root: the launcher keeps the privileges, the server runs without"}, namespaces
	}
	return check{"sandbox", false, "process: with --dev only, no wall between functions and this machine's network and user", "see user namespaces"}, namespaces
}

func newNamespaces(root bool) error {
	self, err := exec.LookPath("true")
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{}
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}}
	cmd.SysProcAttr = attr
	return cmd.Run()
}

func landlockCheck() check {
	abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return check{"Landlock", false, "not in this kernel: the server and process sandboxes keep the file system in view of their uid", "use a kernel from 5.13 with landlock in /sys/kernel/security/lsm"}
	}
	c := check{"Landlock", true, fmt.Sprintf("version %d", abi), ""}
	if abi < 6 {
		c.Says += "; signals and abstract sockets are not covered (version 6, kernel 6.12)"
	}
	return c
}

func cgroupCheck() check {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return check{"cgroups", false, err.Error(), "mount /proc"}
	}
	t, l, err := cgroup.Find(string(info), fmt.Sprintf("virga-doctor-%d", os.Getpid()))
	if t != nil {
		defer t.Close()
	}
	if err != nil || l.Version() == "none" {
		says := "none that this user may write"
		if err != nil {
			says += ": " + err.Error()
		}
		return check{"cgroups", false, says + "; memory, processes and CPU of functions are not limited by the kernel", "start the server as root, or delegate a folder (systemd-run --user --scope -p Delegate=yes)"}
	}
	c := check{"cgroups", true, l.Version(), ""}
	if lacks := l.Lacks(); len(lacks) > 0 {
		c.Good = false
		c.Says += "; cannot be had: " + strings.Join(lacks, ", ")
		c.Do = "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1), or enable the controllers in the parent's cgroup.subtree_control"
	}
	return c
}

func runtimeChecks(dir string) []check {
	today := time.Now().Format("2006-01-02")
	strict := &runtime.Finder{Dir: dir}
	loose := &runtime.Finder{Dir: dir, Dev: true}
	var out []check
	var found, stand, missing []string
	for _, id := range runtime.Identifiers() {
		if _, err := strict.Find(id); err == nil {
			found = append(found, id)
			continue
		}
		r, _ := runtime.Lookup(id)
		if r.DeprecatedAt(today) {
			continue
		}
		if c, err := loose.Find(id); err == nil {
			stand = append(stand, id+" (with "+c.Version+")")
			continue
		}
		missing = append(missing, id)
	}
	out = append(out, check{"runtimes", len(found) > 0, "found: " + strings.Join(found, ", "), ""})
	if len(stand) > 0 {
		out = append(out, check{"stand-ins", true, "with --dev another version runs: " + strings.Join(stand, ", "), "apt-get install the right interpreter into /usr/bin for the same behaviour as on AWS"})
	}
	if len(missing) > 0 {
		do := "apt-get install python3"
		if slices.ContainsFunc(missing, func(s string) bool { return strings.HasPrefix(s, "nodejs") }) {
			do += " nodejs"
		}
		out = append(out, check{"missing runtimes", false, strings.Join(missing, ", "), do + "; interpreters are looked for in /usr/bin and in the runtimes folder, never in a home"})
	}
	return out
}

const (
	syncTimes = 40
	syncSlow  = 20 * time.Millisecond
)

// syncCheck measures what every acknowledged write costs: 4 KB appended and synced.
func syncCheck(dir string) check {
	at := dir
	for at != "" && at != "/" {
		if st, err := os.Stat(at); err == nil && st.IsDir() && unix.Access(at, unix.W_OK) == nil {
			break
		}
		at = filepath.Dir(at)
	}
	f, err := os.CreateTemp(at, ".virga-doctor-*")
	if err != nil {
		at = os.TempDir()
		if f, err = os.CreateTemp(at, ".virga-doctor-*"); err != nil {
			return check{"disk sync", false, err.Error(), "give a folder that can be written with --data"}
		}
	}
	defer os.Remove(f.Name())
	defer f.Close()
	b := make([]byte, 4096)
	took := make([]time.Duration, 0, syncTimes)
	for range syncTimes {
		began := time.Now()
		if _, err := f.Write(b); err != nil {
			return check{"disk sync", false, err.Error(), "free the disk"}
		}
		if err := f.Sync(); err != nil {
			return check{"disk sync", false, err.Error(), "this file system cannot sync: choose another with --data"}
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	p50, p95 := took[syncTimes/2], took[syncTimes*95/100]
	c := check{"disk sync", p50 < syncSlow, fmt.Sprintf("half within %s, 95 %% within %s, in %s", round(p50), round(p95), at), ""}
	if !c.Good {
		c.Do = "every acknowledged write waits for this: put the data folder on a faster disk, or use --ephemeral for tests"
	}
	var fs unix.Statfs_t
	if unix.Statfs(at, &fs) == nil && fs.Type == unix.TMPFS_MAGIC {
		c.Good, c.Says, c.Do = false, c.Says+"; this is memory (tmpfs), not a disk", "what is acknowledged here is lost with the machine: choose another folder with --data"
	}
	return c
}

func round(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(10 * time.Microsecond)
}
