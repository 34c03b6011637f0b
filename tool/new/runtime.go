package main

import "fmt"

// runtime makes the folder of a language: where its interpreter is found and what bootstraps it.
func (t *tree) runtime(name string) error {
	if !serviceName.MatchString(name) {
		return fmt.Errorf("%q is no runtime family's name", name)
	}
	if err := t.create("internal/runtime/"+name+"/"+name+".go", fmt.Sprintf(`// Package %[1]s is scaffold: how functions in %[1]s begin: the interpreter, the handler's syntax, the bootstrap.
//
// It does not isolate anything: that is internal/sandbox.
package %[1]s

// Find gives the interpreter of a version ("" when there is none). scaffold: look at python.Find and nodejs.Find.
func Find(version string) string { return "" }
`, name)); err != nil {
		return err
	}
	if err := t.create("internal/runtime/"+name+"/"+name+"_test.go", fmt.Sprintf(`package %[1]s

import "testing"

func TestConformance(t *testing.T) {
	t.Fatal("scaffold: echo, error, timeout, large payload, streaming, environment, init failure, concurrent")
}
`, name)); err != nil {
		return err
	}
	t.said = append(t.said, "then: rows in internal/runtime/table.go, the bootstrap embedded beside it", "next: docs/howto/runtime.md")
	return nil
}
