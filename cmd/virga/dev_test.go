package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestDevReload develops: a saved handler is live without a stack operation (how fast is printed), a changed template is
// deployed again, a broken one leaves the stack as it was, and what functions log is shown.
func TestDevReload(t *testing.T) {
	dir, endpoint := t.TempDir(), "http://"+freePort(t)
	lines, end := dev(t, dir, "--init", "hello", "--endpoint", endpoint)
	defer end()
	link := strings.TrimSpace(strings.TrimSuffix(await(t, lines, "(without name resolution)"), "(without name resolution)"))
	await(t, lines, "Watching")
	if got := get(t, link); !strings.Contains(got, "hello world") {
		t.Fatalf("%s: %s", link, got)
	}
	await(t, lines, "greeting world")
	code := filepath.Join(dir, "hello", "hello", "app.py")
	text, err := os.ReadFile(code)
	if err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for i := range 9 {
		began := time.Now()
		want := fmt.Sprintf("hello-%d ", i)
		if err := os.WriteFile(code, []byte(strings.Replace(string(text), "hello ", want, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		await(t, lines, "live ")
		took = append(took, time.Since(began))
		if got := get(t, link); !strings.Contains(got, want) {
			t.Fatalf("after the save: %s, want %q", got, want)
		}
	}
	slices.Sort(took)
	t.Logf("saved to live: least %s, half %s, most %s", took[0], took[len(took)/2], took[len(took)-1])
	template := filepath.Join(dir, "hello", "template.yaml")
	yaml, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	write := func(s string) {
		if err := os.WriteFile(template, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(string(yaml), "Runtime: python3.11", "Runtime: python3.11\n      Timeout: many", 1))
	await(t, lines, "findings")
	write(strings.Replace(string(yaml), "Resources:\n", "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n", 1))
	await(t, lines, "UPDATE_COMPLETE")
	await(t, lines, "Deployed in")
	if got := get(t, link+"?name=again"); !strings.Contains(got, "again") {
		t.Errorf("after the update: %s", got)
	}
	await(t, lines, "greeting again")
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestReadme runs the README's first five minutes as they are written there: the first block in the background, the second
// beside it, and looks for what the third says comes out.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), "## Five minutes")
	if !ok {
		t.Fatal("README.md has no five minutes")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	parts := strings.Split(text, "```")
	if len(parts) < 7 {
		t.Fatalf("README.md: %d blocks, want three", len(parts)/2)
	}
	block := func(i int) string { _, s, _ := strings.Cut(parts[2*i+1], "\n"); return s }
	first := strings.TrimSpace(block(0))
	last := first[strings.LastIndexByte(first, '\n')+1:]
	args, ok := strings.CutPrefix(last, "virga dev ")
	if !ok {
		t.Fatalf("the first block ends with %q, not with virga dev", last)
	}
	dir, endpoint := t.TempDir(), "http://"+freePort(t)
	lines, end := dev(t, dir, append(strings.Fields(args), "--endpoint", endpoint)...)
	defer end()
	await(t, lines, "Watching")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(bin, "virga")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", block(1))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "VIRGA_ENDPOINT="+endpoint, "NO_COLOR=1", "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range strings.Split(strings.TrimSpace(block(2)), "\n") {
		if !strings.Contains(string(out), want) {
			t.Errorf("README.md says %q comes out; it was:\n%s", want, out)
		}
	}
}
