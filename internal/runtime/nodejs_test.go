package runtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"virga/internal/runtime"
)

const nodeApp = `
const { Readable, pipeline } = require('stream');
let count = 0;
exports.handler = async (event, context) => {
  count++;
  switch (event.do) {
    case 'throw': throw new TypeError('bad ü value');
    case 'string': throw 'just text';
    case 'sleep': await new Promise((r) => setTimeout(r, event.ms)); return 'slept';
    case 'large': return 'x'.repeat(event.n);
    case 'size': return event.data.length;
    case 'env': return process.env[event.name];
    case 'count': return count;
    case 'exit': process.exit(event.code); break;
    case 'never': return new Promise(() => {});
    case 'undefined': return undefined;
    case 'bigint': return 1n;
    case 'log': console.log('hello', { a: 1 }); console.error(new Error('two\nlines')); console.debug('d'); return null;
    case 'context': return { ...context, left: context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 10000, trace: process.env._X_AMZN_TRACE_ID };
    case 'reject': Promise.reject(new Error('nobody listens')); await new Promise((r) => setTimeout(r, 1000)); return 1;
    case 'uncaught': setTimeout(() => { throw new Error('late'); }, 5); await new Promise((r) => setTimeout(r, 1000)); return 1;
  }
  return event.do;
};
exports.callback = (event, context, callback) => {
  if (event.fail) return callback(new Error('by callback'));
  setTimeout(() => callback(null, 'called back'), 10);
};
exports.waits = (event, context, callback) => { let n = 0; setTimeout(() => { n = 1; console.log('later ' + n); }, 80); callback(null, 'waited'); };
exports.hurries = (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 5000); callback(null, 'hurried'); };
exports.silent = () => {};
exports.succeed = (event, context) => { context.succeed('old way'); };
exports.inner = { deep: async () => 'deep' };
exports.notFunction = 5;
exports.stream = awslambda.streamifyResponse(async (event, stream, context) => {
  if (event.fail === 'before') throw new Error('before');
  stream.setContentType('text/plain');
  for (let i = 0; i < 3; i++) { stream.write('part ' + i + '\n'); await new Promise((r) => setTimeout(r, 20)); }
  if (event.fail === 'within') throw new Error('within');
  stream.end();
});
exports.web = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': 'b' } });
  pipeline(Readable.from(['one', 'two']), stream, () => {});
});
exports.big = awslambda.streamifyResponse(async (event, stream) => {
  const block = Buffer.alloc(1 << 20, 120);
  for (let i = 0; i < 12; i++) if (!stream.write(block)) await new Promise((r) => stream.once('drain', r));
  stream.end();
});
`

func nodeDir(t testing.TB) string {
	return files(t, map[string]string{"index.js": nodeApp, "esm.mjs": "import { readFileSync } from 'fs';\nconst v = await Promise.resolve('top');\nexport const handler = async () => v + typeof readFileSync;\n",
		"mod/package.json": `{"type":"module"}`, "mod/app.js": "export const handler = async (e) => ({ esm: import.meta.url.startsWith('file:'), e });\n", "c.cjs": "exports.h = async () => 'cjs';\n",
		"bad.js": "exports.h = async () => {\n", "boom.js": "throw new Error('startup fails');\n", "needs.js": "require('not-there');\n", "def.mjs": "export default { handler: async () => 'default' };\n",
		"leaves.js": "process.exit(4);\n"})
}

