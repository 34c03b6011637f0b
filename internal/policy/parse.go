package policy

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	msgSyntax     = "Syntax errors in policy."
	msgVersion    = "Policy document must be version 2012-10-17 or greater."
	msgLegacy     = "The policy failed legacy parsing"
	msgSid        = "Statement IDs (SID) in a single policy must be unique."
	msgSidLetters = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	msgActions    = "Policy statement must contain actions."
	msgResources  = "Policy statement must contain resources."
	msgPrincipal  = "Policy document should not specify a principal."
	msgControl    = "The provided policy document does not meet the requirements of the specified policy type."
	msgTrust      = "AssumeRole policy may only specify STS AssumeRole actions."
	msgJSON       = "This policy contains invalid Json"
)

// Parse reads a document of a kind. A refusal is an *Error with AWS's message: that of IAM for identity policies, that of
// the stricter parser for trust and resource policies, that of Organizations for control policies.
func Parse(kind Kind, data []byte, limits Limits) (*Document, error) {
	l := limits.filled()
	p := parser{kind: kind, limits: l}
	if len(data) > l.Bytes {
		return nil, p.fail(BadSyntax, msgSyntax, "", fmt.Sprintf("longer than %d bytes", l.Bytes))
	}
	if l.Size > 0 {
		if n := size(data); n > l.Size {
			return nil, p.fail(TooLarge, "Cannot exceed quota for PolicySize: "+strconv.Itoa(l.Size), "", strconv.Itoa(n)+" bytes")
		}
	}
	dec := decoder{in: string(data), depth: l.Depth, values: l.Values}
	var root node
	if !dec.document(&root) || root.kind != jsonObject {
		e := p.fail(BadSyntax, p.word(msgSyntax, msgJSON), "", dec.why)
		e.Offset = dec.pos
		return nil, e
	}
	d := &Document{Kind: kind}
	if err := p.document(d, &root); err != nil {
		return nil, err
	}
	if err := check(d); err != nil {
		return nil, err
	}
	return d, nil
}

// services reads names below the server's own domain as AWS's.
func (p *parser) services(l []string) []string {
	if p.limits.Domain == "" || p.limits.Domain == "amazonaws.com" {
		return l
	}
	for i, v := range l {
		if name, ok := strings.CutSuffix(v, "."+p.limits.Domain); ok {
			l[i] = name + ".amazonaws.com"
		}
	}
	return l
}

// size counts the bytes that are no white space.
func size(data []byte) (n int) {
	for _, c := range data {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			n++
		}
	}
	return n
}

type parser struct {
	kind   Kind
	limits Limits
}

func (p *parser) fail(r Reason, msg, path, detail string) *Error {
	return newError(p.kind, r, msg, path, detail)
}

func newError(kind Kind, r Reason, msg, path, detail string) *Error {
	if kind == ServiceControl && r != TooLarge {
		if detail == "" {
			detail = msg
		}
		msg = msgControl
	}
	return &Error{Reason: r, Message: msg, Path: path, Detail: detail}
}

// strict tells whether the kind is read by the parser that names fields.
func strict(k Kind) bool { return k == Trust || k == Resource || k == ResourceSelf }

// word chooses between the wording of identity policies and that of resource policies.
func (p *parser) word(identity, resource string) string {
	if strict(p.kind) {
		return resource
	}
	return identity
}

func (p *parser) document(d *Document, root *node) *Error {
	for i := range root.members {
		m := &root.members[i]
		v := &m.value
		bad := func(detail string) *Error {
			return p.fail(BadSyntax, p.word(msgSyntax, "Invalid policy syntax."), m.key, detail)
		}
		switch m.key {
		case "Version":
			if v.kind != jsonString || v.text != Version2008 && v.text != Version2012 {
				return p.fail(BadSyntax, p.word(msgSyntax, "The policy must contain a valid version string"), m.key, v.text)
			}
			d.Version = v.text
		case "Id":
			if v.kind != jsonString {
				return bad("must be a string")
			}
			d.ID = v.text
		case "Statement":
			if v.kind == jsonObject {
				v = &node{kind: jsonList, list: []node{*v}}
			}
			if v.kind != jsonList {
				return bad("must be a list")
			}
			if len(v.list) == 0 {
				return p.fail(BadSyntax, p.word(msgSyntax, "Could not parse the policy: Statement is empty!"), m.key, "is empty")
			}
			if len(v.list) > p.limits.Statements {
				return bad(fmt.Sprintf("more than %d statements", p.limits.Statements))
			}
			d.Statements = make([]Statement, len(v.list))
			for i := range v.list {
				if err := p.statement(&d.Statements[i], &v.list[i], "Statement["+strconv.Itoa(i)+"]"); err != nil {
					return err
				}
			}
		default:
			return p.fail(BadSyntax, p.word(msgSyntax, "Unknown field "+m.key), m.key, "unknown element")
		}
	}
	if d.Statements == nil {
		return p.fail(BadSyntax, p.word(msgSyntax, "Missing required field Statement"), "", "no Statement")
	}
	return nil
}

