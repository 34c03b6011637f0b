package sam

// link is what an event refers to in the template: a bucket, a user pool or an API.
type link struct {
	id      any // its logical id
	target  *Map
	suffix  string // of the permission for an API's stage
	noStage bool   // the event does not know its stage
}

// eventOf is an event of a function or a state machine on its way into resources.
type eventOf struct {
	*macro
	target   *resource // the function, its alias, or the state machine
	role     *resource // the function's
	link     *link
	function bool
	boundary any // a state machine's PermissionsBoundary
}

// readEvent checks an event against its type's properties.
func readEvent(ownerID string, uni bool, e entry, types map[string][]property) *macro {
	body := obj(e.val)
	kind, ok := str(body.get("Type"))
	props, known := types[kind]
	if !ok || !known {
		failPy("Resource dict has missing or invalid value for key Type. Event Type is: %s.", pyStr(body.get("Type")))
	}
	return readMacro(ownerID+e.key, uni, e.key, body, kind, props, false, nil)
}

// linkEvents reads a resource's events and finds what they refer to, before anything is made.
func (t *transform) linkEvents(x *macro, types map[string][]property) map[string]*link {
	events, _ := x.get("Events").(*Map)
	links := map[string]*link{}
	f := catch(func() {
		for e := range events.entries() {
			var ev *macro
			if f := catch(func() { ev = readEvent(x.id, x.uni, e, types) }); f != nil {
				if f.kind == pythonFailure {
					failEvent(e.key, "%s", f.detail)
				}
				panic(f)
			}
			links[e.key] = t.linkEvent(ev, x.kind == "AWS::Serverless::Function")
		}
	}).only(eventFailure)
	if f != nil {
		x.fail("%s", f.message())
	}
	return links
}

func (t *transform) linkEvent(ev *macro, function bool) *link {
	switch ev.kind {
	case "S3":
		if b, ok := ev.get("Bucket").(*Map); ok && b.Has("Ref") {
			id, ok := str(b.get("Ref"))
			if !ok {
				failEvent(ev.rel, "'Ref' value in S3 events is not a valid string.")
			}
			if r, ok := t.resources.get(id).(*Map); ok {
				return &link{id: b.get("Ref"), target: r}
			}
		}
		failEvent(ev.rel, "S3 events must reference an S3 bucket in the same template.")
	case "Cognito":
		if b, ok := ev.get("UserPool").(*Map); ok && b.Has("Ref") {
			id, ok := str(b.get("Ref"))
			if !ok {
				failEvent(ev.id, "Ref in Userpool is not a string.")
			}
			if r, ok := t.resources.get(id).(*Map); ok {
				return &link{id: b.get("Ref"), target: r}
			}
		}
		failEvent(ev.rel, "Cognito events must reference a Cognito UserPool in the same template.")
	case "Api":
		return t.linkRESTAPI(ev)
	case "HttpApi":
		id := restAPIID(ev.get("ApiId"))
		r, ok := t.resources.get(text(id)).(*Map)
		if !ok {
			failPy("KeyError: %s", pyRepr(id))
		}
		return &link{id: id, target: objOr(r, "Properties")}
	}
	return nil
}

// restAPIID takes the id out of a Ref.
func restAPIID(v any) any {
	if m, ok := v.(*Map); ok && m.Has("Ref") {
		return m.get("Ref")
	}
	return v
}

func (t *transform) linkRESTAPI(ev *macro) *link {
	l := &link{id: restAPIID(ev.get("RestApiId")), suffix: "AllStages"}
	id, ok := str(l.id)
	if !ok {
		return l
	}
	o := owner{id: ev.rel, event: true}
	r := o.mustMap(t.resources.get(id), "RestApiId", "RestApiId property of Api event must reference a valid resource in the same template.")
	p, ok := r.Get("Properties")
	if !ok {
		p = NewMap()
	}
	l.target = (owner{id: id, attribute: true}).mustMap(p, "Properties")
	l.suffix = "Stage"
	if s, ok := str(l.target.get("StageName")); ok {
		if s == "" {
			failResource(id, "StageName cannot be empty.")
		}
		l.suffix = s
	}
	return l
}

