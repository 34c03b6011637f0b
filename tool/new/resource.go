package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"virga/internal/template/schema"
)

// resource writes the type of a published schema into the service that it belongs to: it supports no property yet, so
// every template that uses one is refused by name.
func (t *tree) resource(name string) error {
	typ, ok := schema.Find(name)
	p := strings.Split(name, "::")
	if !ok || len(p) != 3 {
		return fmt.Errorf("%s: no such resource type is published", name)
	}
	service := strings.ToLower(p[1])
	if as, ok := map[string]string{"stepfunctions": "stepfunctions", "cognito": "cognitoidp", "ecr": "ecr"}[service]; ok {
		service = as
	}
	path := "service/" + service + "/service.go"
	text, err := t.read(path)
	if err != nil {
		return fmt.Errorf("%s: there is no service/%s; make it first with: new service %s", name, service, service)
	}
	noun, goType := p[2], strings.ToLower(p[2][:1])+p[2][1:]+"Type"
	if b, err := t.contains(service, `"`+name+`"`); err != nil || b {
		return fmt.Errorf("service/%s has %s already: %v", service, name, err)
	}
	var props []string
	for _, x := range typ.Properties() {
		mark := ""
		if contains(typ.CreateOnly, x) {
			mark = " (replaces)"
		}
		if contains(typ.ReadOnly, x) {
			continue
		}
		props = append(props, "//\t"+x+mark)
	}
	attributes, _ := typ.Attributes()
	if err := t.create("service/"+service+"/cfn_"+snake(noun)+".go", fmt.Sprintf(`package %[1]s

import (
	"context"
	"errors"

	"virga/internal/resource"
)

// %[2]s is %[3]s (AWS CloudFormation Template Reference).
//
// scaffold: the published schema's properties, to be moved into Supports as they are done:
//
%[4]s
//
// primary identifier: %[5]s; Fn::GetAtt gives: %[6]s
type %[2]s struct{}

var err%[7]sScaffold = errors.New("%[3]s is a scaffold")

// Name implements resource.Type.
func (%[2]s) Name() string { return "%[3]s" }

// Supports implements resource.Type.
func (%[2]s) Supports() []string { return []string{} }

// PhysicalName implements resource.Namer. scaffold: leave it out where the service draws the id.
func (%[2]s) PhysicalName(r *resource.Request) string { return r.Name(100) }

// Create implements resource.Type.
func (%[2]s) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return nil, err%[7]sScaffold
}

// Update implements resource.Type.
func (%[2]s) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return nil, err%[7]sScaffold
}

// Delete implements resource.Type.
func (%[2]s) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return nil, err%[7]sScaffold
}

// Read implements resource.Type.
func (%[2]s) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return nil, err%[7]sScaffold
}

var _ resource.Type = %[2]s{}
`, service, goType, name, strings.Join(props, "\n"), strings.Join(typ.PrimaryIdentifier, ", "), strings.Join(attributes, ", "), noun)); err != nil {
		return err
	}
	where := "add " + goType + "{} to the Types of the service's Parts once it supports something"
	if !strings.Contains(text, "Types:") {
		where = "add Types: []resource.Type{" + goType + "{}} to the service's Parts once it supports something"
	}
	t.said = append(t.said, where, "next: docs/howto/resource-type.md")
	return nil
}

// contains tells whether a file of a service holds a text.
func (t *tree) contains(service, text string) (bool, error) {
	files, err := filepath.Glob(filepath.Join(t.root, "service", service, "*.go"))
	if err != nil {
		return false, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return false, err
		}
		if strings.Contains(string(b), text) {
			return true, nil
		}
	}
	return false, nil
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}
