package runtime

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"virga/internal/sandbox"
)

// Invocation is one event for the function.
type Invocation struct {
	RequestID       string
	Event           []byte        // JSON; at most EventBytesMax
	Timeout         time.Duration // of this invocation, from the call of Invoke on
	FunctionARN     string        // as it was invoked, with its qualifier
	TraceID         string        // X-Ray's trace header; "" for none
	ClientContext   string        // JSON of the mobile SDK's client context; "" for none
	CognitoIdentity string        // JSON of the Cognito identity; "" for none

	// Stream receives a streamed response as it arrives; nil collects it. StreamType, if given, is told the content
	// type before the first byte. Both are called by Invoke alone.
	Stream     io.Writer
	StreamType func(contentType string)
}

// Outcome says what became of an invocation.
type Outcome int

// The outcomes. Everything but Answered and ReceiverGone is a function error as AWS names it ("Unhandled").
const (
	Answered     Outcome = iota + 1 // the function's response
	Failed                          // the function or its runtime reported an error
	InitFailed                      // the initialisation reported an error
	TimedOut                        // the time was up
	Exited                          // the process ended without an answer
	TooLarge                        // the response passed its limit
	ReceiverGone                    // Invocation.Stream took no more
)

var outcomeNames = [...]string{"", "Answered", "Failed", "InitFailed", "TimedOut", "Exited", "TooLarge", "ReceiverGone"}

// String gives the outcome's name.
func (o Outcome) String() string {
	if o < 1 || int(o) >= len(outcomeNames) {
		return "Outcome(" + strconv.Itoa(int(o)) + ")"
	}
	return outcomeNames[o]
}

// Result is the outcome of an invocation.
type Result struct {
	Outcome     Outcome
	Payload     []byte // the response, or the error's JSON as AWS words it; empty when it was streamed
	ContentType string // of a response, as the runtime sent it
	ErrorType   string // "Runtime.ImportModuleError", "Sandbox.Timedout"; "" for a response
	Streamed    bool   // bytes went to Invocation.Stream
	Alive       bool   // the sandbox can take another invocation; else it must be killed
}

// FunctionError is an error as a runtime has reported it.
type FunctionError struct {
	Type    string
	Payload []byte
}

// headerValueMax bounds one header that the server sends; AWS allows 3,583 bytes of client context.
const headerValueMax = 8 << 10

func (v *Invocation) check() error {
	switch {
	case v.RequestID == "":
		return fmt.Errorf("runtime: invocation without a request id")
	case len(v.Event) > EventBytesMax:
		return fmt.Errorf("runtime: event of %d bytes", len(v.Event))
	case v.Timeout <= 0:
		return fmt.Errorf("runtime: invocation without a timeout")
	}
	for _, j := range []*string{&v.ClientContext, &v.CognitoIdentity} {
		if *j == "" {
			continue
		}
		var b bytes.Buffer // white space between tokens, line ends too, goes; inside strings JSON allows none
		if err := json.Compact(&b, []byte(*j)); err != nil {
			return fmt.Errorf("runtime: client context or identity is no JSON: %w", err)
		}
		*j = b.String()
	}
	for _, h := range []string{v.RequestID, v.FunctionARN, v.TraceID, v.ClientContext, v.CognitoIdentity} {
		if len(h) > headerValueMax || !cleanHeader(h) {
			return fmt.Errorf("runtime: a value of the invocation cannot be a header")
		}
	}
	return nil
}

func (f *flight) headers() [][2]string {
	v := &f.inv
	out := [][2]string{
		{"Lambda-Runtime-Aws-Request-Id", v.RequestID},
		{"Lambda-Runtime-Deadline-Ms", strconv.FormatInt(f.deadline.UnixMilli(), 10)},
		{"Lambda-Runtime-Invoked-Function-Arn", v.FunctionARN},
	}
	for _, kv := range [][2]string{{"Lambda-Runtime-Trace-Id", v.TraceID}, {"Lambda-Runtime-Client-Context", v.ClientContext}, {"Lambda-Runtime-Cognito-Identity", v.CognitoIdentity}} {
		if kv[1] != "" {
			out = append(out, kv)
		}
	}
	return out
}

// cleanHeader tells whether a value holds no control character.
func cleanHeader(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// sanitiseMax bounds a value that comes from a function.
const sanitiseMax = 256

// sanitise makes a value that came from a function fit to be a header or a field: printable ASCII, bounded.
func sanitise(s string) string {
	out := make([]byte, 0, min(len(s), sanitiseMax))
	for i := range len(s) {
		if len(out) == sanitiseMax {
			break
		}
		if s[i] >= ' ' && s[i] < 0x7f {
			out = append(out, s[i])
		}
	}
	return string(out)
}

// errorJSON is an error in the platform's own form; the order of its members is AWS's.
func errorJSON(typ, message string) []byte {
	b, err := json.Marshal(struct {
		T string `json:"errorType"`
		M string `json:"errorMessage"`
	}{typ, message})
	if err != nil {
		panic("runtime: error JSON: " + err.Error())
	}
	return b
}

func timedOut(v Invocation) *Result {
	const typ = "Sandbox.Timedout"
	return &Result{Outcome: TimedOut, ErrorType: typ, Payload: errorJSON(typ, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", v.RequestID, v.Timeout.Seconds()))}
}

func tooLarge(limit int64) *Result {
	const typ = "Function.ResponseSizeTooLarge"
	return &Result{Outcome: TooLarge, ErrorType: typ, Alive: true, Payload: errorJSON(typ, fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit))}
}

// exited words the end of a process as AWS does.
func exited(requestID string, e sandbox.Exit) *Result {
	typ, why := "Runtime.ExitError", "Runtime exited without providing a reason"
	switch {
	case e.OOM:
		typ, why = "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"
	case e.Signal != "":
		why = "Runtime exited with error: signal: " + signalText(e.Signal)
	case e.Code != 0:
		why = "Runtime exited with error: exit status " + strconv.Itoa(e.Code)
	}
	return &Result{Outcome: Exited, ErrorType: typ, Payload: errorJSON(typ, "RequestId: "+requestID+" Error: "+why)}
}

// OutOfMemory is the outcome when a process of the sandbox was killed for memory though the runtime lives on.
func OutOfMemory(requestID string) *Result {
	return exited(requestID, sandbox.Exit{OOM: true})
}

// signalText names a signal as the platform's errors do.
func signalText(name string) string {
	switch name {
	case "SIGKILL":
		return "killed"
	case "SIGSEGV":
		return "segmentation fault"
	case "SIGABRT":
		return "aborted"
	case "SIGTERM":
		return "terminated"
	case "SIGBUS":
		return "bus error"
	case "SIGILL":
		return "illegal instruction"
	case "SIGFPE":
		return "floating point exception"
	case "SIGTRAP":
		return "trace/breakpoint trap"
	}
	return name
}

// trailed is the error that a streamed response ends with: its body is base64 of JSON.
func trailed(typ, body string) *Result {
	typ = sanitise(typ)
	b, err := base64.StdEncoding.DecodeString(body)
	if err != nil || !json.Valid(b) || len(b) > ErrorBytesMax {
		b = errorJSON(typ, "")
	}
	return &Result{Outcome: Failed, ErrorType: typ, Payload: b, Alive: true}
}
