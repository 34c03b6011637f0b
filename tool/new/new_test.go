package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"virga/tool/internal/module"
)

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{"PurgeQueue": "purge_queue", "QueuePolicy": "queue_policy", "GetQueueUrl": "get_queue_url", "ListV2": "list_v2"} {
		if got := snake(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// copyTree copies what git knows of the tree, and what is new in it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	c := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.go", "go.mod", "go.sum", "model", "internal", "service", "api")
	c.Dir = from
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		b, err := os.ReadFile(filepath.Join(from, f))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, f)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, f), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestScaffolds runs every scaffold in a copy of the tree, builds what came of it, and sees that it counts as undone.
func TestScaffolds(t *testing.T) {
	here, err := module.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyTree(t, here, dir)
	t.Chdir(dir)
	goRun := func(args ...string) (string, error) {
		c := exec.Command("go", args...)
		var out bytes.Buffer
		c.Stdout, c.Stderr, c.Dir = &out, &out, dir
		err := c.Run()
		return out.String(), err
	}
	for _, args := range [][]string{{"op", "ssm", "GetServiceSetting"}, {"service", "pipes"}, {"op", "pipes", "ListPipes"}, {"resource", "AWS::Pipes::Pipe"},
		{"resource", "AWS::SSM::Document"}, {"runtime", "ruby"}} {
		if err := run(args); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	if out, err := goRun("vet", "./service/ssm", "./service/pipes", "./internal/runtime/ruby", "./api/pipes", "./api/models", "./api/optable"); err != nil {
		t.Fatalf("what was written does not build: %v\n%s", err, out)
	}
	if out, err := goRun("test", "./service/ssm", "-run", "TestGetServiceSetting"); err == nil || !strings.Contains(out, "scaffold") {
		t.Errorf("an empty test passes: %s", out)
	}
	if out, err := goRun("test", "./internal/arch", "-run", "TestScaffolds"); err == nil || strings.Count(out, "a scaffold is left") < 8 {
		t.Errorf("scaffolds pass for done: %s", out)
	}
	for _, args := range [][]string{{"op", "ssm", "GetParameter"}, {"op", "ssm", "NoSuchOperation"}, {"op", "nosuch", "Do"}, {"service", "no-such"}, {"service", "nosuch"}, {"resource", "AWS::No::Such"},
		{"resource", "AWS::SQS::Queue"}, {"runtime", "ruby"}, {"what"}} {
		before := status(t, dir)
		if err := run(args); err == nil {
			t.Errorf("%v was done", args)
		}
		if after := status(t, dir); after != before {
			t.Errorf("%v failed and left:\n%s\nbefore:\n%s", args, after, before)
		}
	}
}

// status gives names and sizes of the files that scaffolds write.
func status(t *testing.T, dir string) string {
	var b strings.Builder
	for _, sub := range []string{"model", "service", "api/ssm", "internal/store", "internal/runtime"} {
		err := filepath.Walk(filepath.Join(dir, sub), func(path string, i os.FileInfo, err error) error {
			if err == nil && !i.IsDir() {
				b.WriteString(path + " " + i.Mode().String() + " " + strings.Repeat("+", int(i.Size()%97)) + "\n")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
