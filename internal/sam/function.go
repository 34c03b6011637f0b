package sam

import (
	"sort"
)

// function makes a Lambda function with its version, alias, URL, role and events.
func (t *transform) function(x *macro, links map[string]*link) []*resource {
	t.checkFunction(x)
	fn := t.lambdaFunction(x)
	made := []*resource{fn}
	if truthy(x.get("ProvisionedConcurrencyConfig")) && !truthy(x.get("AutoPublishAlias")) {
		x.fail("To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function")
	}
	var alias *resource
	aliasName := ""
	if truthy(x.get("AutoPublishAlias")) {
		var version *resource
		aliasName = t.aliasName(x)
		version, alias = t.publish(x, fn, aliasName)
		made = append(made, version, alias)
	}
	if truthy(x.get("FunctionUrlConfig")) {
		made = append(made, t.functionURL(x, fn, alias)...)
	}
	t.deploymentPreference(x, alias)
	var documents []any
	if truthy(x.get("EventInvokeConfig")) {
		var rs []*resource
		rs, documents = t.eventInvoke(x, fn, alias, aliasName)
		made = append(made, rs...)
	}
	role := t.functionRole(x, documents)
	switch given := fn.props.get("Role"); {
	case given == nil:
		fn.set("Role", role.arn())
		made = append(made, role)
	case isIf(given):
		made = append(made, t.conditionalRole(x, fn, role)...)
	}
	target := fn
	if alias != nil {
		target = alias
	}
	if f := catch(func() { made = append(made, t.functionEvents(x, fn, target, role, links)...) }).only(eventFailure); f != nil {
		x.fail("%s", f.message())
	}
	propagateTags(made, x.get("Tags"), x.get("PropagateTags"))
	return made
}

func (t *transform) checkFunction(x *macro) {
	has := func(n string) bool { return x.get(n) != nil }
	var errs []string
	for _, pair := range [...][2]string{{"CapacityProviderConfig", "ProvisionedConcurrencyConfig"}, {"CapacityProviderConfig", "VpcConfig"}} {
		if has(pair[0]) && has(pair[1]) {
			errs = append(errs, "Cannot specify '"+pair[0]+"' and '"+pair[1]+"' together.")
		}
	}
	for _, pair := range [...][2]string{{"FunctionScalingConfig", "CapacityProviderConfig"}, {"VersionDeletionPolicy", "AutoPublishAlias"}} {
		if has(pair[0]) && !has(pair[1]) {
			errs = append(errs, "'"+pair[0]+"' requires '"+pair[1]+"'.")
		}
	}
	if errs != nil {
		s := errs[0]
		for _, e := range errs[1:] {
			s += "\n" + e
		}
		x.fail("%s", s)
	}
	if dlq := x.get("DeadLetterQueue"); truthy(dlq) {
		kind, arn := obj(dlq).get("Type"), obj(dlq).get("TargetArn")
		if !truthy(kind) || !truthy(arn) {
			x.fail("'DeadLetterQueue' requires Type and TargetArn properties to be specified.")
		}
		if !oneOf(x.own().mustString(kind, "DeadLetterQueue.Type"), "SQS", "SNS") {
			x.fail("'DeadLetterQueue' requires Type of ['SQS', 'SNS']")
		}
	}
	if !truthy(x.get("TenancyConfig")) {
		return
	}
	for _, p := range [...][2]string{{"ProvisionedConcurrencyConfig", "Provisioned concurrency"}, {"FunctionUrlConfig", "Function URL"}, {"SnapStart", "SnapStart"}} {
		if truthy(x.get(p[0])) {
			x.fail("%s is not supported for functions enabled with tenancy configuration.", p[1])
		}
	}
	if ev, ok := x.get("Events").(*Map); ok {
		for _, e := range ev.All() {
			if kind := obj(e).get("Type"); !oneOf(kind, "Api", "HttpApi") {
				x.fail("Event source '%s' is not supported for functions enabled with tenancy configuration. Only Api and HttpApi event sources are supported.", pyStr(kind))
			}
		}
	}
}

// traced reports whether the function writes traces.
func (t *transform) traced(x *macro) bool {
	tracing := x.get("Tracing")
	resolved := t.params.resolve(tracing)
	return truthy(tracing) && !is(resolved, "Disabled")
}

