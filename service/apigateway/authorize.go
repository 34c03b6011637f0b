package apigateway

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"sort"
	"strings"
	"time"

	"virga/internal/execute"
	"virga/internal/policy"
	"virga/internal/proxyevent"
	"virga/internal/wire"
)

const authorizerTimeout = 29 * time.Second

// checker is an authorizer of a stage.
type checker struct {
	authorizer
	function string
	valid    *regexp.Regexp
	cache    execute.Cache[*verdict]
}

// verdict is what an authorizer answered.
type verdict struct {
	who    string
	policy *policy.Compiled
	shown  []byte // requestContext.authorizer
}

// identity reads the identity sources of a request; ok is false where one is missing.
func (k *checker) identity(ev *proxyevent.Request) (values []string, ok bool) {
	for _, src := range splitSources(k.IdentitySource) {
		v := ""
		if n, is := strings.CutPrefix(src, "method.request.header."); is {
			v = ev.Header.Get(n)
		} else if n, is := strings.CutPrefix(src, "method.request.querystring."); is {
			if q := proxyevent.QueryValues(ev.RawQuery, n); len(q) > 0 {
				v = q[0]
			}
		} else if n, is := strings.CutPrefix(src, "stageVariables."); is {
			v = ev.Variables[n]
		}
		if v == "" {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// custom asks a method's Lambda authorizer. It gives nil where the request may go on.
func (x *exchange) custom(ctx context.Context) *execute.Response {
	k := x.t.auth
	if k == nil || k.function == "" {
		return x.refuse("AUTHORIZER_CONFIGURATION_ERROR", "")
	}
	values, ok := k.identity(x.ev)
	if !ok || k.valid != nil && !k.valid.MatchString(values[0]) {
		return x.refuse("UNAUTHORIZED", "Unauthorized")
	}
	ttl := time.Duration(wire.Or(k.AuthorizerResultTtlInSeconds, ttlDefault)) * time.Second
	key := strings.Join(values, "\x00")
	v, hit := k.cache.Get(key, x.r.Now)
	if !hit || ttl == 0 {
		var out *execute.Response
		if v, out = x.ask(ctx, k, values); out != nil {
			return out
		}
		if ttl > 0 {
			k.cache.Put(key, v, x.r.Now.Add(ttl))
		}
	}
	if !execute.Allows(v.policy, v.who, x.r, x.arn()) {
		return x.refuse("ACCESS_DENIED", "User is not authorized to access this resource")
	}
	x.ev.Authorizer = v.shown
	return nil
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}

func (x *exchange) ask(ctx context.Context, k *checker, values []string) (*verdict, *execute.Response) {
	var payload []byte
	if k.Type == "TOKEN" {
		payload = []byte(`{"type":"TOKEN","methodArn":` + quote(x.arn()) + `,"authorizationToken":` + quote(values[0]) + `}`)
	} else {
		bare := *x.ev
		bare.Body, bare.Base64, bare.Bare = nil, false, true
		payload = append([]byte(`{"type":"REQUEST","methodArn":`+quote(x.arn())+`,`), bytes.TrimPrefix(proxyevent.REST(&bare), []byte("{"))...)
	}
	source := "arn:aws:execute-api:" + x.c.owner.Region + ":" + x.c.owner.Account + ":" + x.c.api.Id + "/authorizers/" + k.Id
	got, out := x.function(ctx, k.function, k.AuthorizerCredentials, payload, source, authorizerTimeout)
	if out != nil {
		return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", "")
	}
	if got.FunctionError != nil {
		if execute.Unauthorized(got.Payload) {
			return nil, x.refuse("UNAUTHORIZED", "Unauthorized")
		}
		return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", "")
	}
	var in struct {
		PrincipalID    string                     `json:"principalId"`
		PolicyDocument json.RawMessage            `json:"policyDocument"`
		Context        map[string]json.RawMessage `json:"context"`
	}
	if err := json.Unmarshal(got.Payload, &in); err != nil || in.PrincipalID == "" {
		return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", "")
	}
	p, err := execute.ParsePolicy(in.PolicyDocument)
	if err != nil {
		return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", "")
	}
	shown := []byte(`{"principalId":` + quote(in.PrincipalID))
	names := make([]string, 0, len(in.Context))
	for n := range in.Context {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		s, ok := contextText(in.Context[n])
		if !ok {
			return nil, x.refuse("AUTHORIZER_CONFIGURATION_ERROR", "") // only text, numbers and truth values
		}
		shown = append(shown, `,`+quote(n)+`:`+s...)
	}
	return &verdict{who: in.PrincipalID, policy: p, shown: append(shown, '}')}, nil
}

// contextText shows a value of an authorizer's context: as text, whatever it was.
func contextText(v json.RawMessage) (string, bool) {
	switch {
	case len(v) == 0 || string(v) == "null":
		return "null", true
	case v[0] == '"':
		return string(v), true
	case v[0] == '{' || v[0] == '[':
		return "", false
	}
	return quote(string(v)), true
}
