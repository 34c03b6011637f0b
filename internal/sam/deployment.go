package sam

// preference is a function's DeploymentPreference.
type preference struct {
	enabled                       any
	kind, pre, post, alarms, role any
	triggers                      any
	condition                     string
	tags                          *Map
}

// deployments are the preferences of all functions, which share a CodeDeploy application.
type deployments struct {
	t     *transform
	order []string
	byID  map[string]*preference
}

const (
	deployApplication = "ServerlessDeploymentApplication"
	deployRole        = "CodeDeployServiceRole"
	deployCondition   = "ServerlessCodeDeployCondition"
)

// deploymentPreference notes a function's preference and tells its alias how to shift traffic.
func (t *transform) deploymentPreference(x *macro, alias *resource) {
	v := x.get("DeploymentPreference")
	if !truthy(v) {
		return
	}
	d := obj(v)
	for _, k := range [...]string{"Enabled", "Type"} {
		if v, ok := d.Get(k); ok {
			d.Set(k, t.mappings.resolve(t.params.resolve(v)))
		}
	}
	pass := t.toggled("deployment_preference_condition_fix")
	if v, ok := d.Get("PassthroughCondition"); ok {
		pass = t.toBool(x, v, "PassthroughCondition")
	}
	p := t.deployments.add(x, d, pass)
	if !truthy(p.enabled) {
		return
	}
	if !truthy(x.get("AutoPublishAlias")) {
		x.fail("'DeploymentPreference' requires AutoPublishAlias property to be specified.")
	}
	u := NewMap("ApplicationName", ref(deployApplication), "DeploymentGroupName", ref(x.id+"DeploymentGroup"))
	for _, h := range [...]struct {
		name string
		v    any
	}{{"BeforeAllowTrafficHook", p.pre}, {"AfterAllowTrafficHook", p.post}} {
		if h.v != nil && !equal(h.v, ref(nil)) {
			u.Set(h.name, h.v)
		}
	}
	t.deployments.group(x.id) // its alarms are checked with the function
	alias.attrs.Set("UpdatePolicy", NewMap("CodeDeployLambdaAliasUpdate", u))
}

func (t *transform) toBool(x *macro, v any, name string) bool {
	v = t.mappings.resolve(t.params.resolve(v))
	switch {
	case equal(v, true) || oneOf(v, "true", "True"):
		return true
	case equal(v, false) || oneOf(v, "false", "False"):
		return false
	case isIntrinsic(v):
		x.fail("Unsupported intrinsic: the only intrinsic functions supported for property %s are FindInMap and parameter Refs.", name)
	}
	x.fail("Invalid value for property %s.", name)
	return false
}

func (d *deployments) add(x *macro, m *Map, pass bool) *preference {
	p := &preference{enabled: true}
	if v, ok := m.Get("Enabled"); ok {
		p.enabled = v
	}
	if oneOf(p.enabled, "false", "False") || !truthy(p.enabled) {
		p = &preference{enabled: false}
	} else {
		kind, ok := m.Get("Type")
		if !ok {
			x.fail("'DeploymentPreference' is missing required Property 'Type'")
		}
		hooks := NewMap()
		if v, ok := m.Get("Hooks"); ok {
			if hooks, ok = v.(*Map); !ok {
				x.fail("'Hooks' property of 'DeploymentPreference' must be a dictionary")
			}
		}
		p.kind, p.pre, p.post = kind, hooks.get("PreTraffic"), hooks.get("PostTraffic")
		p.alarms, p.role, p.triggers = m.get("Alarms"), m.get("Role"), m.get("TriggerConfigurations")
		if pass {
			p.condition = text(x.attrs.get("Condition"))
		}
		if tags := x.get("Tags"); truthy(tags) && truthy(x.get("PropagateTags")) {
			p.tags = obj(tags)
		}
	}
	if d.byID == nil {
		d.byID = map[string]*preference{}
	}
	d.byID[x.id] = p
	d.order = append(d.order, x.id)
	return p
}

