package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

type envCmd struct{ Globals }

// Help teaches.
func (*envCmd) Help() string {
	return `Prints the variables that lead AWS's tools to the server, with the credentials in use (test/test where none are set).

  eval "$(virga env)"
  aws s3 ls`
}

// Run prints export lines.
func (c *envCmd) Run(a *App) error {
	k := a.credentials()
	v := [][2]string{{"AWS_ENDPOINT_URL", a.endpoint()}, {"AWS_ACCESS_KEY_ID", k.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", k.SecretAccessKey}, {"AWS_DEFAULT_REGION", a.region()}, {"AWS_REGION", a.region()}}
	if k.SessionToken != "" {
		v = append(v, [2]string{"AWS_SESSION_TOKEN", k.SessionToken})
	}
	if a.json() {
		m := map[string]string{}
		for _, x := range v {
			m[x[0]] = x[1]
		}
		return a.print(m)
	}
	for _, x := range v {
		a.say("export %s='%s'", x[0], strings.ReplaceAll(x[1], "'", `'\''`))
	}
	return nil
}

type configureCmd struct {
	Globals

	Profile string `default:"virga" help:"Name of the profile."`
}

// Help teaches.
func (*configureCmd) Help() string {
	return `Writes a profile with endpoint_url into ~/.aws/config and its keys into ~/.aws/credentials (or where AWS_CONFIG_FILE and
AWS_SHARED_CREDENTIALS_FILE point). Everything else in these files stays as it is, comments included.

  virga configure
  aws --profile virga s3 ls`
}

// Run writes a profile.
func (c *configureCmd) Run(a *App) error {
	if strings.ContainsAny(c.Profile, "[]\n\r") || c.Profile == "" {
		return usage("a profile's name has no brackets or line ends")
	}
	config, credentials := a.Getenv("AWS_CONFIG_FILE"), a.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	if config == "" {
		config = filepath.Join(a.Home, ".aws", "config")
	}
	if credentials == "" {
		credentials = filepath.Join(a.Home, ".aws", "credentials")
	}
	section := "profile " + c.Profile
	if c.Profile == "default" {
		section = "default"
	}
	k := a.credentials()
	if err := editINI(config, section, [][2]string{{"region", a.region()}, {"endpoint_url", a.endpoint()}, {"output", "json"}}); err != nil {
		return err
	}
	if err := editINI(credentials, c.Profile, [][2]string{{"aws_access_key_id", k.AccessKeyID}, {"aws_secret_access_key", k.SecretAccessKey}, {"aws_session_token", k.SessionToken}}); err != nil {
		return err
	}
	if a.json() {
		return a.print(map[string]string{"profile": c.Profile, "config": config, "credentials": credentials})
	}
	a.say("Profile %s leads to %s: aws --profile %s sts get-caller-identity", c.Profile, a.endpoint(), c.Profile)
	return nil
}

// editINI sets values in one section of a file and leaves every other byte as it is. An empty value takes the line away.
// The file is written beside its place and renamed, for its owner alone.
func editINI(name, section string, values [][2]string) error {
	b, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var lines []string
	if len(b) > 0 {
		lines = strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	}
	start, end := -1, len(lines)
	for i, l := range lines {
		t := strings.TrimSpace(l)
		if !strings.HasPrefix(t, "[") {
			continue
		}
		head, _, _ := strings.Cut(t[1:], "]")
		if start >= 0 {
			end = i
			break
		}
		if strings.Join(strings.Fields(head), " ") == section {
			start = i
		}
	}
	if start < 0 {
		if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != "" {
			lines = append(lines, "")
		}
		start = len(lines)
		lines = append(lines, "["+section+"]")
		end = len(lines)
	}
	body := append([]string{}, lines[start+1:end]...)
	for _, v := range values {
		at := -1
		for i, l := range body {
			k, _, ok := strings.Cut(l, "=")
			if ok && strings.TrimSpace(k) == v[0] && !strings.HasPrefix(k, " ") && !strings.HasPrefix(k, "\t") {
				at = i
			}
		}
		line := v[0] + " = " + v[1]
		switch {
		case at >= 0 && v[1] == "":
			body = append(body[:at], body[at+1:]...)
		case at >= 0:
			body[at] = line
		case v[1] != "":
			n := len(body)
			for n > 0 && strings.TrimSpace(body[n-1]) == "" {
				n--
			}
			body = append(body[:n], append([]string{line}, body[n:]...)...)
		}
	}
	out := append(append(append([]string{}, lines[:start+1]...), body...), lines[end:]...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	real := name
	if r, err := filepath.EvalSymlinks(name); err == nil {
		real = r
	}
	mode := os.FileMode(0o600)
	if st, err := os.Stat(real); err == nil {
		mode = st.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(real), ".virga-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(strings.Join(out, "\n") + "\n")
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), real)
}

type resetCmd struct {
	Globals

	Account string `placeholder:"12DIGITS" help:"Account; else all of them."`
}

// Help teaches.
func (*resetCmd) Help() string {
	return `Takes away everything that accounts own on a development server: what is under way is ended and does nothing afterwards. Keys
and the record of what was done stay.

  virga reset
  virga reset --account 111122223333`
}

// Run resets a development server.
func (c *resetCmd) Run(a *App) error {
	target := "/_virga/reset"
	if c.Account != "" {
		target += "?account=" + url.QueryEscape(c.Account)
	}
	var out struct {
		Account      string  `json:"account"`
		Milliseconds float64 `json:"milliseconds"`
	}
	if err := a.clients().own(context.Background(), http.MethodPost, target, &out); err != nil {
		return err
	}
	if a.json() {
		return a.print(out)
	}
	of := "all accounts"
	if out.Account != "" {
		of = "account " + out.Account
	}
	a.say("Reset of %s in %.1f ms", of, out.Milliseconds)
	return nil
}

type iamCmd struct {
	Why whyCmd `cmd:"" help:"Explain why a request was refused, and what would allow it."`
}

type whyCmd struct {
	Globals

	Request string `arg:"" name:"request-id" help:"The id that came with the refusal (x-amzn-RequestId; the AWS CLI shows it with --debug)."`
}

// Help teaches.
func (*whyCmd) Help() string {
	return `Shows which policy decided, and ends with the statement that would allow the request. Needs the right
cloudtrail:LookupEvents.

  virga iam why 7c1ff4a2-6b1e-4d0c-9a55-2c1b7b6f0e11`
}

// Run explains a refusal.
func (c *whyCmd) Run(a *App) error {
	var out struct {
		RequestID string `json:"requestId"`
		Time      string `json:"time"`
		Service   string `json:"service"`
		Operation string `json:"operation"`
		Region    string `json:"region"`
		Principal string `json:"principal"`
		Error     string `json:"error"`
		Decision  *struct {
			Principal  string `json:"principal"`
			Action     string `json:"action"`
			Resource   string `json:"resource"`
			Verdict    string `json:"verdict"`
			By         string `json:"by"`
			Policy     string `json:"policy,omitempty"`
			Sid        string `json:"sid,omitempty"`
			Statement  int    `json:"statement"`
			Reason     string `json:"reason"`
			WouldAllow string `json:"wouldAllow,omitempty"`
			Into       string `json:"into,omitempty"`
		} `json:"decision,omitempty"`
	}
	if err := a.clients().own(context.Background(), http.MethodGet, "/_virga/why?request="+url.QueryEscape(c.Request), &out); err != nil {
		return err
	}
	if a.json() {
		return a.print(out)
	}
	a.say("%s  %s:%s by %s", out.Time, out.Service, out.Operation, out.Principal)
	d := out.Decision
	if d == nil {
		if out.Error == "" {
			a.say("It was allowed.")
		} else {
			a.say("It was not refused for want of rights: it failed with %s.", out.Error)
		}
		return nil
	}
	a.say("%s may not %s on %s:", d.Principal, d.Action, d.Resource)
	a.say("%s", d.Reason)
	if d.Policy != "" {
		at := ""
		if d.Statement >= 0 {
			at = fmt.Sprintf(", statement %d", d.Statement+1)
		}
		if d.Sid != "" {
			at += " (" + d.Sid + ")"
		}
		a.say("decided by %s%s", d.Policy, at)
	}
	if d.WouldAllow == "" {
		a.say("No statement allows it: the Deny must go.")
		return nil
	}
	a.say("This statement in the %s would allow it:\n%s", d.Into, d.WouldAllow)
	return nil
}