func TestNode(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		dir := nodeDir(t)
		r := w.start(t, fn{runtime: "nodejs20.x", handler: "index.handler", dir: dir})
		r.answer(`{"do":"echo"}`, `"echo"`)
		r.answer(`{"do":"count"}`, `2`)
		r.answer(`{"do":"undefined"}`, `null`)
		r.answer(`{"do":"never"}`, `null`)
		r.answer(`{"do":"sleep","ms":30}`, `"slept"`)
		r.answer(`{"do":"env","name":"AWS_LAMBDA_FUNCTION_NAME"}`, `"f"`)
		r.answer(`{"do":"large","n":1000000}`, `"`+strings.Repeat("x", 1000000)+`"`)
		r.answer(`{"do":"size","data":"`+strings.Repeat("y", 5<<20)+`"}`, fmt.Sprint(5<<20))
		f := fails(t, r.invoke(`{"do":"throw"}`, 10*time.Second), runtime.Failed, "TypeError", "bad ü value")
		if len(f.Trace) < 2 || f.Trace[0] != "TypeError: bad ü value" || !strings.Contains(f.Trace[1], "index.js:7:") {
			t.Errorf("%+v", f)
		}
		if l := r.logs("\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",\"errorMessage\":\"bad ü value\",\"stack\":[\"TypeError: bad ü value\""); !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\treq-\d+\tERROR\t`).MatchString(l) {
			t.Errorf("%q", l)
		}
		fails(t, r.invoke(`{"do":"string"}`, 10*time.Second), runtime.Failed, "string", "just text")
		fails(t, r.invoke(`{"do":"bigint"}`, 10*time.Second), runtime.Failed, "Error", "Unable to stringify response body")
		fails(t, r.invoke(`{"do":"large","n":7000000}`, 10*time.Second), runtime.TooLarge, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
		r.answer(`{"do":"log"}`, `null`)
		r.logs("\tINFO\thello { a: 1 }")
		r.logs("\tERROR\tError: two\rlines\r    at ")
		r.logs("\tDEBUG\td")
		res := r.invoke(`{"do":"context"}`, 10*time.Second, func(i *runtime.Invocation) {
			i.RequestID, i.ClientContext, i.CognitoIdentity = "ctx", `{"custom":{"k":"ü"}}`, `{"cognitoIdentityId":"id"}`
		})
		want := `{"callbackWaitsForEmptyEventLoop":true,"functionVersion":"$LATEST","functionName":"f","memoryLimitInMB":"512","logGroupName":"/aws/lambda/f","logStreamName":"2026/01/02/[$LATEST]abc",` +
			`"clientContext":{"custom":{"k":"ü"}},"identity":{"cognitoIdentityId":"id"},"invokedFunctionArn":"arn:aws:lambda:eu-west-1:000000000000:function:f","awsRequestId":"ctx","left":true,` +
			`"trace":"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"}`
		if string(res.Payload) != want {
			t.Errorf("%s", res.Payload)
		}
	})
}

func TestNodeHandlers(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		dir := nodeDir(t)
		start := func(handler string) *running {
			return w.start(t, fn{runtime: "nodejs20.x", handler: handler, dir: dir})
		}
		for handler, want := range map[string]string{"esm.handler": `"topfunction"`, "mod/app.handler": `{"esm":true,"e":{}}`, "c.h": `"cjs"`, "def.handler": `"default"`, "index.inner.deep": `"deep"`,
			"index.callback": `"called back"`, "index.waits": `"waited"`, "index.hurries": `"hurried"`, "index.silent": `null`, "index.succeed": `"old way"`} {
			t.Run(handler, func(t *testing.T) {
				r := start(handler)
				begin := time.Now()
				r.answer(`{}`, want)
				if d := time.Since(begin); handler == "index.waits" && d < 70*time.Millisecond || d > 3*time.Second {
					t.Errorf("after %v", d)
				}
				r.answer(`{}`, want)
			})
		}
		t.Run("callback fails", func(t *testing.T) {
			fails(t, start("index.callback").invoke(`{"fail":true}`, 5*time.Second), runtime.Failed, "Error", "by callback")
		})
		for handler, c := range map[string][2]string{
			"nope.handler":      {"Runtime.ImportModuleError", "Error: Cannot find module 'nope'…"},
			"needs.h":           {"Runtime.ImportModuleError", "Error: Cannot find module 'not-there'…"},
			"index.nope":        {"Runtime.HandlerNotFound", "index.nope is undefined or not exported"},
			"index.notFunction": {"Runtime.HandlerNotFound", "index.notFunction is not a function"},
			"bad.h":             {"Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"},
			"boom.h":            {"Error", "startup fails"},
			"index":             {"Runtime.MalformedHandlerName", "Bad handler"},
			"../x.h":            {"Runtime.MalformedHandlerName", "'../x.h' is not a valid handler name. Use absolute paths when specifying root directories in handler names."},
		} {
			t.Run(handler, func(t *testing.T) { fails(t, start(handler).init, runtime.InitFailed, c[0], c[1]) })
		}
		t.Run("exits while starting", func(t *testing.T) {
			fails(t, start("leaves.h").init, runtime.Exited, "Runtime.ExitError", "RequestId:  Error: Runtime exited with error: exit status 4")
		})
		t.Run("timeout", func(t *testing.T) {
			fails(t, start("index.handler").invoke(`{"do":"sleep","ms":5000}`, 200*time.Millisecond), runtime.TimedOut, "Sandbox.Timedout", "RequestId: req-…")
		})
		t.Run("exit", func(t *testing.T) {
			fails(t, start("index.handler").invoke(`{"do":"exit","code":7}`, 5*time.Second), runtime.Exited, "Runtime.ExitError", "RequestId: req-…")
		})
		t.Run("unhandled rejection", func(t *testing.T) {
			r := start("index.handler")
			fails(t, r.invoke(`{"do":"reject"}`, 5*time.Second), runtime.Failed, "Runtime.UnhandledPromiseRejection", "Error: nobody listens")
			r.logs("Unhandled Promise Rejection ")
			<-r.box.Done()
		})
		t.Run("uncaught exception", func(t *testing.T) {
			r := start("index.handler")
			fails(t, r.invoke(`{"do":"uncaught"}`, 5*time.Second), runtime.Failed, "Error", "late")
			<-r.box.Done()
		})
		t.Run("JSON logs", func(t *testing.T) {
			r := w.start(t, fn{runtime: "nodejs20.x", handler: "index.handler", dir: dir, format: "JSON"})
			r.answer(`{"do":"log"}`, `null`)
			var rec map[string]any
			if err := json.Unmarshal([]byte(r.logs(`"hello `)), &rec); err != nil || rec["level"] != "INFO" || rec["message"] != "hello { a: 1 }" || rec["requestId"] == nil || rec["timestamp"] == nil {
				t.Errorf("%v %v", rec, err)
			}
		})
	})
}

