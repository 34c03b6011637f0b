package asl

import (
	"regexp"
	"strings"

	"virga/internal/jsonpath"
)

// Pattern is how a task waits for its result.
type Pattern string

// The patterns of tasks.
const (
	RequestResponse Pattern = ""
	Sync            Pattern = ".sync"
	WaitForToken    Pattern = ".waitForTaskToken"
)

// resource is what a task calls.
type resource struct {
	arn     string
	service string // of an integration: lambda, aws-sdk:s3; "" for a function or an activity
	action  string // with the pattern, as history shows it
	pattern Pattern
	kind    string // Task, LambdaFunction, Activity: how history names its events
}

var (
	arnForm      = regexp.MustCompile(`^arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$`)
	functionForm = regexp.MustCompile(`^function:[A-Za-z0-9_-]+(:(\$LATEST|[A-Za-z0-9_-]+))?$`)
	placeholder  = regexp.MustCompile(`\$\{[^{}]+\}`)
)

// parseResource reads a task's Resource.
func parseResource(arn string) (*resource, bool) {
	if !arnForm.MatchString(arn) {
		return nil, false
	}
	parts := strings.SplitN(arn, ":", 6)
	r := &resource{arn: arn, kind: "Task"}
	rest := parts[5]
	switch {
	case parts[2] == "lambda":
		r.kind = "LambdaFunction"
		return r, functionForm.MatchString(rest)
	case parts[2] == "states" && strings.HasPrefix(rest, "activity:"):
		r.kind = "Activity"
		return r, len(rest) > len("activity:")
	case parts[2] == "states" && parts[3] == "" && parts[4] == "":
		prefix := ""
		if sdk, ok := strings.CutPrefix(rest, "aws-sdk:"); ok {
			prefix, rest = "aws-sdk:", sdk
		}
		service, action, ok := strings.Cut(rest, ":")
		if !ok || service == "" || action == "" {
			return nil, false
		}
		r.service, r.action = prefix+service, action
		name, suffix, has := strings.Cut(action, ".")
		switch {
		case !has:
		case suffix == "sync" || suffix == "sync:2":
			r.pattern = Sync
		case suffix == "waitForTaskToken":
			r.pattern = WaitForToken
		default:
			return nil, false
		}
		return r, name != ""
	}
	return r, true
}

func (c *checker) taskState(st *state, f *fields) []string {
	allowed := append(c.results(st, f, true), c.arguments(st, f)...)
	c.errors(st, f)
	f.require("Resource")
	st.task = c.resource(f)
	if st.task != nil && c.o.Type == Express {
		switch {
		case st.task.pattern == WaitForToken:
			c.bad(f.at+"/Resource", "Express state machine does not support '.waitForTaskToken' service integration ")
		case st.task.pattern == Sync:
			c.bad(f.at+"/Resource", "Express state machine does not support '.sync' service integration")
		case st.task.kind == "Activity":
			c.bad(f.at+"/Resource", "Express state machine does not support Activity ARN")
		}
	}
	allowed = append(allowed, "Resource", "Retry", "Catch", "TimeoutSeconds", "HeartbeatSeconds", "Credentials")
	if !st.ata {
		allowed = append(allowed, "TimeoutSecondsPath", "HeartbeatSecondsPath")
		f.one(false, "TimeoutSeconds", "TimeoutSecondsPath")
		f.one(false, "HeartbeatSeconds", "HeartbeatSecondsPath")
	}
	st.timeout = f.quantity("TimeoutSeconds", st.ata, 1)
	st.heartbeat = f.quantity("HeartbeatSeconds", st.ata, 1)
	if t, h := st.timeout, st.heartbeat; t != nil && h != nil && t.fixed() && h.fixed() && h.value >= t.value {
		c.bad(f.at+"/HeartbeatSeconds", "HeartbeatSeconds should be smaller than TimeoutSeconds")
	}
	if v, ok := f.o.Get("Credentials"); ok {
		if _, is := v.(*jsonpath.Object); !is {
			f.wrong("Credentials", "Object")
		} else if st.ata {
			st.credentials = f.query("Credentials")
		} else {
			st.credentials = f.payload("Credentials")
		}
	}
	return allowed
}

func (c *checker) resource(f *fields) *resource {
	v, ok := f.o.Get("Resource")
	if !ok {
		return nil
	}
	if o, is := v.(*jsonpath.Object); is && c.o.Placeholders && o.Len() == 1 {
		if name, _ := o.At(0); name == "Ref" || strings.HasPrefix(name, "Fn::") {
			return &resource{kind: "Task"}
		}
	}
	s, ok := f.str("Resource")
	if !ok {
		return nil
	}
	if c.o.Placeholders && placeholder.MatchString(s) {
		return &resource{arn: s, kind: "Task"}
	}
	r, ok := parseResource(s)
	if !ok {
		c.bad(f.at+"/Resource", "Value is not a valid resource ARN")
		return nil
	}
	return r
}
