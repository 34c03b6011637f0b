package lambda

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"sort"
	"strings"

	lambdaapi "virga/api/lambda"
	"virga/internal/wire"
)

// changes are what an operation asks to be other; nil leaves a thing as it is.
type changes struct {
	Role, Handler, Description, Runtime *string
	Timeout, Memory                     *int32
	Env                                 *lambdaapi.Environment
	DeadLetter                          *lambdaapi.DeadLetterConfig
	Tracing                             *lambdaapi.TracingConfig
	Tmp                                 *lambdaapi.EphemeralStorage
	Logging                             *lambdaapi.LoggingConfig
	Arch                                []string
}

// reserved are the environment variables that only Lambda sets (AWS Lambda Developer Guide, Defined runtime environment
// variables).
var reserved = map[string]bool{"_HANDLER": true, "_X_AMZN_TRACE_ID": true, "AWS_DEFAULT_REGION": true, "AWS_REGION": true, "AWS_EXECUTION_ENV": true,
	"AWS_LAMBDA_FUNCTION_NAME": true, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": true, "AWS_LAMBDA_FUNCTION_VERSION": true, "AWS_LAMBDA_INITIALIZATION_TYPE": true,
	"AWS_LAMBDA_LOG_GROUP_NAME": true, "AWS_LAMBDA_LOG_STREAM_NAME": true, "AWS_ACCESS_KEY": true, "AWS_ACCESS_KEY_ID": true, "AWS_SECRET_ACCESS_KEY": true,
	"AWS_SESSION_TOKEN": true, "AWS_LAMBDA_RUNTIME_API": true, "LAMBDA_TASK_ROOT": true, "LAMBDA_RUNTIME_DIR": true}

var variableName = regexp.MustCompile(`^[a-zA-Z]([a-zA-Z0-9_])+$`)

func (s *Service) apply(v *version, ch changes) error {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&v.Role, ch.Role)
	set(&v.Handler, ch.Handler)
	set(&v.Description, ch.Description)
	if ch.Runtime != nil {
		known, available, _ := s.cfg.Compute.Runtime(*ch.Runtime)
		if !known {
			return invalid("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions, or is not one that this server runs: python3.x, nodejsXX.x, provided.al2 and provided.al2023 are.", *ch.Runtime)
		}
		if !available {
			return invalid("There is no interpreter for the runtime %s on this machine: run `virga doctor` to see which there are and where they are looked for.", *ch.Runtime)
		}
		v.Runtime = *ch.Runtime
	}
	if ch.Timeout != nil {
		v.Timeout = *ch.Timeout
	}
	if ch.Memory != nil {
		v.Memory = *ch.Memory
	}
	if v.Memory < 128 || v.Memory > 10240 {
		return invalid("'MemorySize' value failed to satisfy constraint: Member must have value between 128 and 10240")
	}
	if ch.Env != nil {
		if err := checkEnv(ch.Env.Variables); err != nil {
			return err
		}
		v.Env, v.HasEnv = ch.Env.Variables, true
	}
	if ch.DeadLetter != nil {
		t := wire.V(ch.DeadLetter.TargetArn)
		if t != "" && !strings.HasPrefix(t, "arn:aws:sqs:") {
			return wire.Unsupported("DeadLetterConfig with a target other than an SQS queue (" + t + ")")
		}
		v.DeadLetter = t
	}
	if ch.Tracing != nil && wire.Or(ch.Tracing.Mode, "PassThrough") != "PassThrough" {
		return wire.Unsupported("TracingConfig Mode=Active (X-Ray)")
	}
	if ch.Tmp != nil {
		v.Tmp = ch.Tmp.Size
	}
	if l := ch.Logging; l != nil {
		if wire.Or(l.LogFormat, "Text") != "Text" || l.ApplicationLogLevel != nil || l.SystemLogLevel != nil {
			return wire.Unsupported("LoggingConfig with LogFormat=JSON or log levels")
		}
		set(&v.LogGroup, l.LogGroup)
	}
	if len(ch.Arch) > 1 {
		return invalid("Architectures must have one member.")
	}
	if len(ch.Arch) == 1 {
		v.Arch = ch.Arch[0]
	}
	if _, _, interpreted := s.cfg.Compute.Runtime(v.Runtime); v.Arch != s.cfg.Arch && !(s.cfg.Dev && interpreted) {
		return wire.Unsupported("Architectures=" + v.Arch + ": this machine is " + s.cfg.Arch)
	}
	return nil
}

