package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Limits with names.
const (
	UnpackedMax = 250 << 20 // bytes of a function's folder, AWS's limit of an unpacked package
	FilesMax    = 50_000
)

// epoch is the time of every file in a package, so that equal folders give equal bytes.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Skipped tells whether a name is never part of a package: what editors, version control and interpreters leave behind.
func Skipped(name string) bool {
	switch name {
	case ".git", ".hg", ".svn", "__pycache__", ".pytest_cache", ".mypy_cache", ".venv", ".aws-sam", ".DS_Store", ".idea", ".vscode":
		return true
	}
	return strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".swp") || strings.HasPrefix(name, ".#")
}

// Zip packs a folder, or a file alone. A file that is a zip archive already is given as it is. Links that lead out of the
// folder are refused.
func Zip(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		b, err := os.ReadFile(path)
		if err != nil || bytes.HasPrefix(b, []byte("PK\x03\x04")) {
			return b, err
		}
		return pack([]file{{filepath.Base(path), path, st.Mode(), st.Size()}})
	}
	fs, err := list(path)
	if err != nil {
		return nil, err
	}
	return pack(fs)
}

// Digest names bytes: equal bytes, equal names.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

type file struct {
	name string // slashes, relative
	path string
	mode fs.FileMode
	size int64
}

func list(dir string) ([]file, error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	var out []file
	var total int64
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != root && Skipped(d.Name()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			real, err := filepath.EvalSymlinks(p)
			if err != nil {
				return fmt.Errorf("link %s: %w", rel, err)
			}
			if in, err := filepath.Rel(root, real); err != nil || in == ".." || strings.HasPrefix(in, ".."+string(filepath.Separator)) {
				return fmt.Errorf("link %s leads out of the folder", rel)
			}
		}
		st, err := os.Stat(p)
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() {
			return nil
		}
		if total += st.Size(); total > UnpackedMax || len(out) >= FilesMax {
			return fmt.Errorf("folder %s is larger than %d MB or has more than %d files: is it the right one?", dir, UnpackedMax>>20, FilesMax)
		}
		out = append(out, file{filepath.ToSlash(rel), p, st.Mode(), st.Size()})
		return nil
	})
	sort.Slice(out, func(i, k int) bool { return out[i].name < out[k].name })
	return out, err
}

func pack(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		mode := fs.FileMode(0o644)
		if f.mode&0o111 != 0 {
			mode = 0o755
		}
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(mode)
		out, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		in, err := os.Open(f.path)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(out, io.LimitReader(in, UnpackedMax+1))
		in.Close()
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
