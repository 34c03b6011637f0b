package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

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
		why, err := landlock(cfg.Write, cfg.Read)
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

// Landlock rights by the version of the interface that brought them.
const (
	landlockV1  = 1<<13 - 1 // everything on files but what follows
	landlockV2  = 1 << 13   // refer
	landlockV3  = 1 << 14   // truncate
	landlockV5  = 1 << 15   // ioctl on devices
	landlockRun = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	// Rights that only folders have; a rule for a file may not name them.
	landlockFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | landlockV3 | landlockV5
)

func landlock(write, read []string) (weaker string, err error) {
	abi, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if !everyThreadWorks {
		return "built with cgo, so Landlock cannot be put on every thread", nil
	}
	if e == unix.ENOSYS || e == unix.EOPNOTSUPP {
		return "no Landlock in this kernel: the server's uid alone keeps it from other files", nil
	}
	if e != 0 {
		return "", e
	}
	rights := uint64(landlockV1)
	for version, bit := range map[uintptr]uint64{2: landlockV2, 3: landlockV3, 5: landlockV5} {
		if abi >= version {
			rights |= bit
		}
	}
	attr := struct{ fs uint64 }{rights}
	set, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if e != 0 {
		return "", fmt.Errorf("ruleset: %w", e)
	}
	defer unix.Close(int(set))
	allow := func(path string, access uint64) error {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			access &= landlockFile
		}
		rule := unix.LandlockPathBeneathAttr{Allowed_access: access & rights, Parent_fd: int32(fd)}
		_, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
		if e != 0 {
			return fmt.Errorf("%s: %w", path, e)
		}
		return nil
	}
	for _, p := range write {
		if err := allow(p, rights); err != nil {
			return "", err
		}
	}
	for _, p := range read {
		if err := allow(p, landlockRun); err != nil {
			return "", err
		}
	}
	if e := everyThread(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); e != 0 {
		return "", fmt.Errorf("restrict: %w", e)
	}
	return "", nil
}
