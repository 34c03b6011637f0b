package execute

import (
	"crypto/sha256"
	"net"
	"strings"

	"virga/internal/env"
	"virga/internal/wire"
)

// Target is which API a request is for, as its host and path say.
type Target struct {
	API    string // its id, lower case
	Region string // "" where the host names none
	Path   string // raw: the stage, where there is one, and what follows
	// ByHost says that the host named the API, and not the path.
	ByHost bool
	Domain string // the host without its port: domainName of events
}

const idBytesMax = 64

// Parse reads host (without port, lower case) and raw path. domain is the server's own.
//
//	<id>.execute-api.<domain>/<stage>/…        <id>.execute-api.<region>.<domain>/<stage>/…
//	/_aws/execute-api/<id>/<stage>/…           /restapis/<id>/<stage>/_user_request_/…
func Parse(host, path, domain string) (Target, bool) {
	if id, rest, ok := strings.Cut(host, ".execute-api."); ok && validID(id) {
		for _, d := range [...]string{domain, "localhost", "localhost.localstack.cloud", "amazonaws.com"} {
			region, ok := strings.CutSuffix(rest, d)
			if !ok || region != "" && (!strings.HasSuffix(region, ".") || strings.Count(region, ".") != 1) {
				continue
			}
			return Target{API: id, Region: strings.TrimSuffix(region, "."), Path: path, ByHost: true, Domain: host}, true
		}
		return Target{}, false
	}
	if rest, ok := strings.CutPrefix(path, "/_aws/execute-api/"); ok {
		id, p, _ := strings.Cut(rest, "/")
		if id = strings.ToLower(id); !validID(id) {
			return Target{}, false
		}
		return Target{API: id, Path: "/" + p, Domain: host}, true
	}
	if rest, ok := strings.CutPrefix(path, "/restapis/"); ok {
		id, p, _ := strings.Cut(rest, "/")
		stage, q, ok := strings.Cut(p, "/")
		if id = strings.ToLower(id); !ok || !validID(id) {
			return Target{}, false
		}
		q, ok = strings.CutPrefix(q, "_user_request_")
		if !ok || q != "" && q[0] != '/' {
			return Target{}, false
		}
		return Target{API: id, Path: "/" + stage + q, Domain: host}, true
	}
	return Target{}, false
}

func validID(id string) bool {
	if id == "" || len(id) > idBytesMax {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

func hostPort(h string) (host, port string) {
	if a, p, err := net.SplitHostPort(h); err == nil {
		return strings.ToLower(strings.Trim(a, "[]")), p
	}
	return strings.ToLower(strings.Trim(h, "[]")), ""
}

// FunctionARN reads the function of an integration's or authorizer's URI: the URI that API Gateway shows
// (arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations) or the function's ARN alone.
func FunctionARN(uri string) (string, bool) {
	if strings.HasPrefix(uri, "arn:") {
		if _, rest, ok := strings.Cut(uri, ":lambda:path/"); ok {
			_, arn, ok := strings.Cut(rest, "/functions/")
			if !ok {
				return "", false
			}
			arn, ok = strings.CutSuffix(arn, "/invocations")
			return arn, ok && arn != ""
		}
		if p := strings.SplitN(uri, ":", 7); len(p) == 7 && p[2] == "lambda" && p[5] == "function" && p[6] != "" {
			return uri, true
		}
	}
	return "", false
}

// Expand puts stage variables where ${stageVariables.name} stands. ok is false where one is not set.
func Expand(s string, vars map[string]string) (out string, ok bool) {
	if !strings.Contains(s, "${stageVariables.") {
		return s, true
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${stageVariables.")
		b.WriteString(before)
		if !found {
			return b.String(), true
		}
		name, after, closed := strings.Cut(rest, "}")
		v, set := vars[name]
		if !closed || !set {
			return "", false
		}
		b.WriteString(v)
		s = after
	}
}

// ID gives an identifier of n characters: by chance, or for the call of a durable effect always the same one, so that a
// repeat of the effect makes nothing twice. purpose tells the identifiers of one call apart.
func ID(e env.Env, c *wire.Call, n int, purpose string) string {
	if c.EffectID == "" {
		return env.NewName(e, env.AlnumLow, n)
	}
	sum := sha256.Sum256([]byte(c.Account + "\x00" + c.Region + "\x00" + c.EffectID + "\x00" + purpose))
	out := make([]byte, n)
	for i := range out {
		out[i] = env.AlnumLow[int(sum[i%len(sum)])%len(env.AlnumLow)]
	}
	return string(out)
}