// event makes the resources of a function's event.
func (t *transform) event(e *eventOf) []*resource {
	switch e.kind {
	case "Schedule":
		return t.scheduleEvent(e)
	case "CloudWatchEvent", "EventBridgeRule":
		return t.ruleEvent(e)
	case "ScheduleV2":
		return t.schedulerEvent(e)
	case "S3":
		return t.s3Event(e)
	case "SNS":
		return t.snsEvent(e)
	case "Api":
		return t.apiEvent(e)
	case "HttpApi":
		return t.httpAPIEvent(e)
	case "AlexaSkill":
		return []*resource{e.permission("alexa-appkit.amazon.com", "").with("EventSourceToken", e.get("SkillId"))}
	case "IoTRule":
		return t.iotEvent(e)
	case "Cognito":
		return t.cognitoEvent(e)
	case "CloudWatchLogs":
		p := e.permission("logs.amazonaws.com", "").with("SourceArn",
			fnSub(t.arnText("logs", "log-group:${__LogGroupName__}:*"), "__LogGroupName__", e.get("LogGroupName")))
		f := newResource(e.idValue(), "AWS::Logs::SubscriptionFilter", e.target.passThrough()).with("LogGroupName", e.get("LogGroupName"),
			"FilterPattern", e.get("FilterPattern"), "DestinationArn", e.target.arn())
		f.dependsOn = []any{p.id}
		return []*resource{p, f}
	}
	return t.pollEvent(e)
}

// permission lets an event's source call the function.
func (e *eventOf) permission(principal, suffix string) *resource {
	return e.permissionFor(e.id, principal, suffix)
}

func (e *eventOf) permissionFor(owner, principal, suffix string) *resource {
	id := owner + "Permission" + suffix
	if !alnum(suffix) {
		id = generatedID(owner+"Permission", suffix)
	}
	return newResource(id, "AWS::Lambda::Permission", e.target.passThrough()).with("Action", "lambda:InvokeFunction",
		"FunctionName", e.target.nameOrArn(), "Principal", principal)
}

func (t *transform) iotEvent(e *eventOf) []*resource {
	p := e.permission("iot.amazonaws.com", "").with("SourceArn", fnSub(t.arnText("iot", "rule/${RuleName}"), "RuleName", ref(e.idValue())),
		"SourceAccount", fnSub("${AWS::AccountId}"))
	payload := NewMap("Sql", e.get("Sql"), "RuleDisabled", false, "Actions", []any{NewMap("Lambda", NewMap("FunctionArn", e.target.arn()))})
	if v := e.get("AwsIotSqlVersion"); truthy(v) {
		payload.Set("AwsIotSqlVersion", v)
	}
	return []*resource{p, newResource(e.idValue(), "AWS::IoT::TopicRule", e.target.passThrough()).with("TopicRulePayload", payload)}
}

func (t *transform) cognitoEvent(e *eventOf) []*resource {
	pool, id := e.link.target, text(e.link.id)
	p := e.permissionFor(e.target.id+"Cognito", "cognito-idp.amazonaws.com", "").with("SourceArn", getAtt(e.link.id, "Arn"))
	props, config := memberOf(pool, "Properties"), (*Map)(nil)
	if v := props.get("LambdaConfig"); v == nil {
		config = memberOf(props, "LambdaConfig")
	} else {
		config = (owner{id: id}).mustMap(v, "LambdaConfig")
	}
	for _, trigger := range asList(e.get("Trigger")) {
		if config.Has(text(trigger)) {
			failEvent(e.rel, "Cognito trigger \"%s\" defined multiple times.", pyStr(e.get("Trigger")))
		}
		config.setVal(trigger, e.target.arn())
	}
	return []*resource{p, existing(id, "AWS::Cognito::UserPool", pool)}
}

// memberOf gives a map's member, made where there is none.
func memberOf(m *Map, key string) *Map {
	if m.get(key) == nil {
		m.Set(key, NewMap())
	}
	return obj(m.get(key))
}

