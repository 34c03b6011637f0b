package worker

import (
	"archive/zip"
	"bytes"
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
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Arg {
		Main()
	}
	os.Exit(m.Run())
}

// item is one entry of a test's archive.
type item struct {
	name, text string
	mode       fs.FileMode
}

func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, i := range items {
		h := &zip.FileHeader{Name: i.name, Method: zip.Deflate}
		if i.mode != 0 {
			h.SetMode(i.mode)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unzip unpacks into a folder beside which nothing may appear.
func unzip(t testing.TB, b []byte, l Limits) (string, Stats, error) {
	t.Helper()
	outer, err := os.MkdirTemp("", "unzip")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeAll(outer) })
	dir := filepath.Join(outer, "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	st, err := Unzip(bytes.NewReader(b), int64(len(b)), root, l)
	if left, _ := os.ReadDir(outer); len(left) != 1 {
		t.Errorf("outside of the folder: %v", left)
	}
	return dir, st, err
}

func TestUnzip(t *testing.T) {
	b := pack(t, item{"app.py", "code", 0o644}, item{"bin/run", "#!", 0o755}, item{"dos.txt", "x", 0}, item{"./a/b/../c.txt", "never", 0o644}, item{"a/", "", fs.ModeDir | 0o700}, item{"setuid", "s", fs.ModeSetuid | 0o755},
		item{"lib/x.so", "../bin/run", fs.ModeSymlink | 0o777}, item{"abs", "/opt/x", fs.ModeSymlink | 0o777}, item{"app.py", "second", 0o600}, item{"bücher/ü", "ü", 0o644}, item{"back\\slash", "y", 0o644})
	if _, _, err := unzip(t, b, DefaultLimits); err == nil {
		t.Fatal("a name with dots is taken")
	}
	b = pack(t, item{"app.py", "code", 0o644}, item{"bin/run", "#!", 0o755}, item{"./a/c.txt", "c", 0o644}, item{"a/", "", fs.ModeDir | 0o700}, item{"setuid", "s", fs.ModeSetuid | 0o755},
		item{"lib/x.so", "../bin/run", fs.ModeSymlink | 0o777}, item{"abs", "/opt/x", fs.ModeSymlink | 0o777}, item{"app.py", "second", 0o600}, item{"bücher/ü", "ü", 0o644}, item{"back\\slash", "y", 0o644})
	dir, st, err := unzip(t, b, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if st.Bytes != int64(len("code"+"#!"+"c"+"s"+"second"+"ü"+"y")) {
		t.Errorf("%+v", st)
	}
	for name, want := range map[string]struct {
		text string
		mode fs.FileMode
	}{"app.py": {"second", 0o444}, "bin/run": {"#!", 0o555}, "a/c.txt": {"c", 0o444}, "setuid": {"s", 0o555}, "lib/x.so": {"#!", 0o555}, "bücher/ü": {"ü", 0o444}, "back\\slash": {"y", 0o444}} {
		p := filepath.Join(dir, name)
		text, err := os.ReadFile(p)
		if err != nil {
			t.Error(err)
			continue
		}
		i, _ := os.Stat(p)
		if string(text) != want.text || i.Mode() != want.mode {
			t.Errorf("%s: %q %v", name, text, i.Mode())
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "abs")); to != "/opt/x" {
		t.Errorf("%q %v", to, err)
	}
	for _, d := range []string{".", "a", "bin"} {
		if i, _ := os.Stat(filepath.Join(dir, d)); i.Mode().Perm() != 0o555 {
			t.Errorf("%s: %v", d, i.Mode())
		}
	}
	// A maker that knows no modes.
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, _ := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Store})
	_, _ = w.Write([]byte("x"))
	_ = z.Close()
	dir, _, err = unzip(t, buf.Bytes(), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if i, _ := os.Stat(filepath.Join(dir, "bootstrap")); i.Mode() != 0o555 {
		t.Errorf("%v", i.Mode())
	}
}

func TestHostile(t *testing.T) {
	small := Limits{Entries: 10, TotalBytes: 1 << 20, Ratio: 50, Depth: 4, NameBytes: 100, DirectoryBytes: 4 << 10}
	zeros := strings.Repeat("\x00", 100_000)
	var many []item
	for i := range 11 {
		many = append(many, item{fmt.Sprint(i), "x", 0o644})
	}
	// A list of entries that is longer than allowed, in an archive of moderate size.
	var long []item
	for i := range 3000 {
		long = append(long, item{strings.Repeat("n", 80) + fmt.Sprint(i), "", 0o644})
	}
	padding := item{"padding", strings.Repeat("r", 1), 0o644}
	wide := small
	wide.Entries, wide.DirectoryBytes = 10_000, 4<<10
	encrypted := pack(t, item{"a", "x", 0o644})
	for i := range encrypted[:len(encrypted)-4] { // the flags of the local and of the central header
		if bytes.HasPrefix(encrypted[i:], []byte("PK\x01\x02")) {
			encrypted[i+8] |= 1
		}
	}
	corrupt := pack(t, item{"a", strings.Repeat("text ", 100), 0o644})
	corrupt[40] ^= 0xff
	for name, c := range map[string]struct {
		b    []byte
		l    Limits
		want error
	}{
		"no zip":           {[]byte("hello"), small, ErrNotZip},
		"empty":            {nil, small, ErrNotZip},
		"torn":             {pack(t, item{"a", "x", 0o644})[:60], small, ErrNotZip},
		"corrupt":          {corrupt, small, ErrNotZip},
		"upwards":          {pack(t, item{"../../x", "x", 0o644}), small, ErrRefused},
		"upwards inside":   {pack(t, item{"a/../../x", "x", 0o644}), small, ErrRefused},
		"absolute":         {pack(t, item{"/etc/x", "x", 0o644}), small, ErrRefused},
		"NUL":              {pack(t, item{"a\x00b", "x", 0o644}), small, ErrRefused},
		"no name":          {pack(t, item{".", "x", 0o644}), small, ErrRefused},
		"long name":        {pack(t, item{strings.Repeat("n", 101), "x", 0o644}), small, ErrRefused},
		"deep":             {pack(t, item{"a/b/c/d/e", "x", 0o644}), small, ErrRefused},
		"device":           {pack(t, item{"dev", "", fs.ModeDevice | 0o644}), small, ErrRefused},
		"pipe":             {pack(t, item{"pipe", "", fs.ModeNamedPipe | 0o644}), small, ErrRefused},
		"link out":         {pack(t, item{"a/l", "../../x", fs.ModeSymlink | 0o777}), small, ErrRefused},
		"link with NUL":    {pack(t, item{"l", "a\x00b", fs.ModeSymlink | 0o777}), small, ErrRefused},
		"through a link":   {pack(t, item{"l", "/tmp", fs.ModeSymlink | 0o777}, item{"l/x", "x", 0o644}), small, ErrRefused},
		"link over folder": {pack(t, item{"l/x", "x", 0o644}, item{"l", "/tmp", fs.ModeSymlink | 0o777}), small, ErrRefused},
		"file over folder": {pack(t, item{"a/x", "x", 0o644}, item{"a", "x", 0o644}), small, ErrRefused},
		"folder over file": {pack(t, item{"a", "x", 0o644}, item{"a/x", "x", 0o644}), small, ErrRefused},
		"folder with text": {pack(t, item{"a/b", "x", fs.ModeDir | 0o755}), small, ErrRefused},
		"many entries":     {pack(t, many...), small, ErrRefused},
		"long list":        {pack(t, append(long, padding)...), wide, ErrRefused},
		"bomb":             {pack(t, item{"z", zeros, 0o644}), small, ErrRefused},
		"too large":        {pack(t, item{"z", strings.Repeat("\x00", 2<<20), 0o644}), Limits{10, 1 << 20, 100_000, 4, 100, 4 << 10}, ErrTooLarge},
		"encrypted":        {encrypted, small, ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := unzip(t, c.b, c.l); !errors.Is(err, c.want) {
				t.Errorf("%v; want %v", err, c.want)
			}
		})
	}
}

