package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	iamapi "virga/api/iam"
	"virga/internal/auth/sigv4"
	"virga/internal/remote"
	"virga/internal/wire"
)

// TestMain lets the test binary be the command: for scripts, and for the parts that the command starts of itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") && filepath.Base(os.Args[0]) != "virga" {
		main() // whatever the command starts of itself must never become a run of these tests
	}
	testscript.Main(m, map[string]func(){"virga": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(e *testscript.Env) error {
		e.Setenv("HOME", e.WorkDir)
		e.Setenv("NO_COLOR", "1")
		e.Setenv("GOCOVERDIR", os.Getenv("GOCOVERDIR"))
		return nil
	}, Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"server": server, "refused": refused, "eventually": eventually}})
}

// server [ARG]... starts a development server of the script's own and sets VIRGA_ENDPOINT.
func server(ts *testscript.TestScript, neg bool, args []string) {
	exe, err := os.Executable()
	ts.Check(err)
	log, err := os.Create(ts.MkAbs("server.log"))
	ts.Check(err)
	cmd := exec.Command(exe, append([]string{"serve", "--dev", "--ephemeral", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				ts.Logf("the server ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			cmd.Process.Kill()
			<-done
			ts.Logf("the server did not end")
		}
		log.Close()
	})
	for s := bufio.NewScanner(out); s.Scan(); {
		if _, at, ok := strings.Cut(s.Text(), "endpoint "); ok {
			ts.Setenv("VIRGA_ENDPOINT", strings.TrimSpace(at))
		}
		if s.Text() == "Ready." {
			go func() {
				for s.Scan() {
				}
			}()
			return
		}
	}
	b, _ := os.ReadFile(ts.MkAbs("server.log"))
	ts.Fatalf("the server was not ready:\n%s", b)
}

// refused makes a user without rights call SQS and sets REQUEST to the id of the refusal.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	ctx := context.Background()
	root := &remote.Invoker{Endpoint: ts.Getenv("VIRGA_ENDPOINT"), Region: "us-east-1", Credentials: sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, Now: time.Now}
	iam := &iamapi.Client{Invoker: root}
	_, err := iam.CreateUser(ctx, &iamapi.CreateUserInput{UserName: "nobody"})
	ts.Check(err)
	k, err := iam.CreateAccessKey(ctx, &iamapi.CreateAccessKeyInput{UserName: wire.P("nobody")})
	ts.Check(err)
	user := *root
	user.Credentials = sigv4.Credentials{AccessKeyID: k.AccessKey.AccessKeyId, SecretAccessKey: k.AccessKey.SecretAccessKey}
	r, body, err := user.Do(ctx, "sqs", "POST", "/", map[string][]string{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"AmazonSQS.CreateQueue"}}, []byte(`{"QueueName":"mine"}`))
	ts.Check(err)
	if r.StatusCode < 400 {
		ts.Fatalf("not refused: %s", body)
	}
	ts.Setenv("REQUEST", r.Header.Get("X-Amzn-Requestid"))
}

// eventually TEXT virga ARG... runs the command again and again until its output holds a text.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	exe, err := os.Executable()
	ts.Check(err)
	var out []byte
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		cmd := exec.Command(exe, args[2:]...)
		cmd.Args[0] = args[1]
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = append(os.Environ(), "VIRGA_ENDPOINT="+ts.Getenv("VIRGA_ENDPOINT"), "NO_COLOR=1")
		out, _ = cmd.CombinedOutput()
		if bytes.Contains(out, []byte(args[0])) {
			return
		}
	}
	ts.Fatalf("%q did not come; last:\n%s", args[0], out)
}

// dev starts `virga dev` in a folder and gives its lines.
func dev(t *testing.T, dir string, args ...string) (lines <-chan string, end func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "virga")
	if err := os.Symlink(exe, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, append([]string{"dev", "--ephemeral"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "HOME="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := make(chan string, 1000)
	go func() {
		defer close(c)
		for s := bufio.NewScanner(out); s.Scan(); {
			c <- s.Text()
		}
	}()
	return c, func() {
		cmd.Process.Signal(os.Interrupt)
		for range c {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("dev ended with %v", err)
		}
	}
}

// await reads lines until one holds a text.
func await(t *testing.T, lines <-chan string, text string) string {
	t.Helper()
	var seen []string
	for after := time.After(60 * time.Second); ; {
		select {
		case l, ok := <-lines:
			if !ok {
				t.Fatalf("it ended before %q:\n%s", text, strings.Join(seen, "\n"))
			}
			seen = append(seen, l)
			if strings.Contains(l, text) {
				return l
			}
		case <-after:
			t.Fatalf("%q did not come:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}