func (t *transform) s3Event(e *eventOf) []*resource {
	bucket, id := e.link.target, text(e.link.id)
	p := e.permission("s3.amazonaws.com", "").with("SourceAccount", ref("AWS::AccountId"))
	if c, ok := p.attrs.Get("Condition"); ok {
		props := memberOf(bucket, "Properties")
		tags := props.get("Tags")
		if tags == nil {
			tags = []any{}
			props.Set("Tags", tags)
		}
		l := (owner{id: id}).mustList(tags, "Tags")
		props.Set("Tags", joined(l, []any{NewMap("Key", "sam:ConditionalDependsOn:"+p.id, "Value",
			NewMap("Fn::If", []any{c, ref(p.id), "no dependency"}))}))
	} else {
		e.dependOn(bucket, p.id)
	}
	e.notify(bucket, id)
	return []*resource{p, existing(id, "AWS::S3::Bucket", bucket)}
}

func (e *eventOf) dependOn(bucket *Map, id string) {
	v, given := bucket.Get("DependsOn")
	if !given {
		v = []any{}
	}
	var l []any
	wrong := false
	switch d := v.(type) {
	case []any:
		for _, x := range d {
			wrong = wrong || isMap(x) || isList(x)
			if !contains(l, x) {
				l = append(l, x)
			}
		}
	case *Map:
		l = anys(d.Keys()...)
	default:
		if wrong = !isStr(d); !wrong {
			l = []any{d}
		}
	}
	if wrong {
		failResource(e.id, "Invalid type for field 'DependsOn'. Expected a string or list of strings.")
	}
	if !contains(l, id) {
		l = append(l, id)
	}
	bucket.Set("DependsOn", l)
}

// notify adds the function to a bucket's notifications.
func (e *eventOf) notify(bucket *Map, id string) {
	var add []any
	for _, kind := range asList(e.get("Events")) {
		m := NewMap("Function", e.target.arn())
		if f := e.get("Filter"); f != nil {
			m.Set("Filter", clone(f))
		}
		m.Set("Event", kind)
		if c, ok := e.target.attrs.Get("Condition"); ok {
			add = append(add, fnIf(c, m, nil))
		} else {
			add = append(add, m)
		}
	}
	v, ok := bucket.Get("Properties")
	if !ok {
		v = NewMap()
	}
	props := (owner{id: id}).mustMap(v, "", "Properties should be a map.")
	bucket.Set("Properties", props)
	if props.get("NotificationConfiguration") == nil {
		props.Set("NotificationConfiguration", NewMap())
	}
	config := (owner{id: id}).mustMap(props.get("NotificationConfiguration"), "NotificationConfiguration")
	have := config.get("LambdaConfigurations")
	if have == nil {
		have = []any{}
	}
	l, ok := have.([]any)
	if !ok {
		failResource(id, "Invalid type for LambdaConfigurations. Must be a list.")
	}
	l = joined(l, nil)
	for _, m := range add {
		if !contains(l, m) {
			l = append(l, m)
		}
	}
	config.Set("LambdaConfigurations", l)
}

func (t *transform) snsEvent(e *eventOf) []*resource {
	topic := e.get("Topic")
	subscribe := func(protocol string, endpoint any) *resource {
		return newResource(e.idValue(), "AWS::SNS::Subscription", e.target.passThrough()).with("Protocol", protocol, "Endpoint", endpoint, "TopicArn", topic,
			"Region", e.get("Region"), "FilterPolicy", e.get("FilterPolicy"), "FilterPolicyScope", e.get("FilterPolicyScope"),
			"RedrivePolicy", e.get("RedrivePolicy"))
	}
	policy := func(id, arn, url any) *resource {
		return newResource(id, "AWS::SQS::QueuePolicy", e.target.passThrough()).with("PolicyDocument", queuePolicy("*", topic, arn), "Queues", []any{url})
	}
	poll := func(arn, batch any) []*resource {
		if !truthy(batch) {
			batch = int64(10)
		}
		m := &macro{id: e.id + "EventSourceMapping", kind: "SQS", p: NewMap("Queue", arn, "BatchSize", batch, "Enabled", true), attrs: NewMap()}
		return t.pollEvent(&eventOf{macro: m, target: e.target, role: e.role, function: true})
	}
	switch q := e.get("SqsSubscription"); {
	case !truthy(q):
		return []*resource{e.permission("sns.amazonaws.com", "").with("SourceArn", topic), subscribe("lambda", e.target.arn())}
	case isBool(q):
		queue := newResource(e.id+"Queue", "AWS::SQS::Queue", e.target.passThrough())
		if fifo := t.fifoTopic(topic); truthy(fifo) {
			queue.set("FifoQueue", fifo)
		}
		return append(poll(queue.arn(), nil), queue, policy(e.id+"QueuePolicy", queue.arn(), queue.ref()), subscribe("sqs", queue.arn()))
	default:
		m := (owner{id: e.rel, event: true}).mustMap(q, "SqsSubscription")
		arn, url := m.get("QueueArn"), m.get("QueueUrl")
		if !truthy(arn) || !truthy(url) {
			failEvent(e.rel, "No QueueARN or QueueURL provided.")
		}
		id := m.get("QueuePolicyLogicalId")
		if !truthy(id) {
			id = e.id + "QueuePolicy"
		}
		if !isStr(id) {
			failResource(pyStr(id), "Logical ids must be alphanumeric.")
		}
		return append(poll(arn, m.get("BatchSize")), policy(id, arn, url), subscribe("sqs", arn))
	}
}

