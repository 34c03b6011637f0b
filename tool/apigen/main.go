// Command apigen writes api/<service> from AWS's service models: the botocore package of one version, checked by
// its hash. model/<package>.ops names the operations that are implemented, one a line; a line "+Shape" adds a shape
// that no operation mentions (an error, mostly), "#" begins a comment. model/patch/<package>.json mends models.
package main

import (
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"virga/tool/apigen/servicemodel"

	"virga/tool/internal/module"
)

//go:generate go run .

const (
	sourceVersion = "1.44.5"
	sourceHash    = "8f16a56d1dff125dd65322ae021efa7ba5195a6db5102b96862566055b748921"
	modelBytesMax = 64 << 20
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

func run(only []string) error {
	root, err := module.Root()
	if err != nil {
		return err
	}
	src, err := openSource()
	if err != nil {
		return err
	}
	defer src.zip.Close()
	lists, err := filepath.Glob(filepath.Join(root, "model", "*.ops"))
	if err != nil {
		return err
	}
	sort.Strings(lists)
	for _, l := range lists {
		pkg := strings.TrimSuffix(filepath.Base(l), ".ops")
		if len(only) > 0 && !contains(only, pkg) {
			continue
		}
		if err := generate(root, src, pkg); err != nil {
			return err
		}
	}
	if len(only) == 0 {
		if err := generateTables(root, src); err != nil {
			return err
		}
		if err := generatePublic(root, src); err != nil {
			return err
		}
		return generateModels(root, lists)
	}
	return nil
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// source is the opened package with the newest model of each service.
type source struct {
	zip    *zip.ReadCloser
	models map[string]*zip.File // by package name
}

func openSource() (*source, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "virga")
	file := filepath.Join(dir, "botocore-"+sourceVersion+"-py3-none-any.whl")
	if !hashed(file) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		c := exec.Command("python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", dir, "botocore=="+sourceVersion)
		c.Stderr = os.Stderr
		if err := c.Run(); err != nil {
			return nil, fmt.Errorf("pip download botocore==%s: %w", sourceVersion, err)
		}
		if !hashed(file) {
			return nil, fmt.Errorf("%s: sha256 is not %s", file, sourceHash)
		}
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	s := &source{zip: z, models: map[string]*zip.File{}}
	versions := map[string]string{}
	for _, f := range z.File {
		p := strings.Split(f.Name, "/") // botocore/data/<service>/<version>/service-2.json.gz
		if len(p) != 5 || p[1] != "data" || !strings.HasPrefix(path.Base(f.Name), "service-2.json") {
			continue
		}
		if pkg := servicemodel.PackageName(p[2]); p[3] > versions[pkg] {
			versions[pkg] = p[3]
			s.models[pkg] = f
		}
	}
	return s, nil
}

func hashed(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false
	}
	return hex.EncodeToString(h.Sum(nil)) == sourceHash
}

// load reads a service's model and lays its patch over it. The patch's own members are given back.
func (s *source) load(root, pkg string) (doc, patch *servicemodel.Object, err error) {
	f := s.models[pkg]
	if f == nil {
		return nil, nil, fmt.Errorf("%s: the package has no such service", pkg)
	}
	r, err := f.Open()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var in io.Reader = r
	if strings.HasSuffix(f.Name, ".gz") {
		g, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		in = g
	}
	data, err := io.ReadAll(io.LimitReader(in, modelBytesMax))
	if err != nil {
		return nil, nil, err
	}
	if doc, err = servicemodel.Parse(data); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", pkg, err)
	}
	patch = &servicemodel.Object{}
	if data, err = os.ReadFile(filepath.Join(root, "model", "patch", pkg+".json")); err == nil {
		if patch, err = servicemodel.Parse(data); err != nil {
			return nil, nil, fmt.Errorf("model/patch/%s.json: %w", pkg, err)
		}
		if len(patch.Strings("evidence")) == 0 {
			return nil, nil, fmt.Errorf("model/patch/%s.json: a patch needs its evidence", pkg)
		}
		doc.Merge(patch.Obj("merge"))
	} else if !os.IsNotExist(err) {
		return nil, nil, err
	}
	return doc, patch, nil
}

// readOps reads a list of operations.
func readOps(root, pkg string) (ops map[string]bool, extra []string, err error) {
	data, err := os.ReadFile(filepath.Join(root, "model", pkg+".ops"))
	if err != nil {
		return nil, nil, err
	}
	ops = map[string]bool{}
	for _, l := range strings.Split(string(data), "\n") {
		l, _, _ = strings.Cut(l, "#")
		l = strings.TrimSpace(l)
		switch {
		case l == "":
		case l[0] == '+':
			extra = append(extra, strings.TrimSpace(l[1:]))
		default:
			ops[l] = true
		}
	}
	return ops, extra, nil
}
