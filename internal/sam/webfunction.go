package sam

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// webFunction makes a web function with its revision, endpoint and role.
func (t *transform) webFunction(x *macro) []*resource {
	t.checkWebFunction(x)
	var made []*resource
	role := x.get("ExecutionRoleArn")
	if role == nil {
		r := t.role(roleSpec{owner: x.id, attrs: x.passThrough(), assume: assumeBy("lambda.amazonaws.com"),
			managed: []any{t.awsManaged("service-role/AWSLambdaBasicExecutionRole")}, tags: x.tags(nil)})
		made = append(made, r)
		role = r.arn()
	}
	f := newResource(x.idValue(), "AWS::Lambda::WebFunction", x.attrs).with("FunctionName", webFunctionName(x), "Tags", x.tags(nil))
	f.dependsOn = x.dependsOn
	rev := newResource(x.id+"Revision", "AWS::Lambda::WebFunctionRevision", x.passThrough()).with("FunctionName", webFunctionName(x),
		"Description", x.get("RevisionDescription"), "KmsKeyArn", x.get("KmsKeyArn"), "BuildConfig", buildConfig(x), "ServiceConfig", serviceConfig(x, role))
	rev.dependsOn = []any{f.id}
	end := newResource(x.id+"Endpoint", "AWS::Lambda::WebFunctionEndpoint", x.passThrough()).with("FunctionName", webFunctionName(x),
		"EndpointName", "prod", "EndpointType", "HomeRegion", "AuthType", x.get("AuthType"), "Description", x.get("EndpointDescription"),
		"ScalingConfig", x.get("ScalingConfig"), "ThrottleConfig", x.get("ThrottleConfig"))
	for _, k := range [...]string{"EndpointName", "EndpointType"} {
		if v := x.get(k); truthy(v) {
			end.set(k, v)
		}
	}
	weights := []any{NewMap("RevisionId", getAtt(rev.id, "RevisionId"), "Weight", int64(100))}
	if w := x.get("RevisionWeights"); truthy(w) {
		weights = nil
		for id, n := range obj(w).All() {
			weights = append(weights, NewMap("RevisionId", id, "Weight", n))
		}
	}
	end.with("RevisionWeights", weights, "Regions", replicaRegions(x))
	end.dependsOn = []any{f.id, rev.id}
	return append(made, f, rev, end)
}

func webFunctionName(x *macro) any {
	if n := x.get("FunctionName"); truthy(n) {
		return n
	}
	split := func(at string, v any) *Map { return NewMap("Fn::Split", []any{at, v}) }
	pick := func(i int64, v any) *Map { return NewMap("Fn::Select", []any{i, v}) }
	return fnSub(cut(x.id, 64-8-1)+"-${StackIdSuffix}", "StackIdSuffix", pick(0, split("-", pick(2, split("/", ref("AWS::StackId"))))))
}

