package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// GetAll gives the folder with archives laid over each other in order, as AWS lays layers into /opt: a later file
// replaces an earlier one. Each is unpacked and kept by itself; the files are linked, not copied.
func (c *Cache) GetAll(ctx context.Context, all []Source) (string, error) {
	if len(all) == 0 {
		return "", errors.New("code cache: no archive")
	}
	var digests, dirs []string
	for _, s := range all {
		dir, err := c.Get(ctx, s)
		if err != nil {
			return "", fmt.Errorf("archive %s: %w", short(s.Digest), err)
		}
		digests, dirs = append(digests, s.Digest), append(dirs, dir)
	}
	if len(all) == 1 {
		return dirs[0], nil
	}
	return c.get(ctx, Key(digests...), func() error {
		return c.place(Key(digests...), func(tmp string) error { return overlay(tmp, dirs, c.limits) })
	})
}

// overlay fills to with hard links to the files of the folders. They are all made by Unzip: no link is followed, for
// none is ever a folder here.
func overlay(to string, dirs []string, l Limits) error {
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	var folders []string
	var st Stats
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(dir, p)
			if err != nil || name == "." {
				return err
			}
			if st.Files++; st.Files > l.Entries {
				return fmt.Errorf("%w: more than %d files and folders", ErrRefused, l.Entries)
			}
			old, err := root.Lstat(name)
			there := err == nil
			if d.IsDir() {
				switch {
				case there && old.IsDir():
					return nil
				case there:
					if err := root.Remove(name); err != nil {
						return err
					}
				}
				folders = append(folders, name)
				return root.Mkdir(name, 0o700)
			}
			if there {
				if old.IsDir() {
					return refusedf(name, "a file over a folder of another layer")
				}
				if err := root.Remove(name); err != nil {
					return err
				}
			}
			if d.Type()&fs.ModeSymlink != 0 {
				target, err := os.Readlink(p)
				if err != nil {
					return err
				}
				return root.Symlink(target, name)
			}
			i, err := d.Info()
			if err != nil {
				return err
			}
			if st.Bytes += i.Size(); st.Bytes > l.TotalBytes {
				return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, l.TotalBytes)
			}
			return place(root, p, to, name, i)
		})
		if err != nil {
			return err
		}
	}
	for i := len(folders) - 1; i >= 0; i-- {
		if err := root.Chmod(folders[i], 0o555); err != nil {
			return err
		}
	}
	return root.Chmod(".", 0o555)
}

// place links a file, or copies it where linking is not allowed.
func place(root *os.Root, from, to, name string, i fs.FileInfo) error {
	if err := os.Link(from, path.Join(to, name)); err == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(i.Mode().Perm()), out.Close())
}