func TestNodeStream(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		dir := nodeDir(t)
		type got struct {
			bytes.Buffer
			typ   string
			first time.Time
		}
		stream := func(g *got) func(*runtime.Invocation) {
			return func(i *runtime.Invocation) {
				i.Stream, i.StreamType = &g.Buffer, func(s string) { g.typ, g.first = s, time.Now() }
			}
		}
		r := w.start(t, fn{runtime: "nodejs20.x", handler: "index.stream", dir: dir})
		for range 2 {
			var g got
			res := r.invoke(`{}`, 5*time.Second, stream(&g))
			if res.Outcome != runtime.Answered || g.String() != "part 0\npart 1\npart 2\n" || g.typ != "text/plain" || time.Since(g.first) < 30*time.Millisecond {
				t.Errorf("%+v %q %q %v", res, g.String(), g.typ, time.Since(g.first))
			}
		}
		r.answer(`{}`, "part 0\npart 1\npart 2\n")
		var g got
		fails(t, r.invoke(`{"fail":"before"}`, 5*time.Second, stream(&g)), runtime.Failed, "Error", "before")
		g = got{}
		fails(t, r.invoke(`{"fail":"within"}`, 5*time.Second, stream(&g)), runtime.Failed, "Error", "within")
		if !strings.HasPrefix(g.String(), "part 0\n") {
			t.Errorf("%q", g.String())
		}
		r.answer(`{}`, "part 0\npart 1\npart 2\n")
		g = got{}
		res := w.start(t, fn{runtime: "nodejs20.x", handler: "index.web", dir: dir}).invoke(`{}`, 5*time.Second, stream(&g))
		if res.Outcome != runtime.Answered || g.typ != "application/vnd.awslambda.http-integration-response" || g.String() != `{"statusCode":201,"headers":{"x-a":"b"}}`+"\x00\x00\x00\x00\x00\x00\x00\x00onetwo" {
			t.Errorf("%+v %q %q", res, g.typ, g.String())
		}
		g = got{}
		res = w.start(t, fn{runtime: "nodejs20.x", handler: "index.big", dir: dir}).invoke(`{}`, 5*time.Second, stream(&g))
		if res.Outcome != runtime.Answered || g.Len() != 12<<20 {
			t.Errorf("%+v %d bytes", res, g.Len())
		}
	})
}
