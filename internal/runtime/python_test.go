package runtime_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"virga/internal/runtime"
)

const pythonApp = `
import os, sys, time, json, logging, decimal, subprocess
count = 0
def echo(event, context):
    return event
def handler(event, context):
    global count
    count += 1
    what = event["do"]
    if what == "raise":
        raise ValueError("bad \u00fc value")
    if what == "sleep":
        time.sleep(event["s"])
    if what == "large":
        return "x" * event["n"]
    if what == "size":
        return len(event["data"])
    if what == "env":
        return os.environ.get(event["name"])
    if what == "count":
        return count
    if what == "exit":
        sys.exit(event["code"])
    if what == "kill":
        os.kill(os.getpid(), 9); time.sleep(5)
    if what == "set":
        return {1, 2}
    if what == "decimal":
        return decimal.Decimal("1")
    if what == "context":
        c = context
        return dict(id=c.aws_request_id, group=c.log_group_name, stream=c.log_stream_name, name=c.function_name, mem=c.memory_limit_in_mb, version=c.function_version, arn=c.invoked_function_arn,
            left=0 < c.get_remaining_time_in_millis() <= 10000, custom=c.client_context and c.client_context.custom, app=c.client_context and c.client_context.client.app_title,
            identity=c.identity.cognito_identity_id, trace=os.environ.get("_X_AMZN_TRACE_ID"))
    if what == "log":
        print("plain print")
        logging.getLogger().warning("two\nlines")
        logging.getLogger().info("not shown")
        return None
    if what == "tmp":
        import tempfile
        with open(tempfile.gettempdir() + "/kept", "a") as f: f.write("x")
        return os.path.getsize(tempfile.gettempdir() + "/kept")
    if what == "child":
        subprocess.Popen(["sleep", "30"]); time.sleep(30)
    if what == "eat":
        b = bytearray(event["mb"] << 20)
        for i in range(0, len(b), 4096): b[i] = 1
        time.sleep(3)
        return len(b)
    if what == "path":
        return [sys.path[:4], __file__, os.getcwd()]
    if what == "unicode":
        return "\u00fc"
    return what
`

func pythonDir(t testing.TB) string {
	return files(t, map[string]string{"app.py": pythonApp, "pkg/sub/mod.py": "def h(e, c): return 'deep'\n", "bad.py": "def f(:\n", "boom.py": "raise Exception('Runtime startup fails')\n",
		"needs.py": "import not_there\n", "slow.py": "import time\ntime.sleep(3)\ndef h(e, c): return 1\n", "leaves.py": "import sys\nsys.exit(4)\n"})
}

