package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	cfnapi "virga/api/cloudformation"
	iamapi "virga/api/iam"
	lambdaapi "virga/api/lambda"
	logsapi "virga/api/logs"
	s3api "virga/api/s3"
	sqsapi "virga/api/sqs"
	ssmapi "virga/api/ssm"
	stsapi "virga/api/sts"
	"virga/internal/auth/sigv4"
	"virga/internal/remote"
	"virga/internal/wire"
)

// App is the outside world of a command.
type App struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Home     string // of the user
	Data     string // the server's data folder where none is named
	Exe      string // this binary, for a server of one's own
	Version  string
	Terminal bool // Out is one

	g *Globals
}

// Globals are the flags of every command that speaks to a server.
type Globals struct {
	Endpoint string `placeholder:"URL" help:"Server; else VIRGA_ENDPOINT, AWS_ENDPOINT_URL, or http://127.0.0.1:4566."`
	Region   string `placeholder:"REGION" help:"Region; else AWS_REGION, AWS_DEFAULT_REGION, or us-east-1."`
	Output   string `enum:"text,json" default:"text" help:"text or json."`
}

// AfterApply gives the App the flags that were parsed; kong calls it before a command runs.
func (g *Globals) AfterApply(a *App) error {
	a.g = g
	return nil
}

// Exit is an error that says how the process ends. Message may be empty: then everything was said.
type Exit struct {
	Code    int
	Message string
}

func (e *Exit) Error() string { return e.Message }

// Exit codes of the command.
const (
	ExitFailed = 1 // what was asked for failed, or there are findings
	ExitUsage  = 2 // wrong usage, or no server answers
)

func failed(format string, a ...any) error { return &Exit{ExitFailed, fmt.Sprintf(format, a...)} }
func usage(format string, a ...any) error  { return &Exit{ExitUsage, fmt.Sprintf(format, a...)} }

// silent ends with a code after everything was said.
func silent(code int) error { return &Exit{Code: code} }

func (a *App) json() bool { return a.g.Output == "json" }

// print writes v as indented JSON.
func (a *App) print(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (a *App) say(format string, args ...any) { fmt.Fprintf(a.Out, format+"\n", args...) }

// note writes what is for people and not the answer.
func (a *App) note(format string, args ...any) { fmt.Fprintf(a.Err, format+"\n", args...) }

func (a *App) env(names ...string) string {
	for _, n := range names {
		if v := a.Getenv(n); v != "" {
			return v
		}
	}
	return ""
}

func (a *App) endpoint() string {
	e := a.g.Endpoint
	if e == "" {
		e = a.env("VIRGA_ENDPOINT", "AWS_ENDPOINT_URL")
	}
	if e == "" {
		e = "http://127.0.0.1:4566"
	}
	return strings.TrimSuffix(e, "/")
}

func (a *App) region() string {
	r := a.g.Region
	if r == "" {
		r = a.env("AWS_REGION", "AWS_DEFAULT_REGION")
	}
	if r == "" {
		r = "us-east-1"
	}
	return r
}

func (a *App) credentials() sigv4.Credentials {
	c := sigv4.Credentials{AccessKeyID: a.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: a.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: a.Getenv("AWS_SESSION_TOKEN")}
	if c.AccessKeyID == "" {
		c = sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
	}
	return c
}

// clients are the services that commands call.
type clients struct {
	*remote.Invoker
	cfn    *cfnapi.Client
	iam    *iamapi.Client
	lambda *lambdaapi.Client
	logs   *logsapi.Client
	s3     *s3api.Client
	sqs    *sqsapi.Client
	ssm    *ssmapi.Client
	sts    *stsapi.Client
}

func (a *App) clients() *clients {
	v := &remote.Invoker{Endpoint: a.endpoint(), Region: a.region(), Credentials: a.credentials(), Now: time.Now}
	return &clients{v, &cfnapi.Client{Invoker: v}, &iamapi.Client{Invoker: v}, &lambdaapi.Client{Invoker: v}, &logsapi.Client{Invoker: v}, &s3api.Client{Invoker: v},
		&sqsapi.Client{Invoker: v}, &ssmapi.Client{Invoker: v}, &stsapi.Client{Invoker: v}}
}

// own calls one of the server's own paths and reads its JSON.
func (c *clients) own(ctx context.Context, method, target string, out any) error {
	resp, body, err := c.Do(ctx, "virga", method, target, nil, nil)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		if resp.Header.Get("X-Amzn-Errortype") == "" && resp.StatusCode == http.StatusNotFound {
			return errors.New("this server does not offer " + target)
		}
		return wire.DecodeErrorAnswer(wire.RESTJSON, resp.StatusCode, resp.Header, body)
	}
	return json.Unmarshal(body, out)
}

// health asks an endpoint whether it is a server of ours.
func (a *App) health(ctx context.Context) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.endpoint()+"/_virga/health", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&v); err != nil || v["edition"] != "virga" {
		return nil, fmt.Errorf("what answers at %s is no Virga server", a.endpoint())
	}
	return v, nil
}

// Explain turns an error into what a person can act on, and the process's exit code.
func (a *App) Explain(err error) (string, int) {
	var x *Exit
	if errors.As(err, &x) {
		return x.Message, x.Code
	}
	var u *url.Error
	if errors.As(err, &u) && !errors.Is(err, context.Canceled) {
		return fmt.Sprintf("no server answers at %s: %v\nStart one with `virga serve --dev`, or name another with --endpoint.", a.endpoint(), u.Err), ExitUsage
	}
	var e *wire.Error
	if errors.As(err, &e) {
		switch e.Code {
		case "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId":
			return fmt.Sprintf("%v\nThe server does not know the key %s. With --dev the keys test/test work (eval \"$(virga env)\"); without it the root key is in the data folder.", e, a.credentials().AccessKeyID), ExitFailed
		}
	}
	return err.Error(), ExitFailed
}

// codeIs tells whether an error is AWS's error of a code.
func codeIs(err error, codes ...string) bool {
	var e *wire.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}

func readFile(a *App, name string, max int64) ([]byte, error) {
	r := a.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("%v", err)
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, usage("%s has more than %d bytes", name, max)
	}
	return b, nil
}

// Description begins the command's help.
const Description = `A serverless cloud with AWS's own APIs in one binary.

  virga dev --init hello     begin
  eval "$(virga env)"        lead AWS's own tools here, then: aws lambda list-functions`

// ShowVersion prints the version.
func (a *App) ShowVersion() error {
	if a.json() {
		return a.print(map[string]string{"version": a.Version})
	}
	a.say("virga %s", a.Version)
	return nil
}
