package policy

import (
	"slices"
	"strings"
)

// Compiled is a document made ready for decisions. It does not change and may be used by many at once.
type Compiled struct {
	kind       Kind
	statements []statement
	services   map[string][]entry // by the action's service in lower case; each holds the general ones too
	general    []entry            // statements that may concern any service
}

type statement struct {
	sid          string
	deny         bool
	actions      []pattern // of NotAction, or with a wildcard in the service
	notAction    bool
	resources    []pattern
	notResource  bool
	anyResource  bool
	principals   []named
	notPrincipal bool
	conditions   []condition
}

// entry is a statement with those of its actions that concern one service.
type entry struct {
	statement int
	exact     []string  // names in lower case, sorted
	patterns  []pattern // of names
}

// Compile makes d ready for Evaluate.
func (d *Document) Compile() *Compiled {
	c := &Compiled{kind: d.Kind, statements: make([]statement, len(d.Statements)), services: map[string][]entry{}}
	vars := d.Version == Version2012
	for i := range d.Statements {
		c.statements[i] = compileStatement(d.Kind, &d.Statements[i], vars)
		c.index(i, &d.Statements[i])
	}
	for s, l := range c.services { // general statements go into every list, in the document's order
		l = append(l, c.general...)
		slices.SortStableFunc(l, func(a, b entry) int { return a.statement - b.statement })
		c.services[s] = l
	}
	return c
}

func compileStatement(k Kind, s *Statement, vars bool) statement {
	st := statement{sid: s.Sid, deny: s.Effect == Deny}
	rs := s.Resources
	if s.NotResources != nil {
		rs, st.notResource = s.NotResources, true
	}
	for _, r := range rs {
		p := compileResource(r, vars)
		st.anyResource = st.anyResource || p.form == anything
		st.resources = append(st.resources, p)
	}
	if k == Trust || k == ResourceSelf && len(rs) == 0 {
		st.anyResource, st.notResource = true, false
	}
	switch {
	case s.Principals != nil:
		st.principals = compilePrincipals(s.Principals)
	case s.NotPrincipals != nil:
		st.principals, st.notPrincipal = compilePrincipals(s.NotPrincipals), true
	}
	for i := range s.Conditions {
		st.conditions = append(st.conditions, compileCondition(&s.Conditions[i], vars))
	}
	return st
}

func (c *Compiled) index(i int, s *Statement) {
	st := &c.statements[i]
	if s.NotActions != nil {
		st.notAction = true
		for _, a := range s.NotActions {
			st.actions = append(st.actions, compilePattern(a, true, false, true))
		}
		c.general = append(c.general, entry{statement: i})
		return
	}
	own := map[string]*entry{}
	for _, a := range s.Actions {
		service, name, ok := strings.Cut(strings.ToLower(a), ":")
		if !ok || strings.ContainsAny(service, "*?") {
			st.actions = append(st.actions, compilePattern(a, true, false, true))
			continue
		}
		e := own[service]
		if e == nil {
			e = &entry{statement: i}
			own[service] = e
		}
		if strings.ContainsAny(name, "*?") {
			e.patterns = append(e.patterns, compilePattern(name, true, false, true))
		} else {
			e.exact = append(e.exact, name)
		}
	}
	if len(st.actions) > 0 {
		c.general = append(c.general, entry{statement: i})
	}
	for service, e := range own {
		slices.Sort(e.exact)
		c.services[service] = append(c.services[service], *e)
	}
}

// Len is the number of statements.
func (c *Compiled) Len() int { return len(c.statements) }

// entries gives the statements that may concern an action, in the document's order.
func (c *Compiled) entries(action string) []entry {
	if i := strings.IndexByte(action, ':'); i >= 0 {
		service := action[:i]
		if l, ok := c.services[service]; ok {
			return l
		}
		if service != "" && hasUpper(service) {
			for s, l := range c.services {
				if strings.EqualFold(s, service) {
					return l
				}
			}
		}
	}
	return c.general
}

func hasUpper(s string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

// concerns tells whether the statement of an entry is about an action.
func (c *Compiled) concerns(e *entry, action string, on *run) bool {
	st := &c.statements[e.statement]
	name := action[strings.IndexByte(action, ':')+1:]
	if len(e.exact) > 0 && contains(e.exact, name) {
		return true
	}
	for i := range e.patterns {
		if e.patterns[i].match(name, on) == yes {
			return true
		}
	}
	hit := false
	for i := range st.actions {
		if st.actions[i].match(action, on) == yes {
			hit = true
			break
		}
	}
	return hit != st.notAction
}

// contains looks a name in any case up in a sorted list of lower-case names.
func contains(l []string, name string) bool {
	lo, hi := 0, len(l)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if compareFold(l[mid], name) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(l) && compareFold(l[lo], name) == 0
}

// compareFold compares low, which is lower case, with s taken as lower case.
func compareFold(low, s string) int {
	for i := range min(len(low), len(s)) {
		if a, b := low[i], lower(s[i]); a != b {
			return int(a) - int(b)
		}
	}
	return len(low) - len(s)
}

// about tells whether a statement is about a resource. A variable without a value decides for refusal.
func (st *statement) about(resource string, on *run) bool {
	if st.anyResource {
		return !st.notResource
	}
	doubt := false
	for i := range st.resources {
		switch st.resources[i].match(resource, on) {
		case yes:
			return !st.notResource
		case unresolved:
			doubt = true
		}
	}
	if !st.notResource {
		return false
	}
	return st.deny || !doubt
}

func (st *statement) conditionsHold(on *run) bool {
	for i := range st.conditions {
		if !st.conditions[i].holds(on) {
			return false
		}
	}
	return true
}
