package sam

import (
	"strings"
)

func (t *transform) aliasName(x *macro) string {
	name, ok := str(t.params.resolve(x.get("AutoPublishAlias")))
	if !ok {
		x.fail("'AutoPublishAlias' must be a string or a Ref to a template parameter")
	}
	return name
}

// publish makes a version whose id changes with the code, and the alias that follows it.
func (t *transform) publish(x *macro, fn *resource, aliasName string) (version, alias *resource) {
	var sha any
	if v := x.get("AutoPublishCodeSha256"); truthy(v) {
		sha = t.params.resolve(v)
		if !isStr(sha) {
			x.fail("AutoPublishCodeSha256 must be a string")
		}
		switch d := t.params.resolve(x.get("Description")); {
		case !truthy(d):
			fn.set("Description", sha)
		case isStr(d):
			fn.set("Description", text(d)+" "+text(sha))
		default:
			fn.set("Description", NewMap("Fn::Join", []any{" ", []any{d, sha}}))
		}
	}
	id := x.id + "Version"
	if truthy(sha) {
		id += cut(text(sha), 10)
	} else {
		id = generatedID(id, t.versionData(x, fn))
	}
	attrs := x.passThrough()
	if !attrs.Has("DeletionPolicy") {
		switch p := x.get("VersionDeletionPolicy"); {
		case p != nil:
			attrs.Set("DeletionPolicy", p)
		case x.get("CapacityProviderConfig") != nil:
			attrs.Set("DeletionPolicy", "Delete")
		default:
			attrs.Set("DeletionPolicy", "Retain")
		}
	}
	version = newResource(id, "AWS::Lambda::Version", attrs).with("Description", x.get("VersionDescription"), "FunctionName", fn.ref())
	if x.get("CapacityProviderConfig") != nil {
		version.set("FunctionScalingConfig", x.get("FunctionScalingConfig"))
	}
	if aliasName == "" {
		x.fail("Alias name is required to create an alias")
	}
	if !validAlias(aliasName) {
		x.fail("AutoPublishAlias name ('%s') must contain only alphanumeric characters, hyphens, or underscores matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern.", aliasName)
	}
	alias = newResource(fn.id+"Alias"+strings.NewReplacer("-", "D", "_", "U").Replace(aliasName), "AWS::Lambda::Alias", x.passThrough())
	alias.with("Name", aliasName, "FunctionName", fn.ref(), "FunctionVersion", getAtt(version.id, "Version"))
	if c := x.get("ProvisionedConcurrencyConfig"); truthy(c) {
		alias.set("ProvisionedConcurrencyConfig", c)
	}
	return version, alias
}