// An entry that says it is small and is not.
func TestLyingSize(t *testing.T) {
	b := pack(t, item{"z", strings.Repeat("text", 50_000), 0o644})
	i := bytes.LastIndex(b, []byte("PK\x01\x02"))
	copy(b[i+24:], []byte{5, 0, 0, 0})
	if _, _, err := unzip(t, b, DefaultLimits); err == nil {
		t.Error("taken")
	}
}

func archive(b []byte) Source {
	sum := sha256.Sum256(b)
	return Source{hex.EncodeToString(sum[:]), func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func cache(t testing.TB) *Cache {
	t.Helper()
	dir, err := os.MkdirTemp("", "cache")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeAll(dir) })
	c, err := NewCache(CacheConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func only(t *testing.T, c *Cache, want ...string) {
	t.Helper()
	ds, err := os.ReadDir(c.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if len(ds) != len(want) {
		t.Errorf("in the cache: %v", ds)
	}
	for _, k := range want {
		if _, err := os.Stat(filepath.Join(c.Dir(), k)); err != nil {
			t.Error(err)
		}
	}
}

func TestCache(t *testing.T) {
	c := cache(t)
	s := archive(pack(t, item{"app.py", "code", 0o644}, item{"d/e", "x", 0o755}))
	opens := 0
	var mu sync.Mutex
	counted := Source{s.Digest, func(ctx context.Context) (io.ReadCloser, error) {
		mu.Lock()
		opens++
		mu.Unlock()
		return s.Open(ctx)
	}}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			dir, err := c.Get(context.Background(), counted)
			if err != nil || dir != filepath.Join(c.Dir(), s.Digest) {
				t.Error(dir, err)
				return
			}
			if b, err := os.ReadFile(filepath.Join(dir, "app.py")); string(b) != "code" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if opens != 1 {
		t.Errorf("read %d times", opens)
	}
	only(t, c, s.Digest)
	// Another process that fills the same folder.
	other := &Cache{dir: c.dir, exe: c.exe, limits: c.limits, runs: map[string]*filling{}}
	if err := other.fill(context.Background(), s); err != nil {
		t.Error(err)
	}
	only(t, c, s.Digest)
	if st, err := c.Check(context.Background(), s); err != nil || st != (Stats{2, 5}) {
		t.Errorf("%+v %v", st, err)
	}
	if err := c.Remove(s.Digest); err != nil {
		t.Error(err)
	}
	only(t, c)
}

func TestCacheRefuses(t *testing.T) {
	c := cache(t)
	good := archive(pack(t, item{"a", "x", 0o644}))
	evil := archive(pack(t, item{"../a", "x", 0o644}))
	wrong := good
	wrong.Digest = evil.Digest
	for name, x := range map[string]struct {
		s    Source
		want error
	}{"wrong digest": {wrong, ErrDigest}, "upwards": {evil, ErrRefused}, "no zip": {archive([]byte("x")), ErrNotZip}} {
		if _, err := c.Get(context.Background(), x.s); !errors.Is(err, x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Get(context.Background(), Source{Digest: "../../etc"}); err == nil {
		t.Error("a digest that is none")
	}
	only(t, c)
}

func TestLeftovers(t *testing.T) {
	c := cache(t)
	left := filepath.Join(c.Dir(), tmpPrefix+"1", "d")
	if err := errors.Join(os.MkdirAll(left, 0o755), os.WriteFile(filepath.Join(left, "f"), nil, 0o444), os.Chmod(left, 0o555)); err != nil {
		t.Fatal(err)
	}
	if _, err := NewCache(CacheConfig{Dir: c.Dir()}); err != nil {
		t.Fatal(err)
	}
	only(t, c)
}

func TestLayers(t *testing.T) {
	c := cache(t)
	a := archive(pack(t, item{"python/x.py", "one", 0o644}, item{"bin/t", "1", 0o755}, item{"l", "bin", fs.ModeSymlink | 0o777}))
	b := archive(pack(t, item{"python/x.py", "two", 0o644}, item{"python/y.py", "y", 0o644}))
	dir, err := c.GetAll(context.Background(), []Source{a, b})
	if err != nil {
		t.Fatal(err)
	}
	only(t, c, a.Digest, b.Digest, Key(a.Digest, b.Digest))
	for name, want := range map[string]string{"python/x.py": "two", "python/y.py": "y", "bin/t": "1", "l/t": "1"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if Key(a.Digest, b.Digest) == Key(b.Digest, a.Digest) {
		t.Error("the order makes no difference")
	}
	if one, err := c.GetAll(context.Background(), []Source{a}); filepath.Base(one) != a.Digest || err != nil {
		t.Error(one, err)
	}
}

func FuzzUnzip(f *testing.F) {
	f.Add(pack(f, item{"a/b", "x", 0o644}, item{"l", "a", fs.ModeSymlink | 0o777}))
	f.Add(pack(f, item{"../x", "x", 0o644}))
	l := Limits{Entries: 50, TotalBytes: 1 << 16, Ratio: 100, Depth: 5, NameBytes: 100, DirectoryBytes: 1 << 14}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir, _, err := unzip(t, b, l)
		st, merr := Measure(dir)
		if merr != nil || st.Bytes > l.TotalBytes+1 || st.Files > l.Entries {
			t.Errorf("%+v %v %v", st, merr, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	var items []item
	for i := range 200 {
		items = append(items, item{fmt.Sprintf("d%d/f%d", i%10, i), strings.Repeat("some text ", 200), 0o644})
	}
	s := archive(pack(b, items...))
	c := cache(b)
	begin := time.Now()
	for b.Loop() {
		if _, err := c.Get(context.Background(), s); err != nil {
			b.Fatal(err)
		}
		if err := c.Remove(s.Digest); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(time.Since(begin).Milliseconds())/float64(b.N), "ms/unpack")
}
