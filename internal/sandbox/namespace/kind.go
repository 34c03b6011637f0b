package namespace

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"virga/internal/env"
	"virga/internal/launcher"
	"virga/internal/sandbox"
)

// Config is what the kind works with.
type Config struct {
	Launcher *launcher.Client
	Env      env.Env
	// ConnectionsMax bounds the open connections of each listener of a sandbox; further ones are closed at once.
	// 0 means DefaultConnectionsMax.
	ConnectionsMax int
}

// DefaultConnectionsMax is enough for a function with a pool of keep-alive connections.
const DefaultConnectionsMax = 512

// Kind implements sandbox.Kind.
type Kind struct {
	cfg  Config
	lcfg launcher.Config

	mu    sync.Mutex
	free  []uint32 // slots, used as a queue so that a uid rests as long as possible
	live  map[uint32]*Sandbox
	ids   map[string]bool
	done  bool
	watch sync.WaitGroup
}

// ErrFull means that every slot is in use.
var ErrFull = errors.New("sandbox: every slot is in use")

// New makes the kind. The launcher must have been started with the configuration it tells.
func New(cfg Config) *Kind {
	if cfg.ConnectionsMax == 0 {
		cfg.ConnectionsMax = DefaultConnectionsMax
	}
	k := &Kind{cfg: cfg, lcfg: cfg.Launcher.Config(), live: map[uint32]*Sandbox{}, ids: map[string]bool{}}
	for i := range k.lcfg.Slots {
		k.free = append(k.free, uint32(i))
	}
	return k
}

// Name implements sandbox.Kind.
func (k *Kind) Name() string { return "namespace" }

// Claims implements sandbox.Kind.
func (k *Kind) Claims() string {
	s := "a hardened container (namespaces, own uid, system call allow list, no capabilities, limits): for one organisation, not for mutually hostile tenants"
	if k.lcfg.Rootless {
		s += "; started without privileges, so all sandboxes share this user's uid and limits may be missing"
	}
	return s
}

var idPattern = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// place is a folder as the launcher takes it: by digest, or by descriptor in development.
type place struct {
	digest launcher.Digest
	dir    string // development: the folder
}

func (k *Kind) place(dir string) (place, error) {
	name := filepath.Base(dir)
	if raw, err := hex.DecodeString(name); err == nil && len(raw) == 32 && hex.EncodeToString(raw) == name &&
		filepath.Clean(filepath.Dir(dir)) == filepath.Clean(k.lcfg.CodeRoot) {
		return place{digest: launcher.Digest(raw)}, nil
	}
	if !k.lcfg.Dev {
		return place{}, fmt.Errorf("sandbox: code folder %q is not a digest below %q", dir, k.lcfg.CodeRoot)
	}
	return place{dir: dir}, nil
}

func (k *Kind) runtime(dir string) (uint32, error) {
	for i, r := range k.lcfg.Runtimes {
		if filepath.Clean(r.Dir) == filepath.Clean(dir) {
			return uint32(i), nil
		}
	}
	return 0, fmt.Errorf("sandbox: runtime folder %q is not one that the launcher was started with", dir)
}

// Create implements sandbox.Kind. Code and layers named by spec are mounted at once; with CodeDir "" they can be
// mounted later, once, by Sandbox.Mount.
func (k *Kind) Create(ctx context.Context, spec sandbox.Spec) (sandbox.Sandbox, error) {
	s, err := k.Park(ctx, spec)
	if err != nil {
		return nil, err // a nil *Sandbox must not become a non-nil interface
	}
	return s, nil
}

