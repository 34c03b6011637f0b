package apigateway

import (
	"context"
	"regexp"
	"sort"
	"strings"

	restapi "virga/api/apigateway"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

// standard are the gateway responses with their statuses (Developer Guide, Gateway response types); those of DEFAULT_4XX
// and DEFAULT_5XX have none of their own.
var standard = map[string]string{
	"ACCESS_DENIED": "403", "API_CONFIGURATION_ERROR": "500", "AUTHORIZER_CONFIGURATION_ERROR": "500", "AUTHORIZER_FAILURE": "500", "BAD_REQUEST_BODY": "400",
	"BAD_REQUEST_PARAMETERS": "400", "DEFAULT_4XX": "", "DEFAULT_5XX": "", "EXPIRED_TOKEN": "403", "INTEGRATION_FAILURE": "504", "INTEGRATION_TIMEOUT": "504",
	"INVALID_API_KEY": "403", "INVALID_SIGNATURE": "403", "MISSING_AUTHENTICATION_TOKEN": "403", "QUOTA_EXCEEDED": "429", "REQUEST_TOO_LARGE": "413",
	"RESOURCE_NOT_FOUND": "404", "THROTTLED": "429", "UNAUTHORIZED": "401", "UNSUPPORTED_MEDIA_TYPE": "415", "WAF_FILTERED": "403",
}

const standardTemplate = `{"message":$context.error.messageString}`

var reference = regexp.MustCompile(`\$(context|stageVariables|method)((?:\.[A-Za-z0-9_\-]+)+)|\$\{(context|stageVariables|method)((?:\.[A-Za-z0-9_\-]+)+)\}`)

// knownReference tells whether a variable of a gateway response's template or parameter has a value here.
func knownReference(r string) bool {
	switch r {
	case "context.error.message", "context.error.messageString", "context.error.responseType", "context.error.validationErrorString", "context.requestId", "context.extendedRequestId",
		"context.stage", "context.resourcePath", "context.resourceId", "context.httpMethod", "context.path", "context.apiId", "context.accountId", "context.protocol", "context.domainName",
		"context.identity.sourceIp", "context.identity.userAgent", "context.requestTimeEpoch":
		return true
	}
	return strings.HasPrefix(r, "stageVariables.") || strings.HasPrefix(r, "method.request.header.") || strings.HasPrefix(r, "method.request.querystring.") || strings.HasPrefix(r, "method.request.path.")
}

func referenceName(m string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(m, "$"), "{"), "}")
}

func checkGatewayResponse(op string, g *gatewayResponse) error {
	if _, ok := standard[g.ResponseType]; !ok {
		return bad("Invalid response type specified: %s", g.ResponseType)
	}
	for k, v := range g.ResponseParameters {
		if !strings.HasPrefix(k, "gatewayresponse.header.") {
			return bad("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: %s]", k)
		}
		if _, ok := literal(v); !ok && !knownReference(v) {
			return wire.Unsupported(op + ": the mapping expression " + v)
		}
	}
	for _, t := range g.ResponseTemplates {
		for _, m := range reference.FindAllString(t, -1) {
			if !knownReference(referenceName(m)) {
				return wire.Unsupported(op + ": the variable " + m)
			}
		}
	}
	return nil
}

func showGatewayResponse(g *gatewayResponse, isDefault bool) *restapi.GatewayResponse {
	out := members.New[restapi.GatewayResponse](g)
	out.DefaultResponse = &isDefault
	if out.ResponseParameters == nil {
		out.ResponseParameters = map[string]string{}
	}
	return out
}

// resolved gives the response of a type: the API's own, what its default for the class says, or the standard one.
func resolved(own map[string]*gatewayResponse, kind string) (*gatewayResponse, bool) {
	if g := own[kind]; g != nil {
		return g, false
	}
	status := standard[kind]
	g := &gatewayResponse{ResponseType: kind, StatusCode: status, ResponseTemplates: map[string]string{"application/json": standardTemplate}}
	if status != "" {
		if d := own["DEFAULT_"+status[:1]+"XX"]; d != nil {
			g.ResponseParameters, g.ResponseTemplates = d.ResponseParameters, d.ResponseTemplates
			if d.StatusCode != "" {
				g.StatusCode = d.StatusCode
			}
		}
	}
	return g, true
}

func byType(list []gatewayResponse) map[string]*gatewayResponse {
	out := map[string]*gatewayResponse{}
	for i := range list {
		out[list[i].ResponseType] = &list[i]
	}
	return out
}

// PutGatewayResponse implements the operation.
func (s *Service) PutGatewayResponse(ctx context.Context, in *restapi.PutGatewayResponseInput) (*restapi.PutGatewayResponseOutput, error) {
	g := members.New[gatewayResponse](in)
	if g.ResponseTemplates == nil {
		g.ResponseTemplates = map[string]string{"application/json": standardTemplate}
	}
	if g.StatusCode == "" {
		g.StatusCode = standard[g.ResponseType]
	}
	if err := checkGatewayResponse("PutGatewayResponse", g); err != nil {
		return nil, err
	}
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		store.Put(tx, sc.parts(kindResponse).Str(g.ResponseType), g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return showGatewayResponse(g, false), nil
}

// GetGatewayResponse implements the operation.
func (s *Service) GetGatewayResponse(ctx context.Context, in *restapi.GetGatewayResponseInput) (*restapi.GetGatewayResponseOutput, error) {
	var out *restapi.GatewayResponse
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		if _, ok := standard[in.ResponseType]; !ok {
			return missing("Invalid response type specified: %s", in.ResponseType)
		}
		g, def := resolved(byType(all[gatewayResponse](r, sc, kindResponse)), in.ResponseType)
		out = showGatewayResponse(g, def)
		return nil
	})
	return out, err
}

// GetGatewayResponses implements the operation.
func (s *Service) GetGatewayResponses(ctx context.Context, in *restapi.GetGatewayResponsesInput) (*restapi.GetGatewayResponsesOutput, error) {
	out := &restapi.GetGatewayResponsesOutput{Items: []restapi.GatewayResponse{}}
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		out.Items = out.Items[:0]
		own := byType(all[gatewayResponse](r, sc, kindResponse))
		for k := range standard {
			g, def := resolved(own, k)
			out.Items = append(out.Items, *showGatewayResponse(g, def))
		}
		sort.Slice(out.Items, func(i, j int) bool { return *out.Items[i].ResponseType < *out.Items[j].ResponseType })
		return nil
	})
	return out, err
}

// DeleteGatewayResponse implements the operation.
func (s *Service) DeleteGatewayResponse(ctx context.Context, in *restapi.DeleteGatewayResponseInput) (*restapi.DeleteGatewayResponseOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		k := sc.parts(kindResponse).Str(in.ResponseType)
		if _, ok := tx.Get(k); !ok {
			return missing("Gateway response type not defined on api")
		}
		tx.Delete(k)
		return nil
	})
	return &restapi.DeleteGatewayResponseOutput{}, err
}
