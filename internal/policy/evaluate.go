package policy

import "strings"

// Verdict is what a decision says.
type Verdict uint8

// The verdicts.
const (
	ImplicitDeny Verdict = iota
	ExplicitDeny
	Allowed
)

// String gives the words of SimulatePrincipalPolicy.
func (v Verdict) String() string {
	switch v {
	case ExplicitDeny:
		return "explicitDeny"
	case Allowed:
		return "allowed"
	}
	return "implicitDeny"
}

// Source is the place a policy has in a decision.
type Source uint8

// The sources, in the order in which an explicit Deny is looked for.
const (
	NoPolicy Source = iota // root needs none
	ServiceControlPolicy
	ResourceControlPolicy
	ResourcePolicy
	RoleTrustPolicy
	IdentityPolicy
	PermissionsBoundary
	SessionPolicy
)

// Attached is a policy with its name: an ARN for managed ones, a name for inline ones, "" for resource policies.
type Attached struct {
	Name   string
	Policy *Compiled
}

// Set is every policy that concerns a request.
type Set struct {
	Identity []Attached // the user's with its groups', or the role's
	Resource []Attached // of the resource; a role's trust policy for sts:AssumeRole
	Boundary *Attached  // nil: the user or role has none
	// Session policies limit where HasSession is set, also when there is none among them that could be read.
	Session    []Attached
	HasSession bool
	// Service control policies of the principal's account, one level for the root, each unit and the account; every level
	// must allow. Nil: no organisation, or the management account.
	ServiceControl [][]Attached
	// Resource control policies of the resource's account, in the same way.
	ResourceControl [][]Attached
}

// Request is one question: may this principal do this action on this resource?
type Request struct {
	Action    string // "sqs:SendMessage", without wildcards
	Resource  string // an ARN, or "*" where the action knows no resource
	Principal *Principal
	// ResourceAccount owns the resource; "": the account in its ARN, or the principal's own.
	ResourceAccount string
	// ResourceMustGrant: identity policies never suffice (role trust, key policies); the resource must name at least the account.
	ResourceMustGrant bool
	Context           Context
	Steps             int // that patterns may take in all, a byte each; 0 is StepsMax
}

// StepsMax is how many steps the patterns of one decision may take where the request does not say: some milliseconds.
const StepsMax = 1 << 20

// Decision is the answer with what decided it.
type Decision struct {
	Verdict   Verdict
	By        Source
	Policy    string // Attached.Name
	Sid       string
	Statement int // index in the policy; -1 where no statement decided
	// Exhausted: the policies took more than Request.Steps, and the request is refused for that.
	Exhausted bool
}

// Allowed tells whether the request may go on.
func (d Decision) Allowed() bool { return d.Verdict == Allowed }

func implicit(by Source) Decision { return Decision{By: by, Statement: -1} }

// finding is what a group of policies says.
type finding struct {
	allow     bool
	deny      bool
	grade     grade // of the closest Allow of a resource policy
	policy    int
	statement int
}

// Evaluate decides a request (IAM User Guide, "Policy evaluation logic"): an explicit Deny of any policy wins; control
// policies, boundary and session policies limit; identity or resource policy must allow within the resource's account, and
// both across accounts. It takes no memory.
func Evaluate(s *Set, r *Request) Decision {
	on := run{ctx: r.Context, steps: r.Steps}
	if on.steps <= 0 {
		on.steps = StepsMax
	}
	d := evaluate(s, r, &on)
	if on.steps < 0 {
		return Decision{Statement: -1, Exhausted: true}
	}
	return d
}

