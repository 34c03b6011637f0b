package sam

import (
	"regexp"
	"strings"
)

// applications are the templates of nested applications, by id and version.
type applications struct {
	found map[string]Application
	wrong map[string]*failure
	order []string
	ids   map[string]string
}

func appKey(id, version any) string { return pyJSON(id) + " " + pyJSON(version) }

// loadApplications resolves the locations of nested applications and asks for their templates.
func (t *transform) loadApplications() {
	a := t.apps
	a.found, a.wrong, a.ids = map[string]Application{}, map[string]*failure{}, map[string]string{}
	mappings := t.resolverOf(t.template, "Mappings")
	for e := range t.serverless("AWS::Serverless::Application") {
		p, _ := e.val.(*Map).get("Properties").(*Map)
		l, ok := p.get("Location").(*Map)
		if !ok || l.get("ApplicationId") == nil || l.get("SemanticVersion") == nil {
			continue
		}
		for _, k := range [...]string{"ApplicationId", "SemanticVersion"} {
			l.Set(k, mappings.resolve(t.params.resolve(clone(l.get(k)))))
		}
		id, version := l.get("ApplicationId"), l.get("SemanticVersion")
		key := appKey(id, version)
		if _, ok := a.found[key]; ok || isMap(id) || isMap(version) || a.wrong[key] != nil {
			continue
		}
		f := catch(func() {
			o := owner{id: e.key}
			o.mustString(id, "Location.ApplicationId")
			o.mustString(version, "Location.SemanticVersion")
			if t.in.Application == nil {
				failResource(e.key, "Serverless Application Repository is not available in this region.")
			}
			if regexp.MustCompile(`\{\{resolve:ssm:[a-zA-Z0-9_.\-/]+(:\d+)?\}\}`).MatchString(text(id)) {
				failResource(e.key, "Serverless Application Repostiory does not support dynamic reference in 'ApplicationId' property.")
			}
			app, err := t.in.Application(text(id), text(version))
			if err != nil {
				failResource(e.key, "%s", err.Error())
			}
			a.found[key] = app
			a.order = append(a.order, key)
			a.ids[key] = text(id)
		}).only(resourceFailure)
		if f != nil {
			a.wrong[key] = f
		}
	}
}

// applicationURL gives an application's resource the address of its template.
func (t *transform) applicationURL(id string, p *Map) {
	missing := func(k string) { failResource(id, "Resource is missing the required [%s] property.", k) }
	if !p.Has("Location") {
		missing("Location")
	}
	l, ok := p.get("Location").(*Map)
	if !ok {
		p.Set("TemplateUrl", p.get("Location"))
		return
	}
	for _, k := range [...]string{"ApplicationId", "SemanticVersion"} {
		if !l.Has(k) {
			missing(k)
		}
	}
	app := (owner{id: id}).mustBe(l.get("ApplicationId"), "ApplicationId")
	const unresolved = "Property '%s' cannot be resolved. Only FindInMap and Ref intrinsic functions are supported."
	if isMap(app) {
		failResource(id, unresolved, "ApplicationId")
	}
	version := l.get("SemanticVersion")
	if !truthy(version) {
		failResource(id, "Property 'SemanticVersion' cannot be blank.")
	}
	if isMap(version) {
		failResource(id, unresolved, "SemanticVersion")
	}
	key := appKey(app, version)
	if f := t.apps.wrong[key]; f != nil {
		panic(f)
	}
	p.Set("TemplateUrl", t.apps.found[key].URL)
}

// checkApplications refuses templates that did not become ready.
func (t *transform) checkApplications() {
	var waiting []string
	for _, key := range t.apps.order {
		switch app := t.apps.found[key]; app.Status {
		case "", "ACTIVE":
		case "EXPIRED":
			id := t.apps.ids[key]
			failResource(id, "Template for %s with id %s returned status: EXPIRED. Cannot access an expired template.", id, app.TemplateID)
		default:
			waiting = append(waiting, t.apps.ids[key])
		}
	}
	if waiting != nil {
		failResource(pyRepr(anys(waiting...)), "Timed out waiting for nested stack templates to reach ACTIVE status.")
	}
}

// application makes a nested stack.
func (t *transform) application(x *macro) []*resource {
	s := newResource(x.idValue(), "AWS::CloudFormation::Stack", x.passThrough())
	s.dependsOn = x.dependsOn
	tags := NewMap()
	if l, ok := x.get("Location").(*Map); ok {
		for _, k := range [...][2]string{{"ApplicationId", "serverlessrepo:applicationId"}, {"SemanticVersion", "serverlessrepo:semanticVersion"}} {
			if v := l.get(k[0]); v != nil {
				tags.Set(k[1], v)
			}
		}
	}
	url := x.get("TemplateUrl")
	if !truthy(url) {
		url = ""
	}
	return []*resource{s.with("Parameters", x.get("Parameters"), "NotificationARNs", x.get("NotificationARNs"), "Tags", x.tags(tags),
		"TimeoutInMinutes", x.get("TimeoutInMinutes"), "TemplateURL", url)}
}

