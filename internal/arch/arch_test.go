// Package arch keeps the arrows between packages, and what must not occur in them.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// forbidden tells why a package may not import another, "" where it may.
func forbidden(from, to string) string {
	under := func(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
	switch {
	case under(from, "service") && under(to, "service") && !under(to, strings.Join(strings.Split(from, "/")[:2], "/")):
		return "a service never imports another service"
	case under(from, "internal/cli"): // a client: it knows the APIs, and nothing of the server but what has no state
		for _, plane := range []string{"service", "internal/cloud", "internal/store", "internal/gate", "internal/front", "internal/job", "internal/blob", "internal/auth", "internal/record", "internal/compute"} {
			if under(to, plane) && to != "internal/auth/sigv4" {
				return "the command talks to a server over HTTP, never around the gate"
			}
		}
		return ""
	case under(from, "internal") && !under(from, "internal/cloud") && (under(to, "service") || under(to, "api")):
		return "planes never import api or service"
	case under(to, "internal/cloud") && !under(from, "cmd") && !under(from, "virgatest") && !under(from, "test") && !under(from, "internal/cloud"):
		return "only cmd and virgatest import internal/cloud"
	case under(from, "api") && from != "api/models" && !under(to, "internal/wire"):
		return "api imports internal/wire alone"
	case under(from, "internal/store") && !under(to, "internal/store") && !under(to, "internal/env"):
		return "the store knows nothing above it"
	case under(from, "internal/wire") && under(to, "internal"):
		return "wire knows no plane"
	}
	for _, pure := range []string{"internal/policy", "internal/template", "internal/sam", "internal/jsonata", "internal/jsonpath", "internal/asl", "internal/eventpattern",
		"internal/logpattern", "internal/logquery", "internal/schedule", "internal/arn", "internal/checksum", "internal/auth/sigv4", "internal/openapi", "internal/proxyevent", "internal/members", "internal/ddbexpr"} {
		if under(from, pure) && !under(to, pure) && to != "internal/arn" && to != "internal/checksum" && !strings.HasPrefix(to, "internal/json") {
			return "a pure package imports small pure ones alone"
		}
	}
	return ""
}

// banned are selectors that service/ and the planes that keep state must not use.
var banned = map[string]string{
	"time.Now": "env.Now or env.Wall", "time.Sleep": "env.Wait", "time.After": "env.Wait", "time.NewTimer": "env.Wait", "time.NewTicker": "env.Wait",
	"rand.Read": "env.Secret", "rand.Int": "env.Uint64", "rand.IntN": "env.Uint64", "rand.Uint64": "env.Uint64", "uuid.New": "env.NewID",
	"net.Dial": "internal/egress", "net.DialTimeout": "internal/egress", "http.Get": "internal/egress", "http.Post": "internal/egress", "os.Getenv": "a Config",
}

var stateful = []string{"service", "internal/store", "internal/job", "internal/peer", "internal/blob", "internal/record", "internal/auth", "internal/gate", "internal/authority", "internal/admit"}

func TestArrows(t *testing.T) {
	dir := root(t)
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != dir || d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		files++
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(rel))
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			to, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			to, ok := strings.CutPrefix(to, "virga/")
			if !ok {
				continue
			}
			if why := forbidden(pkg, to); why != "" {
				t.Errorf("%s imports %s: %s", rel, to, why)
			}
		}
		inService := strings.HasPrefix(pkg, "service/")
		watched := false
		for _, s := range stateful {
			watched = watched || pkg != "internal/store/storetest" && (pkg == s || strings.HasPrefix(pkg, s+"/"))
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if inService {
					t.Errorf("%s: a go statement in a service", rel)
				}
			case *ast.ChanType:
				if inService {
					t.Errorf("%s: a channel in a service", rel)
				}
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s: func init", rel)
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil && watched {
					if instead := banned[x.Name+"."+n.Sel.Name]; instead != "" {
						t.Errorf("%s: %s.%s; use %s", rel, x.Name, n.Sel.Name, instead)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 30 {
		t.Fatalf("only %d files were read", files)
	}
}

// TestScaffolds: what tool/new writes says "scaffold" until it is filled in, and nothing that says so passes for done.
func TestScaffolds(t *testing.T) {
	dir := root(t)
	for _, sub := range []string{"service", "internal/runtime"} {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			b, err := os.ReadFile(path)
			if i := strings.Index(string(b), "scaffold"); i >= 0 {
				t.Errorf("%s:%d: a scaffold is left", path, 1+strings.Count(string(b[:i]), "\n"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRules proves that the rules can fail.
func TestRules(t *testing.T) {
	for _, c := range [][2]string{{"service/sqs", "service/sns"}, {"internal/gate", "api/sqs"}, {"internal/wire", "internal/store"}, {"service/sqs", "internal/cloud"}, {"internal/policy", "internal/store"}, {"internal/cli", "internal/store"}, {"internal/cli", "service/sqs"}} {
		if forbidden(c[0], c[1]) == "" {
			t.Errorf("%s may import %s", c[0], c[1])
		}
	}
	for _, c := range [][2]string{{"service/sqs", "api/sqs"}, {"internal/cloud", "service/sqs"}, {"service/s3/website", "service/s3"}, {"cmd/virga", "internal/cloud"}} {
		if why := forbidden(c[0], c[1]); why != "" {
			t.Errorf("%s may not import %s: %s", c[0], c[1], why)
		}
	}
}
