package policy_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"virga/internal/policy"
)

// world is a set of documents and a request, drawn from few words so that they often meet.
type world struct {
	identity, resource, boundary, session, control *policy.Document
	request                                        policy.Request
}

func drawStatement(t *rapid.T, principals bool) policy.Statement {
	pick := func(name string, l ...string) string { return rapid.SampledFrom(l).Draw(t, name) }
	list := func(name string, l ...string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(l), 1, 3).Draw(t, name)
	}
	s := policy.Statement{Effect: policy.Effect(pick("effect", "Allow", "Allow", "Deny"))}
	actions := list("actions", "*", "sqs:*", "sqs:Send*", send, "s3:*", "SQS:sendmessage", "sqs:Receive?essage")
	if rapid.Bool().Draw(t, "notAction") {
		s.NotActions = actions
	} else {
		s.Actions = actions
	}
	resources := list("resources", "*", queue, "arn:aws:sqs:*:*:p", "arn:aws:s3:::b", "arn:aws:sqs:*:*:${aws:username}", "arn:aws:sqs:*:*:${none, 'q'}")
	if rapid.Bool().Draw(t, "notResource") {
		s.NotResources = resources
	} else {
		s.Resources = resources
	}
	if rapid.IntRange(0, 2).Draw(t, "condition") == 0 {
		s.Conditions = []policy.Condition{{
			Operator: pick("operator", "StringEquals", "StringNotEquals", "StringLikeIfExists", "ForAllValues:StringEquals", "ForAnyValue:StringNotEquals", "Null"),
			Key:      pick("key", "aws:username", "aws:TagKeys", "none"),
			Values:   list("values", "alice", "a*", "true", "team"),
		}}
	}
	if principals {
		p := &policy.Principals{AWS: list("aws", "*", home, away, aliceA, roleA, sessA)}
		if rapid.IntRange(0, 3).Draw(t, "notPrincipal") == 0 {
			s.NotPrincipals = p
		} else {
			s.Principals = p
		}
	}
	return s
}

func drawDocument(t *rapid.T, kind policy.Kind) *policy.Document {
	d := &policy.Document{Kind: kind, Version: policy.Version2012}
	for range rapid.IntRange(1, 4).Draw(t, "statements") {
		d.Statements = append(d.Statements, drawStatement(t, kind == policy.Resource))
	}
	return d
}

func drawWorld(t *rapid.T) world {
	w := world{identity: drawDocument(t, policy.Identity), resource: drawDocument(t, policy.Resource), boundary: drawDocument(t, policy.Managed),
		session: drawDocument(t, policy.Session), control: drawDocument(t, policy.ServiceControl)}
	for _, d := range []**policy.Document{&w.resource, &w.boundary, &w.session, &w.control} {
		if rapid.Bool().Draw(t, "absent") {
			*d = nil
		}
	}
	who := []*policy.Principal{alice(), worker(), root(home), root(away), {Type: policy.Anonymous}, {Type: policy.Service, Service: "sns.amazonaws.com"}}
	w.request = policy.Request{
		Action: rapid.SampledFrom([]string{send, "sqs:ReceiveMessage", "s3:GetObject"}).Draw(t, "action"), Resource: rapid.SampledFrom([]string{queue, "arn:aws:s3:::b", "*"}).Draw(t, "resource"),
		Principal:         rapid.SampledFrom(who).Draw(t, "who"),
		ResourceAccount:   rapid.SampledFrom([]string{"", home, away}).Draw(t, "owner"),
		ResourceMustGrant: rapid.Bool().Draw(t, "must"),
		Context:           policy.Keys{{Name: "aws:username", Values: []string{"alice"}}, {Name: "aws:TagKeys", Values: rapid.SliceOfN(rapid.SampledFrom([]string{"team", "a", "*"}), 0, 3).Draw(t, "tags")}},
	}
	return w
}

func (w world) decide() policy.Decision {
	one := func(d *policy.Document) []policy.Attached {
		if d == nil {
			return nil
		}
		return []policy.Attached{{Name: "p", Policy: d.Compile()}}
	}
	s := policy.Set{Identity: one(w.identity), Resource: one(w.resource), Session: one(w.session)}
	if w.boundary != nil {
		s.Boundary = &policy.Attached{Name: "p", Policy: w.boundary.Compile()}
	}
	if w.control != nil {
		s.ServiceControl = [][]policy.Attached{one(w.control)}
	}
	return policy.Evaluate(&s, &w.request)
}

func (w *world) documents() []**policy.Document {
	var l []**policy.Document
	for _, d := range []**policy.Document{&w.identity, &w.resource, &w.boundary, &w.session, &w.control} {
		if *d != nil {
			l = append(l, d)
		}
	}
	return l
}

// with gives a copy of a document with other statements.
func with(d *policy.Document, l []policy.Statement) *policy.Document {
	c := *d
	c.Statements = l
	return &c
}

func TestDenyNeverGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.decide().Allowed()
		d := rapid.SampledFrom(w.documents()).Draw(t, "to")
		s := drawStatement(t, (*d).Kind == policy.Resource)
		s.Effect = policy.Deny
		*d = with(*d, append(slices.Clone((*d).Statements), s))
		if w.decide().Allowed() && !before {
			t.Fatal("a Deny granted")
		}
	})
}

func TestAllowNeverRevokes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.decide().Allowed()
		d := rapid.SampledFrom(w.documents()).Draw(t, "to")
		s := drawStatement(t, (*d).Kind == policy.Resource)
		s.Effect = policy.Allow
		*d = with(*d, append(slices.Clone((*d).Statements), s))
		if before && !w.decide().Allowed() {
			t.Fatal("an Allow revoked")
		}
	})
}

// TestLimitsOnlyShrink: boundary, session policies and control policies take away and never give.
func TestLimitsOnlyShrink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		with := w.decide().Allowed()
		for _, d := range []**policy.Document{&w.boundary, &w.session, &w.control} {
			kept := *d
			*d = nil
			if with && !w.decide().Allowed() {
				t.Fatal("a limit granted")
			}
			*d = kept
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.decide()
		for _, d := range w.documents() {
			*d = with(*d, rapid.Permutation((*d).Statements).Draw(t, "order"))
		}
		if after := w.decide(); after.Verdict != before.Verdict || after.By != before.By {
			t.Fatalf("%+v, in another order %+v", before, after)
		}
	})
}

// TestNormalForm: it can be read, is its own normal form and decides alike.
func TestNormalForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		before := w.decide()
		for _, d := range w.documents() {
			text := (*d).Normal()
			again, err := policy.Parse((*d).Kind, text, policy.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if !policy.Equivalent(again, *d) {
				t.Fatalf("%s\nbecame\n%s", text, again.Normal())
			}
			*d = again
		}
		if after := w.decide(); after != before {
			t.Fatalf("%+v, after the normal form %+v", before, after)
		}
	})
}

// TestDecidingStatement: the statement that is named decides by itself what the document decided.
func TestDecidingStatement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.resource, w.boundary, w.session, w.control, w.request.ResourceMustGrant = nil, nil, nil, nil, false
		d := w.decide()
		if d.Statement < 0 {
			return
		}
		w.identity = with(w.identity, w.identity.Statements[d.Statement:d.Statement+1])
		if again := w.decide(); again.Verdict != d.Verdict {
			t.Fatalf("%+v, alone %+v", d, again)
		}
	})
}
