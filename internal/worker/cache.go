package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ArchiveBytesMax bounds an archive before it is unpacked.
const ArchiveBytesMax = 262_144_000

// ErrDigest means that an archive is not the one that was asked for.
var ErrDigest = errors.New("the archive's digest is another one")

// Cache is a folder of unpacked archives, each under its digest. Any number of goroutines and processes may fill it.
type Cache struct {
	dir    string
	exe    string
	limits Limits

	mu   sync.Mutex
	runs map[string]*filling
}

// CacheConfig is what a Cache works with.
type CacheConfig struct {
	Dir    string // absolute; made if absent
	Exe    string // the binary whose main calls Main for Arg; "" means the running one
	Limits Limits // the zero value means DefaultLimits
}

type filling struct {
	done chan struct{}
	path string
	err  error
}

const tmpPrefix = ".new-"

// NewCache opens a cache. Temporary folders of a process that is gone are removed: one server per folder.
func NewCache(cfg CacheConfig) (*Cache, error) {
	if !filepath.IsAbs(cfg.Dir) {
		return nil, fmt.Errorf("code cache: folder %q is not absolute", cfg.Dir)
	}
	if cfg.Exe == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cfg.Exe = exe
	}
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(cfg.Dir, tmpPrefix+"*"))
	if err != nil {
		return nil, err
	}
	for _, p := range left {
		if err := removeAll(p); err != nil {
			return nil, err
		}
	}
	return &Cache{dir: cfg.Dir, exe: cfg.Exe, limits: cfg.Limits, runs: map[string]*filling{}}, nil
}

// Dir is the cache's folder, the launcher's CodeRoot.
func (c *Cache) Dir() string { return c.dir }

// Source is one archive.
type Source struct {
	Digest string                                           // SHA-256, 64 lower-case hex digits
	Open   func(ctx context.Context) (io.ReadCloser, error) // its bytes
}

// Key names the folder of archives unpacked over each other in order: a function's code, or its layers. One archive
// has its own digest.
func Key(digests ...string) string {
	if len(digests) == 1 {
		return digests[0]
	}
	sum := sha256.Sum256([]byte("layers\n" + strings.Join(digests, "\n")))
	return hex.EncodeToString(sum[:])
}

func validDigest(d string) bool {
	b, err := hex.DecodeString(d)
	return err == nil && len(b) == sha256.Size && hex.EncodeToString(b) == d
}

// Get gives the folder with the archive unpacked; it is unpacked now if it was not. Concurrent calls share the work.
func (c *Cache) Get(ctx context.Context, s Source) (string, error) {
	return c.get(ctx, s.Digest, func() error { return c.fill(ctx, s) })
}

// Unpack is Get for an archive that can be read at any place.
func (c *Cache) Unpack(ctx context.Context, r io.ReaderAt, size int64, digest string) (string, error) {
	return c.Get(ctx, Source{digest, func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(r, 0, size)), nil
	}})
}

func (c *Cache) get(ctx context.Context, key string, fill func() error) (string, error) {
	if !validDigest(key) {
		return "", fmt.Errorf("code cache: digest %q", short(key))
	}
	path := filepath.Join(c.dir, key)
	for {
		if st, err := os.Lstat(path); err == nil && st.IsDir() {
			return path, nil
		}
		c.mu.Lock()
		f := c.runs[key]
		if f == nil {
			f = &filling{done: make(chan struct{}), path: path}
			c.runs[key] = f
			c.mu.Unlock()
			f.err = fill()
			c.mu.Lock()
			delete(c.runs, key)
			c.mu.Unlock()
			close(f.done)
			return path, f.err
		}
		c.mu.Unlock()
		select {
		case <-f.done:
			if f.err == nil {
				return path, nil
			}
			if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) {
				return "", f.err
			}
			// The caller who did the work has left: somebody else does it.
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// fill copies the archive into memory, verifies it, has it unpacked and puts it into place.
func (c *Cache) fill(ctx context.Context, s Source) error {
	archive, err := c.fetch(ctx, s)
	if err != nil {
		return err
	}
	defer archive.Close()
	return c.place(s.Digest, func(tmp string) error {
		folder, err := os.Open(tmp)
		if err != nil {
			return err
		}
		defer folder.Close()
		_, err = run(ctx, c.exe, archive, folder, c.limits)
		return err
	})
}

// Check unpacks an archive and forgets the result: what an upload is judged by before it is accepted. The folder is
// kept in the cache when the archive is good, for it is about to be used.
func (c *Cache) Check(ctx context.Context, s Source) (Stats, error) {
	path, err := c.Get(ctx, s)
	if err != nil {
		return Stats{}, err
	}
	return Measure(path)
}

// Measure sums up a folder of the cache.
func Measure(path string) (Stats, error) {
	var st Stats
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		st.Files++
		if d.Type().IsRegular() {
			st.Bytes += i.Size()
		}
		return nil
	})
	return st, err
}

// place makes a folder under a temporary name and renames it when it is whole and on the disk.
func (c *Cache) place(key string, make func(tmp string) error) error {
	tmp, err := os.MkdirTemp(c.dir, tmpPrefix)
	if err != nil {
		return err
	}
	if err := make(tmp); err != nil {
		return errors.Join(err, removeAll(tmp))
	}
	if err := syncAll(tmp); err != nil {
		return errors.Join(err, removeAll(tmp))
	}
	to := filepath.Join(c.dir, key)
	if err := os.Rename(tmp, to); err != nil {
		rerr := removeAll(tmp)
		if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
			return rerr // another process was quicker; its folder is as whole as ours
		}
		return errors.Join(err, rerr)
	}
	return syncDir(c.dir)
}

// syncAll writes everything of the file system that holds path: one call for thousands of files.
func syncAll(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// fetch reads an archive into a memory file and verifies its digest.
func (c *Cache) fetch(ctx context.Context, s Source) (*os.File, error) {
	in, err := s.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	fd, err := unix.MemfdCreate("archive", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	out := os.NewFile(uintptr(fd), "archive")
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, sum), io.LimitReader(in, ArchiveBytesMax+1))
	switch {
	case err != nil:
	case n > ArchiveBytesMax:
		err = fmt.Errorf("%w: an archive of more than %d bytes", ErrTooLarge, ArchiveBytesMax)
	case hex.EncodeToString(sum.Sum(nil)) != s.Digest:
		err = fmt.Errorf("%w: not %s", ErrDigest, s.Digest)
	}
	if err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// Remove takes a folder out of the cache. Sandboxes that have mounted it keep what they see of it as long as the
// files are open, so it is called when none is left.
func (c *Cache) Remove(key string) error {
	if !validDigest(key) {
		return fmt.Errorf("code cache: digest %q", short(key))
	}
	tmp, err := os.MkdirTemp(c.dir, tmpPrefix)
	if err != nil {
		return err
	}
	// Renamed first, over the empty folder: a folder under a digest is whole or not there.
	if err := unix.Rename(filepath.Join(c.dir, key), tmp); err != nil && err != unix.ENOENT {
		return errors.Join(&os.PathError{Op: "rename", Path: key, Err: err}, removeAll(tmp))
	}
	return removeAll(tmp)
}

// Keys lists the folders of the cache.
func (c *Cache) Keys() ([]string, error) {
	ds, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range ds {
		if validDigest(d.Name()) {
			out = append(out, d.Name())
		}
	}
	return out, nil
}

// removeAll removes a folder whose folders nobody may write to.
func removeAll(path string) error {
	_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