func TestPython(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		dir := pythonDir(t)
		r := w.start(t, fn{runtime: "python3.11", handler: "app.handler", dir: dir})
		if !r.exact {
			t.Log("not with python3.11")
		}
		r.answer(`{"do":"echo"}`, `"echo"`)
		r.answer(`{"do":"count"}`, `2`)
		r.answer(`{"do":"unicode"}`, `"\u00fc"`)
		r.answer(`{"do":"env","name":"AWS_LAMBDA_FUNCTION_NAME"}`, `"f"`)
		r.answer(`{"do":"env","name":"TZ"}`, `":UTC"`)
		r.answer(`{"do":"env","name":"AWS_EXECUTION_ENV"}`, `"AWS_Lambda_python3.11"`)
		r.answer(`{"do":"tmp"}`, `1`)
		r.answer(`{"do":"tmp"}`, `2`)
		r.answer(`{"do":"large","n":1000000}`, `"`+strings.Repeat("x", 1000000)+`"`)
		r.answer(`{"do":"size","data":"`+strings.Repeat("y", 5<<20)+`"}`, fmt.Sprint(5<<20))
		f := fails(t, r.invoke(`{"do":"raise"}`, 10*time.Second), runtime.Failed, "ValueError", "bad ü value")
		if len(f.Stack) != 1 || !strings.HasSuffix(f.Stack[0], "app.py\", line 11, in handler\n    raise ValueError(\"bad \\u00fc value\")\n") || f.Request == nil || !strings.HasPrefix(*f.Request, "req-") || !strings.HasPrefix(f.Stack[0], `  File "`) {
			t.Errorf("%+v", f)
		}
		if l := r.logs("[ERROR] ValueError: bad ü value\rTraceback (most recent call last):\r\u00a0\u00a0File "); !strings.Contains(l, "\r\u00a0\u00a0\u00a0\u00a0raise ValueError(") {
			t.Errorf("%q", l)
		}
		fails(t, r.invoke(`{"do":"set"}`, 10*time.Second), runtime.Failed, "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable")
		fails(t, r.invoke(`{"do":"decimal"}`, 10*time.Second), runtime.Failed, "Runtime.MarshalError", "Unable to marshal response: Object of type Decimal is not JSON serializable")
		fails(t, r.invoke(`not json`, 10*time.Second), runtime.Failed, "Runtime.UnmarshalError", "Unable to unmarshal input: Expecting value: line 1 column 1 (char 0)")
		fails(t, r.invoke(`{"do":"large","n":7000000}`, 10*time.Second), runtime.TooLarge, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
		r.answer(`{"do":"still here"}`, `"still here"`)
		r.answer(`{"do":"log"}`, `null`)
		r.logs("plain print")
		if l := r.logs("two\rlines"); !strings.HasPrefix(l, "[WARNING]\t20") || strings.Count(l, "\t") != 3 || !strings.Contains(l, "Z\treq-") {
			t.Errorf("%q", l)
		}
		res := r.invoke(`{"do":"context"}`, 10*time.Second, func(i *runtime.Invocation) {
			i.RequestID, i.ClientContext, i.CognitoIdentity = "ctx", `{"custom":{"k":"ü"},"client":{"app_title":"t"}}`, `{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}`
		})
		want := map[string]any{"id": "ctx", "group": "/aws/lambda/f", "stream": "2026/01/02/[$LATEST]abc", "name": "f", "mem": "512", "version": "$LATEST", "arn": "arn:aws:lambda:eu-west-1:000000000000:function:f",
			"left": true, "custom": map[string]any{"k": "ü"}, "app": "t", "identity": "id", "trace": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}
		var got map[string]any
		if err := json.Unmarshal(res.Payload, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s", res.Payload)
		}
		if w.kind.Name() == "namespace" {
			r.answer(`{"do":"path"}`, `[["/var/task", "/opt/python/lib/python3.11/site-packages", "/opt/python", "/var/runtime"], "/var/task/app.py", "/var/task"]`)
		}
		if r.box.Usage().MemoryPeakBytes == 0 {
			t.Error("no memory measured")
		}
		fails(t, r.invoke(`{"do":"exit","code":3}`, 10*time.Second), runtime.Exited, "Runtime.ExitError", "RequestId: req-…")
	})
}