func checkEnv(vars map[string]string) error {
	var bad []string
	for k := range vars {
		if reserved[k] {
			bad = append(bad, k)
		}
		if !variableName.MatchString(k) && !reserved[k] {
			return wire.Invalid("1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
	}
	if len(bad) > 0 {
		sort.Strings(bad)
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(bad, ", "))
	}
	if len(vars) == 0 {
		return nil
	}
	b, err := json.Marshal(vars)
	if err != nil {
		return err
	}
	if len(b) > envBytesMax {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %s", b)
	}
	return nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > tagsMax {
		return invalid("Number of tags exceeds resource tag limit.")
	}
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") && !strings.HasPrefix(k, "aws:cloudformation:") {
			return invalid("The tag key %s is not valid: aws: is reserved.", k)
		}
	}
	return nil
}

// digest is of everything that makes a published version another one.
func (v *version) digest() string {
	b, err := json.Marshal([]any{v.Runtime, v.Role, v.Handler, v.Description, v.Timeout, v.Memory, v.Tmp, v.Env, v.Arch, v.CodeSHA, v.DeadLetter, v.LogGroup})
	if err != nil {
		panic(err) // strings and numbers
	}
	h := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(h[:])
}

func runtimeARN(region, runtime string) string {
	h := sha256.Sum256([]byte(runtime))
	const hexDigits = "0123456789abcdef"
	out := make([]byte, 0, 64)
	for _, b := range h {
		out = append(out, hexDigits[b>>4], hexDigits[b&15])
	}
	return "arn:aws:lambda:" + region + "::runtime:" + string(out)
}

func refuseCreate(in *lambdaapi.CreateFunctionInput) error {
	switch {
	case wire.Or(in.PackageType, "Zip") != "Zip" || in.ImageConfig != nil || in.Code != nil && in.Code.ImageUri != nil:
		return wire.Unsupported("CreateFunction: container images (PackageType, ImageConfig, ImageUri)")
	case in.CodeSigningConfigArn != nil:
		return wire.Unsupported("CreateFunction: CodeSigningConfigArn")
	case in.TenancyConfig != nil:
		return wire.Unsupported("CreateFunction: TenancyConfig")
	case in.PublishTo != nil:
		return wire.Unsupported("CreateFunction: PublishTo")
	case in.Code != nil && in.Code.SourceKMSKeyArn != nil:
		return wire.Unsupported("CreateFunction: SourceKMSKeyArn")
	case in.Code != nil && wire.Or(in.Code.S3ObjectStorageMode, "COPY") != "COPY":
		return wire.Unsupported("CreateFunction: S3ObjectStorageMode")
	}
	return refuse("CreateFunction", in.VpcConfig, in.KMSKeyArn, in.Layers, in.FileSystemConfigs, in.SnapStart, in.CapacityProviderConfig, in.DurableConfig, in.RuntimeConfig, in.AcceleratorConfig)
}

func refuseUpdate(in *lambdaapi.UpdateFunctionConfigurationInput) error {
	if in.ImageConfig != nil {
		return wire.Unsupported("UpdateFunctionConfiguration: ImageConfig")
	}
	return refuse("UpdateFunctionConfiguration", in.VpcConfig, in.KMSKeyArn, in.Layers, in.FileSystemConfigs, in.SnapStart, in.CapacityProviderConfig, in.DurableConfig, in.RuntimeConfig, in.AcceleratorConfig)
}

// refuse names the first thing asked for that is not done here.
func refuse(op string, vpc *lambdaapi.VpcConfig, kms *string, layers []string, fs []lambdaapi.FileSystemConfig, snap *lambdaapi.SnapStart,
	capacity *lambdaapi.CapacityProviderConfig, durable *lambdaapi.DurableConfig, rt *lambdaapi.FunctionRuntimeConfig, acc *lambdaapi.AcceleratorConfig) error {
	what := ""
	switch {
	case vpc != nil && len(vpc.SubnetIds)+len(vpc.SecurityGroupIds) > 0:
		what = "VpcConfig"
	case wire.V(kms) != "":
		what = "KMSKeyArn"
	case len(layers) > 0:
		what = "Layers"
	case len(fs) > 0:
		what = "FileSystemConfigs"
	case snap != nil && wire.Or(snap.ApplyOn, "None") != "None":
		what = "SnapStart"
	case capacity != nil:
		what = "CapacityProviderConfig"
	case durable != nil:
		what = "DurableConfig"
	case rt != nil:
		what = "RuntimeConfig"
	case acc != nil:
		what = "AcceleratorConfig"
	default:
		return nil
	}
	return wire.Unsupported(op + ": " + what)
}
