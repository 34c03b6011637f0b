package cli

import (
	"net/url"
	"strings"
)

// reachable gives the form of an API's URL that needs no name resolution, "" for what is no such URL: outputs of
// templates say https://<id>.execute-api.<region>.<domain>/<stage>/…
func reachable(endpoint, output string) string {
	u, err := url.Parse(output)
	if err != nil || u.Host == "" {
		return ""
	}
	id, rest, ok := strings.Cut(u.Hostname(), ".execute-api.")
	if !ok || id == "" || rest == "" || strings.Contains(id, ".") {
		return ""
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return endpoint + "/_aws/execute-api/" + id + path
}