func (t *transform) lambdaFunction(x *macro) *resource {
	fn := newResource(x.idValue(), "AWS::Lambda::Function", x.attrs)
	fn.dependsOn = x.dependsOn
	if name := x.get("FunctionName"); truthy(name) {
		fn.set("FunctionName", name)
	}
	fn.set("Code", t.code(x))
	for _, k := range [...]string{"Handler", "Runtime", "Description", "MemorySize", "Timeout", "VpcConfig", "Role", "Environment", "KmsKeyArn",
		"ReservedConcurrentExecutions", "Layers", "FileSystemConfigs", "ImageConfig", "PackageType", "Architectures", "SnapStart", "EphemeralStorage",
		"CodeSigningConfigArn", "RuntimeManagementConfig", "LoggingConfig", "TenancyConfig", "RecursiveLoop", "DurableConfig", "PublishToLatestPublished"} {
		fn.set(k, x.get(k))
	}
	fn.set("Tags", x.tags(nil))
	if t.traced(x) {
		fn.set("TracingConfig", NewMap("Mode", x.get("Tracing")))
	}
	if dlq := x.get("DeadLetterQueue"); truthy(dlq) {
		fn.set("DeadLetterConfig", NewMap("TargetArn", obj(dlq).get("TargetArn")))
	}
	if c := x.get("CapacityProviderConfig"); truthy(c) {
		fn.set("CapacityProviderConfig", capacityProviderConfig(x, obj(c)))
	}
	if c := x.get("FunctionScalingConfig"); truthy(c) {
		fn.set("FunctionScalingConfig", c)
	}
	checkPackage(fn)
	return fn
}

func capacityProviderConfig(x *macro, c *Map) *Map {
	m, errs := models(schema().Models["function"]).read("CapacityProviderConfig", c, nil)
	if errs != nil {
		x.fail("Invalid CapacityProviderConfig: %s", listing("CapacityProviderConfig", errs))
	}
	out := NewMap("CapacityProviderArn", m.get("Arn"))
	for _, k := range [...]string{"PerExecutionEnvironmentMaxConcurrency", "ExecutionEnvironmentMemoryGiBPerVCpu"} {
		if v := m.get(k); v != nil {
			out.Set(k, v)
		}
	}
	return NewMap("LambdaManagedInstancesCapacityProviderConfig", out)
}

// tags is the list of a resource's tags, SAM's own first.
func (x *macro) tags(more *Map) []any {
	own, _ := x.get("Tags").(*Map)
	for _, k := range [...]string{"lambda:createdBy", "serverlessrepo:applicationId", "serverlessrepo:semanticVersion"} {
		if own.Has(k) {
			x.fail("%s is a reserved Tag key name and cannot be set on your resource. Please change the tag key in the input.", k)
		}
	}
	return append(append(tagList(NewMap("lambda:createdBy", "SAM")), tagList(more)...), tagList(own)...)
}

func (t *transform) code(x *macro) *Map {
	pack := x.get("PackageType")
	if !truthy(pack) {
		pack = "Zip"
	}
	inline, uri, image := x.get("InlineCode"), x.get("CodeUri"), x.get("ImageUri")
	var code *Map
	switch text(pack) {
	case "Zip":
		switch {
		case inline == nil && uri == nil:
			x.fail("Only one of 'InlineCode' or 'CodeUri' can be set.")
		case inline != nil:
			code = NewMap("ZipFile", inline)
		default:
			code = s3Code(uri, x.id, "CodeUri")
		}
		if k := x.get("SourceKMSKeyArn"); truthy(k) {
			code.Set("SourceKMSKeyArn", k)
		}
	case "Image":
		if image == nil {
			x.fail("'ImageUri' must be set.")
		}
		if !truthy(image) {
			x.fail("'ImageUri' requires that a image hosted at a registry be specified.")
		}
		code = NewMap("ImageUri", image)
	default:
		x.fail("invalid 'PackageType' : %s", pyStr(pack))
	}
	return code
}

