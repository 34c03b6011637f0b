package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"virga/internal/sandbox/landlock"
	"virga/internal/sandbox/seccomp"
)

// HardenConfig is what the server may still do after Harden.
type HardenConfig struct {
	// Write and Read are folders for Landlock: below Write everything, below Read reading and running. Both empty
	// leaves Landlock out.
	Write, Read []string
	// Keep leaves the calls of seccomp.ServerFilter allowed; only development kinds need them.
	Keep bool
}

// Harden takes from the calling process, all threads, what a server never needs: capabilities, the way to new
// privileges, being dumped or traced, dangerous system calls, and the file system outside its folders. It is called
// once, early, by a process that runs under its own uid. weaker names what this kernel cannot do; everything else
// that fails is an error, after which the server must not go on.
func Harden(cfg HardenConfig) (weaker []string, err error) {
	if os.Geteuid() == 0 {
		return nil, errors.New("harden: the server runs as root; it needs a uid of its own")
	}
	// A process started under its own uid has none left; verifyHardened holds the kernel to it.
	if err := setCaps(0); err != nil {
		return nil, fmt.Errorf("harden: %w", err)
	}
	if e := everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); e != 0 {
		return nil, fmt.Errorf("harden: no_new_privs: %w", e)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("harden: dumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return nil, fmt.Errorf("harden: core: %w", err)
	}
	if len(cfg.Write)+len(cfg.Read) > 0 {
		why, err := restrictFiles(cfg.Write, cfg.Read)
		if err != nil {
			return nil, fmt.Errorf("harden: landlock: %w", err)
		}
		if why != "" {
			weaker = append(weaker, why)
		}
	}
	filter := seccomp.ServerFilter()
	if cfg.Keep {
		filter = seccomp.AllowAll()
	}
	// Given to all threads at once, with no_new_privs, also where everyThread reaches one only (cgo).
	if err := seccomp.InstallAll(filter); err != nil {
		return nil, fmt.Errorf("harden: seccomp: %w", err)
	}
	return weaker, verifyHardened()
}

// verifyHardened reads back what the kernel says of every thread.
func verifyHardened() error {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("harden: no status to read back: %w", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			return fmt.Errorf("harden: %w", err)
		}
		for line := range strings.Lines(string(b)) {
			name, v, _ := strings.Cut(strings.TrimSpace(line), ":")
			v = strings.TrimSpace(v)
			switch name {
			case "CapEff", "CapPrm", "CapInh", "CapAmb":
				if strings.Trim(v, "0") != "" {
					return fmt.Errorf("harden: %s of a thread is %s", name, v)
				}
			case "NoNewPrivs":
				if v != "1" {
					return fmt.Errorf("harden: %s of a thread is %s", name, v)
				}
			}
		}
	}
	return nil
}

func restrictFiles(write, read []string) (weaker string, err error) {
	if !everyThreadWorks {
		return "built with cgo, so Landlock cannot be put on every thread", nil
	}
	set, err := landlock.Ruleset(write, read)
	if errors.Is(err, landlock.ErrUnsupported) {
		return "no Landlock in this kernel: the server's uid alone keeps it from other files", nil
	}
	if err != nil {
		return "", err
	}
	defer unix.Close(set)
	if e := everyThread(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(set), 0, 0); e != 0 {
		return "", fmt.Errorf("restrict: %w", e)
	}
	return "", nil
}
