package apigateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/env"
	"virga/internal/execute"
	"virga/internal/proxyevent"
	"virga/internal/store"
	"virga/internal/wire"
)

// TestInvokeMethod implements the operation: one method as it is now, without a deployment and without authorization.
func (s *Service) TestInvokeMethod(ctx context.Context, in *restapi.TestInvokeMethodInput) (*restapi.TestInvokeMethodOutput, error) {
	if in.ClientCertificateId != nil && *in.ClientCertificateId != "" {
		return nil, wire.Unsupported("TestInvokeMethod: ClientCertificateId")
	}
	c := wire.CallOf(ctx)
	var comp *compiled
	var st *served
	var res *apiResource
	began := s.cfg.Env.Now()
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, a *restAPI) error {
		var err error
		if res, _, err = part[apiResource](r, sc, kindResource, "Resource", in.ResourceId); err != nil {
			return err
		}
		comp = &compiled{s: s, api: a, owner: owner{sc.account, sc.region}}
		st = comp.compile(stage{StageName: "test-invoke-stage", Variables: in.StageVariables}, snapshot(r, sc, a, "", began))
		return nil
	})
	if err != nil {
		return nil, err
	}
	verb := in.HttpMethod
	m, ok := res.Methods[verb]
	if !ok {
		if m, ok = res.Methods["ANY"]; !ok {
			return nil, missing("Invalid Method identifier specified")
		}
	}
	path, query, _ := strings.Cut(wire.Or(in.PathWithQueryString, res.Path), "?")
	if path == "" {
		path = res.Path
	}
	h := http.Header{}
	for k, v := range in.Headers {
		h.Set(k, v)
	}
	for k, vs := range in.MultiValueHeaders {
		h[http.CanonicalHeaderKey(k)] = vs
	}
	id := env.NewID(s.cfg.Env)
	host := in.RestApiId + ".execute-api." + c.Region + ".amazonaws.com"
	r := &execute.Request{Target: execute.Target{API: in.RestApiId, Path: path, Domain: "testPrefix.testDomainName"}, HTTP: &http.Request{Method: verb, Proto: "HTTP/1.1", Host: host, Header: h, URL: &url.URL{Path: path}},
		Method: verb, RawQuery: query, Body: []byte(wire.V(in.Body)), ID: id, SourceIP: "test-invoke-source-ip", Port: "443", Scheme: "https", Call: c, Now: began}
	x := &exchange{c: comp, st: st, r: r, path: path, noAuth: true}
	n, params := st.root.find(strings.Trim(path, "/"), nil)
	if n == nil || n.res.Id != res.Id {
		params = nil
	}
	x.t = &target{method: m, res: res}
	if f, _ := st.root.find(strings.Trim(res.Path, "/"), nil); f != nil && f.res.Id == res.Id {
		if t := f.verbs[m.HttpMethod]; t != nil {
			x.t = t
		}
	}
	x.ev = &proxyevent.Request{Method: verb, Protocol: "HTTP/1.1", Host: host, Header: h, RawPath: path, RawQuery: query, Body: r.Body, SourceIP: r.SourceIP, Port: r.Port, Scheme: r.Scheme,
		AccountID: c.Account, APIID: in.RestApiId, Domain: r.Domain, DomainPrefix: "testPrefix", Stage: st.stage.StageName, RequestID: id, Time: began, Resource: res.Path, ResourceID: res.Id, Params: params, Variables: in.StageVariables}
	out := x.method(ctx)
	took := s.cfg.Env.Now().Sub(began).Milliseconds()
	answer := &restapi.TestInvokeMethodOutput{Status: wire.P(int32(out.Status)), Body: wire.P(string(out.Body)), Headers: map[string]string{}, MultiValueHeaders: map[string][]string{}, Latency: &took}
	for k, vs := range out.Header {
		answer.Headers[k], answer.MultiValueHeaders[k] = vs[len(vs)-1], vs
	}
	stamp := began.UTC().Format("Mon Jan 02 15:04:05 UTC 2006") + " : "
	lines := []string{"Execution log for request " + id, stamp + "Starting execution for request: " + id, stamp + "HTTP Method: " + verb + ", Resource Path: " + path,
		stamp + "Method request body before transformations: " + wire.V(in.Body), stamp + "Method response body after transformations: " + string(out.Body)}
	if out.Code == "" {
		lines = append(lines, stamp+"Successfully completed execution")
	} else {
		lines = append(lines, stamp+"Execution failed: "+out.Code)
	}
	lines = append(lines, stamp+"Method completed with status: "+http.StatusText(out.Status), "")
	answer.Log = wire.P(strings.Join(lines, "\n"))
	return answer, nil
}