// finish adds the application, its role and a group for each function.
func (d *deployments) finish() {
	used, skipRole, conditional := false, true, true
	var conditions []string
	tags := NewMap()
	for _, id := range d.order {
		p := d.byID[id]
		on := truthy(p.enabled)
		used = used || on
		skipRole = skipRole && (truthy(p.role) || !on)
		conditional = conditional && (p.condition != "" || !on)
		if p.condition != "" && !oneOf(p.condition, conditions...) {
			conditions = append(conditions, p.condition)
		}
		if on && p.tags != nil {
			tags.update(p.tags)
		}
	}
	if !used {
		return
	}
	finishOff := func(r *resource) {
		if conditional {
			name := deployCondition
			if len(conditions) == 1 {
				name = conditions[0]
			}
			r.attrs.Set("Condition", name)
		}
		if tags.Len() > 0 {
			r.set("Tags", tagList(tags))
		}
		d.t.outRes.Set(r.id, r.body())
	}
	finishOff(newResource(deployApplication, "AWS::CodeDeploy::Application", nil).with("ComputePlatform", "Lambda"))
	if conditional {
		if all, ok := d.t.out.get("Conditions").(*Map); ok {
			for n, c := range combineConditions(sorted(conditions), deployCondition) {
				all.Set(n, c)
			}
		}
	}
	if !skipRole {
		policy := "service-role/AWSCodeDeployRoleForLambda"
		if p := d.t.partition; p == "aws-iso" || p == "aws-iso-b" {
			policy += "Limited"
		}
		finishOff(newResource(deployRole, "AWS::IAM::Role", nil).with("AssumeRolePolicyDocument", assumeBy("codedeploy.amazonaws.com"),
			"ManagedPolicyArns", []any{d.t.awsManaged(policy)}))
	}
	for _, id := range d.order {
		if !truthy(d.byID[id].enabled) {
			continue
		}
		f := catch(func() {
			g := d.group(id)
			d.t.outRes.Set(g.id, g.body())
		}).only(resourceFailure)
		if f != nil {
			d.t.found = append(d.t.found, f)
		}
	}
}

// group is the deployment group of a function.
func (d *deployments) group(id string) *resource {
	p := d.byID[id]
	g := newResource(id+"DeploymentGroup", "AWS::CodeDeploy::DeploymentGroup", nil)
	g.set("AlarmConfiguration", alarms(id, p.alarms))
	g.with("ApplicationName", ref(deployApplication), "AutoRollbackConfiguration", NewMap("Enabled", true, "Events",
		anys("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")),
		"DeploymentConfigName", deploymentConfig(clone(p.kind), ""),
		"DeploymentStyle", NewMap("DeploymentType", "BLUE_GREEN", "DeploymentOption", "WITH_TRAFFIC_CONTROL"),
		"ServiceRoleArn", getAtt(deployRole, "Arn"))
	if truthy(p.role) {
		g.set("ServiceRoleArn", p.role)
	}
	if truthy(p.triggers) {
		g.set("TriggerConfigurations", p.triggers)
	}
	if p.tags != nil {
		g.set("Tags", tagList(p.tags))
	}
	if p.condition != "" {
		g.attrs.Set("Condition", p.condition)
	}
	return g
}

func alarms(id string, v any) any {
	if !truthy(v) || isNoValue(v) {
		return nil
	}
	if isIf(v) {
		c := clone(v).(*Map)
		items, ok := ifItems(c.get("Fn::If"))
		if !ok {
			failResource(id, "Fn::If requires 3 arguments")
		}
		items[1], items[2] = alarmList(id, items[1]), alarmList(id, items[2])
		return c
	}
	return alarmList(id, v)
}

func alarmList(id string, v any) any {
	l, ok := v.([]any)
	if !ok {
		failResource(id, "Alarms must be a list")
	}
	if len(l) == 0 || isNoValue(l[0]) {
		return NewMap()
	}
	names := make([]any, len(l))
	for i, a := range l {
		names[i] = NewMap("Name", a)
	}
	return NewMap("Enabled", true, "Alarms", names)
}

// deploymentConfig writes the names of CodeDeploy's own configurations in full.
func deploymentConfig(v any, key string) any {
	switch t := v.(type) {
	case []any:
		for i := range t {
			t[i] = deploymentConfig(t[i], "")
		}
		return t
	case *Map:
		if isIntrinsic(t) {
			k, arg := t.first()
			t.Set(k, deploymentConfig(arg, k))
		}
		return t
	}
	if !oneOf(v, "Canary10Percent5Minutes", "Canary10Percent10Minutes", "Canary10Percent15Minutes", "Canary10Percent30Minutes",
		"Linear10PercentEvery1Minute", "Linear10PercentEvery2Minutes", "Linear10PercentEvery3Minutes", "Linear10PercentEvery10Minutes", "AllAtOnce") {
		return v
	}
	s := fnSub("CodeDeployDefault.Lambda${ConfigName}", "ConfigName", v)
	if key == "Fn::Sub" {
		return s.get("Fn::Sub")
	}
	return s
}