func (t *transform) fifoTopic(topic any) any {
	id, ok := idOf(topic)
	r, found := t.resources.get(id).(*Map)
	if !ok || !found {
		return false
	}
	v, ok := objOr(r, "Properties").Get("FifoTopic")
	if !ok {
		return false
	}
	return t.params.resolve(v)
}

// deadLetters gives a rule's dead letter queue: the one given, or one made for it.
func deadLetters(id string, config any, ruleARN any, attrs *Map, policy bool) (arn any, made []*resource) {
	c := obj(config)
	hasARN, hasType := c.Has("Arn"), c.Has("Type")
	switch {
	case hasARN && hasType:
		failEvent(id, "You can either define 'Arn' or 'Type' property of DeadLetterConfig.")
	case hasType && !is(c.get("Type"), "SQS"):
		failEvent(id, "The only valid value for 'Type' property of DeadLetterConfig is 'SQS'.")
	case !hasARN && !hasType:
		failEvent(id, "No 'Arn' or 'Type' property provided for DeadLetterConfig.")
	}
	if arn = c.get("Arn"); arn != nil {
		return arn, nil
	}
	q := c.get("QueueLogicalId")
	if q != nil && !isStr(q) {
		failEvent(id, "QueueLogicalId must be a string")
	}
	if !truthy(q) {
		q = id + "Queue"
	}
	queue := newResource(q, "AWS::SQS::Queue", attrs)
	made = []*resource{queue}
	if policy {
		made = append(made, newResource(id+"QueuePolicy", "AWS::SQS::QueuePolicy", attrs).with("PolicyDocument",
			queuePolicy(NewMap("Service", "events.amazonaws.com"), ruleARN, queue.arn()), "Queues", []any{queue.ref()}))
	}
	return queue.arn(), made
}

// ruleState reads State and Enabled.
func (e *eventOf) ruleState() any {
	state, enabled := e.get("State"), e.get("Enabled")
	if truthy(state) && enabled != nil {
		failEvent(e.rel, "State and Enabled Properties cannot both be specified.")
	}
	switch {
	case enabled != nil && truthy(enabled):
		return "ENABLED"
	case enabled != nil:
		return "DISABLED"
	case truthy(state):
		return state
	}
	return nil
}

// targetID is a rule's target's id, at most 64 characters long.
func targetID(id, suffix string) string {
	if len(id)+len(suffix) > 64 {
		id = id[:64-len(suffix)]
	}
	return id + suffix
}

// ruleTarget is the target of a rule.
func (e *eventOf) ruleTarget(id any, role, dlq any, extra ...string) *Map {
	m := NewMap("Arn", e.target.arn(), "Id", id)
	if role != nil {
		m.Set("RoleArn", role)
	}
	for _, k := range append([]string{"Input"}, extra...) {
		if v := e.get(k); v != nil {
			m.Set(k, v)
		}
	}
	if e.get("DeadLetterConfig") != nil {
		m.Set("DeadLetterConfig", NewMap("Arn", dlq))
	}
	if v := e.get("RetryPolicy"); v != nil {
		m.Set("RetryPolicy", v)
	}
	return m
}

// givenTargetID is the id that the Target property gives, or the generated one.
func (e *eventOf) givenTargetID(suffix string) any {
	if m, ok := e.get("Target").(*Map); ok && m.Has("Id") {
		return m.get("Id")
	}
	return targetID(e.id, suffix)
}

