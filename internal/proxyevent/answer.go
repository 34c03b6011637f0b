package proxyevent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// ErrMalformed is returned for an answer that is none of a proxy integration.
var ErrMalformed = errors.New("Malformed Lambda proxy response")

// Answer is what a function answered, read.
type Answer struct {
	Status int
	Header http.Header // names as the function spelt them
	Body   []byte
	Base64 bool // the body came in base 64; Body is decoded already unless KeepBase64 was asked for
}

type answer struct {
	StatusCode        json.RawMessage            `json:"statusCode"`
	Headers           map[string]json.RawMessage `json:"headers"`
	MultiValueHeaders map[string]json.RawMessage `json:"multiValueHeaders"`
	Cookies           []string                   `json:"cookies"`
	Body              json.RawMessage            `json:"body"`
	IsBase64Encoded   bool                       `json:"isBase64Encoded"`
}

// ReadREST reads the answer to a REST event: an object of the five known members, none of which must be there.
// The body of an answer in base 64 stays as it is unless decode is set: whether it does is the API's binary media types' matter.
func ReadREST(payload []byte, decode bool) (*Answer, error) {
	var known map[string]json.RawMessage
	if err := json.Unmarshal(payload, &known); err != nil || len(known) == 0 {
		return nil, ErrMalformed
	}
	for k := range known {
		switch k {
		case "statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded":
		default:
			return nil, ErrMalformed
		}
	}
	return read(payload, decode, 200)
}

// ReadV1 reads the answer to an event of format 1.0.
func ReadV1(payload []byte) (*Answer, error) { return read(payload, true, 0) }

// ReadV2 reads the answer to an event of format 2.0: without a statusCode the whole answer is the body.
func ReadV2(payload []byte) (*Answer, error) {
	p := bytes.TrimSpace(payload)
	if len(p) > 0 && p[0] == '{' {
		var has struct {
			StatusCode json.RawMessage `json:"statusCode"`
		}
		if err := json.Unmarshal(p, &has); err != nil {
			return nil, ErrMalformed
		}
		if has.StatusCode != nil {
			a, err := read(payload, true, 0)
			if err != nil {
				return nil, err
			}
			if a.Header.Get("Content-Type") == "" && !hasFold(a.Header, "content-type") {
				a.Header["Content-Type"] = []string{"text/plain;charset=UTF-8"}
			}
			return a, nil
		}
	}
	a := &Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: p}
	if len(p) > 0 && p[0] == '"' {
		var s string
		if err := json.Unmarshal(p, &s); err != nil {
			return nil, ErrMalformed
		}
		a.Body = []byte(s)
	}
	return a, nil
}

func hasFold(h http.Header, name string) bool {
	for k := range h {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

func read(payload []byte, decode bool, status int) (*Answer, error) {
	var in answer
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	a := &Answer{Status: status, Header: http.Header{}}
	if s := scalar(in.StatusCode); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 100 || n > 599 {
			return nil, ErrMalformed
		}
		a.Status = n
	}
	if a.Status < 200 { // nothing, or an informational status that would leave the client waiting
		return nil, ErrMalformed
	}
	for k, v := range in.MultiValueHeaders {
		var list []json.RawMessage
		if string(v) == "null" {
			continue
		}
		if err := json.Unmarshal(v, &list); err != nil {
			return nil, ErrMalformed
		}
		for _, x := range list {
			s, ok := text(x)
			if !ok {
				return nil, ErrMalformed
			}
			a.Header[k] = append(a.Header[k], s)
		}
	}
	for k, v := range in.Headers {
		s, ok := text(v)
		if !ok {
			return nil, ErrMalformed
		}
		to := k
		for have := range a.Header {
			if strings.EqualFold(have, k) {
				to = have
			}
		}
		if !contains(a.Header[to], s) {
			a.Header[to] = append(a.Header[to], s)
		}
	}
	for _, c := range in.Cookies {
		a.Header["Set-Cookie"] = append(a.Header["Set-Cookie"], c)
	}
	if len(in.Body) > 0 && string(in.Body) != "null" {
		var s string
		if err := json.Unmarshal(in.Body, &s); err != nil {
			return nil, ErrMalformed
		}
		a.Body = []byte(s)
	}
	if in.IsBase64Encoded {
		a.Base64 = true
		if decode {
			b, err := base64.StdEncoding.DecodeString(string(a.Body))
			if err != nil {
				return nil, ErrMalformed
			}
			a.Body = b
		}
	}
	return a, nil
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// text reads a header's value: a string, a number, a truth value.
func text(v json.RawMessage) (string, bool) {
	if len(v) == 0 {
		return "", true
	}
	switch v[0] {
	case '{', '[':
		return "", false
	case 'n':
		return "", true
	}
	return scalar(v), true
}

func scalar(v json.RawMessage) string {
	if len(v) == 0 || string(v) == "null" {
		return ""
	}
	if v[0] == '"' {
		var s string
		if json.Unmarshal(v, &s) != nil {
			return ""
		}
		return s
	}
	return string(v)
}

// BadHeader tells whether a function's header must not reach the wire: a name that is no token, a line break in the
// value, or a header that belongs to one connection alone.
func BadHeader(name, value string) bool {
	if name == "" {
		return true
	}
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return true
		}
	}
	for i := range len(value) {
		if c := value[i]; c == '\r' || c == '\n' || c == 0 {
			return true
		}
	}
	switch strings.ToLower(name) {
	case "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection", "keep-alive", "proxy-authenticate":
		return true
	}
	return false
}

// Remapped tells whether a REST API renames a function's header to x-amzn-Remapped-<name>.
func Remapped(name string) bool {
	switch strings.ToLower(name) {
	case "authorization", "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards", "server", "user-agent", "via", "www-authenticate":
		return true
	}
	return false
}

// Dropped tells whether an HTTP API takes a function's header away, for it says it itself.
func Dropped(name string) bool {
	switch strings.ToLower(name) {
	case "connection", "content-length", "date":
		return true
	}
	return false
}