// Park is Create for callers that use the pool's methods (Boot, Mount) too.
func (k *Kind) Park(ctx context.Context, spec sandbox.Spec) (*Sandbox, error) {
	if !idPattern.MatchString(spec.ID) {
		return nil, fmt.Errorf("sandbox: id %q", spec.ID)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rt, err := k.runtime(spec.RuntimeDir)
	if err != nil {
		return nil, err
	}
	if _, err := launcher.Blob(spec.Command, spec.Env); err != nil {
		return nil, err
	}
	slot, err := k.take(spec.ID)
	if err != nil {
		return nil, err
	}
	l := spec.Limits
	parked, err := k.cfg.Launcher.Create(slot, rt, launcher.Limits{MemoryBytes: l.MemoryBytes, TmpBytes: l.TmpBytes,
		CPUMillis: l.CPUMillis, Pids: l.Pids, OpenFiles: l.OpenFiles})
	if err != nil {
		k.release(slot, spec.ID)
		return nil, fmt.Errorf("sandbox %s: %w", spec.ID, err)
	}
	s, err := newSandbox(k, slot, spec, parked)
	if err != nil {
		// Nothing watches the slot yet: it is killed and given back here.
		_ = k.cfg.Launcher.Kill(slot)
		k.reap(slot)
		k.release(slot, spec.ID)
		return nil, fmt.Errorf("sandbox %s: %w", spec.ID, err)
	}
	k.mu.Lock()
	k.live[slot] = s
	closed := k.done
	k.watch.Add(1)
	k.mu.Unlock()
	go s.watch()
	if closed {
		s.Kill()
		return nil, errClosed
	}
	if spec.CodeDir != "" || spec.LayersDir != "" {
		if err := s.Mount(ctx, spec.CodeDir, spec.LayersDir); err != nil {
			s.Kill()
			return nil, err
		}
	}
	return s, nil
}

var errClosed = errors.New("sandbox: the kind is closed")

func (k *Kind) take(id string) (uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.done:
		return 0, errClosed
	case k.ids[id]:
		return 0, fmt.Errorf("sandbox: id %q is in use", id)
	case len(k.free) == 0:
		return 0, ErrFull
	}
	slot := k.free[0]
	k.free = k.free[1:]
	k.ids[id] = true
	return slot, nil
}

func (k *Kind) release(slot uint32, id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.live, slot)
	delete(k.ids, id)
	k.free = append(k.free, slot)
}

// How often a slot that is still busy is asked for again. Processes die within a millisecond; the kernel lets go of
// a cgroup a little later.
const (
	reapPauseMin = 100 * time.Microsecond
	reapPauseMax = 50 * time.Millisecond
	reapTries    = 2000
)

// reap waits until the launcher has freed the slot. A slot that never becomes free stays out of use.
func (k *Kind) reap(slot uint32) bool {
	pause := reapPauseMin
	for range reapTries {
		err := k.cfg.Launcher.Reap(slot)
		if err == nil {
			return true
		}
		if errors.Is(err, launcher.ErrGone) {
			return false
		}
		time.Sleep(pause)
		pause = min(2*pause, reapPauseMax)
	}
	return false
}

// Close implements sandbox.Kind.
func (k *Kind) Close() error {
	k.mu.Lock()
	k.done = true
	all := make([]*Sandbox, 0, len(k.live))
	for _, s := range k.live {
		all = append(all, s)
	}
	k.mu.Unlock()
	for _, s := range all {
		s.Kill()
	}
	k.watch.Wait()
	return nil
}

// Mount puts code and layers into a sandbox in which no user code has run; "" leaves a place as it is. Each place
// takes one mount. It may be called before Start or between Boot and Start.
func (s *Sandbox) Mount(ctx context.Context, codeDir, layersDir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, m := range []struct {
		dir string
		at  launcher.Target
	}{{codeDir, launcher.TargetTask}, {layersDir, launcher.TargetOpt}} {
		if m.dir == "" {
			continue
		}
		if err := s.mount(m.dir, m.at); err != nil {
			return fmt.Errorf("sandbox %s: %w", s.spec.ID, err)
		}
	}
	return nil
}

func (s *Sandbox) mount(dir string, at launcher.Target) error {
	p, err := s.kind.place(dir)
	if err != nil {
		return err
	}
	if p.dir == "" {
		return s.turn(func() error { return s.kind.cfg.Launcher.MountCode(s.slot, at, p.digest) })
	}
	fd, err := unix.Open(p.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: p.dir, Err: err}
	}
	defer unix.Close(fd)
	return s.turn(func() error { return s.kind.cfg.Launcher.MountDev(s.slot, at, fd) })
}