func (t *transform) checkWebFunction(x *macro) {
	mode := t.params.resolve(x.get("AutoDeploymentMode"))
	if !truthy(mode) {
		mode = "LatestRevision"
	}
	const modes = "['LatestRevision', 'Disabled']"
	if isIntrinsic(mode) {
		x.fail("'AutoDeploymentMode' must resolve to one of %s at transform time; unresolved intrinsic functions are not supported because it is not passed through to CloudFormation.", modes)
	}
	if !oneOf(mode, "LatestRevision", "Disabled") {
		x.fail("'AutoDeploymentMode' must be one of %s, got '%s'.", modes, pyStr(mode))
	}
	if !truthy(x.get("AuthType")) {
		x.fail("'AuthType' is required. Specify 'IamAuth' (Lambda authorizes requests with SigV4/IAM) or 'ApplicationManaged' (the endpoint is public and your function handles authorization).")
	}
	endpoint := t.params.resolve(x.get("EndpointType"))
	regional := oneOf(endpoint, "MultiRegion", "PerRegion")
	weights := x.get("RevisionWeights")
	disabled := is(mode, "Disabled")
	switch {
	case !disabled && truthy(weights):
		x.fail("'RevisionWeights' cannot be specified when 'AutoDeploymentMode' is 'LatestRevision'.")
	case regional && !disabled:
		x.fail("'AutoDeploymentMode' must be 'Disabled' when 'EndpointType' is '%s'.", text(endpoint))
	case disabled && !regional && !truthy(weights):
		x.fail("'RevisionWeights' must be specified when 'AutoDeploymentMode' is 'Disabled'. Set 'AutoDeploymentMode' to 'LatestRevision' to route all traffic to the latest revision.")
	}
	if v := x.get("Timeout"); isInt(v) {
		if n, _ := number(v); n < 3 || n > 900 {
			x.fail("'Timeout' must be an integer between 3 and 900.")
		}
	}
	if truthy(weights) {
		checkWeights(x, weights)
	}
	if vars, ok := x.get("EnvironmentVariables").(*Map); ok && !isIntrinsic(vars) {
		re := envKey()
		for k, v := range vars.All() {
			if !re.MatchString(k) {
				x.fail("Environment variable key '%s' must match pattern '^[a-zA-Z][a-zA-Z0-9_]*$'.", k)
			}
			switch s, ok := str(v); {
			case ok && s == "":
				x.fail("Environment variable '%s' value must not be empty.", k)
			case ok && utf8.RuneCountInString(s) > 4096:
				x.fail("Environment variable '%s' value exceeds maximum length of 4096 characters.", k)
			}
		}
	}
	if s, ok := str(x.get("EgressNetworkConnectorArn")); ok {
		if !regexp.MustCompile(`^arn:[^:]+:lambda:[^:]*:[^:]*:network-connector:[^:]+:[^:]+$`).MatchString(s) {
			x.fail("'EgressNetworkConnectorArn' must be a version-qualified network-connector ARN (ending in ':<version>', e.g. the connector's LatestVersionArn).")
		}
	}
}

func checkWeights(x *macro, v any) {
	m, ok := v.(*Map)
	if !ok {
		x.fail("'RevisionWeights' must be a map of revision IDs to weights (e.g., {\"rev-id\": 100}).")
	}
	if isIntrinsic(m) {
		x.fail("'RevisionWeights' does not support top-level intrinsic functions; provide a map of revision IDs to weights (e.g., {\"rev-id\": 100}). Intrinsic functions may be used for individual weight values.")
	}
	sum, all := 0.0, true
	for _, w := range m.All() {
		if !isInt(w) {
			if !isIntrinsic(w) {
				x.fail("'RevisionWeights' values must be integers or intrinsic functions.")
			}
			all = false
			continue
		}
		n, _ := number(w)
		if n < 1 || n > 100 {
			x.fail("'RevisionWeights' values must be between 1 and 100, got %s.", pyStr(w))
		}
		sum += n
	}
	if m.Len() > 2 {
		x.fail("'RevisionWeights' supports a maximum of 2 entries.")
	}
	if all && sum != 100 {
		x.fail("'RevisionWeights' values must sum to 100, got %d.", int(sum))
	}
}

func buildConfig(x *macro) *Map {
	uri, inline := x.get("CodeUri"), x.get("InlineCode")
	if uri != nil && inline != nil {
		x.fail("Only one of 'InlineCode' or 'CodeUri' can be set.")
	}
	if !truthy(uri) {
		if truthy(inline) {
			x.fail("'InlineCode' is not yet supported for 'AWS::Serverless::WebFunction'. Please use 'CodeUri' instead.")
		}
		x.fail("Either 'InlineCode' or 'CodeUri' must be set.")
	}
	p := codePointer(uri, x.id, "CodeUri")
	object := NewMap("Bucket", p.bucket, "Key", p.key)
	if p.version != nil {
		object.Set("VersionId", p.version)
	}
	if x.get("Runtime") == nil {
		x.fail("'Runtime' is required.")
	}
	return NewMap("CodeConfig", NewMap("S3Object", object), "RuntimeConfig", NewMap("Runtime", x.get("Runtime")))
}