func evaluate(s *Set, r *Request, on *run) Decision {
	p := r.Principal
	if p == nil || p.isIdentity() && p.Account == "" {
		return implicit(IdentityPolicy) // nobody is allowed nothing
	}
	own := p.Account
	if r.ResourceAccount != "" {
		own = r.ResourceAccount
	} else if a := arnAccount(r.Resource); a != "" {
		own = a
	}
	same := p.isIdentity() && own == p.Account
	limited := p.isIdentity() && !p.ServiceLinked
	var scp, rcp Decision
	scpOK, rcpOK := true, true
	if limited {
		if scp, scpOK = levels(s.ServiceControl, r, on, ServiceControlPolicy); scp.Verdict == ExplicitDeny {
			return scp
		}
	}
	if !p.ServiceLinked {
		if rcp, rcpOK = levels(s.ResourceControl, r, on, ResourceControlPolicy); rcp.Verdict == ExplicitDeny {
			return rcp
		}
	}
	byResource := ResourcePolicy
	if len(s.Resource) > 0 && s.Resource[0].Policy != nil && s.Resource[0].Policy.kind == Trust {
		byResource = RoleTrustPolicy
	}
	res := ask(s.Resource, r, on, true)
	if res.deny {
		return res.decision(ExplicitDeny, byResource, s.Resource)
	}
	var id, bound, session finding
	bound.allow, session.allow = true, true
	if p.isIdentity() {
		if id = ask(s.Identity, r, on, false); id.deny {
			return id.decision(ExplicitDeny, IdentityPolicy, s.Identity)
		}
		if s.Boundary != nil {
			if bound = askOne(s.Boundary, r, on, false); bound.deny {
				d := bound.decision(ExplicitDeny, PermissionsBoundary, nil)
				d.Policy, d.Sid = s.Boundary.Name, s.Boundary.Policy.statements[bound.statement].sid
				return d
			}
		}
		if s.HasSession || len(s.Session) > 0 {
			if session = ask(s.Session, r, on, false); session.deny {
				return session.decision(ExplicitDeny, SessionPolicy, s.Session)
			}
		}
	}
	switch {
	case !rcpOK:
		return rcp
	case !scpOK:
		return scp
	case !p.isIdentity():
		if res.allow {
			return res.decision(Allowed, byResource, s.Resource)
		}
		return implicit(byResource)
	}
	granted := id.decision(Allowed, IdentityPolicy, s.Identity)
	if p.Type == Root {
		id.allow, bound.allow = true, true
		granted = Decision{Verdict: Allowed, Statement: -1}
	}
	if !same {
		switch { // both accounts must agree
		case !id.allow:
			return implicit(IdentityPolicy)
		case !res.allow:
			return implicit(byResource)
		}
	} else {
		switch direct := res.grade; {
		case direct == namedSession, direct == namedEntity && p.Type == User:
			return res.decision(Allowed, byResource, s.Resource)
		case direct == namedEntity:
			id.allow, granted = true, res.decision(Allowed, byResource, s.Resource)
		case r.ResourceMustGrant && direct == notNamed:
			return implicit(byResource)
		case !id.allow:
			return implicit(IdentityPolicy)
		}
	}
	switch {
	case !bound.allow:
		d := implicit(PermissionsBoundary)
		d.Policy = s.Boundary.Name
		return d
	case !session.allow:
		return implicit(SessionPolicy)
	}
	return granted
}

// levels asks control policies: every level must allow.
func levels(all [][]Attached, r *Request, on *run, by Source) (Decision, bool) {
	ok := true
	for _, l := range all {
		f := ask(l, r, on, false)
		if f.deny {
			return f.decision(ExplicitDeny, by, l), false
		}
		ok = ok && f.allow
	}
	return implicit(by), ok
}

func (f finding) decision(v Verdict, by Source, l []Attached) Decision {
	d := Decision{Verdict: v, By: by, Statement: f.statement}
	if f.policy < len(l) && l[f.policy].Policy != nil && f.statement < len(l[f.policy].Policy.statements) {
		d.Policy, d.Sid = l[f.policy].Name, l[f.policy].Policy.statements[f.statement].sid
	}
	return d
}

// ask puts the request to policies of one kind; a Deny ends it.
func ask(l []Attached, r *Request, on *run, principals bool) (out finding) {
	for i := range l {
		f := askOne(&l[i], r, on, principals)
		f.policy = i
		if f.deny {
			return f
		}
		if f.allow && (!out.allow || f.grade > out.grade) {
			out = f
		}
	}
	return out
}

func askOne(a *Attached, r *Request, on *run, principals bool) (out finding) {
	c := a.Policy
	if c == nil {
		return out
	}
	l := c.entries(r.Action)
	for i := range l {
		e := &l[i]
		st := &c.statements[e.statement]
		if !st.deny && out.grade == namedSession { // nothing can grant more
			continue
		}
		if !c.concerns(e, r.Action, on) || !st.about(r.Resource, on) {
			continue
		}
		g := namedSession
		if principals {
			g = st.names(r.Principal)
		}
		if g == notNamed || !st.conditionsHold(on) {
			continue
		}
		if st.deny {
			return finding{deny: true, statement: e.statement}
		}
		if !out.allow || g > out.grade {
			out = finding{allow: true, grade: g, statement: e.statement}
		}
	}
	return out
}

// names gives how closely the statement of a resource policy names a caller.
func (st *statement) names(p *Principal) grade {
	if !st.notPrincipal {
		return p.namedIn(st.principals)
	}
	if st.deny {
		if p.spared(st.principals) {
			return notNamed
		}
		return namedSession
	}
	if p.namedIn(st.principals) != notNamed {
		return notNamed
	}
	if p.Type == Root {
		return namedSession
	}
	return namedEntity
}

// arnAccount gives the account of an ARN, "" where it has none.
func arnAccount(s string) string {
	if !strings.HasPrefix(s, "arn:") {
		return ""
	}
	for range 4 {
		j := strings.IndexByte(s, ':')
		if j < 0 {
			return ""
		}
		s = s[j+1:]
	}
	j := strings.IndexByte(s, ':')
	if j < 0 || !digits12(s[:j]) {
		return ""
	}
	return s[:j]
}
