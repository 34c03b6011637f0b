package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"virga/internal/runtime/nodejs"
	"virga/internal/runtime/provided"
	"virga/internal/runtime/python"
)

// Finder looks for interpreters: the system's own folder first, then the runtimes folder, never anything in
// somebody's home. It remembers what it found.
type Finder struct {
	// Dir is the runtimes folder: one folder per family (python, nodejs, provided) or identifier (python3.12), seen as
	// /var/runtime. A folder of an identifier may hold an interpreter of its own at lang/bin.
	Dir string
	// Dev runs a function with another version of its interpreter where the right one is missing, and says so.
	Dev bool
	// System are the folders of the system's interpreters; nil means /usr/bin.
	System []string

	mu    sync.Mutex
	nodes map[string]string // version of each Node.js binary
}

// Choice is what a function of one runtime is run with.
type Choice struct {
	Runtime
	Dir     string // host folder for sandbox.Spec.RuntimeDir
	Exact   bool   // the interpreter is of the right version
	Notice  string // what to tell the developer when it is not
	Version string // of the interpreter: "3.11", "20"; "" for provided

	command []string
}

// ErrNoInterpreter is wrapped by Find's error when a runtime is known and nothing here can run it.
var ErrNoInterpreter = errors.New("no interpreter")

// Prepare writes the bootstraps into the runtimes folder, one folder per family and per identifier that has one. It
// leaves everything else there alone.
func (f *Finder) Prepare() error {
	for _, fam := range Families() {
		if err := f.prepare(fam, fam); err != nil {
			return err
		}
	}
	for _, r := range runtimes {
		if _, err := os.Stat(filepath.Join(f.Dir, r.Identifier)); err == nil {
			if err := f.prepare(r.Family, r.Identifier); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Finder) prepare(family, name string) error {
	dir := filepath.Join(f.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, text := bootstrap(family)
	if file == "" {
		return nil
	}
	at := filepath.Join(dir, file)
	if b, err := os.ReadFile(at); err == nil && string(b) == string(text) {
		return nil
	}
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, werr := tmp.Write(text)
	if err := errors.Join(werr, tmp.Chmod(0o444), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), at)
}

func bootstrap(family string) (string, []byte) {
	switch family {
	case "python":
		return python.File, python.Bootstrap
	case "nodejs":
		return nodejs.File, nodejs.Bootstrap
	}
	return "", nil
}

// Dirs lists the folders that functions may be run with, for the launcher's configuration. Call it after Prepare.
func (f *Finder) Dirs() []string {
	var out []string
	for _, n := range append(Families(), Identifiers()...) {
		if _, err := os.Stat(filepath.Join(f.Dir, n)); err == nil {
			out = append(out, filepath.Join(f.Dir, n))
		}
	}
	return out
}

// Find says how a function of a runtime is run here.
func (f *Finder) Find(identifier string) (*Choice, error) {
	r, ok := Lookup(identifier)
	if !ok {
		return nil, fmt.Errorf("runtime %q is not known", identifier)
	}
	c := &Choice{Runtime: r, Dir: filepath.Join(f.Dir, r.Family), Exact: true}
	if r.Family == "provided" {
		return c, nil
	}
	own := filepath.Join(f.Dir, r.Identifier)
	if _, err := os.Stat(own); err == nil {
		c.Dir = own
	}
	file, _ := bootstrap(r.Family)
	with := func(interpreter, version string) *Choice {
		c.Version = version
		c.command = []string{interpreter, RuntimeDir + "/" + file}
		return c
	}
	at := f.system(r)
	if p, ok := at[r.major()]; ok {
		return with(p, r.major()), nil
	}
	name := map[string]string{"python": "python" + r.major(), "nodejs": "node"}[r.Family]
	if st, err := os.Stat(filepath.Join(own, "lang/bin", name)); err == nil && st.Mode().IsRegular() {
		return with(RuntimeDir+"/lang/bin/"+name, r.major()), nil
	}
	if other := nearest(at, r.major()); other != "" && f.Dev {
		c.Exact = false
		c.Notice = fmt.Sprintf("%s runs with %s %s, for this machine has no other: install it, or put it into %s", r.Identifier, r.Family, other, filepath.Join(own, "lang"))
		return with(at[other], other), nil
	}
	return nil, fmt.Errorf("%w for %s: looked for it in %s and %s", ErrNoInterpreter, r.Identifier, strings.Join(f.systemDirs(), ", "), filepath.Join(own, "lang/bin"))
}

func (f *Finder) systemDirs() []string {
	if f.System != nil {
		return f.System
	}
	return []string{"/usr/bin"}
}

// system lists the system's interpreters of a family by version.
func (f *Finder) system(r Runtime) map[string]string {
	out := map[string]string{}
	for _, dir := range f.systemDirs() {
		var names []string
		if r.Family == "python" {
			names, _ = filepath.Glob(filepath.Join(dir, "python3.*"))
		} else {
			names, _ = filepath.Glob(filepath.Join(dir, "node*"))
		}
		for _, p := range names {
			if !usable(p) {
				continue
			}
			v := strings.TrimPrefix(filepath.Base(p), "python")
			if r.Family == "nodejs" {
				v = f.nodeVersion(p)
			}
			if _, ok := number(v); ok && out[v] == "" {
				out[v] = p
			}
		}
	}
	return out
}

// usable refuses what is no program, and what leads into somebody's home or the machine's local additions, which
// sandboxes do not see.
func usable(p string) bool {
	real, err := filepath.EvalSymlinks(p)
	if err != nil {
		return false
	}
	for _, no := range []string{"/home/", "/root/", "/usr/local/", "/usr/src/"} {
		if strings.HasPrefix(real, no) {
			return false
		}
	}
	st, err := os.Stat(real)
	return err == nil && st.Mode().IsRegular() && st.Mode().Perm()&fs.FileMode(0o111) != 0
}

const versionTime = 5 * time.Second

func (f *Finder) nodeVersion(p string) string {
	base := filepath.Base(p)
	if base != "node" && base != "nodejs" {
		if _, ok := number(strings.TrimPrefix(base, "node")); !ok {
			return ""
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.nodes[p]; ok {
		return v
	}
	ctx, cancel := context.WithTimeout(context.Background(), versionTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, p, "--version")
	cmd.Env = []string{}
	b, _ := cmd.Output()
	v, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(b)), "v"), ".")
	if f.nodes == nil {
		f.nodes = map[string]string{}
	}
	f.nodes[p] = v
	return v
}

// number orders versions: 3.12 is 3012, 20 is 20000.
func number(v string) (int, bool) {
	major, minor, dotted := strings.Cut(v, ".")
	a, err := strconv.Atoi(major)
	if err != nil || a < 0 {
		return 0, false
	}
	b := 0
	if dotted {
		if b, err = strconv.Atoi(minor); err != nil || b < 0 {
			return 0, false
		}
	}
	return a*1000 + b, true
}

// nearest is the next newer version, else the newest.
func nearest(at map[string]string, want string) string {
	w, _ := number(want)
	var vs []string
	for v := range at {
		vs = append(vs, v)
	}
	slices.SortFunc(vs, func(a, b string) int {
		x, _ := number(a)
		y, _ := number(b)
		return x - y
	})
	for _, v := range vs {
		if n, _ := number(v); n > w {
			return v
		}
	}
	if len(vs) == 0 {
		return ""
	}
	return vs[len(vs)-1]
}

// Argv is the argv of functions without layers and wrappers, as seen inside; Command looks at the code too.
func (c *Choice) Argv() []string {
	if c.Family == "provided" {
		return []string{provided.Places[0]}
	}
	return slices.Clone(c.command)
}

// Command gives a function's argv as seen inside its sandbox, for code and layers unpacked in host folders. wrapper
// is the user's AWS_LAMBDA_EXEC_WRAPPER, "" for none. When nothing can be run the Result says so as AWS does.
func (c *Choice) Command(codeDir, layersDir, wrapper, requestID string) ([]string, *Result) {
	argv := slices.Clone(c.command)
	if c.Family == "provided" {
		at := provided.Find(codeDir, layersDir)
		if at == "" {
			const typ = "Runtime.InvalidEntrypoint"
			return nil, &Result{Outcome: InitFailed, ErrorType: typ, Payload: errorJSON(typ, fmt.Sprintf("RequestId: %s Error: Couldn't find valid bootstrap(s): [%s %s]", requestID, provided.Places[0], provided.Places[1]))}
		}
		return []string{at}, nil
	}
	if wrapper != "" {
		argv = append([]string{wrapper}, argv...)
	}
	return argv, nil
}
