package runtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"virga/internal/egress"
	"virga/internal/sandbox"
	"virga/internal/sandbox/namespace"
)

const boto = `
import boto3
def handler(event, context):
    sts = boto3.client("sts")
    return [sts.get_caller_identity()["Account"], boto3.client("sqs").list_queues()["QueueUrls"], sts.meta.endpoint_url]
`

const sdk = `
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');
const { SQSClient, ListQueuesCommand } = require('@aws-sdk/client-sqs');
exports.handler = async () => [(await new STSClient().send(new GetCallerIdentityCommand())).Account, (await new SQSClient().send(new ListQueuesCommand())).QueueUrls];
`

// endpoint answers two operations, enough to see that an SDK finds it and trusts it.
func endpoint(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" || !strings.Contains(r.Header.Get("Authorization"), "Credential=ASIA/") {
		http.Error(w, "unsigned", http.StatusForbidden)
		return
	}
	b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListQueues") {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(w).Encode(map[string]any{"QueueUrls": []string{"q"}})
		return
	}
	if bytes.Contains(b, []byte("GetCallerIdentity")) {
		fmt.Fprint(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		return
	}
	http.Error(w, "unknown", http.StatusBadRequest)
}

// TestSDK runs AWS's SDKs as functions find them. The folder is filled by make runtimes.
func TestSDK(t *testing.T) {
	dir, err := filepath.Abs("../../.build/runtimes")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "python", "boto3")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI without make runtimes")
		}
		t.Skip("not run: make runtimes fills " + dir)
	}
	authority, err := egress.NewAuthority(time.Now(), func(n string) bool { return namespace.IsEndpointName(n, "") })
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(bundle, authority.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	const inside = "/etc/ssl/certs/ca-certificates.crt"
	for _, name := range []string{"process", "plain process", "namespace"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, name, func(w *world) {
				w.finder.Dir = dir
				w.etc = map[string]string{strings.TrimPrefix(inside, "/etc/"): bundle}
			})
			for _, f := range []fn{{runtime: "python3.11", dir: files(t, map[string]string{"app.py": boto})}, {runtime: "nodejs20.x", dir: files(t, map[string]string{"app.js": sdk})}} {
				f.handler, f.noReady = "app.handler", true
				if name == "namespace" {
					// As if AWS were asked: no endpoint is set, names and certificates do it all.
					f.env = map[string]string{"AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": inside, "NODE_EXTRA_CA_CERTS": inside}
				}
				r := w.start(t, f)
				if name == "namespace" {
					serveNetwork(t, r, authority, egress.Policy{}, nil, nil, http.HandlerFunc(endpoint))
				} else {
					srv := &http.Server{Handler: http.HandlerFunc(endpoint)}
					r.wait.Go(func() { _ = srv.Serve(r.box.Listener(sandbox.SurfaceEndpoint)) })
					t.Cleanup(func() { srv.Close() })
				}
				begin := time.Now()
				res := r.invoke(`{}`, 30*time.Second)
				if !strings.Contains(string(res.Payload), `"123456789012"`) || !strings.Contains(string(res.Payload), `"q"`) {
					r.mu.Lock()
					t.Errorf("%s: %v %s; log %q", f.runtime, res.Outcome, res.Payload, r.lines)
					r.mu.Unlock()
				}
				if name == "namespace" && f.runtime == "python3.11" && !strings.Contains(string(res.Payload), "https://sts.") {
					t.Errorf("the endpoint was set: %s", res.Payload)
				}
				t.Logf("%s: first answer after %v", f.runtime, time.Since(begin).Round(time.Millisecond))
			}
		})
	}
}