// layerVersion makes a layer whose id changes with its properties.
func (t *transform) layerVersion(x *macro) []*resource {
	for _, k := range [...]string{"LayerName", "LicenseInfo", "Description", "RetentionPolicy"} {
		v := x.get(k)
		if !truthy(v) {
			continue
		}
		v = t.params.resolve(v)
		if !isStr(v) && !isMap(v) {
			x.fail("Could not resolve parameter for '%s' or parameter is not a String.", k)
		}
		x.p.Set(k, v)
	}
	attrs := x.passThrough()
	const retain, remove = "Retain", "Delete"
	if !attrs.Has("DeletionPolicy") {
		attrs.Set("DeletionPolicy", retain)
	}
	if r := x.get("RetentionPolicy"); r != nil {
		switch s, ok := str(r); {
		case isIntrinsic(r):
			x.fail("'RetentionPolicy' does not accept intrinsic functions, please use one of the following options: ['Retain', 'Delete']")
		case !ok:
			x.fail("Invalid 'RetentionPolicy' type, please use one of the following options: ['Retain', 'Delete']")
		case strings.EqualFold(s, retain):
			attrs.Set("DeletionPolicy", retain)
		case strings.EqualFold(s, remove):
			attrs.Set("DeletionPolicy", remove)
		default:
			x.fail("'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].")
		}
	}
	x.validate()
	body := NewMap("Type", x.kind)
	if truthy(x.dependsOn) {
		body.Set("DependsOn", x.dependsOn)
	}
	for k, v := range x.attrs.All() {
		if k != "DeletionPolicy" && k != "UpdateReplacePolicy" && k != "Metadata" {
			body.Set(k, v)
		}
	}
	props := NewMap()
	for k, v := range x.p.All() {
		if v != nil {
			props.Set(k, v)
		}
	}
	body.Set("Properties", props)
	old := x.id
	x.id = generatedID(old, NewMap(old, body))
	l := newResource(x.id, "AWS::Lambda::LayerVersion", attrs)
	l.dependsOn = x.dependsOn
	name := x.get("LayerName")
	if !truthy(name) {
		name = old
	}
	l.with("LayerName", name, "Description", x.get("Description"), "Content", s3Code(x.get("ContentUri"), x.id, "ContentUri"),
		"CompatibleArchitectures", x.get("CompatibleArchitectures"), "CompatibleRuntimes", x.get("CompatibleRuntimes"), "LicenseInfo", x.get("LicenseInfo"))
	if archs, ok := x.get("CompatibleArchitectures").([]any); ok {
		for _, a := range archs {
			if !isIntrinsic(a) && !oneOf(a, "arm64", "x86_64") {
				failResource(x.id, "CompatibleArchitectures needs to be a list of 'x86_64' or 'arm64'")
			}
		}
	}
	return []*resource{l}
}

// simpleTable makes a table with one key.
func (t *transform) simpleTable(x *macro) []*resource {
	r := newResource(x.idValue(), "AWS::DynamoDB::Table", x.attrs)
	r.dependsOn = x.dependsOn
	var name, kind any = "id", "S"
	if k := x.get("PrimaryKey"); truthy(k) {
		m := obj(k)
		name = x.own().mustBe(m.get("Name"), "PrimaryKey.Name")
		given := x.own().mustBe(m.get("Type"), "PrimaryKey.Type")
		short := map[string]string{"String": "S", "Number": "N", "Binary": "B"}[text(given)]
		if short == "" {
			x.fail("Invalid 'Type' \"%s\".", pyStr(given))
		}
		kind = short
	}
	r.with("AttributeDefinitions", []any{NewMap("AttributeName", name, "AttributeType", kind)},
		"KeySchema", []any{NewMap("AttributeName", name, "KeyType", "HASH")})
	for _, k := range [...]string{"PointInTimeRecoverySpecification", "ProvisionedThroughput", "SSESpecification", "TableName"} {
		if v := x.get(k); truthy(v) {
			r.set(k, v)
		} else if k == "ProvisionedThroughput" {
			r.set("BillingMode", "PAY_PER_REQUEST")
		}
	}
	if v := x.get("Tags"); truthy(v) {
		r.set("Tags", tagList(obj(v)))
	}
	return []*resource{r}
}
