package cloud

import (
	"context"
	"encoding/json"
	"errors"
	nethttp "net/http"
	"strings"
	"time"

	"virga/internal/authority"
	"virga/internal/front"
	"virga/internal/wire"
)

// control serves the server's own paths whose callers have signed:
//
//	POST /_virga/reset[?account=]   (development) takes away everything of an account, or of all
//	GET  /_virga/why?request=ID     explains a refusal by the id that came with it
func (c *Cloud) control(w nethttp.ResponseWriter, r *nethttp.Request, s front.SignedCall) bool {
	var err error
	var answer any
	switch s.Path {
	case "reset":
		s.Call.Operation = "Reset"
		answer, err = c.serveReset(r, s)
	case "why":
		s.Call.Operation = "Why"
		answer, err = c.serveWhy(r, s)
	default:
		return false
	}
	ctx := context.WithoutCancel(r.Context())
	code := ""
	if err != nil {
		code = wire.Info(nil, wire.RESTJSON, err).Code
	}
	var denied *authority.Denied
	var rerr error
	if errors.As(err, &denied) {
		rerr = c.Record.Denied(ctx, s.Call, code, denied.Explanation())
	} else {
		rerr = c.Record.Done(ctx, s.Call, false, false, code, 0, 0)
	}
	if rerr != nil && err == nil {
		err = rerr // what leaves no record did not succeed
	}
	w.Header().Set("X-Amzn-Requestid", s.Call.RequestID)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		info := wire.Info(nil, wire.RESTJSON, err)
		if !wire.Known(err) {
			c.log.Error("call failed", "service", "virga", "operation", s.Call.Operation, "request", s.Call.RequestID, "err", err)
		}
		w.Header().Set("X-Amzn-Errortype", info.Code)
		w.WriteHeader(info.Status)
		json.NewEncoder(w).Encode(map[string]string{"message": info.Message})
		return true
	}
	json.NewEncoder(w).Encode(answer)
	return true
}

func (c *Cloud) serveReset(r *nethttp.Request, s front.SignedCall) (any, error) {
	account := r.URL.Query().Get("account")
	switch {
	case s.Surfaces&front.Dev == 0:
		return nil, wire.Errorf("AccessDenied", 403, "A reset is for development: start the server with --dev.")
	case r.Method != nethttp.MethodPost:
		return nil, wire.Errorf("MethodNotAllowed", 405, "Reset is a POST.")
	case account != "" && (len(account) != 12 || strings.Trim(account, "0123456789") != ""):
		return nil, wire.Invalid("account must have 12 digits")
	case s.Call.Principal.Type != "Root":
		return nil, wire.AccessDenied("User: " + s.Call.Principal.ARN + " is not authorized to reset: only an account's root may")
	case !s.Dev && account == "":
		account = s.Call.Account
	case !s.Dev && account != s.Call.Account:
		return nil, wire.AccessDenied("The root of " + s.Call.Account + " may not reset another account")
	}
	began := time.Now()
	if err := c.Reset(r.Context(), account); err != nil {
		return nil, err
	}
	return map[string]any{"account": account, "milliseconds": float64(time.Since(began).Microseconds()) / 1000}, nil
}

const whyMax = 100_000 // records of an account that are looked through

// serveWhy explains a refusal. Reading the audit is what AWS calls cloudtrail:LookupEvents, and needs that right.
func (c *Cloud) serveWhy(r *nethttp.Request, s front.SignedCall) (any, error) {
	id := r.URL.Query().Get("request")
	switch {
	case r.Method != nethttp.MethodGet:
		return nil, wire.Errorf("MethodNotAllowed", 405, "Why is a GET.")
	case id == "" || len(id) > 128:
		return nil, wire.Invalid("give the id of the refused request as ?request=")
	}
	if err := c.policies.Authorize(r.Context(), s.Call, []wire.Requirement{{Action: "cloudtrail:LookupEvents", Resource: "*"}}); err != nil {
		return nil, err
	}
	e, ok, err := c.Record.ByRequest(r.Context(), s.Call.Account, s.Call.Region, id, whyMax)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, wire.Errorf("ResourceNotFoundException", 404, "No record of the request %s in account %s, region %s. Refusals of callers that nobody knows leave none.", id, s.Call.Account, s.Call.Region)
	}
	out := map[string]any{"requestId": e.RequestID, "time": e.Time, "service": e.Service, "operation": e.Operation, "region": e.Region, "principal": e.Principal, "error": e.ErrorCode}
	if len(e.Decision) > 0 {
		out["decision"] = json.RawMessage(e.Decision)
	}
	return out, nil
}
