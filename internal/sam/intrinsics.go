package sam

import "strings"

// ref and the functions below make CloudFormation's intrinsic functions.
func ref(id any) *Map { return NewMap("Ref", id) }

func getAtt(id any, attribute string) *Map { return NewMap("Fn::GetAtt", []any{id, attribute}) }

func fnSub(format any, vars ...any) *Map {
	if len(vars) == 0 {
		return NewMap("Fn::Sub", format)
	}
	return NewMap("Fn::Sub", []any{format, NewMap(vars...)})
}

func fnIf(condition, yes any, no any) *Map {
	if no == nil {
		no = ref("AWS::NoValue")
	}
	return NewMap("Fn::If", []any{condition, yes, no})
}

// isIntrinsic reports whether a value is one call of an intrinsic function.
func isIntrinsic(v any) bool {
	m, ok := v.(*Map)
	if !ok || m.Len() != 1 {
		return false
	}
	k, _ := m.first()
	return k == "Ref" || k == "Condition" || strings.HasPrefix(k, "Fn::")
}

func isIf(v any) bool {
	m, ok := v.(*Map)
	return ok && m.Len() == 1 && m.Has("Fn::If")
}

func isNoValue(v any) bool {
	m, ok := v.(*Map)
	return ok && m.Len() == 1 && is(m.get("Ref"), "AWS::NoValue")
}

// ifItems gives the three arguments of Fn::If.
func ifItems(v any) ([]any, bool) {
	l, ok := v.([]any)
	return l, ok && len(l) == 3
}

// idOf gives the logical id that a Ref or a GetAtt names.
func idOf(v any) (string, bool) {
	if !isIntrinsic(v) {
		return "", false
	}
	m := v.(*Map)
	if s, ok := str(m.get("Ref")); ok {
		return s, true
	}
	switch a := m.get("Fn::GetAtt").(type) {
	case []any:
		if len(a) == 2 {
			return str(a[0])
		}
	default:
		if s, ok := str(a); ok {
			if p := strings.Split(s, "."); len(p) == 2 {
				return p[0], true
			}
		}
	}
	return "", false
}

// shorthand writes a Ref or GetAtt for use inside Fn::Sub.
func shorthand(m *Map) string {
	if v, ok := m.Get("Ref"); ok {
		return "${" + pyStr(v) + "}"
	}
	l, ok := m.get("Fn::GetAtt").([]any)
	if !ok {
		failPy("Shorthanding is only supported for Ref and Fn::GetAtt")
	}
	parts := make([]string, len(l))
	for i, x := range l {
		parts[i] = text(x)
	}
	return "${" + strings.Join(parts, ".") + "}"
}

// resolver replaces references to parameters, or look-ups in mappings, by their values. It changes trees in place.
type resolver struct {
	values   *Map
	mappings bool
	budget   *budget
}

func (r *resolver) resolve(v any) any { return r.walk(v, 0) }

func (r *resolver) walk(v any, depth int) any {
	if r.values.Len() == 0 {
		return v
	}
	r.budget.step(depth)
	if m, ok := v.(*Map); ok && m.Len() == 1 {
		v = r.one(m)
	}
	return descend(v, func(x any) any { return r.walk(x, depth+1) })
}

// descend replaces every member of a value.
func descend(v any, f func(any) any) any {
	switch t := v.(type) {
	case *Map:
		if t.py != nil {
			for _, k := range t.Keys() {
				t.Set(k, f(t.get(k)))
			}
			return t
		}
		for i := range t.ents {
			if !t.ents[i].dead {
				t.ents[i].val = f(t.ents[i].val)
			}
		}
	case []any:
		for i := range t {
			t[i] = f(t[i])
		}
	}
	return v
}

func (r *resolver) one(m *Map) any {
	k, arg := m.first()
	switch {
	case r.mappings:
		if k == "Fn::FindInMap" {
			return r.findInMap(m, arg)
		}
	case k == "Ref":
		if name, ok := str(arg); ok {
			return r.parameter(name, m)
		}
	case k == "Fn::Sub":
		subAll(m, func(full, name string) any { return r.parameter(name, full) })
	}
	return m
}

func (r *resolver) parameter(name string, otherwise any) any {
	v, ok := r.values.Get(name)
	if !ok {
		return otherwise
	}
	if s, ok := str(v); ok && strings.HasPrefix(s, "{{IntrinsicFunction:") {
		return otherwise
	}
	return v
}

func (r *resolver) findInMap(m *Map, arg any) any {
	l, ok := arg.([]any)
	if !ok || len(l) != 3 {
		failDocument("Invalid FindInMap value %s. FindInMap expects an array with 3 values.", pyStr(arg))
	}
	var keys [3]string
	for i, x := range l {
		if n, ok := x.(*Map); ok && n.Len() == 1 {
			x = r.one(n)
		}
		if keys[i], ok = str(x); !ok {
			return m
		}
	}
	var at any = r.values
	for i, k := range keys {
		level, ok := at.(*Map)
		if !ok {
			failDocument("Cannot use Fn::FindInMap on Mapping '%s' which is not a a two-level map.", keys[0])
		}
		if at, ok = level.Get(k); !ok {
			return m
		}
		if i == 2 {
			return at
		}
	}
	return m
}

