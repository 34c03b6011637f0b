package apigateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"virga/internal/execute"
	"virga/internal/proxyevent"
)

// errorTypes are what x-amzn-ErrorType says of a gateway response.
var errorTypes = map[string]string{
	"ACCESS_DENIED": "AccessDeniedException", "API_CONFIGURATION_ERROR": "InternalServerErrorException", "AUTHORIZER_CONFIGURATION_ERROR": "AuthorizerConfigurationException", "AUTHORIZER_FAILURE": "AuthorizerFailureException",
	"BAD_REQUEST_BODY": "BadRequestException", "BAD_REQUEST_PARAMETERS": "BadRequestException", "EXPIRED_TOKEN": "ExpiredTokenException", "INTEGRATION_FAILURE": "InternalServerErrorException",
	"INTEGRATION_TIMEOUT": "InternalServerErrorException", "INVALID_SIGNATURE": "InvalidSignatureException", "MISSING_AUTHENTICATION_TOKEN": "MissingAuthenticationTokenException", "QUOTA_EXCEEDED": "LimitExceededException",
	"REQUEST_TOO_LARGE": "RequestTooLargeException", "RESOURCE_NOT_FOUND": "NotFoundException", "THROTTLED": "TooManyRequestsException", "UNAUTHORIZED": "UnauthorizedException", "UNSUPPORTED_MEDIA_TYPE": "BadRequestException",
}

// refuse makes a gateway response: as the API's deployment says, else the standard one. text "" shows null.
func (x *exchange) refuse(kind, text string) *execute.Response {
	g, _ := resolved(x.st.responses, kind)
	out := &execute.Response{Header: http.Header{"Content-Type": {"application/json"}, "x-amzn-ErrorType": {errorTypes[kind]}}, Code: errorTypes[kind]}
	if out.Code == "" {
		out.Code = kind
	}
	out.Status, _ = strconv.Atoi(g.StatusCode)
	if out.Status < 200 || out.Status > 599 {
		out.Status = 500
	}
	values := x.values(kind, text)
	t, ok := g.ResponseTemplates["application/json"]
	if !ok {
		for _, ct := range sortedKeys(g.ResponseTemplates) {
			t = g.ResponseTemplates[ct]
			out.Header["Content-Type"] = []string{ct}
			break
		}
	}
	switch quoted := values("context.error.messageString"); {
	case t != standardTemplate:
		out.Body = []byte(reference.ReplaceAllStringFunc(t, func(m string) string { return values(referenceName(m)) }))
	case kind == "ACCESS_DENIED":
		out.Body = []byte(`{"Message":` + quoted + `}`)
	case text == internal || kind == "INTEGRATION_TIMEOUT":
		out.Body = []byte(`{"message": ` + quoted + `}`)
	default:
		out.Body = []byte(`{"message":` + quoted + `}`)
	}
	for k, v := range g.ResponseParameters {
		name := strings.TrimPrefix(k, "gatewayresponse.header.")
		s, ok := literal(v)
		if !ok {
			s = values(v)
		}
		if s != "" && !proxyevent.BadHeader(name, s) {
			out.Header[http.CanonicalHeaderKey(name)] = []string{s}
		}
	}
	return out
}

// values gives the variables of a gateway response.
func (x *exchange) values(kind, text string) func(name string) string {
	return func(name string) string {
		switch name {
		case "context.error.message", "context.error.validationErrorString":
			return text
		case "context.error.messageString":
			if text == "" {
				return "null"
			}
			b, err := json.Marshal(text)
			if err != nil {
				return "null"
			}
			return string(b)
		case "context.error.responseType":
			return kind
		case "context.requestId":
			return x.r.ID
		case "context.extendedRequestId":
			return proxyevent.ExtendedID(x.r.ID)
		case "context.stage":
			return x.ev.Stage
		case "context.resourcePath":
			return x.ev.Resource
		case "context.resourceId":
			return x.ev.ResourceID
		case "context.httpMethod":
			return x.ev.Method
		case "context.path":
			return "/" + x.ev.Stage + x.ev.RawPath
		case "context.apiId":
			return x.ev.APIID
		case "context.accountId":
			return x.ev.AccountID
		case "context.protocol":
			return x.ev.Protocol
		case "context.domainName":
			return x.ev.Domain
		case "context.identity.sourceIp":
			return x.ev.SourceIP
		case "context.identity.userAgent":
			return x.ev.Header.Get("User-Agent")
		case "context.requestTimeEpoch":
			return strconv.FormatInt(x.r.Now.UnixMilli(), 10)
		}
		if n, ok := strings.CutPrefix(name, "stageVariables."); ok {
			return x.ev.Variables[n]
		}
		if n, ok := strings.CutPrefix(name, "method.request.header."); ok {
			return x.ev.Header.Get(n)
		}
		if n, ok := strings.CutPrefix(name, "method.request.querystring."); ok {
			if v := proxyevent.QueryValues(x.ev.RawQuery, n); len(v) > 0 {
				return v[0]
			}
		}
		if n, ok := strings.CutPrefix(name, "method.request.path."); ok {
			for _, p := range x.ev.Params {
				if p.Name == n {
					return p.Value
				}
			}
		}
		return ""
	}
}
