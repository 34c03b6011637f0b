package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func program(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	dir, sys := t.TempDir(), t.TempDir()
	program(t, filepath.Join(sys, "python3.11"), "x")
	program(t, filepath.Join(sys, "python3.13"), "x")
	program(t, filepath.Join(sys, "python3.13-config"), "x")
	program(t, filepath.Join(sys, "node"), "#!/bin/sh\necho v22.1.0\n")
	program(t, filepath.Join(sys, "nodemon"), "#!/bin/sh\necho v18.0.0\n")
	program(t, filepath.Join(dir, "python3.10", "lang/bin/python3.10"), "x")
	find := func(dev bool, id string) (*Choice, error) {
		f := &Finder{Dir: dir, Dev: dev, System: []string{sys}}
		if err := f.Prepare(); err != nil {
			t.Fatal(err)
		}
		return f.Find(id)
	}
	for id, want := range map[string]string{"python3.11": sys + "/python3.11 /var/runtime/bootstrap.py", "python3.10": "/var/runtime/lang/bin/python3.10 /var/runtime/bootstrap.py", "nodejs22.x": sys + "/node /var/runtime/bootstrap.cjs"} {
		for _, dev := range []bool{true, false} {
			c, err := find(dev, id)
			if err != nil || strings.Join(c.Argv(), " ") != want || !c.Exact || c.Notice != "" {
				t.Errorf("%s: %+v %v", id, c, err)
				continue
			}
			file, _ := bootstrap(c.Family)
			if b, err := os.ReadFile(filepath.Join(c.Dir, file)); err != nil || len(b) == 0 {
				t.Errorf("%s: no bootstrap: %v", id, err)
			}
		}
	}
	// Another version: development runs it and says so, production refuses.
	for id, want := range map[string]string{"python3.12": "3.13", "python3.14": "3.13", "python3.8": "3.11", "nodejs20.x": "22"} {
		if c, err := find(true, id); err != nil || c.Exact || c.Version != want || !strings.Contains(c.Notice, want) {
			t.Errorf("%s: %+v %v", id, c, err)
		}
		if c, err := find(false, id); !errors.Is(err, ErrNoInterpreter) {
			t.Errorf("%s: %+v %v", id, c, err)
		}
	}
	if _, err := find(true, "cobol85"); err == nil || errors.Is(err, ErrNoInterpreter) {
		t.Error(err)
	}
	c, err := find(false, "provided.al2023")
	if err != nil || c.Argv()[0] != "/var/task/bootstrap" {
		t.Errorf("%+v %v", c, err)
	}
	code, layers := t.TempDir(), t.TempDir()
	program(t, filepath.Join(layers, "bootstrap"), "x")
	if argv, fail := c.Command(code, layers, "", "r"); fail != nil || argv[0] != "/opt/bootstrap" {
		t.Errorf("%v %v", argv, fail)
	}
	if err := os.Symlink(filepath.Join(layers, "bootstrap"), filepath.Join(code, "bootstrap")); err != nil {
		t.Fatal(err)
	}
	if argv, fail := c.Command(code, "", "", "r"); fail == nil {
		t.Errorf("a link that leads out: %v", argv)
	}
	p, _ := find(true, "python3.11")
	if argv, _ := p.Command(code, "", "/opt/wrapper", "r"); argv[0] != "/opt/wrapper" || len(argv) != 3 {
		t.Error(argv)
	}
}

// A shim or a program of somebody's home is none.
func TestUsable(t *testing.T) {
	l := filepath.Join(t.TempDir(), "python3.12")
	if err := os.Symlink("/root/.profile", l); err == nil && usable(l) {
		t.Error("a link into a home")
	}
	if usable(t.TempDir()) || usable("/no/such") {
		t.Error("no program")
	}
}

func TestTable(t *testing.T) {
	for _, id := range Identifiers() {
		r, ok := Lookup(id)
		if f, v := splitIdentifier(id); !ok || f != r.Family || v != r.Version {
			t.Errorf("%s: %+v", id, r)
		}
	}
	r, _ := Lookup("python3.8")
	if !r.DeprecatedAt("2025-01-01") || r.DeprecatedAt("2024-10-13") {
		t.Error("dates")
	}
}

func TestPlatformLines(t *testing.T) {
	r, _ := Lookup("python3.12")
	if l := InitStartLine(r, "eu-west-1"); l != "INIT_START Runtime Version: python:3.12.virga\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:python3.12" {
		t.Error(l)
	}
	rep := Report{RequestID: "r", Duration: 1234567, InitDuration: 100e6, MemoryMB: 128, MaxMemoryUsed: 33 << 20}
	if l := rep.Line(); l != "REPORT RequestId: r\tDuration: 1.23 ms\tBilled Duration: 102 ms\tMemory Size: 128 MB\tMax Memory Used: 33 MB\tInit Duration: 100.00 ms\t" {
		t.Errorf("%q", l)
	}
	rep = Report{RequestID: "r", Duration: 3e9, MemoryMB: 128, Status: "timeout"}
	if l := rep.Line(); !strings.HasSuffix(l, "\tStatus: timeout") {
		t.Errorf("%q", l)
	}
}