func checkPackage(fn *resource) {
	p, code := fn.props, fn.props.get("Code").(*Map)
	has := func(k string) bool { return truthy(p.get(k)) }
	fail := func(format string) { failResource(fn.id, format) }
	if is(p.get("PackageType"), "Image") {
		if has("Handler") || has("Runtime") || has("Layers") {
			fail("Runtime, Handler, Layers cannot be present when PackageType is of type `Image`")
		}
		if !truthy(code.get("ImageUri")) {
			fail("ImageUri needs to be present when PackageType is of type `Image`")
		}
		return
	}
	if !has("Runtime") || !has("Handler") {
		fail("Runtime and Handler needs to be present when PackageType is of type `Zip`")
	}
	if truthy(code.get("ImageUri")) || has("ImageConfig") {
		fail("ImageUri or ImageConfig cannot be present when PackageType is of type `Zip`")
	}
}

func (t *transform) functionRole(x *macro, documents []any) *resource {
	s := roleSpec{owner: x.id, attrs: x.passThrough(), assume: x.get("AssumeRolePolicyDocument"), path: x.get("RolePath"),
		boundary: x.get("PermissionsBoundary"), policies: x.get("Policies"), tags: x.tags(nil)}
	if s.assume == nil {
		s.assume = assumeBy("lambda.amazonaws.com")
	}
	basic := "service-role/AWSLambdaBasicExecutionRole"
	if truthy(x.get("DurableConfig")) {
		basic = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
	}
	s.managed = []any{t.awsManaged(basic)}
	if t.traced(x) {
		s.managed = append(s.managed, t.awsManaged(t.xrayPolicy()))
	}
	if truthy(x.get("VpcConfig")) {
		s.managed = append(s.managed, t.awsManaged("service-role/AWSLambdaVPCAccessExecutionRole"))
	}
	if dlq := x.get("DeadLetterQueue"); truthy(dlq) {
		action := "sqs:SendMessage"
		if is(obj(dlq).get("Type"), "SNS") {
			action = "sns:Publish"
		}
		s.documents = append(s.documents, NewMap("PolicyName", "DeadLetterQueuePolicy", "PolicyDocument", NewMap("Version", "2012-10-17",
			"Statement", []any{NewMap("Action", action, "Resource", obj(dlq).get("TargetArn"), "Effect", "Allow")})))
	}
	s.documents = append(s.documents, documents...)
	return t.role(s)
}

// conditionalRole handles a Role that is Fn::If with no value on one side: there the generated role takes its place.
func (t *transform) conditionalRole(x *macro, fn, role *resource) []*resource {
	items, ok := ifItems(obj(t.params.resolve(fn.props.get("Role"))).get("Fn::If"))
	if !ok {
		x.fail("Malformed 'Role' property: Fn::If requires 3 arguments.")
	}
	condition, yes, no := items[0], items[1], items[2]
	switch {
	case isNoValue(yes) && isNoValue(no):
		fn.set("Role", role.arn())
	case isNoValue(yes):
		fn.set("Role", fnIf(condition, role.arn(), no))
		role.attrs.Set("Condition", condition)
	case isNoValue(no):
		fn.set("Role", fnIf(condition, yes, role.arn()))
		name := "NOT" + pyStr(condition)
		role.attrs.Set("Condition", name)
		t.conditions().Set(name, not(condition))
	default:
		return nil
	}
	return []*resource{role}
}

func not(condition any) *Map { return NewMap("Fn::Not", []any{NewMap("Condition", condition)}) }

// functionEvents makes what the function's events need, in the order of their paths and names.
func (t *transform) functionEvents(x *macro, fn, target, role *resource, links map[string]*link) []*resource {
	events, _ := x.get("Events").(*Map)
	type one struct {
		entry
		order string
	}
	var l []one
	for e := range events.entries() {
		order := e.key
		if m, ok := e.val.(*Map); ok {
			if v, ok := objOr(m, "Properties").Get("Path"); ok {
				order = pyStr(v)
			}
		}
		l = append(l, one{e, order})
	}
	sort.SliceStable(l, func(i, j int) bool { return l[i].order < l[j].order })
	var made []*resource
	for _, e := range l {
		ev := readEvent(fn.id, fn.uni, e.entry, schema().FunctionEvents)
		made = append(made, t.event(&eventOf{macro: ev, target: target, role: role, link: links[e.key], function: true})...)
	}
	return made
}