func TestPythonEnds(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		dir := pythonDir(t)
		start := func() *running {
			return w.start(t, fn{runtime: "python3.11", handler: "app.handler", dir: dir, mem: 128})
		}
		t.Run("timeout", func(t *testing.T) {
			r := start()
			begin := time.Now()
			res := r.invoke(`{"do":"child"}`, 300*time.Millisecond)
			fails(t, res, runtime.TimedOut, "Sandbox.Timedout", "RequestId: req-…")
			if !strings.HasSuffix(string(res.Payload), `Error: Task timed out after 0.30 seconds"}`) || res.Alive || time.Since(begin) > 2*time.Second {
				t.Errorf("%s after %v", res.Payload, time.Since(begin))
			}
		})
		t.Run("exit", func(t *testing.T) {
			res := start().invoke(`{"do":"exit","code":3}`, 10*time.Second)
			if !strings.HasSuffix(string(res.Payload), `Error: Runtime exited with error: exit status 3"}`) {
				t.Errorf("%s", res.Payload)
			}
		})
		t.Run("exit silently", func(t *testing.T) {
			res := start().invoke(`{"do":"exit","code":0}`, 10*time.Second)
			if !strings.HasSuffix(string(res.Payload), `Error: Runtime exited without providing a reason"}`) {
				t.Errorf("%s", res.Payload)
			}
		})
		t.Run("memory", func(t *testing.T) {
			res := start().invoke(`{"do":"eat","mb":400}`, 10*time.Second)
			fails(t, res, runtime.Exited, "Runtime.OutOfMemory", "RequestId: req-…")
		})
		for name, c := range map[string]struct{ handler, typ, message string }{
			"missing module":  {"nope.handler", "Runtime.ImportModuleError", "Unable to import module 'nope': No module named 'nope'"},
			"missing import":  {"needs.handler", "Runtime.ImportModuleError", "Unable to import module 'needs': No module named 'not_there'"},
			"missing handler": {"app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"},
			"syntax":          {"bad.h", "Runtime.UserCodeSyntaxError", "Syntax error in module 'bad': …"},
			"name":            {"app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"},
			"built in":        {"sys.exit", "Runtime.BuiltInModuleConflict", "Cannot use built-in module sys as a handler module"},
			"raises":          {"boom.h", "Exception", "Runtime startup fails"},
		} {
			t.Run(name, func(t *testing.T) {
				r := w.start(t, fn{runtime: "python3.11", handler: c.handler, dir: dir})
				f := fails(t, r.init, runtime.InitFailed, c.typ, c.message)
				if f.Request == nil || *f.Request != "" {
					t.Errorf("%+v", f)
				}
				r.logs("[ERROR] " + c.typ)
			})
		}
		t.Run("exits while starting", func(t *testing.T) {
			fails(t, w.start(t, fn{runtime: "python3.11", handler: "leaves.h", dir: dir}).init, runtime.Exited, "Runtime.ExitError", "RequestId:  Error: Runtime exited with error: exit status 4")
		})
		t.Run("slow start", func(t *testing.T) {
			r := w.start(t, fn{runtime: "python3.11", handler: "slow.h", dir: dir, noReady: true})
			fails(t, r.invoke(`{}`, 200*time.Millisecond), runtime.TimedOut, "Sandbox.Timedout", "RequestId: req-…")
		})
		t.Run("deep handler", func(t *testing.T) {
			w.start(t, fn{runtime: "python3.11", handler: "pkg/sub/mod.h", dir: dir}).answer(`{}`, `"deep"`)
			w.start(t, fn{runtime: "python3.11", handler: "pkg.sub.mod.h", dir: dir}).answer(`{}`, `"deep"`)
		})
		t.Run("another version", func(t *testing.T) {
			w.start(t, fn{runtime: "python3.12", handler: "app.handler", dir: dir}).answer(`{"do":"unicode"}`, `"ü"`)
		})
		t.Run("layer", func(t *testing.T) {
			if w.kind.Name() != "namespace" {
				t.Skip("not run: /opt is looked at in the namespace kind")
			}
			layer := files(t, map[string]string{"python/extra.py": "v = 5\n"})
			code := files(t, map[string]string{"app.py": "import extra\ndef h(e, c): return extra.v\n"})
			w.start(t, fn{runtime: "python3.11", handler: "app.h", dir: code, layers: layer}).answer(`{}`, `5`)
		})
		t.Run("JSON logs", func(t *testing.T) {
			r := w.start(t, fn{runtime: "python3.11", handler: "app.handler", dir: dir, format: "JSON"})
			r.answer(`{"do":"log"}`, `null`)
			var rec map[string]any
			if err := json.Unmarshal([]byte(r.logs(`"two`)), &rec); err != nil || rec["level"] != "WARNING" || rec["message"] != "two\nlines" || rec["logger"] != "root" || rec["requestId"] == nil || rec["timestamp"] == nil {
				t.Errorf("%v %v", rec, err)
			}
		})
	})
}

func TestConcurrent(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		dir := pythonDir(t)
		var wg sync.WaitGroup
		var all []*running
		for range 4 {
			all = append(all, w.start(t, fn{runtime: "python3.11", handler: "app.handler", dir: dir}))
		}
		for i, r := range all {
			wg.Go(func() {
				for n := range 50 {
					r.answer(fmt.Sprintf(`{"do":"%d-%d"}`, i, n), fmt.Sprintf(`"%d-%d"`, i, n))
				}
			})
		}
		wg.Wait()
	})
}

func TestProvided(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		// A bootstrap in Python that speaks the API by its own means.
		script := "#!/usr/bin/python3\nimport os, urllib.request as u\nb = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'\n" +
			"while True:\n    r = u.urlopen(b + 'next'); d = r.read()\n    u.urlopen(u.Request(b + r.headers['Lambda-Runtime-Aws-Request-Id'] + '/response', data=d + b' ', method='POST'))\n"
		dir := files(t, map[string]string{"bootstrap": script})
		w.start(t, fn{runtime: "provided.al2023", handler: "x", dir: dir}).answer(`{"a":1}`, `{"a":1} `)
		if r := w.start(t, fn{runtime: "provided.al2", handler: "x", dir: files(t, map[string]string{"other": "x"})}); r.init == nil || r.init.ErrorType != "Runtime.InvalidEntrypoint" {
			t.Errorf("%+v", r.init)
		}
		if err := os.Chmod(filepath.Join(dir, "bootstrap"), 0o644); err != nil {
			t.Fatal(err)
		}
		fails(t, w.start(t, fn{runtime: "provided.al2", handler: "x", dir: dir}).init, runtime.InitFailed, "Runtime.InvalidEntrypoint", "RequestId: r0 Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
		// In a layer.
		if w.kind.Name() == "namespace" {
			if err := os.Chmod(filepath.Join(dir, "bootstrap"), 0o755); err != nil {
				t.Fatal(err)
			}
			w.start(t, fn{runtime: "provided.al2", handler: "x", dir: files(t, map[string]string{"f": "x"}), layers: dir}).answer(`1`, `1 `)
		}
	})
}
