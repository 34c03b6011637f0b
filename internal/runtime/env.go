package runtime

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Credentials are those of a role session.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Function describes what the environment of a function's process is made of.
type Function struct {
	Name, Version string
	Runtime       string // identifier, "python3.12"
	Handler       string
	Region        string
	MemoryMB      int
	LogGroup      string
	LogStream     string
	Credentials   Credentials
	Environment   map[string]string // the user's own variables
	// InitializationType is "on-demand" when empty; "provisioned-concurrency" otherwise.
	InitializationType string
	// LogFormat is "Text" or "JSON"; LogLevel is the application's level for JSON, "" for none.
	LogFormat, LogLevel string

	RuntimeAPI  string // address of the Runtime API inside the sandbox, "127.0.0.1:9001"
	EndpointURL string // AWS_ENDPOINT_URL; "" for none
	CABundle    string // file with the certificates to trust inside the sandbox; "" for none
}

// Folders as function code sees them.
const (
	TaskRoot   = "/var/task"
	RuntimeDir = "/var/runtime"
	OptDir     = "/opt"
)

// reserved are the names that a user may not set (AWS Lambda Developer Guide, Defined runtime environment
// variables).
var reserved = []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
	"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API", "AWS_LAMBDA_METADATA_TOKEN"}

// Reserved gives those of names that a user may not set, sorted.
func Reserved(names []string) []string {
	var out []string
	for _, n := range names {
		if slices.Contains(reserved, n) {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}

// Environment gives a process's environment as KEY=VALUE, sorted. The user's variables replace those that AWS lets
// a user replace; reserved names among them have no effect.
func Environment(f Function) []string {
	family, _ := splitIdentifier(f.Runtime)
	env := map[string]string{
		"LANG":                     "en_US.UTF-8",
		"TZ":                       ":UTC",
		"PATH":                     "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LD_LIBRARY_PATH":          "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":  "127.0.0.1:2000",
	}
	switch family {
	case "python":
		env["LC_CTYPE"] = "C.UTF-8"
		env["PYTHONPATH"] = RuntimeDir
	case "nodejs":
		env["NODE_PATH"] = nodePath(f.Runtime)
	}
	if f.EndpointURL != "" {
		env["AWS_ENDPOINT_URL"] = f.EndpointURL
	}
	if f.CABundle != "" {
		for _, n := range []string{"NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"} {
			env[n] = f.CABundle
		}
	}
	for k, v := range f.Environment {
		if settable(k, v) {
			env[k] = v
		}
	}
	initType := f.InitializationType
	if initType == "" {
		initType = "on-demand"
	}
	for k, v := range map[string]string{
		"_HANDLER":                        f.Handler,
		"AWS_REGION":                      f.Region,
		"AWS_DEFAULT_REGION":              f.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       f.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      f.LogStream,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  initType,
		"AWS_LAMBDA_RUNTIME_API":          f.RuntimeAPI,
		"LAMBDA_TASK_ROOT":                TaskRoot,
		"LAMBDA_RUNTIME_DIR":              RuntimeDir,
		"AWS_ACCESS_KEY_ID":               f.Credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":           f.Credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN":               f.Credentials.SessionToken,
	} {
		env[k] = v
	}
	if f.LogFormat == "JSON" {
		env["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
		if f.LogLevel != "" {
			env["AWS_LAMBDA_LOG_LEVEL"] = f.LogLevel
		}
	}
	if family != "provided" {
		env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + f.Runtime
	}
	out := make([]string, 0, len(env))
	for k, v := range env {
		if v == "" && slices.Contains(reserved, k) {
			continue // no credentials, for one: an empty value would be used
		}
		out = append(out, k+"="+v)
	}
	sort.Strings(out)
	return out
}

func settable(k, v string) bool {
	return k != "" && !strings.ContainsAny(k, "=\x00") && !strings.Contains(v, "\x00") && !slices.Contains(reserved, k)
}

// nodePath is AWS's search path for CommonJS modules.
func nodePath(identifier string) string {
	_, version := splitIdentifier(identifier)
	major, _, _ := strings.Cut(version, ".")
	return "/opt/nodejs/node" + major + "/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
}

// splitIdentifier cuts an identifier into its family and version: python, 3.12; nodejs, 20.x; provided, al2023.
func splitIdentifier(id string) (family, version string) {
	for _, f := range []string{"python", "nodejs", "provided", "java", "ruby", "dotnet", "go"} {
		if v, ok := strings.CutPrefix(id, f); ok {
			return f, strings.TrimPrefix(v, ".")
		}
	}
	return id, ""
}
