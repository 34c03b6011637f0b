package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

var opName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

// op lists an operation in model/<service>.ops, generates its shapes, and writes a handler that answers
// NotImplemented, its requirements and a test that fails until both are filled in.
func (t *tree) op(service, op string) error {
	if !opName.MatchString(op) {
		return fmt.Errorf("%q is no operation's name", op)
	}
	list := "model/" + service + ".ops"
	text, err := t.read(list)
	if err != nil {
		return fmt.Errorf("%s: no such service here; make it first with: new service %s", service, service)
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for _, l := range lines {
		if strings.TrimSpace(l) == op {
			return fmt.Errorf("%s lists %s already", list, op)
		}
	}
	at := len(lines)
	for i, l := range lines {
		if opName.MatchString(l) && l > op {
			at = i
			break
		}
	}
	lines = append(lines[:at], append([]string{op}, lines[at:]...)...)
	if err := t.write(list, strings.TrimLeft(strings.Join(lines, "\n"), "\n")+"\n"); err != nil {
		return err
	}
	if err := t.generate(service); err != nil {
		t.undo()
		t.before = nil
		t.generate(service) // as it was
		return fmt.Errorf("%s is no operation of %s's model: %w", op, service, err)
	}
	server, err := t.read("api/" + service + "/server_gen.go")
	if err != nil {
		return err
	}
	m := regexp.MustCompile(`\n\t` + op + `\(ctx context\.Context, in \*(\w+)\) \((?:\*(\w+), )?error\)`).FindStringSubmatch(server)
	if m == nil {
		return fmt.Errorf("api/%s/server_gen.go has no method %s", service, op)
	}
	alias := t.alias(service)
	file := "service/" + service + "/" + snake(op)
	results, nothing := "error", ""
	if m[2] != "" {
		results, nothing = "(*"+alias+"."+m[2]+", error)", "nil, "
	}
	if err := t.create(file+".go", fmt.Sprintf(`package %[1]s

import (
	"context"

	%[2]s "virga/api/%[1]s"
	"virga/internal/wire"
)

// %[3]s implements the operation.
func (s *Service) %[3]s(ctx context.Context, in *%[2]s.%[4]s) %[5]s {
	return %[6]swire.NotImplemented(%[2]s.Model.Op("%[3]s")) // scaffold: validate, one transaction, answer; then move it to its noun's file
}

// %[3]sRequires implements the operation's requirements.
func (s *Service) %[3]sRequires(ctx context.Context, in *%[2]s.%[4]s, r *wire.Requirements) error {
	return wire.NotImplemented(%[2]s.Model.Op("%[3]s")) // scaffold: r.Need(action, ARN), one per item
}
`, service, alias, op, m[1], results, nothing)); err != nil {
		return err
	}
	if err := t.create(file+"_test.go", fmt.Sprintf(`package %[1]s

import "testing"

func Test%[2]s(t *testing.T) {
	t.Fatal("scaffold: the common case, each modelled error, the limits, another account")
}
`, service, op)); err != nil {
		return err
	}
	t.said = append(t.said, "generated api/"+service, "next: docs/howto/operation.md")
	return nil
}

// alias is the name under which a service's files import its API.
func (t *tree) alias(service string) string {
	files, _ := filepath.Glob(filepath.Join(t.root, "service", service, "*.go"))
	sort.Strings(files)
	re := regexp.MustCompile(`(\w+) "virga/api/` + service + `"`)
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			if m := re.FindSubmatch(b); m != nil {
				return string(m[1])
			}
		}
	}
	return service + "api"
}