// subAll replaces the ${names} of an Fn::Sub by what f gives for them.
func subAll(m *Map, f func(full, name string) any) {
	switch arg := m.get("Fn::Sub").(type) {
	case []any:
		if len(arg) > 0 && isStr(arg[0]) {
			arg[0] = subText(arg[0], f)
		}
	default:
		if isStr(arg) {
			m.Set("Fn::Sub", subText(arg, f))
		}
	}
}

func subText(v any, f func(full, name string) any) any {
	s := text(v)
	out := s
	for i := 0; i < len(s); {
		j := strings.Index(s[i:], "${")
		if j < 0 {
			break
		}
		i += j
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			break
		}
		name := s[i+2 : i+end]
		if !subName(name) {
			i += 2
			continue
		}
		full := s[i : i+end+1]
		by := f(full, name)
		t, ok := str(by)
		if !ok {
			failDocument("Invalid Fn::Sub variable value %s. Fn::Sub expects all variables to be strings.", pyStr(by))
		}
		if t != full {
			out = strings.Replace(out, full, t, 1)
		}
		i += end + 1
	}
	return like(v, out)
}

func subName(s string) bool {
	if s == "" {
		return false
	}
	if t, ok := strings.CutPrefix(s, "AWS::"); ok {
		for i := range len(t) {
			c := t[i]
			if !(c >= 'A' && c <= 'Z' || i > 0 && c >= 'a' && c <= 'z') {
				return false
			}
		}
		return t != ""
	}
	for i := range len(s) {
		c := s[i]
		if !(c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// renames replaces references to logical ids that the transform changed.
type renames struct {
	ids    map[string]string
	budget *budget
}

func (r *renames) walk(v any, depth int) any {
	r.budget.step(depth)
	if m, ok := v.(*Map); ok && m.Len() == 1 {
		v = r.one(m)
	}
	return descend(v, func(x any) any { return r.walk(x, depth+1) })
}

func (r *renames) one(m *Map) any {
	switch k, arg := m.first(); k {
	case "Ref":
		if s, ok := str(arg); ok && r.ids[s] != "" && !strings.Contains(s, ".") {
			return ref(r.ids[s])
		}
	case "Fn::Sub":
		subAll(m, func(full, name string) any {
			id, _, _ := strings.Cut(name, ".")
			if to := r.ids[id]; to != "" {
				return strings.ReplaceAll(full, id, to)
			}
			return full
		})
	case "Fn::GetAtt":
		if parts, ok := attParts(arg); ok && r.ids[parts[0]] != "" {
			m.Set(k, append([]any{r.ids[parts[0]]}, anys(parts[1:]...)...))
		}
	}
	return m
}

// attParts gives the dotted parts of a GetAtt that is a list of strings.
func attParts(arg any) ([]string, bool) {
	l, ok := arg.([]any)
	if !ok || len(l) < 2 {
		return nil, false
	}
	words := make([]string, len(l))
	for i, x := range l {
		if words[i], ok = str(x); !ok {
			return nil, false
		}
	}
	return strings.Split(strings.Join(words, "."), "."), true
}

// generatedRefs replaces references such as Function.Version by the logical ids of what was generated.
type generatedRefs struct {
	ids    map[string]map[string]string
	budget *budget
}

func (r *generatedRefs) walk(v any, depth int) any {
	r.budget.step(depth)
	if m, ok := v.(*Map); ok && m.Len() == 1 {
		v = r.one(m)
	}
	return descend(v, func(x any) any { return r.walk(x, depth+1) })
}

func (r *generatedRefs) one(m *Map) any {
	switch k, arg := m.first(); k {
	case "Ref":
		if s, ok := str(arg); ok {
			if id, property, ok := strings.Cut(s, "."); ok && id != "" && property != "" {
				if to := r.ids[id][property]; to != "" {
					return ref(to)
				}
			}
		}
	case "Fn::Sub":
		subAll(m, func(full, name string) any {
			p := strings.Split(name, ".")
			if len(p) < 2 || r.ids[p[0]][p[1]] == "" {
				return full
			}
			return strings.ReplaceAll(full, p[0]+"."+p[1], r.ids[p[0]][p[1]])
		})
	case "Fn::GetAtt":
		if p, ok := attParts(arg); ok && r.ids[p[0]][p[1]] != "" {
			m.Set(k, append([]any{r.ids[p[0]][p[1]]}, anys(p[2:]...)...))
		}
	}
	return m
}

// renameDependsOn follows changed logical ids in DependsOn, wherever such a key occurs.
func renameDependsOn(v any, ids map[string]string) {
	switch t := v.(type) {
	case *Map:
		switch d := t.get("DependsOn").(type) {
		case []any:
			for i, x := range d {
				if to := ids[text(x)]; to != "" {
					d[i] = to
				}
			}
		default:
			if to := ids[text(d)]; to != "" {
				t.Set("DependsOn", to)
			}
		}
		for _, x := range t.All() {
			renameDependsOn(x, ids)
		}
	case []any:
		for _, x := range t {
			renameDependsOn(x, ids)
		}
	}
}
