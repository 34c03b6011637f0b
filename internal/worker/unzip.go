package worker

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
)

// Limits bound what an archive may become.
type Limits struct {
	Entries        int   // files, folders and links, those that are only implied by a name included
	TotalBytes     int64 // of all files together, unpacked
	Ratio          int64 // unpacked bytes per byte of the archive
	Depth          int   // parts of a name
	NameBytes      int   // of a name, and of a link's target
	DirectoryBytes int64 // of the archive's list of entries
}

// DefaultLimits are AWS's for the size (Lambda quotas: 250 MB unzipped) and ours for the rest. Deflate cannot make
// more than 1,032 bytes of one; an archive beyond that uses its bytes twice.
var DefaultLimits = Limits{Entries: 100_000, TotalBytes: 262_144_000, Ratio: 1_100, Depth: 100, NameBytes: 2_048, DirectoryBytes: 16 << 20}

// Stats say what was unpacked.
type Stats struct {
	Files int
	Bytes int64
}

// Errors of Unzip. They are wrapped with the entry's name.
var (
	ErrNotZip   = errors.New("not a zip archive")
	ErrTooLarge = errors.New("larger than allowed when unpacked")
	ErrRefused  = errors.New("refused")
)

func refusedf(name, format string, a ...any) error {
	return fmt.Errorf("%w: entry %q: %s", ErrRefused, short(name), fmt.Sprintf(format, a...))
}

func short(name string) string {
	const most = 120
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}

// budget stops reading an archive's list of entries once it is too long.
type budget struct {
	r    io.ReaderAt
	left int64
	on   bool
}

var errDirectory = errors.New("the list of entries is too long")

func (b *budget) ReadAt(p []byte, off int64) (int, error) {
	if b.on {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, errDirectory
		}
	}
	return b.r.ReadAt(p, off)
}

// endSearch is what is read at most to find where an archive's list begins.
const endSearch = 128 << 10

// Unzip unpacks an archive of so many bytes below dir, which is empty. Nothing is ever written outside of it; on an
// error what was written so far stays.
func Unzip(r io.ReaderAt, size int64, dir *os.Root, l Limits) (Stats, error) {
	b := &budget{r: r, left: l.DirectoryBytes + endSearch, on: true}
	z, err := zip.NewReader(b, size)
	b.on = false
	switch {
	case errors.Is(err, errDirectory):
		return Stats{}, fmt.Errorf("%w: %w", ErrRefused, err)
	case err != nil && !errors.Is(err, zip.ErrInsecurePath):
		return Stats{}, fmt.Errorf("%w: %w", ErrNotZip, err)
	}
	if len(z.File) > l.Entries {
		return Stats{}, fmt.Errorf("%w: %d entries, more than %d", ErrRefused, len(z.File), l.Entries)
	}
	u := &unpacker{dir: dir, l: l, size: size, kinds: map[string]kind{}, links: map[string]string{}}
	var packed uint64
	for _, f := range z.File {
		packed += f.CompressedSize64
		if packed > uint64(size) {
			return u.stats, refusedf(f.Name, "the entries are larger than the archive")
		}
	}
	for _, f := range z.File {
		if err := u.entry(f); err != nil {
			return u.stats, err
		}
	}
	return u.stats, u.finish()
}

type kind byte

const (
	isFolder kind = iota + 1
	isFile
	isLink
)

// unpacker makes files and folders first and links last, so that no name ever leads through a link.
type unpacker struct {
	dir   *os.Root
	l     Limits
	size  int64
	stats Stats
	kinds map[string]kind
	links map[string]string
}

// name checks an entry's name and gives it cleaned: relative, without dots.
func (u *unpacker) name(raw string) (string, error) {
	if len(raw) > u.l.NameBytes {
		return "", refusedf(raw, "its name is longer than %d bytes", u.l.NameBytes)
	}
	if strings.ContainsRune(raw, 0) {
		return "", refusedf(raw, "its name holds a NUL")
	}
	if strings.HasPrefix(raw, "/") {
		return "", refusedf(raw, "its name is absolute")
	}
	parts := strings.Split(strings.TrimSuffix(raw, "/"), "/")
	for _, p := range parts {
		switch {
		case p == "..":
			return "", refusedf(raw, "its name leads upwards")
		case len(p) > 255:
			return "", refusedf(raw, "a part of its name is longer than 255 bytes")
		}
	}
	name := path.Clean(raw)
	if strings.Count(name, "/") >= u.l.Depth {
		return "", refusedf(raw, "deeper than %d folders", u.l.Depth)
	}
	return name, nil
}

// claim says what a name is; a file may come again, anything else may not change.
func (u *unpacker) claim(name string, k kind) error {
	if old, ok := u.kinds[name]; ok {
		if old != k {
			return refusedf(name, "is there as something else already")
		}
		return nil
	}
	if len(u.kinds) >= u.l.Entries {
		return refusedf(name, "more than %d files and folders", u.l.Entries)
	}
	u.kinds[name] = k
	return nil
}

