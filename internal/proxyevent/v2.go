package proxyevent

import "strings"

// V2 makes the event of payload format 2.0: HTTP APIs and function URLs.
func V2(r *Request) []byte {
	w := &builder{make([]byte, 0, 2048+len(r.Body)*4/3)}
	w.raw("{")
	w.member("version", "2.0")
	w.member("routeKey", r.RouteKey)
	w.member("rawPath", r.eventPath())
	w.member("rawQueryString", r.RawQuery)
	if c := r.Header["Cookie"]; len(c) > 0 {
		w.key("cookies")
		w.raw("[")
		first := true
		for _, line := range c {
			for _, one := range strings.Split(line, ";") {
				if one = strings.TrimSpace(one); one != "" {
					if !first {
						w.raw(",")
					}
					first = false
					w.str(one)
				}
			}
		}
		w.raw("]")
	}
	w.key("headers")
	w.raw("{")
	f := r.forwarded()
	all := append(make([]Param, 0, len(r.Header)+4), Param{"host", r.Host})
	for k, v := range r.Header {
		if hop(k) || k == "Cookie" || strings.HasPrefix(k, "X-Forwarded-") && (k == "X-Forwarded-For" || k == "X-Forwarded-Port" || k == "X-Forwarded-Proto") {
			continue
		}
		all = append(all, Param{strings.ToLower(k), strings.Join(v, ",")})
	}
	for _, p := range f {
		all = append(all, Param{strings.ToLower(p.Name), p.Value})
	}
	sortParams(all)
	for _, p := range all {
		w.member(p.Name, p.Value)
	}
	w.raw("}")
	if q := query(r.RawQuery); len(q) > 0 {
		w.key("queryStringParameters")
		w.raw("{")
		for i, p := range q {
			if seen(q[:i], p.name) {
				continue
			}
			v := p.value
			for _, o := range q[i+1:] {
				if o.name == p.name {
					v += "," + o.value
				}
			}
			w.member(p.name, v)
		}
		w.raw("}")
	}
	w.key("requestContext")
	w.raw("{")
	w.member("accountId", r.AccountID)
	w.member("apiId", r.APIID)
	if r.Authorizer != nil {
		w.key("authorizer")
		w.b = append(w.b, r.Authorizer...)
	} else if id := r.Identity; id != nil {
		w.key("authorizer")
		w.raw(`{"iam":{`)
		w.orNull("accessKey", id.AccessKey)
		w.orNull("accountId", id.Account)
		w.orNull("callerId", id.Caller)
		w.raw(`,"cognitoIdentity":null,"principalOrgId":null`)
		w.orNull("userArn", id.UserARN)
		w.orNull("userId", id.User)
		w.raw("}}")
	}
	w.member("domainName", r.Domain)
	w.member("domainPrefix", r.DomainPrefix)
	w.key("http")
	w.raw("{")
	w.member("method", r.Method)
	w.member("path", r.eventPath())
	w.member("protocol", r.Protocol)
	w.member("sourceIp", r.SourceIP)
	w.member("userAgent", r.Header.Get("User-Agent"))
	w.raw("}")
	w.member("requestId", r.RequestID)
	w.member("routeKey", r.RouteKey)
	w.member("stage", r.Stage)
	w.member("time", clock(r.Time))
	w.int("timeEpoch", r.Time.UnixMilli())
	w.raw("}")
	if len(r.Params) > 0 {
		w.params("pathParameters", r.Params)
	}
	if len(r.Body) > 0 {
		w.body(r)
	}
	if !r.Bare {
		w.key("isBase64Encoded")
		if r.Base64 && len(r.Body) > 0 {
			w.raw("true")
		} else {
			w.raw("false")
		}
	}
	if len(r.Variables) > 0 {
		w.vars("stageVariables", r.Variables)
	}
	w.raw("}")
	return w.b
}

// eventPath is the path as HTTP APIs show it: with the stage, unless it is $default.
func (r *Request) eventPath() string {
	if r.Stage == "" || r.Stage == "$default" {
		return r.RawPath
	}
	return "/" + r.Stage + r.RawPath
}

func seen(q []pair, name string) bool {
	for _, p := range q {
		if p.name == name {
			return true
		}
	}
	return false
}

func sortParams(p []Param) {
	for i := 1; i < len(p); i++ { // few and nearly sorted
		for j := i; j > 0 && p[j].Name < p[j-1].Name; j-- {
			p[j], p[j-1] = p[j-1], p[j]
		}
	}
}