// versionData is what a version's identity is hashed from.
func (t *transform) versionData(x *macro, fn *resource) *Map {
	code := obj(t.params.resolve(fn.props.get("Code")))
	if truthy(x.get("AutoPublishAliasAllProperties")) {
		all := NewMap()
		all.update(fn.props)
		layers, _ := fn.props.get("Layers").([]any)
		for _, l := range layers {
			id, _ := idOf(l)
			r, ok := t.outRes.get(id).(*Map)
			if !ok {
				continue
			}
			if p := objOr(r, "Properties"); truthy(p.get("PublishLambdaVersion")) {
				all.Set(id, p)
			}
		}
		return all
	}
	data := code.shallow()
	if e := fn.props.get("Environment"); truthy(e) {
		data.update(obj(e))
	}
	if m := fn.props.get("MemorySize"); truthy(m) {
		data.Set("MemorySize", m)
	}
	if s := fn.props.get("SnapStart"); truthy(s) {
		if on, ok := obj(s).Get("ApplyOn"); ok && !is(on, "None") {
			data.Set("SnapStart", s)
		}
	}
	return data
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

func validAlias(s string) bool {
	digits := true
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			digits = false
		}
		if !(c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return !digits
}

// functionURL makes the function's URL and, for a public one, the permissions it needs.
func (t *transform) functionURL(x *macro, fn, alias *resource) []*resource {
	c := obj(x.get("FunctionUrlConfig"))
	auth := c.get("AuthType")
	if !isIntrinsic(c) {
		if !isIntrinsic(auth) && !oneOf(auth, "AWS_IAM", "NONE") {
			failResource(fn.id, "AuthType is required to configure function property `FunctionUrlConfig`. Please provide either AWS_IAM or NONE.")
		}
		checkURLCors(fn.id, c.get("Cors"))
	}
	target := fn.ref()
	if alias != nil {
		target = alias.ref()
	}
	url := newResource(fn.id+"Url", "AWS::Lambda::Url", x.passThrough()).with("TargetFunctionArn", target, "AuthType", auth, "InvokeMode", c.get("InvokeMode"))
	if cors := c.get("Cors"); truthy(cors) {
		url.set("Cors", cors)
	}
	if !is(auth, "NONE") || isIntrinsic(c) {
		return []*resource{url}
	}
	public := newResource(fn.id+"UrlPublicPermissions", "AWS::Lambda::Permission", x.passThrough()).with("Action", "lambda:InvokeFunctionUrl",
		"FunctionName", target, "Principal", "*", "FunctionUrlAuthType", auth)
	invoke := newResource(fn.id+"URLInvokeAllowPublicAccess", "AWS::Lambda::Permission", x.passThrough()).with("Action", "lambda:InvokeFunction",
		"Principal", "*", "FunctionName", target, "InvokedViaFunctionUrl", true)
	return []*resource{url, public, invoke}
}

func checkURLCors(id string, cors any) {
	if !truthy(cors) || isIntrinsic(cors) {
		return
	}
	for k, v := range (owner{id: id}).mustMap(cors, "FunctionUrlConfig.Cors").All() {
		ok, kind := false, ""
		switch k {
		case "AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders":
			ok, kind = isList(v), "list"
		case "AllowCredentials":
			ok, kind = isBool(v), "bool"
		case "MaxAge":
			ok, kind = isInt(v), "int"
		default:
			failResource(id, "%s is not a valid property for configuring Cors.", k)
		}
		if !ok && !isIntrinsic(v) {
			failResource(id, "%s must be of type %s.", k, kind)
		}
	}
}

// eventInvoke makes the configuration of asynchronous calls, with a queue or topic where a destination names none.
func (t *transform) eventInvoke(x *macro, fn, alias *resource, aliasName string) (made []*resource, documents []any) {
	raw := obj(x.get("EventInvokeConfig"))
	c := obj(t.params.resolve(raw))
	id := fn.id + "EventInvokeConfig"
	r := newResource(id, "AWS::Lambda::EventInvokeConfig", x.attrs)
	if alias != nil {
		r.dependsOn = []any{alias.id}
	}
	destinations := NewMap()
	if in := c.get("DestinationConfig"); truthy(in) {
		given := x.own().mustMap(in, "EventInvokeConfig.DestinationConfig")
		for _, on := range [...]string{"OnSuccess", "OnFailure"} {
			v := given.get(on)
			if v == nil {
				continue
			}
			d := x.own().mustMap(v, "EventInvokeConfig.DestinationConfig."+on)
			res, arn, policy := t.destination(x, d, on, id)
			destinations.Set(on, NewMap("Destination", arn))
			if res != nil {
				made = append(made, res)
			}
			if policy != nil {
				documents = append(documents, policy)
			}
		}
	}
	r.set("FunctionName", ref(fn.id))
	if aliasName == "" {
		aliasName = "$LATEST"
	}
	r.with("Qualifier", aliasName, "DestinationConfig", destinations, "MaximumEventAgeInSeconds", c.get("MaximumEventAgeInSeconds"),
		"MaximumRetryAttempts", c.get("MaximumRetryAttempts"))
	return append(made, r), documents
}

func (t *transform) destination(x *macro, d *Map, on, configID string) (res *resource, arn any, policy any) {
	id := configID + on
	kind, given := d.get("Type"), d.get("Destination")
	if !oneOf(kind, "SQS", "SNS", "EventBridge", "Lambda", "S3Bucket") {
		x.fail("'Type: %s' must be one of ['SQS', 'SNS', 'EventBridge', 'Lambda', 'S3Bucket']", pyStr(kind))
	}
	condition, other := t.destinationCondition(given, configID)
	arn = given
	if given == nil || condition != nil {
		both := t.bothConditions(x, x.attrs.get("Condition"), condition)
		switch text(kind) {
		case "SQS":
			res = newResource(id+"Queue", "AWS::SQS::Queue", x.passThrough())
		case "SNS":
			res = newResource(id+"Topic", "AWS::SNS::Topic", x.passThrough())
		default:
			x.fail("Destination is required if Type is not ['SQS', 'SNS']")
		}
		if truthy(both) {
			res.attrs.Set("Condition", both)
		}
		arn = res.arn()
		if truthy(condition) {
			arn = fnIf(condition, arn, other)
		}
	}
	switch text(kind) {
	case "SQS":
		policy = policySQS(arn, id)
	case "SNS":
		policy = policySNS(arn, id)
	case "EventBridge":
		policy = policyEventBus(arn, id)
	case "Lambda":
		policy = policyLambda(arn, id)
	case "S3Bucket":
		policy = policyS3(arn, id)
	}
	return res, arn, policy
}

func (t *transform) bothConditions(x *macro, resource, property any) any {
	if resource == nil {
		return property
	}
	if property == nil {
		return resource
	}
	name := pyStr(resource) + "AND" + pyStr(property) + hashOf(x.id, 10)
	wrap := func(c any) any { return NewMap("Condition", NewMap("Condition", c)) }
	t.conditions().Set(name, NewMap("Fn::And", []any{wrap(resource), wrap(property)}))
	return name
}

// destinationCondition gives the condition under which a destination is not given, and what it is otherwise.
func (t *transform) destinationCondition(d any, id string) (condition, other any) {
	if !isIf(d) {
		return nil, nil
	}
	items, ok := ifItems(d.(*Map).get("Fn::If"))
	if !ok {
		failResource(id, "Malformed 'Destination' property: Fn::If requires 3 arguments.")
	}
	switch yes, no := isNoValue(items[1]), isNoValue(items[2]); {
	case yes && no:
		return nil, nil
	case yes:
		return items[0], items[2]
	case no:
		name := "NOT" + pyStr(items[0]) + hashOf(id, 10)
		t.conditions().Set(name, not(items[0]))
		return name, items[1]
	}
	return nil, nil
}
