package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"virga/tool/apigen/servicemodel"
)

// readTables gives the packages of model/tables.list: services of which only the operations' names are known.
func readTables(root string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(root, "model", "tables.list"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range strings.Split(string(data), "\n") {
		l, _, _ = strings.Cut(l, "#")
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	sort.Strings(out)
	return out, nil
}

// generateTables writes api/optable: the operation tables of services that have no package of their own, so that
// their operations can be refused by name.
func generateTables(root string, src *source) error {
	list, err := readTables(root)
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "api", "optable")
	files := map[string]string{}
	var names []string
	for _, pkg := range list {
		if _, err := os.Stat(filepath.Join(root, "model", pkg+".ops")); err == nil {
			continue // it has a package
		}
		doc, _, err := src.load(root, pkg)
		if err != nil {
			return err
		}
		m, err := servicemodel.Build(doc, servicemodel.Options{Package: pkg, Implemented: map[string]bool{}})
		if err != nil {
			return err
		}
		name := goName(pkg)
		names = append(names, name)
		var b strings.Builder
		b.WriteString(head + "package optable\n\nimport \"virga/internal/wire\"\n\n")
		fmt.Fprintf(&b, "var schema%s = wire.Schema{%s}\n\n", name, schemaFields(m.Schema).b.String())
		fmt.Fprintf(&b, "// %s is %s, API version %s.\nvar %s = wire.Model{Schema: &schema%s, Ops: []wire.Op{\n", name, m.FullName, m.APIVersion, name, name)
		for i := range m.Ops {
			b.WriteString(opLiteral(&m.Ops[i], "&schema"+name))
		}
		b.WriteString("}}\n")
		files[pkg+"_gen.go"] = b.String()
	}
	var b strings.Builder
	b.WriteString(head + "// Package optable holds the operation tables of services that have no shapes yet: names, methods and paths, so that\n// their operations are known and refused by name. A service leaves it when its model/<package>.ops is written.\npackage optable\n\nimport \"virga/internal/wire\"\n\n// All gives every table of this package.\nfunc All() []*wire.Model {\n\treturn []*wire.Model{\n")
	for _, n := range names {
		b.WriteString("\t\t&" + n + ",\n")
	}
	b.WriteString("\t}\n}\n")
	files["all_gen.go"] = b.String()
	old, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if _, keep := files[filepath.Base(f)]; !keep {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
	}
	return writePackage(dir, files)
}

// generateModels writes api/models: every model there is.
func generateModels(root string, lists []string) error {
	var b strings.Builder
	b.WriteString(head + "// Package models names every service model: those with shapes and those of package optable.\npackage models\n\nimport (\n")
	var pkgs []string
	for _, l := range lists {
		pkg := strings.TrimSuffix(filepath.Base(l), ".ops")
		pkgs = append(pkgs, pkg)
		fmt.Fprintf(&b, "\t%sapi %q\n", pkg, "virga/api/"+pkg)
	}
	b.WriteString("\t\"virga/api/optable\"\n\t\"virga/internal/wire\"\n)\n\n// All gives every model.\nfunc All() []*wire.Model {\n\treturn append(optable.All(),\n")
	for _, p := range pkgs {
		fmt.Fprintf(&b, "\t\t&%sapi.Model,\n", p)
	}
	b.WriteString("\t)\n}\n")
	return writePackage(filepath.Join(root, "api", "models"), map[string]string{"models_gen.go": b.String()})
}
