package policy

import (
	"fmt"
	"strings"
)

// Kind is a grammar: what elements a document may and must have.
type Kind uint8

// The grammars. The documents of permissions boundaries are managed policies.
const (
	Identity       Kind = iota // inline policies of users, groups and roles
	Managed                    // managed policies: Version must be 2012-10-17
	Resource                   // policies attached to resources: a Principal is required
	Trust                      // AssumeRolePolicyDocument: a Principal, sts actions, no Resource
	Session                    // session policies of AssumeRole and GetFederationToken
	ServiceControl             // service and resource control policies of an organisation
	ResourceSelf               // as Resource, where Resource may be left out and means the resource itself (ECR repositories)
)

// Limits bound a document before it is looked at. Zero fields have the defaults of DefaultLimits.
type Limits struct {
	Bytes      int // of the input, white space included
	Size       int // bytes without white space, which IAM's quotas count; 0 is no quota
	Depth      int
	Statements int
	Values     int // JSON values in all
	Variables  int // in one string; at most 16
	// Domain is a server's own: a service principal X.Domain reads as X.amazonaws.com. "" reads none so.
	Domain string
}

// DefaultLimits are what a document may have where the caller says nothing.
func DefaultLimits() Limits {
	return Limits{Bytes: 256 << 10, Depth: 16, Statements: 1024, Values: 20000, Variables: 16}
}

func (l Limits) filled() Limits {
	d := DefaultLimits()
	for _, f := range [...][2]*int{{&l.Bytes, &d.Bytes}, {&l.Depth, &d.Depth}, {&l.Statements, &d.Statements}, {&l.Values, &d.Values}, {&l.Variables, &d.Variables}} {
		if *f[0] <= 0 {
			*f[0] = *f[1]
		}
	}
	l.Variables = min(l.Variables, variablesMax)
	return l
}

// Reason says what is wrong with a document, for services that word it in their own way.
type Reason uint8

// The reasons.
const (
	BadSyntax Reason = iota
	BadVersion
	BadLegacy
	BadSid
	BadAction
	BadResource
	BadPrincipal
	BadField // an element that this kind of policy must not have
	TooLarge // over Limits.Size
)

// Error is a refused document. Its text is AWS's message of MalformedPolicyDocument (LimitExceeded for TooLarge).
type Error struct {
	Reason  Reason
	Message string
	Detail  string // for people: what was met
	Path    string // "Statement[2].Condition", "" for the document
	Offset  int    // byte at which reading stopped; 0 where the document could be read
}

// Error gives AWS's message.
func (e *Error) Error() string { return e.Message }

// Effect is Allow or Deny, as documents write it.
type Effect string

// The effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// The versions of the language.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Document is a policy that was read and found right.
type Document struct {
	Kind       Kind
	Version    string // "" where the document has none: the language of 2008-10-17
	ID         string
	Statements []Statement
}

// Statement is one statement. Of Actions and NotActions, Resources and NotResources, Principals and NotPrincipals one is set.
type Statement struct {
	Sid           string
	Effect        Effect
	Principals    *Principals
	NotPrincipals *Principals
	Actions       []string
	NotActions    []string
	Resources     []string
	NotResources  []string
	Conditions    []Condition
}

// Principals is a Principal or NotPrincipal element.
type Principals struct {
	Any       bool     // "*"
	AWS       []string // "*", account ids, ARNs, unique ids (AIDA…, AROA…)
	Service   []string
	Federated []string
	Canonical []string
}

// Condition is one operator with one key.
type Condition struct {
	Operator string // "ForAllValues:StringLikeIfExists"
	Key      string
	Values   []string
}

// MapPrincipals gives a copy whose AWS principals are what f makes of them: a service stores the unique id of a user or
// role for its ARN and shows the ARN again.
func (d *Document) MapPrincipals(f func(aws string) (string, error)) (*Document, error) {
	c := *d
	c.Statements = append([]Statement(nil), d.Statements...)
	for i := range c.Statements {
		for _, p := range [...]**Principals{&c.Statements[i].Principals, &c.Statements[i].NotPrincipals} {
			if *p == nil {
				continue
			}
			n := **p
			n.AWS = append([]string(nil), n.AWS...)
			for j, v := range n.AWS {
				var err error
				if n.AWS[j], err = f(v); err != nil {
					return nil, fmt.Errorf("statement %d: %w", i, err)
				}
			}
			*p = &n
		}
	}
	return &c, nil
}

// ContextKeys gives the condition keys that the document asks for, in conditions and in variables, as it writes them:
// what GetContextKeysForCustomPolicy answers.
func (d *Document) ContextKeys() []string {
	var keys []string
	seen := map[string]bool{}
	add := func(k string) {
		if low := strings.ToLower(k); !seen[low] {
			seen[low] = true
			keys = append(keys, k)
		}
	}
	inside := func(l []string) {
		if d.Version != Version2012 {
			return
		}
		for _, s := range l {
			for {
				_, rest, ok := strings.Cut(s, "${")
				body, rest, end := strings.Cut(rest, "}")
				if !ok || !end {
					break
				}
				if key, _, _ := strings.Cut(body, ","); body != "*" && body != "?" && body != "$" && body != "" {
					add(strings.TrimSpace(key))
				}
				s = rest
			}
		}
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		inside(s.Resources)
		inside(s.NotResources)
		for _, c := range s.Conditions {
			add(c.Key)
			inside(c.Values)
		}
	}
	return keys
}
