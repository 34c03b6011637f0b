package proxyevent

import "strings"

// REST makes the event of a REST API's Lambda proxy integration.
func REST(r *Request) []byte {
	w := &builder{make([]byte, 0, 3072+len(r.Body)*4/3)}
	w.raw("{")
	w.member("resource", r.Resource)
	w.member("path", r.RawPath)
	w.member("httpMethod", r.Method)
	r.common(w)
	w.key("requestContext")
	w.raw("{")
	w.member("resourceId", r.ResourceID)
	if r.Authorizer != nil {
		w.key("authorizer")
		w.b = append(w.b, r.Authorizer...)
	}
	w.member("resourcePath", r.Resource)
	w.member("httpMethod", r.Method)
	w.member("extendedRequestId", ExtendedID(r.RequestID))
	w.member("requestTime", clock(r.Time))
	w.member("path", "/"+r.Stage+r.RawPath)
	w.member("accountId", r.AccountID)
	w.member("protocol", r.Protocol)
	w.member("stage", r.Stage)
	w.member("domainPrefix", r.DomainPrefix)
	w.int("requestTimeEpoch", r.Time.UnixMilli())
	w.member("requestId", r.RequestID)
	r.identity(w)
	w.member("domainName", r.Domain)
	w.member("deploymentId", r.DeploymentID)
	w.member("apiId", r.APIID)
	w.raw("}")
	r.end(w)
	return w.b
}

// V1 makes the event of payload format 1.0 of an HTTP API.
func V1(r *Request) []byte {
	w := &builder{make([]byte, 0, 3072+len(r.Body)*4/3)}
	w.raw("{")
	resource := r.RouteKey
	if _, p, ok := strings.Cut(resource, " "); ok {
		resource = p
	}
	w.member("version", "1.0")
	w.member("resource", resource)
	w.member("path", r.eventPath())
	w.member("httpMethod", r.Method)
	r.common(w)
	w.key("requestContext")
	w.raw("{")
	w.member("accountId", r.AccountID)
	w.member("apiId", r.APIID)
	if r.Authorizer != nil {
		w.key("authorizer")
		w.b = append(w.b, r.Authorizer...)
	}
	w.member("domainName", r.Domain)
	w.member("domainPrefix", r.DomainPrefix)
	w.member("extendedRequestId", ExtendedID(r.RequestID))
	w.member("httpMethod", r.Method)
	r.identity(w)
	w.member("path", r.eventPath())
	w.member("protocol", r.Protocol)
	w.member("requestId", r.RequestID)
	w.member("requestTime", clock(r.Time))
	w.int("requestTimeEpoch", r.Time.UnixMilli())
	w.member("resourceId", r.RouteKey)
	w.member("resourcePath", resource)
	w.member("stage", r.Stage)
	w.raw("}")
	r.end(w)
	return w.b
}

// ExtendedID makes the extended request id that goes with a request id.
func ExtendedID(id string) string {
	s := strings.ReplaceAll(id, "-", "")
	if len(s) > 15 {
		s = s[:15]
	}
	return s + "="
}

func (r *Request) identity(w *builder) {
	id := r.Identity
	if id == nil {
		id = &Identity{}
	}
	w.key("identity")
	w.raw(`{"cognitoIdentityPoolId":null`)
	w.orNull("accountId", id.Account)
	w.raw(`,"cognitoIdentityId":null`)
	w.orNull("caller", id.Caller)
	w.member("sourceIp", r.SourceIP)
	w.raw(`,"principalOrgId":null`)
	w.orNull("accessKey", id.AccessKey)
	w.raw(`,"cognitoAuthenticationType":null,"cognitoAuthenticationProvider":null`)
	w.orNull("userArn", id.UserARN)
	w.orNull("userAgent", r.Header.Get("User-Agent"))
	w.orNull("user", id.User)
	w.raw("}")
}

// common writes headers and query, single and with all values.
func (r *Request) common(w *builder) {
	f := r.forwarded()
	all := make([]string, 0, len(r.Header)+4)
	all = append(all, "Host", f[0].Name, f[1].Name, f[2].Name)
	for k := range r.Header {
		if !hop(k) && k != f[0].Name && k != f[1].Name && k != f[2].Name {
			all = append(all, k)
		}
	}
	for i := 1; i < len(all); i++ {
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	values := func(k string) []string {
		switch k {
		case "Host":
			return []string{r.Host}
		case f[0].Name:
			return []string{f[0].Value}
		case f[1].Name:
			return []string{f[1].Value}
		case f[2].Name:
			return []string{f[2].Value}
		}
		return r.Header[k]
	}
	w.key("headers")
	w.raw("{")
	for _, k := range all {
		if v := values(k); len(v) > 0 {
			w.member(k, v[len(v)-1])
		}
	}
	w.raw("}")
	w.key("multiValueHeaders")
	w.raw("{")
	for _, k := range all {
		w.key(k)
		w.list(values(k))
	}
	w.raw("}")
	q := query(r.RawQuery)
	if len(q) == 0 {
		w.raw(`,"queryStringParameters":null,"multiValueQueryStringParameters":null`)
		return
	}
	m := map[string][]string{}
	for _, p := range q {
		m[p.name] = append(m[p.name], p.value)
	}
	keys := names(m)
	w.key("queryStringParameters")
	w.raw("{")
	for _, k := range keys {
		w.member(k, m[k][len(m[k])-1])
	}
	w.raw("}")
	w.key("multiValueQueryStringParameters")
	w.raw("{")
	for _, k := range keys {
		w.key(k)
		w.list(m[k])
	}
	w.raw("}")
}

// end writes path parameters, stage variables and the body.
func (r *Request) end(w *builder) {
	if len(r.Params) > 0 {
		w.params("pathParameters", r.Params)
	} else {
		w.raw(`,"pathParameters":null`)
	}
	if len(r.Variables) > 0 {
		w.vars("stageVariables", r.Variables)
	} else {
		w.raw(`,"stageVariables":null`)
	}
	if r.Bare {
		w.raw("}")
		return
	}
	if len(r.Body) > 0 {
		w.body(r)
	} else {
		w.raw(`,"body":null`)
	}
	if r.Base64 && len(r.Body) > 0 {
		w.raw(`,"isBase64Encoded":true}`)
	} else {
		w.raw(`,"isBase64Encoded":false}`)
	}
}
