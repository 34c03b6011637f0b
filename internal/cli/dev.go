package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"virga/internal/cli/bundle"
)

type devCmd struct {
	Globals

	Template   string            `arg:"" optional:"" help:"Template; else template.yaml here."`
	Init       string            `enum:",hello" default:"" placeholder:"hello" help:"Make an example in a folder of that name first."`
	Stack      string            `short:"s" placeholder:"NAME" help:"Name of the stack; else the folder's."`
	Parameter  map[string]string `short:"p" placeholder:"K=V" help:"Value of a parameter; may be repeated."`
	Data       string            `type:"path" help:"Data folder of a server that is started here; else the usual one."`
	Ephemeral  bool              `help:"A server that is started here keeps everything in memory."`
	Once       bool              `help:"Deploy, show what there is, and end; a server that was started here ends too."`
	NoValidate bool              `help:"Deploy a template that has findings."`
}

// Help teaches.
func (*devCmd) Help() string {
	return `One terminal for the whole loop: starts a server where none answers, checks and deploys the template, then watches. A saved file of
a function is live within a moment, without a stack operation; a changed template is deployed again; what functions log appears
here. Ctrl-C ends it, and the server where it was started here; the data folder keeps the stack.

  virga dev --init hello      an example to begin with
  virga dev                   the template of this folder
  virga dev app/template.yaml --parameter Stage=dev

Folders are packed as they are: for Python and Node dependencies run "sam build" and give .aws-sam/build/template.yaml.`
}