func (u *unpacker) folder(name string) error {
	if name == "." || u.kinds[name] == isFolder {
		return nil
	}
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := u.claim(name, isFolder); err != nil {
		return err
	}
	return u.dir.Mkdir(name, 0o700)
}

// flagEncrypted is bit 0 of an entry's flags.
const flagEncrypted = 1

func (u *unpacker) entry(f *zip.File) error {
	name, err := u.name(f.Name)
	if err != nil {
		return err
	}
	mode := f.Mode()
	switch {
	case f.Flags&flagEncrypted != 0:
		return refusedf(f.Name, "encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return refusedf(f.Name, "compression method %d", f.Method)
	case strings.HasSuffix(f.Name, "/") || mode.IsDir():
		if f.UncompressedSize64 != 0 {
			return refusedf(f.Name, "a folder with content")
		}
		return u.folder(name)
	case name == ".":
		return refusedf(f.Name, "it has no name")
	case mode&fs.ModeType == fs.ModeSymlink:
		return u.link(f, name)
	case mode&fs.ModeType != 0:
		return refusedf(f.Name, "neither file, folder nor link")
	}
	return u.file(f, name)
}

// room is what may still be written.
func (u *unpacker) room() int64 {
	room := u.l.TotalBytes
	if u.size < room/u.l.Ratio {
		room = u.size * u.l.Ratio
	}
	return room - u.stats.Bytes
}

func (u *unpacker) tooLarge() error {
	if u.stats.Bytes+u.room() < u.l.TotalBytes {
		return fmt.Errorf("%w: more than %d times the archive", ErrRefused, u.l.Ratio)
	}
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, u.l.TotalBytes)
}

func (u *unpacker) file(f *zip.File, name string) error {
	room := u.room()
	if f.UncompressedSize64 > uint64(room) {
		return u.tooLarge()
	}
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	again := u.kinds[name] == isFile
	if err := u.claim(name, isFile); err != nil {
		return err
	}
	if again { // the last one counts
		if err := u.dir.Remove(name); err != nil {
			return err
		}
	}
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: entry %q: %w", ErrNotZip, short(f.Name), err)
	}
	defer in.Close()
	out, err := u.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(&source{r: in}, room+1))
	u.stats.Files++
	u.stats.Bytes += n
	if cerr := errors.Join(out.Chmod(fileMode(f)), out.Close()); err == nil {
		err = cerr
	}
	var bad *sourceError
	switch {
	case errors.As(err, &bad):
		return fmt.Errorf("%w: entry %q: %w", ErrNotZip, short(f.Name), bad.err)
	case err != nil:
		return fmt.Errorf("entry %q: %w", short(f.Name), err)
	case n > room:
		return u.tooLarge()
	}
	return nil
}

// source marks errors of the archive apart from those of the disk.
type source struct{ r io.Reader }

type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

// creatorUnix and creatorMac are the makers of archives that tell modes as Unix does.
const (
	creatorUnix = 3
	creatorMac  = 19
)

// fileMode keeps whether a file can be run. An archive from a system without that knowledge makes all runnable.
func fileMode(f *zip.File) fs.FileMode {
	maker := f.CreatorVersion >> 8
	if (maker == creatorUnix || maker == creatorMac) && f.ExternalAttrs>>16 != 0 && f.Mode().Perm()&0o111 == 0 {
		return 0o444
	}
	return 0o555
}

func (u *unpacker) link(f *zip.File, name string) error {
	if f.UncompressedSize64 == 0 || f.UncompressedSize64 > uint64(u.l.NameBytes) {
		return refusedf(f.Name, "a link to a name of %d bytes", f.UncompressedSize64)
	}
	in, err := f.Open()
	if err != nil {
		return fmt.Errorf("%w: entry %q: %w", ErrNotZip, short(f.Name), err)
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, int64(u.l.NameBytes)+1))
	if err != nil {
		return fmt.Errorf("%w: entry %q: %w", ErrNotZip, short(f.Name), err)
	}
	target := string(b)
	if strings.ContainsRune(target, 0) || len(target) > u.l.NameBytes {
		return refusedf(f.Name, "a link to no name")
	}
	// An absolute target is a name inside the sandbox, where it is looked up.
	if !strings.HasPrefix(target, "/") {
		if to := path.Join(path.Dir(name), target); to == ".." || strings.HasPrefix(to, "../") {
			return refusedf(f.Name, "a link that leads out")
		}
	}
	if err := u.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := u.claim(name, isLink); err != nil {
		return err
	}
	u.links[name] = target
	return nil
}

// finish makes the links and takes the right to write from the folders, the deepest first.
func (u *unpacker) finish() error {
	for name, target := range u.links {
		if err := u.dir.Symlink(target, name); err != nil {
			return err
		}
		u.stats.Files++
	}
	folders := []string{"."}
	for name, k := range u.kinds {
		if k == isFolder {
			folders = append(folders, name)
		}
	}
	sort.Slice(folders, func(i, j int) bool { return len(folders[i]) > len(folders[j]) })
	for _, name := range folders {
		if err := u.dir.Chmod(name, 0o555); err != nil {
			return err
		}
	}
	return nil
}
