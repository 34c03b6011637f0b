package sam

import (
	"sort"
	"strconv"
	"strings"
)

type policyKind int

const (
	unknownPolicy policyKind = iota
	managedPolicy
	statementPolicy
	templatePolicy
)

// policyList makes the value of Policies a list.
func policyList(v any) []any {
	if !truthy(v) {
		return nil
	}
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

// policyKindOf tells what an entry of Policies is; with templates, names of policy templates are known.
func policyKindOf(v any, templates bool) policyKind {
	if isStr(v) {
		return managedPolicy
	}
	m, ok := v.(*Map)
	switch {
	case isIf(v):
		items, ok := ifItems(m.get("Fn::If"))
		if !ok {
			failTemplate("Fn::If requires 3 arguments")
		}
		yes, no := policyKindOf(items[1], templates), policyKindOf(items[2], templates)
		switch {
		case yes == no, isNoValue(items[2]):
			return yes
		case isNoValue(items[1]):
			return no
		}
		failTemplate("Different policy types within the same Fn::If statement is unsupported. Separate different policy types into different Fn::If statements")
	case isIntrinsic(v):
		return managedPolicy
	case ok && m.Has("Statement"):
		return statementPolicy
	case ok && templates && m.Len() == 1:
		name, _ := m.first()
		if _, ok := policyTemplates()[name]; ok {
			return templatePolicy
		}
	}
	return unknownPolicy
}

// expandPolicyTemplates replaces policy templates among a resource's Policies by their statements.
func (t *transform) expandPolicyTemplates(id string, p *Map) {
	l := policyList(p.get("Policies"))
	if len(l) == 0 {
		return
	}
	kinds := make([]policyKind, len(l))
	for i, v := range l {
		kinds[i] = policyKindOf(v, true)
	}
	out := make([]any, len(l))
	for i, v := range l {
		switch {
		case kinds[i] != templatePolicy:
			out[i] = v
		case isIf(v):
			items, _ := ifItems(v.(*Map).get("Fn::If"))
			side := func(x any) any {
				if isNoValue(x) {
					return x
				}
				return t.policyStatement(id, x)
			}
			out[i] = NewMap("Fn::If", []any{items[0], side(items[1]), side(items[2])})
		default:
			out[i] = t.policyStatement(id, v)
		}
	}
	p.Set("Policies", out)
}

func (t *transform) policyStatement(id string, v any) any {
	name, args := obj(v).first()
	tmpl := policyTemplates()[name]
	given, ok := args.(*Map)
	if !ok {
		failResource(id, "Must specify valid parameter values for policy template '%s'", name)
	}
	var missing []string
	for _, p := range tmpl.Parameters {
		if !given.Has(p) {
			missing = append(missing, p)
		}
	}
	if missing != nil {
		sort.Strings(missing)
		failResource(id, "Following required parameters of template '%s' don't have values: %s", name, pyRepr(anys(missing...)))
	}
	return fillTemplate(tmpl.Definition, tmpl.Parameters, given)
}

// fillTemplate copies a definition with references to its parameters replaced. Definitions refer to nothing else.
func fillTemplate(v any, params []string, given *Map) any {
	switch d := v.(type) {
	case *Map:
		if name, ok := str(d.get("Ref")); ok && d.Len() == 1 && oneOf(name, params...) {
			return given.get(name)
		}
		out := NewMap()
		for k, x := range d.All() {
			out.Set(k, fillTemplate(x, params, given))
		}
		return out
	case []any:
		out := make([]any, len(d))
		for i, x := range d {
			out[i] = fillTemplate(x, params, given)
		}
		return out
	}
	return v
}

// roleSpec is what an execution role is made of.
type roleSpec struct {
	owner     string // the resource's logical id
	id        string // the role's, where it is not the owner's with Role
	attrs     *Map
	assume    any
	policies  any // the Policies property
	managed   []any
	documents []any
	path      any
	boundary  any
	tags      []any
}

func (t *transform) role(s roleSpec) *resource {
	r := newResource(s.owner+"Role", "AWS::IAM::Role", s.attrs)
	r.set("AssumeRolePolicyDocument", s.assume)
	if s.managed == nil {
		s.managed = []any{}
	}
	l := policyList(s.policies)
	kinds := make([]policyKind, len(l))
	for i, v := range l {
		kinds[i] = policyKindOf(v, false)
	}
	for i, v := range l {
		switch kinds[i] {
		case statementPolicy:
			named := func(x any) any {
				return NewMap("PolicyName", r.id+"Policy"+strconv.Itoa(i), "PolicyDocument", x)
			}
			if isIf(v) {
				convertIf(v, func(x any) bool { return !isNoValue(x) }, named)
				s.documents = append(s.documents, v)
			} else {
				s.documents = append(s.documents, named(v))
			}
		case managedPolicy:
			if isStr(v) {
				v = t.managedPolicyARN(v)
			} else if isIf(v) {
				convertIf(v, isStr, t.managedPolicyARN)
			}
			if !contains(s.managed, v) {
				s.managed = append(s.managed, v)
			}
		default:
			failResource(s.owner, "Policy at index %d in the 'Policies' property is not valid", i)
		}
	}
	r.set("ManagedPolicyArns", s.managed)
	if len(s.documents) > 0 {
		r.set("Policies", s.documents)
	}
	r.set("Path", s.path)
	r.set("PermissionsBoundary", s.boundary)
	if s.tags != nil {
		r.set("Tags", s.tags)
	}
	if s.id != "" {
		r.id = s.id
	}
	return r
}

func convertIf(v any, convertible func(any) bool, convert func(any) any) {
	items, ok := ifItems(v.(*Map).get("Fn::If"))
	if !ok {
		failPy("Fn::If requires 3 arguments")
	}
	for i := 1; i < 3; i++ {
		if convertible(items[i]) {
			items[i] = convert(items[i])
		}
	}
}

func (t *transform) managedPolicyARN(name any) any {
	n := text(name)
	if t.in.ManagedPolicies != nil {
		if arn, ok := t.in.ManagedPolicies(n); ok && arn != "" {
			return arn
		}
	}
	if path, ok := managedPolicies()[t.partition][n]; ok {
		return t.awsManaged(path + n)
	}
	return name
}

// awsManaged is the ARN of a policy of AWS's.
func (t *transform) awsManaged(name string) string {
	return "arn:" + t.partition + ":iam::aws:policy/" + name
}

func (t *transform) xrayPolicy() string {
	if t.partition == "aws" {
		return "AWSXrayWriteOnlyAccess"
	}
	return "AWSXRayDaemonWriteAccess"
}

// arnText is an ARN for Fn::Sub.
func (t *transform) arnText(service, resource string) string {
	return "arn:" + t.partition + ":" + service + ":${AWS::Region}:${AWS::AccountId}:" + resource
}

// assumeBy is the trust policy for one of AWS's services.
func assumeBy(principal string) *Map {
	return NewMap("Version", "2012-10-17", "Statement", []any{NewMap("Action", anys("sts:AssumeRole"), "Effect", "Allow",
		"Principal", NewMap("Service", anys(principal)))})
}

// inline is a role's inline policy of one statement.
func inline(name string, statements ...any) *Map {
	return NewMap("PolicyName", name, "PolicyDocument", NewMap("Statement", statements))
}

func allow(action any, resource any) *Map {
	return NewMap("Action", action, "Effect", "Allow", "Resource", resource)
}

func policySQS(arn any, id string) *Map { return inline(id+"SQSPolicy", allow("sqs:SendMessage", arn)) }
func policySNS(arn any, id string) *Map { return inline(id+"SNSPolicy", allow("sns:publish", arn)) }
func policyLambda(arn any, id string) *Map {
	return inline(id+"LambdaPolicy", allow("lambda:InvokeFunction", arn))
}
func policyEventBus(arn any, id string) *Map {
	return inline(id+"EventBridgePolicy", allow("events:PutEvents", arn))
}
func policyStates(arn any, id string) *Map {
	return inline(id+"StartExecutionPolicy", allow("states:StartExecution", arn))
}
func policyS3(arn any, id string) *Map {
	return inline(id+"S3Policy", allow("s3:PutObject", NewMap("Fn::Join", []any{"/", []any{arn, "*"}})), allow("s3:ListBucket", arn))
}

// queuePolicy lets a source send to a queue.
func queuePolicy(principal any, source, queue any) *Map {
	return NewMap("Version", "2012-10-17", "Statement", []any{NewMap("Action", "sqs:SendMessage", "Effect", "Allow", "Principal", principal,
		"Resource", queue, "Condition", NewMap("ArnEquals", NewMap("aws:SourceArn", source)))})
}

func partitionOf(region string) string {
	r := strings.ToLower(region)
	for _, p := range [...][2]string{{"cn-", "aws-cn"}, {"us-iso-", "aws-iso"}, {"us-isob", "aws-iso-b"}, {"us-gov", "aws-us-gov"},
		{"eu-isoe", "aws-iso-e"}, {"us-isof", "aws-iso-f"}, {"eusc-", "aws-eusc"}} {
		if strings.HasPrefix(r, p[0]) {
			return p[1]
		}
	}
	return "aws"
}
