package policy

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Normal writes the document in one form for all that say the same in the same order of statements: elements in the
// grammar's order, Statement as a list, other lists sorted and without repetitions, one value as a string, account ids as
// the ARN of their root. It can be read again and is then the same; services compare documents by it.
func (d *Document) Normal() []byte {
	var w writer
	w.open('{')
	if d.Version != "" {
		w.member("Version", []string{d.Version})
	}
	if d.ID != "" {
		w.member("Id", []string{d.ID})
	}
	w.key("Statement")
	w.open('[')
	for i := range d.Statements {
		w.comma()
		w.statement(&d.Statements[i])
	}
	w.close(']')
	w.close('}')
	return w.Bytes()
}

// Equivalent tells whether two documents have the same normal form.
func Equivalent(a, b *Document) bool { return bytes.Equal(a.Normal(), b.Normal()) }

// writer writes JSON; first is whether the next member or value is the first of its object or list.
type writer struct {
	bytes.Buffer
	first bool
}

func (w *writer) open(c byte) {
	w.WriteByte(c)
	w.first = true
}

func (w *writer) close(c byte) {
	w.WriteByte(c)
	w.first = false
}

func (w *writer) comma() {
	if !w.first {
		w.WriteByte(',')
	}
	w.first = false
}

func (w *writer) text(s string) {
	e := json.NewEncoder(&w.Buffer)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("policy: a string cannot be written: " + err.Error())
	}
	w.Truncate(w.Len() - 1) // the encoder's line feed
}

func (w *writer) key(s string) {
	w.comma()
	w.text(s)
	w.WriteByte(':')
}

// member writes a list, as a string where it has one value; nil is left out.
func (w *writer) member(key string, l []string) {
	if l == nil {
		return
	}
	l = slices.Compact(slices.Sorted(slices.Values(l)))
	w.key(key)
	if len(l) == 1 {
		w.text(l[0])
		return
	}
	w.open('[')
	for _, s := range l {
		w.comma()
		w.text(s)
	}
	w.close(']')
}

func (w *writer) statement(s *Statement) {
	w.open('{')
	if s.Sid != "" {
		w.member("Sid", []string{s.Sid})
	}
	w.member("Effect", []string{string(s.Effect)})
	w.principals("Principal", s.Principals)
	w.principals("NotPrincipal", s.NotPrincipals)
	w.member("Action", s.Actions)
	w.member("NotAction", s.NotActions)
	w.member("Resource", s.Resources)
	w.member("NotResource", s.NotResources)
	if len(s.Conditions) > 0 {
		w.key("Condition")
		w.conditions(s.Conditions)
	}
	w.close('}')
}

func (w *writer) principals(key string, p *Principals) {
	if p == nil {
		return
	}
	w.key(key)
	if p.Any {
		w.text("*")
		return
	}
	w.open('{')
	aws := slices.Clone(p.AWS)
	for i, v := range aws {
		if digits12(v) {
			aws[i] = "arn:aws:iam::" + v + ":root"
		}
	}
	for _, m := range [...]struct {
		key string
		l   []string
	}{{"AWS", aws}, {"CanonicalUser", p.Canonical}, {"Federated", p.Federated}, {"Service", p.Service}} {
		if len(m.l) > 0 {
			w.member(m.key, m.l)
		}
	}
	w.close('}')
}

func (w *writer) conditions(l []Condition) {
	l = slices.Clone(l)
	slices.SortFunc(l, func(a, b Condition) int {
		return slices.Compare([]string{a.Operator, a.Key}, []string{b.Operator, b.Key})
	})
	w.open('{')
	for i := range l {
		if i == 0 || l[i].Operator != l[i-1].Operator {
			if i > 0 {
				w.close('}')
			}
			w.key(l[i].Operator)
			w.open('{')
		}
		w.member(l[i].Key, l[i].Values)
	}
	w.close('}')
	w.close('}')
}