func (p *parser) statement(s *Statement, n *node, path string) *Error {
	bad := func(key, detail string) *Error {
		return p.fail(BadSyntax, p.word(msgSyntax, "Invalid policy syntax."), path+"."+key, detail)
	}
	if n.kind != jsonObject {
		return bad("", "must be an object")
	}
	for _, pair := range [...][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		if n.get(pair[0]) != nil && n.get(pair[1]) != nil {
			return bad(pair[1], "beside "+pair[0])
		}
	}
	for i := range n.members {
		key, v := n.members[i].key, &n.members[i].value
		var list *[]string
		var err *Error
		switch key {
		case "Sid":
			if v.kind != jsonString {
				return bad(key, "must be a string")
			}
			s.Sid = v.text
		case "Effect":
			if v.kind != jsonString || !strings.EqualFold(v.text, "Allow") && !strings.EqualFold(v.text, "Deny") {
				return p.fail(BadSyntax, p.word(msgSyntax, "Invalid effect: "+v.text), path+".Effect", v.text)
			}
			s.Effect = Effect(v.text)
		case "Principal":
			s.Principals, err = p.principals(v, path+"."+key)
		case "NotPrincipal":
			s.NotPrincipals, err = p.principals(v, path+"."+key)
		case "Action":
			list = &s.Actions
		case "NotAction":
			list = &s.NotActions
		case "Resource":
			list = &s.Resources
		case "NotResource":
			list = &s.NotResources
		case "Condition":
			s.Conditions, err = p.conditions(v, path+".Condition")
		default:
			return p.fail(BadSyntax, p.word(msgSyntax, "Unknown field "+key), path+"."+key, "unknown element")
		}
		if err != nil {
			return err
		}
		if list != nil {
			if !strict(p.kind) && (key == "Resource" || key == "NotResource") {
				v = withoutNull(v)
			}
			l, ok := strs(v, false)
			if !ok {
				return bad(key, "must be a string or a list of strings")
			}
			*list = l
			if key == "Resource" || key == "NotResource" {
				for _, r := range l {
					if variables(r) > p.limits.Variables {
						return bad(key, fmt.Sprintf("more than %d variables in a string", p.limits.Variables))
					}
				}
			}
		}
	}
	if s.Effect == "" {
		return p.fail(BadSyntax, p.word(msgSyntax, "Missing required field Effect"), path, "no Effect")
	}
	return nil
}

// withoutNull drops null from a list, as IAM does with the resources of identity policies.
func withoutNull(v *node) *node {
	n := *v
	n.list = nil
	for i := range v.list {
		if v.list[i].kind != jsonNull {
			n.list = append(n.list, v.list[i])
		}
	}
	return &n
}

// strs reads a string or a list of strings; scalars lets numbers and booleans in, as conditions do.
func strs(v *node, scalars bool) ([]string, bool) {
	one := func(v *node) bool {
		return v.kind == jsonString || scalars && (v.kind == jsonNumber || v.kind == jsonBool)
	}
	if one(v) {
		return []string{v.text}, true
	}
	if v.kind != jsonList {
		return nil, false
	}
	l := make([]string, len(v.list))
	for i := range v.list {
		if !one(&v.list[i]) {
			return nil, false
		}
		l[i] = v.list[i].text
	}
	return l, true
}

func (p *parser) principals(v *node, path string) (*Principals, *Error) {
	if v.kind == jsonString && p.kind == Trust {
		return nil, p.fail(BadPrincipal, "Principal must be a JSON object.", path, v.text)
	}
	if v.kind == jsonString && v.text == "*" {
		return &Principals{Any: true}, nil
	}
	if v.kind != jsonObject {
		return nil, p.fail(BadPrincipal, p.word(msgSyntax, "Invalid principal in policy"), path, "must be \"*\" or an object")
	}
	ps := &Principals{}
	for i := range v.members {
		m := &v.members[i]
		l, ok := strs(&m.value, false)
		if !ok {
			return nil, p.fail(BadPrincipal, p.word(msgSyntax, "Invalid principal in policy"), path+"."+m.key, "must be a string or a list of strings")
		}
		switch m.key {
		case "AWS":
			ps.AWS = l
		case "Service":
			ps.Service = p.services(l)
		case "Federated":
			ps.Federated = l
		case "CanonicalUser":
			ps.Canonical = l
		default:
			return nil, p.fail(BadPrincipal, p.word(msgSyntax, "Invalid principal in policy"), path+"."+m.key, "unknown kind of principal")
		}
	}
	return ps, nil
}

func (p *parser) conditions(v *node, path string) ([]Condition, *Error) {
	bad := func(key, detail string) ([]Condition, *Error) {
		return nil, p.fail(BadSyntax, p.word(msgSyntax, "Invalid policy syntax."), path+key, detail)
	}
	if v.kind != jsonObject {
		return bad("", "must be an object")
	}
	var out []Condition
	for i := range v.members {
		op := &v.members[i]
		at := "." + op.key
		if op.value.kind != jsonObject {
			return bad(at, "must be an object")
		}
		_, known := parseOperator(op.key)
		if len(op.value.members) > 0 && !known {
			return bad(at, "unknown condition operator")
		}
		for j := range op.value.members {
			m := &op.value.members[j]
			l, ok := strs(&m.value, true)
			if !ok {
				return bad(at+"."+m.key, "must be a value or a list of values")
			}
			for _, s := range l {
				if variables(s) > p.limits.Variables {
					return bad(at+"."+m.key, fmt.Sprintf("more than %d variables in a string", p.limits.Variables))
				}
			}
			out = append(out, Condition{Operator: op.key, Key: m.key, Values: l})
		}
	}
	return out, nil
}