func serviceConfig(x *macro, role any) *Map {
	c := NewMap("ExecutionRoleArn", role)
	vars, entryPoint := x.get("EnvironmentVariables"), x.get("EntryPoint")
	if isIntrinsic(vars) {
		if truthy(entryPoint) {
			x.fail("'EntryPoint' cannot be used when 'EnvironmentVariables' is an intrinsic function.")
		}
		c.Set("EnvironmentVariables", vars)
	} else {
		env := NewMap()
		m, _ := vars.(*Map)
		for k, v := range m.All() {
			switch v.(type) {
			case bool:
				v = strings.ToLower(pyStr(v))
			case int64, float64:
				v = pyStr(v)
			}
			env.Set(k, v)
		}
		if truthy(entryPoint) {
			env.Set("AWS_LAMBDA_NODEJS_ENTRYPOINT", entryPoint)
		}
		if env.Len() > 0 {
			c.Set("EnvironmentVariables", env)
		}
	}
	if l := x.get("LoggingConfig"); truthy(l) {
		c.Set("TelemetryConfig", NewMap("LoggingConfig", l))
	}
	for _, k := range [...]string{"MaxConcurrencyPerEnvironment", "EgressNetworkConnectorArn"} {
		if v := x.get(k); v != nil {
			c.Set(k, v)
		}
	}
	timeout := x.get("Timeout")
	if !truthy(timeout) {
		timeout = int64(30)
	}
	c.Set("TimeoutSeconds", timeout)
	return c
}

// replicaRegions writes ReplicaRegions as a list of regions.
func replicaRegions(x *macro) any {
	v := x.get("ReplicaRegions")
	if v == nil || isIntrinsic(v) {
		return v
	}
	if l, ok := v.([]any); ok {
		names, rest := divide(l)
		return append(anys(expandRegions(x, names)...), rest...)
	}
	m := obj(v)
	list := func(k string) any {
		if v := m.get(k); truthy(v) {
			return v
		}
		return []any{}
	}
	include, exclude := list("IncludeRegions"), list("ExcludeRegions")
	if l := unknownKeys(m, "IncludeRegions", "ExcludeRegions"); len(l) > 0 {
		x.fail("'ReplicaRegions' contains unrecognized keys: %s. Valid keys are: IncludeRegions, ExcludeRegions.", pyRepr(anys(sorted(l)...)))
	}
	if truthy(exclude) && !truthy(include) {
		x.fail("'ExcludeRegions' requires 'IncludeRegions' to also be specified in 'ReplicaRegions'.")
	}
	if isIntrinsic(include) || isIntrinsic(exclude) {
		x.fail("'IncludeRegions' and 'ExcludeRegions' do not support top-level intrinsic functions.")
	}
	in, rest := divide(iterated(include))
	out, more := divide(iterated(exclude))
	if len(more) > 0 {
		x.fail("'ExcludeRegions' does not support intrinsic functions in entries.")
	}
	if len(out) > 0 && len(rest) > 0 {
		x.fail("'ExcludeRegions' cannot be used when 'IncludeRegions' contains intrinsic functions, because the exclusion cannot be applied to an intrinsic value at transform time.")
	}
	without := expandRegions(x, out)
	kept := slices.DeleteFunc(expandRegions(x, in), func(r string) bool { return slices.Contains(without, r) })
	return append(anys(kept...), rest...)
}

func divide(l []any) (names []string, rest []any) {
	for _, x := range l {
		if s, ok := str(x); ok {
			names = append(names, s)
		} else {
			rest = append(rest, x)
		}
	}
	return names, rest
}

// regionGroup is what a name of many regions stands for.
func regionGroup(name string) []string {
	switch name {
	case "US":
		return []string{"us-east-1", "us-east-2", "us-west-1", "us-west-2"}
	case "AP":
		return []string{"ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2"}
	case "CA":
		return []string{"ca-central-1"}
	case "EU":
		return []string{"eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1"}
	case "SA":
		return []string{"sa-east-1"}
	case "SPARSE_GLOBAL":
		return []string{"us-east-1", "eu-west-1", "eu-central-1", "ap-northeast-1", "ap-southeast-2", "sa-east-1", "ap-southeast-1"}
	case "ALL_STANDARD":
		var all []string
		for _, g := range [...]string{"US", "AP", "CA", "EU", "SA", "SPARSE_GLOBAL"} {
			all = append(all, regionGroup(g)...)
		}
		return all
	}
	return nil
}

func expandRegions(x *macro, names []string) []string {
	var out []string
	for _, n := range slices.Backward(names) {
		g := regionGroup(strings.ToUpper(n))
		if g == nil {
			if !strings.Contains(n, "-") {
				x.fail("%s", fmt.Sprintf("Unknown region key or code: '%s'.", n))
			}
			g = []string{n}
		}
		out = append(out, g...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
