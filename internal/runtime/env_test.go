package runtime

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	f := Function{Name: "f", Version: "$LATEST", Runtime: "nodejs20.x", Handler: "index.handler", Region: "eu-west-1", MemoryMB: 128, LogGroup: "/aws/lambda/f", LogStream: "s",
		Credentials: Credentials{"AKIA", "secret", "token"}, RuntimeAPI: "127.0.0.1:9001", EndpointURL: "http://127.0.0.1:9002", CABundle: "/etc/ssl/ca.pem",
		Environment: map[string]string{"A": "b", "AWS_REGION": "x", "TZ": "Europe/Berlin", "BAD\x00": "x", "=": "y", "NODE_PATH": "/mine"}}
	got := Environment(f)
	if !slices.IsSorted(got) {
		t.Error("not sorted")
	}
	m := map[string]string{}
	for _, kv := range got {
		k, v, _ := strings.Cut(kv, "=")
		m[k] = v
	}
	want := map[string]string{"A": "b", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "TZ": "Europe/Berlin", "NODE_PATH": "/mine", "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x",
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_STREAM_NAME": "s",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_ACCESS_KEY_ID": "AKIA",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token", "AWS_ENDPOINT_URL": "http://127.0.0.1:9002", "NODE_EXTRA_CA_CERTS": "/etc/ssl/ca.pem", "AWS_CA_BUNDLE": "/etc/ssl/ca.pem",
		"REQUESTS_CA_BUNDLE": "/etc/ssl/ca.pem", "SSL_CERT_FILE": "/etc/ssl/ca.pem", "LANG": "en_US.UTF-8", "_HANDLER": "index.handler", "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000"}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"AWS_REGION", "_HANDLER"}, Reserved([]string{"A", "_HANDLER", "AWS_REGION", "TZ"})); diff != "" {
		t.Error(diff)
	}
	f = Function{Runtime: "provided.al2023"}
	for _, kv := range Environment(f) {
		if strings.HasPrefix(kv, "AWS_EXECUTION_ENV=") || strings.HasPrefix(kv, "AWS_ACCESS_KEY_ID=") {
			t.Error(kv)
		}
	}
}
