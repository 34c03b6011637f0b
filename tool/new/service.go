package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// service makes the folder of a service without operations: its list in model/, its key family, doc.go, service.go and
// store.go. Joining it in internal/cloud is the one line left to write.
func (t *tree) service(name string) error {
	if !serviceName.MatchString(name) {
		return fmt.Errorf("%q: a service's name is the AWS CLI's without hyphens", name)
	}
	if err := t.create("model/"+name+".ops", "# The implemented operations, one a line: go run ./tool/new op "+name+" OPERATION\n"); err != nil {
		return err
	}
	families, err := t.read("internal/store/families.go")
	if err != nil {
		return err
	}
	last, lastLine := 0, ""
	for _, m := range regexp.MustCompile(`(?m)^\tFamily\w+\s+Family = (\d+)\b.*$`).FindAllStringSubmatch(families, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil && n > last {
			last, lastLine = n, m[0]
		}
	}
	if last < 100 {
		return fmt.Errorf("internal/store/families.go: no families of services")
	}
	family := "Family" + strings.ToUpper(name[:1]) + name[1:]
	if err := t.write("internal/store/families.go", strings.Replace(families, lastLine, fmt.Sprintf("%s\n\t%s Family = %d", lastLine, family, last+1), 1)); err != nil {
		return err
	}
	if err := t.generate(); err != nil { // all: the service leaves the tables of names
		t.undo()
		t.before = nil
		t.generate()
		return fmt.Errorf("%s: the pinned package has no such model, or it cannot be read: %w", name, err)
	}
	api := name + "api"
	if err := t.create("service/"+name+"/doc.go", fmt.Sprintf(`// Package %[1]s is scaffold: what the service is, in three sentences, with the title of AWS's guide.
//
// What differs from AWS: scaffold.
package %[1]s
`, name)); err != nil {
		return err
	}
	if err := t.create("service/"+name+"/service.go", fmt.Sprintf(`package %[1]s

import (
	%[2]s "virga/api/%[1]s"
	"virga/internal/env"
	"virga/internal/gate"
	"virga/internal/store"
)

// Config joins the service.
type Config struct {
	Env   env.Env
	Store store.Store
}

// Service is %[1]s.
type Service struct{ cfg Config }

var _ %[2]s.Server = (*Service)(nil)

// New makes the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Parts is what the service brings.
func (s *Service) Parts() gate.Parts {
	return gate.Parts{Model: &%[2]s.Model, Handlers: %[2]s.Handlers(s)}
}
`, name, api)); err != nil {
		return err
	}
	if err := t.create("service/"+name+"/store.go", fmt.Sprintf(`package %[1]s

import "virga/internal/store"

// Keys: %[2]s ‖ 0 ‖ account ‖ … → …  (scaffold: every key of the service is built here and said here)

func regionOf(account, region string) store.Key {
	return store.K(store.%[2]s, 0, account).Str(region)
}
`, name, family)); err != nil {
		return err
	}
	t.said = append(t.said, "generated api/"+name+", api/optable, api/models",
		fmt.Sprintf("add to internal/cloud, among the parts: %[1]s.New(%[1]s.Config{Env: e, Store: c.Store}).Parts(),", name), "next: docs/howto/service.md")
	return nil
}