func (t *transform) scheduleEvent(e *eventOf) []*resource {
	rule := newResource(e.idValue(), "AWS::Events::Rule", e.target.passThrough()).with("ScheduleExpression", e.get("Schedule"),
		"State", e.ruleState(), "Name", e.get("Name"), "Description", e.get("Description"))
	made := []*resource{rule}
	var dlq any
	if c := e.get("DeadLetterConfig"); c != nil {
		var rs []*resource
		dlq, rs = deadLetters(e.id, c, rule.arn(), e.target.passThrough(), true)
		made = append(made, rs...)
	}
	rule.set("Targets", []any{e.ruleTarget(targetID(e.id, "LambdaTarget"), nil, dlq)})
	return append(made, e.permission("events.amazonaws.com", "").with("SourceArn", rule.arn()))
}

func (t *transform) ruleEvent(e *eventOf) []*resource {
	rule := newResource(e.idValue(), "AWS::Events::Rule", e.target.passThrough()).with("EventBusName", e.get("EventBusName"),
		"EventPattern", e.get("Pattern"), "Name", e.get("RuleName"))
	var made []*resource
	var dlq any
	if c := e.get("DeadLetterConfig"); c != nil {
		dlq, made = deadLetters(e.id, c, rule.arn(), e.target.passThrough(), true)
	}
	rule.set("State", e.ruleState())
	rule.set("Targets", []any{e.ruleTarget(e.givenTargetID("LambdaTarget"), nil, dlq, "InputPath", "InputTransformer")})
	return append(made, rule, e.permission("events.amazonaws.com", "").with("SourceArn", rule.arn()))
}

// schedulerEvent makes a schedule of EventBridge Scheduler, with a role where none is given.
func (t *transform) schedulerEvent(e *eventOf) []*resource {
	attrs := e.target.passThrough()
	s := newResource(e.idValue(), "AWS::Scheduler::Schedule", attrs).with("ScheduleExpression", e.get("ScheduleExpression"))
	if v := e.get("State"); truthy(v) {
		s.set("State", v)
	}
	name := e.get("Name")
	switch omit := truthy(e.get("OmitName")); {
	case omit && truthy(name):
		failEvent(e.id, "Name cannot be set when OmitName is True")
	case omit:
	case truthy(name):
		s.set("Name", name)
	default:
		s.set("Name", e.id)
	}
	window := e.get("FlexibleTimeWindow")
	if !truthy(window) {
		window = NewMap("Mode", "OFF")
	}
	s.set("FlexibleTimeWindow", window)
	for _, k := range [...]string{"Description", "StartDate", "EndDate", "ScheduleExpressionTimezone", "GroupName", "KmsKeyArn"} {
		s.set(k, e.get(k))
	}
	made := []*resource{s}
	var dlq any
	if c := e.get("DeadLetterConfig"); c != nil {
		var rs []*resource
		dlq, rs = deadLetters(e.id, c, nil, attrs, false)
		made = append(made, rs...)
	}
	role := e.get("RoleArn")
	if !truthy(role) {
		r := newResource(e.id+"Role", "AWS::IAM::Role", attrs).with("AssumeRolePolicyDocument", assumeBy("scheduler.amazonaws.com"))
		policy := policyStates(e.target.arn(), e.id)
		if e.function {
			policy = policyLambda(e.target.arn(), e.id)
		}
		policies := []any{policy}
		if truthy(dlq) {
			policies = append(policies, policySQS(dlq, e.id))
		}
		r.set("Policies", policies)
		if b := e.get("PermissionsBoundary"); truthy(b) {
			r.set("PermissionsBoundary", b)
		}
		made = append(made, r)
		role = r.arn()
	}
	target := NewMap("Arn", e.target.arn(), "RoleArn", role)
	if v := e.get("Input"); v != nil {
		target.Set("Input", v)
	}
	if e.get("DeadLetterConfig") != nil {
		target.Set("DeadLetterConfig", NewMap("Arn", dlq))
	}
	if v := e.get("RetryPolicy"); v != nil {
		target.Set("RetryPolicy", v)
	}
	s.set("Target", target)
	return made
}

func eventOwner(id string) owner { return owner{id: id, event: true} }

// words is a list of strings as Python prints it.
func words(l []string) string { return pyRepr(anys(l...)) }