// Run develops.
func (c *devCmd) Run(a *App) error {
	if c.Init != "" {
		if c.Template != "" {
			return usage("give a template or --init, not both")
		}
		file, err := initHello(a, c.Init)
		if err != nil {
			return err
		}
		c.Template = file
	}
	file, err := findTemplate(c.Template)
	if err != nil {
		return err
	}
	if _, err := os.Stat(file); err != nil {
		return usage("%v", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	end, err := c.server(ctx, a)
	if err != nil {
		return err
	}
	defer end()
	name := c.Stack
	if name == "" {
		if name, err = stackName(file); err != nil {
			return err
		}
	}
	s := &session{a: a, c: a.clients(), d: deployment{file: file, stack: name, parameters: c.Parameter, validate: !c.NoValidate,
		capabilities: []string{"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}}, began: time.Now()}
	ok, err := s.deploy(ctx)
	if err != nil && (c.Once || ctx.Err() != nil) {
		return err
	}
	if err != nil {
		msg, _ := a.Explain(err)
		a.say("%s", msg)
	}
	if c.Once {
		if !ok {
			return silent(ExitFailed)
		}
		return nil
	}
	return s.watch(ctx)
}

var notName = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// stackName makes a stack's name of a template's folder.
func stackName(file string) (string, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	n := strings.Trim(notName.ReplaceAllString(filepath.Base(filepath.Dir(abs)), "-"), "-0123456789")
	if n == "" {
		return "app", nil
	}
	return n[:min(len(n), 100)], nil
}

// server starts a development server where none answers on the endpoint; end ends it.
func (c *devCmd) server(ctx context.Context, a *App) (end func(), err error) {
	h, err := a.health(ctx)
	if err == nil {
		a.say("Server: %s (Virga %v, already there)", a.endpoint(), h["version"])
		return func() {}, nil
	}
	u, perr := url.Parse(a.endpoint())
	if perr != nil || u.Scheme != "http" || u.Port() == "" {
		return nil, usage("nothing answers at %s (%v), and no server can be started there", a.endpoint(), err)
	}
	if conn, cerr := net.DialTimeout("tcp", u.Host, time.Second); cerr == nil {
		conn.Close()
		return nil, usage("%v; free the port, or choose another with --endpoint http://127.0.0.1:PORT", err)
	}
	args := []string{"serve", "--dev", "--listen", u.Host, "--region", a.region()}
	switch {
	case c.Ephemeral:
		args = append(args, "--ephemeral")
	case c.Data != "":
		args = append(args, "--data", c.Data)
	}
	cmd := exec.Command(a.Exe, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this process, which then ends the server
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp("", "virga-dev-*.log")
	if err != nil {
		return nil, err
	}
	cmd.Stderr = log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan bool, 1)
	gone := make(chan struct{})
	go func() {
		s := bufio.NewScanner(out)
		for s.Scan() {
			if s.Text() == "Ready." {
				ready <- true
				break
			}
			a.say("  %s", s.Text())
		}
		io.Copy(io.Discard, out)
		cmd.Wait()
		close(gone)
	}()
	end = func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-gone:
			os.Remove(log.Name())
		case <-time.After(30 * time.Second):
			cmd.Process.Kill()
			<-gone
		}
		log.Close()
	}
	select {
	case <-ready:
		a.say("Server: %s, started in %d ms, its log in %s", a.endpoint(), time.Since(began).Milliseconds(), log.Name())
		return end, nil
	case <-gone:
		b, _ := os.ReadFile(log.Name())
		return nil, failed("the server did not start:\n%s", strings.TrimSpace(string(b)))
	case <-ctx.Done():
		end()
		return nil, ctx.Err()
	case <-time.After(time.Minute):
		end()
		return nil, failed("the server was not ready within a minute; its log is in %s", log.Name())
	}
}

// session is one developer's loop over one stack.
type session struct {
	a     *App
	c     *clients
	d     deployment
	began time.Time
	live  []*watched // functions with their folders
	tail  *tailer
}

// deploy brings the stack to what the template says, and shows where it answers.
func (s *session) deploy(ctx context.Context) (ok bool, err error) {
	a := s.a
	began := time.Now()
	a.say("Deploying %s as stack %s", s.d.file, s.d.stack)
	r, err := a.deploy(ctx, s.d)
	if err != nil {
		return false, err
	}
	a.showDeployed(r)
	if len(r.Failures) > 0 {
		return false, nil
	}
	a.say("Deployed in %.1f s", time.Since(began).Seconds())
	if err := s.find(ctx, r.artifacts); err != nil {
		return false, err
	}
	a.say("Endpoint: %s   Console: %s", a.endpoint(), consoleURL(a.endpoint()))
	return true, nil
}

func consoleURL(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	u.Host = "console.localhost:" + u.Port()
	return u.String()
}

// find joins the functions of the stack to their folders here.
func (s *session) find(ctx context.Context, artifacts []bundle.Artifact) error {
	fs, err := s.a.functions(ctx, s.c)
	if err != nil {
		return err
	}
	s.live = nil
	var groups []source
	for _, f := range fs {
		if f.Stack != s.d.stack {
			continue
		}
		groups = append(groups, source{f.Group, f.Logical})
		for _, art := range artifacts {
			if art.Function() && art.Resource == f.Logical {
				s.live = append(s.live, &watched{function: f, path: art.Path, stamp: stampOf(art.Path)})
			}
		}
	}
	if s.tail == nil {
		s.tail = &tailer{a: s.a, c: s.c, since: s.began}
	}
	s.tail.groups = groups
	return nil
}

const helloTemplate = `AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Description: A function behind an HTTP API.

Resources:
  HelloFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: hello/
      Handler: app.handler
      Runtime: python3.11
      Events:
        Hello:
          Type: HttpApi
          Properties:
            Path: /hello
            Method: get

Outputs:
  HelloUrl:
    Description: Open it.
    Value: !Sub 'https://${ServerlessHttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/hello'
  HelloFunction:
    Value: !Ref HelloFunction
`

const helloCode = `import json


def handler(event, context):
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    print("greeting", name)
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps({"message": f"hello {name}"})}
`

// initHello makes the example; what is there is left alone.
func initHello(a *App, dir string) (string, error) {
	file := filepath.Join(dir, "template.yaml")
	for _, f := range [][2]string{{file, helloTemplate}, {filepath.Join(dir, "hello", "app.py"), helloCode}} {
		if _, err := os.Stat(f[0]); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(f[0]), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(f[0], []byte(f[1]), 0o644); err != nil {
			return "", fmt.Errorf("example: %w", err)
		}
		a.say("made %s", f[0])
	}
	return file, nil
}
