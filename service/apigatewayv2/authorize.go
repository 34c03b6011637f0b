package apigatewayv2

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"virga/internal/execute"
	"virga/internal/policy"
	"virga/internal/proxyevent"
)

const authorizerTimeout = 10 * time.Second // Developer Guide, Lambda authorizers for HTTP APIs

// checker is an authorizer of a stage.
type checker struct {
	authorizer
	function string
	cache    execute.Cache[*verdict]
}

// verdict is what an authorizer answered.
type verdict struct {
	simple  bool
	allowed bool             // of a simple answer
	policy  *policy.Compiled // of an IAM one
	context json.RawMessage
	who     string // principalId
}

const unknownContext = "\x00"

// contextValue gives a $context variable as an identity source; ev nil asks whether there is one of that name.
func contextValue(name string, ev *proxyevent.Request) string {
	e := ev
	if e == nil {
		e = &proxyevent.Request{}
	}
	switch name {
	case "routeKey":
		return e.RouteKey
	case "httpMethod":
		return e.Method
	case "path":
		return e.RawPath
	case "stage":
		return e.Stage
	case "apiId":
		return e.APIID
	case "accountId":
		return e.AccountID
	case "domainName":
		return e.Domain
	case "identity.sourceIp":
		return e.SourceIP
	case "identity.userAgent":
		return e.Header.Get("User-Agent")
	}
	return unknownContext
}

// identity reads the identity sources; ok is false where one is missing.
func (k *checker) identity(ev *proxyevent.Request) (values []string, ok bool) {
	for _, src := range k.IdentitySource {
		v := ""
		if n, is := strings.CutPrefix(src, "$request.header."); is {
			v = strings.Join(ev.Header.Values(n), ",")
		} else if n, is := strings.CutPrefix(src, "$request.querystring."); is {
			v = strings.Join(proxyevent.QueryValues(ev.RawQuery, n), ",")
		} else if n, is := strings.CutPrefix(src, "$stageVariables."); is {
			v = ev.Variables[n]
		} else if n, is := strings.CutPrefix(src, "$context."); is {
			v = contextValue(n, ev)
		}
		if v == "" {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// custom asks the Lambda authorizer of a route. It gives nil where the request may go on; ev then carries what the
// authorizer said.
func (c *compiled) custom(ctx context.Context, r *execute.Request, t *target, ev *proxyevent.Request, st *served, path string) *execute.Response {
	k := t.auth
	if k == nil || k.function == "" {
		return failed("AuthorizerConfiguration")
	}
	values, ok := k.identity(ev)
	if !ok {
		return reply(401, "Unauthorized", "UnauthorizedException")
	}
	arn := execute.InvokeARN(c.owner.Account, c.owner.Region, c.api.ApiId, st.stage.StageName, ev.Method, path)
	key := strings.Join(values, "\x00")
	v, hit := k.cache.Get(key, ev.Time)
	if !hit {
		var out *execute.Response
		if v, out = c.ask(ctx, k, ev, values, arn); out != nil {
			return out
		}
		if k.AuthorizerResultTtlInSeconds > 0 {
			k.cache.Put(key, v, ev.Time.Add(time.Duration(k.AuthorizerResultTtlInSeconds)*time.Second))
		}
	}
	allowed := v.allowed
	if !v.simple {
		allowed = execute.Allows(v.policy, v.who, r, arn)
	}
	if !allowed {
		return reply(403, "Forbidden", "AccessDeniedException")
	}
	ev.Authorizer = v.show(t.ig != nil && t.ig.PayloadFormatVersion == "2.0")
	return nil
}

// show gives requestContext.authorizer of an event.
func (v *verdict) show(two bool) []byte {
	ctx := v.context
	if len(ctx) == 0 || string(ctx) == "null" {
		ctx = json.RawMessage("{}")
	}
	if two {
		return append(append([]byte(`{"lambda":`), ctx...), '}')
	}
	if v.who == "" {
		return ctx
	}
	b := []byte(`{"principalId":` + quote(v.who))
	if inner := bytes.TrimSpace(ctx[1 : len(ctx)-1]); len(inner) > 0 {
		b = append(append(b, ','), inner...)
	}
	return append(b, '}')
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return strconv.Quote(s)
	}
	return string(b)
}

func (c *compiled) ask(ctx context.Context, k *checker, ev *proxyevent.Request, values []string, arn string) (*verdict, *execute.Response) {
	list, err := json.Marshal(append([]string{}, values...))
	if err != nil {
		return nil, failed("AuthorizerConfiguration")
	}
	bare := *ev
	bare.Body, bare.Base64, bare.Bare = nil, false, true
	var payload []byte
	if k.AuthorizerPayloadFormatVersion == "2.0" {
		payload = append([]byte(`{"version":"2.0","type":"REQUEST","routeArn":`+quote(arn)+`,"identitySource":`+string(list)+`,`), bytes.TrimPrefix(proxyevent.V2(&bare), []byte(`{"version":"2.0",`))...)
	} else {
		one := quote(strings.Join(values, ","))
		payload = append([]byte(`{"version":"1.0","type":"REQUEST","methodArn":`+quote(arn)+`,"identitySource":`+one+`,"authorizationToken":`+one+`,`), bytes.TrimPrefix(proxyevent.V1(&bare), []byte(`{"version":"1.0",`))...)
	}
	source := "arn:aws:execute-api:" + c.owner.Region + ":" + c.owner.Account + ":" + c.api.ApiId + "/authorizers/" + k.AuthorizerId
	answer, out := c.function(ctx, k.function, k.AuthorizerCredentialsArn, payload, source, authorizerTimeout)
	if out != nil {
		if out.Code == "FunctionError" && execute.Unauthorized(answer) {
			return nil, reply(401, "Unauthorized", "UnauthorizedException")
		}
		return nil, failed("AuthorizerFailure")
	}
	var in struct {
		IsAuthorized   *bool           `json:"isAuthorized"`
		PrincipalID    string          `json:"principalId"`
		PolicyDocument json.RawMessage `json:"policyDocument"`
		Context        json.RawMessage `json:"context"`
	}
	if err := json.Unmarshal(answer, &in); err != nil {
		return nil, failed("AuthorizerAnswer")
	}
	if len(in.Context) > 0 && string(in.Context) != "null" && in.Context[0] != '{' {
		return nil, failed("AuthorizerAnswer")
	}
	if k.EnableSimpleResponses {
		if in.IsAuthorized == nil {
			return nil, failed("AuthorizerAnswer")
		}
		return &verdict{simple: true, allowed: *in.IsAuthorized, context: in.Context}, nil
	}
	p, err := execute.ParsePolicy(in.PolicyDocument)
	if err != nil {
		return nil, failed("AuthorizerAnswer")
	}
	return &verdict{policy: p, context: in.Context, who: in.PrincipalID}, nil
}
