package schema

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"virga/internal/template"
)

// Problem is a property that its schema refuses.
type Problem struct {
	Rule    string       // cfn-lint's rule id: E3002, E3003, E3012 …
	Keyword string       // the schema's keyword that refused: required, type, enum …
	Path    []string     // below Properties
	Pos     template.Pos // of the value, or of the key that should not be there
	Message string       // as linters say it
	AWS     string       // as CloudFormation says it in the event of a failed resource
}

// Error gives the linter's message with its path.
func (p Problem) Error() string {
	return fmt.Sprintf("%s (%s): %s", strings.Join(append([]string{"Properties"}, p.Path...), "/"), p.Rule, p.Message)
}

// Options bound and shape a validation.
type Options struct {
	Problems int // 100: where it stops
	Steps    int // 200,000: values and sub-schemas looked at
}

// Validate checks a resource's properties, resolved or not: functions and unknown values count as right, both branches of a
// Fn::If are checked, {"Ref": "AWS::NoValue"} counts as absent. Scalars are taken as CloudFormation does: "5" is a number
// where one is wanted, and 5 a string. An absent value is an empty set of properties.
func (t *Type) Validate(properties template.Value, o Options) []Problem {
	if o.Problems <= 0 {
		o.Problems = 100
	}
	if o.Steps <= 0 {
		o.Steps = 200_000
	}
	if !properties.Exists() {
		properties = template.MapOf()
	}
	v := &validator{t: t, o: o}
	if !properties.IsMap() {
		v.add("E3012", "type", nil, properties.Pos(), "#: expected type: JSONObject, found: "+awsKind(properties), "%s is not of type 'object'", show(properties))
		return v.out
	}
	v.value(t.doc, properties, nil)
	v.readOnly(properties)
	return v.out
}

type validator struct {
	t     *Type
	o     Options
	out   []Problem
	steps int
	quiet int // within anyOf and the like: only whether there is a problem counts
	bad   bool
}

func (v *validator) done() bool {
	v.steps++
	return v.steps > v.o.Steps || len(v.out) >= v.o.Problems || v.quiet > 0 && v.bad
}

func (v *validator) add(rule, keyword string, path []string, p template.Pos, aws, format string, args ...any) {
	v.bad = true
	if v.quiet > 0 || len(v.out) >= v.o.Problems {
		return
	}
	v.out = append(v.out, Problem{rule, keyword, append([]string{}, path...), p, fmt.Sprintf(format, args...), aws})
}

// holds tells whether a value meets a schema.
func (v *validator) holds(s, x template.Value, path []string) bool {
	was := v.bad
	v.bad = false
	v.quiet++
	v.value(s, x, path)
	v.quiet--
	ok := !v.bad
	v.bad = was
	return ok
}

func pathText(path []string) string { return "#/" + strings.Join(path, "/") }

// isOpen tells whether a value stands for one that is not known yet.
func isOpen(x template.Value) bool {
	if !x.Exists() || x.Kind() == template.Unknown {
		return true
	}
	if fn, _, ok := x.Call(); ok && fn != "Condition" {
		return true
	}
	return x.IsString() && strings.Contains(x.Text(), "{{resolve:")
}

func noValue(x template.Value) bool {
	fn, a, ok := x.Call()
	return ok && fn == "Ref" && a.Text() == "AWS::NoValue"
}

// value checks x against a schema.
func (v *validator) value(s, x template.Value, path []string) {
	if v.done() || !s.Exists() {
		return
	}
	s = v.t.deref(s)
	if fn, a, ok := x.Call(); ok && fn == "Fn::If" && a.Len() == 3 {
		for i := 1; i <= 2; i++ {
			if !noValue(a.Index(i)) {
				v.value(s, a.Index(i), append(path, "Fn::If", fmt.Sprint(i)))
			}
		}
		return
	}
	if isOpen(x) {
		return
	}
	if b, ok := s.Bool(); ok && s.Kind() == template.Bool {
		if !b {
			v.add("E3002", "false", path, x.Pos(), pathText(path), "%s is not expected here", show(x))
		}
		return
	}
	if !v.types(s, x, path) {
		if enum := s.Get("enum"); enum.IsList() && !slices.ContainsFunc(texts(enum), func(m string) bool { return x.IsScalar() && m == x.Text() }) {
			v.add("E3030", "enum", path, x.Pos(), pathText(path)+": "+show(x)+" is not a valid enum value", "%s is not one of %s", show(x), list(enum))
		}
		return
	}
	switch x.Kind() {
	case template.Map:
		v.object(s, x, path)
	case template.List:
		v.array(s, x, path)
	default:
		v.scalar(s, x, path)
	}
	v.combined(s, x, path)
}

// types checks the keyword type; false ends the checks of a value.
func (v *validator) types(s, x template.Value, path []string) bool {
	ty := s.Get("type")
	if !ty.Exists() {
		return true
	}
	names := []string{ty.Text()}
	if ty.IsList() {
		names = names[:0]
		for _, n := range ty.Items() {
			names = append(names, n.Text())
		}
	}
	for _, n := range names {
		if isType(n, x) {
			return true
		}
	}
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "'" + n + "'"
	}
	v.add("E3012", "type", path, x.Pos(), fmt.Sprintf("%s: expected type: %s, found: %s", pathText(path), awsType(names[0]), awsKind(x)), "%s is not of type %s", show(x), strings.Join(quoted, ", "))
	return false
}

func awsType(n string) string {
	switch n {
	case "object":
		return "JSONObject"
	case "array":
		return "JSONArray"
	case "integer", "number":
		return "Number"
	case "boolean":
		return "Boolean"
	}
	return "String"
}

func awsKind(x template.Value) string {
	switch x.Kind() {
	case template.Map:
		return "JSONObject"
	case template.List:
		return "JSONArray"
	case template.Number:
		return "Number"
	case template.Bool:
		return "Boolean"
	}
	return "String"
}

func isType(n string, x template.Value) bool {
	switch n {
	case "object":
		return x.IsMap()
	case "array":
		return x.IsList()
	case "string":
		return x.IsScalar()
	case "boolean":
		_, ok := x.Bool()
		return ok
	case "number":
		_, ok := num(x)
		return ok
	case "integer":
		f, ok := num(x)
		return ok && f.IsInt()
	case "null":
		return x.Kind() == template.Null
	}
	return true
}

func num(x template.Value) (*big.Float, bool) {
	k := x.Kind()
	s := strings.TrimSpace(x.Text())
	if k != template.Number && k != template.String || s == "" || len(s) > 40 || strings.ContainsAny(s, "xXpP_iInN") {
		return nil, false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
		return nil, false
	}
	f, _, err := big.ParseFloat(s, 10, 160, big.ToNearestEven)
	return f, err == nil
}

// show writes a value as messages do, cut to a bearable length.
func show(x template.Value) string {
	if x.IsString() {
		return fmt.Sprintf("'%.200s'", x.Text())
	}
	s := x.JSON()
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}

func texts(x template.Value) []string {
	var out []string
	for _, m := range x.Items() {
		out = append(out, m.Text())
	}
	return out
}

func list(x template.Value) string {
	var out []string
	for _, m := range x.Items() {
		out = append(out, show(m))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func (v *validator) scalar(s, x template.Value, path []string) {
	same := func(a template.Value) bool { return a.IsScalar() && a.Text() == x.Text() }
	p := x.Pos()
	for _, k := range []string{"enum", "enumCaseInsensitive"} {
		enum := s.Get(k)
		if !enum.IsList() {
			continue
		}
		found := false
		for _, m := range enum.Items() {
			found = found || same(m) || k != "enum" && strings.EqualFold(m.Text(), x.Text())
		}
		if !found {
			v.add("E3030", k, path, p, pathText(path)+": "+show(x)+" is not a valid enum value", "%s is not one of %s", show(x), list(enum))
		}
	}
	if c := s.Get("const"); c.Exists() && !same(c) {
		v.add("E3030", "const", path, p, pathText(path)+": failed validation constraint for keyword [const]", "%s was expected", show(c))
	}
	if pat := s.Get("pattern"); pat.IsString() {
		if re := v.t.regexp(pat.Text()); re != nil && !re.MatchString(x.Text()) {
			v.add("E3031", "pattern", path, p, pathText(path)+": failed validation constraint for keyword [pattern]", "%s does not match '%s'", show(x), pat.Text())
		}
	}
	if x.IsString() || v.wants(s, "string") {
		n := utf8.RuneCountInString(x.Text())
		if m, ok := s.Get("minLength").Int(); ok && n < m {
			v.add("E3033", "minLength", path, p, fmt.Sprintf("%s: expected minLength: %d, actual: %d", pathText(path), m, n), "%s is shorter than %d", show(x), m)
		}
		if m, ok := s.Get("maxLength").Int(); ok && n > m {
			v.add("E3033", "maxLength", path, p, fmt.Sprintf("%s: expected maxLength: %d, actual: %d", pathText(path), m, n), "%s is longer than %d", show(x), m)
		}
	}
	if f, ok := num(x); ok && (x.Kind() == template.Number || v.wants(s, "number") || v.wants(s, "integer")) {
		v.bounds(s, x, f, path)
	}
}

func (v *validator) bounds(s, x template.Value, f *big.Float, path []string) {
	for _, b := range []struct {
		keyword, says, aws string
		bad                func(int) bool
	}{
		{"minimum", "less than the minimum", "not greater or equal to", func(c int) bool { return c < 0 }},
		{"maximum", "greater than the maximum", "not less or equal to", func(c int) bool { return c > 0 }},
		{"exclusiveMinimum", "less than or equal to the minimum", "not greater than", func(c int) bool { return c <= 0 }},
		{"exclusiveMaximum", "greater than or equal to the maximum", "not less than", func(c int) bool { return c >= 0 }},
	} {
		m, ok := num(s.Get(b.keyword))
		if ok && b.bad(f.Cmp(m)) {
			edge := s.Get(b.keyword).Text()
			v.add("E3034", b.keyword, path, x.Pos(), fmt.Sprintf("%s: %s is %s %s", pathText(path), x.Text(), b.aws, edge), "%s is %s of %s", show(x), b.says, edge)
		}
	}
}

func (v *validator) wants(s template.Value, ty string) bool {
	t := s.Get("type")
	return t.IsString() && t.Text() == ty
}

func (v *validator) array(s, x template.Value, path []string) {
	p, n := x.Pos(), x.Len()
	spread := false // a function among the elements may give none or, as a list parameter's Ref, many
	for _, e := range x.Items() {
		spread = spread || isOpen(e)
	}
	if m, ok := s.Get("minItems").Int(); ok && n < m && !spread {
		v.add("E3032", "minItems", path, p, fmt.Sprintf("%s: expected minimum item count: %d, found: %d", pathText(path), m, n), "expected minimum item count: %d, found: %d", m, n)
	}
	if m, ok := s.Get("maxItems").Int(); ok && n > m && !spread {
		v.add("E3032", "maxItems", path, p, fmt.Sprintf("%s: expected maximum item count: %d, found: %d", pathText(path), m, n), "expected maximum item count: %d, found: %d", m, n)
	}
	if u, _ := s.Get("uniqueItems").Bool(); u {
		seen := map[string]bool{}
		for _, e := range x.Items() {
			if k := e.JSON(); !seen[k] {
				seen[k] = true
			} else {
				v.add("E3037", "uniqueItems", path, p, pathText(path)+": array items are not unique", "%s has non-unique elements", show(x))
				break
			}
		}
	}
	items := s.Get("items")
	for i, e := range x.Items() {
		sub := items
		if pre := s.Get("prefixItems"); pre.IsList() && i < pre.Len() {
			sub = pre.Index(i)
		}
		v.value(sub, e, append(path, fmt.Sprint(i)))
	}
}

func (v *validator) object(s, x template.Value, path []string) {
	has := func(k string) bool { return x.Has(k) && !noValue(x.Get(k)) }
	here := pathText(path)
	if len(path) == 0 {
		here = "#"
	}
	for _, r := range s.Get("required").Items() {
		if !has(r.Text()) {
			v.add("E3003", "required", path, x.Pos(), fmt.Sprintf("%s: required key [%s] not found", here, r.Text()), "'%s' is a required property", r.Text())
		}
	}
	props, patterns, rest := s.Get("properties"), s.Get("patternProperties"), s.Get("additionalProperties")
	closed := rest.Kind() == template.Bool && rest.Text() == "false"
	for e := range x.Entries() {
		below := append(path, e.Key)
		if m := props.Get(e.Key); m.Exists() {
			v.value(m, e.Value, below)
			continue
		}
		matched := false
		for pat, m := range patterns.All() {
			if re := v.t.regexp(pat); re == nil || re.MatchString(e.Key) {
				matched = true
				v.value(m, e.Value, below)
			}
		}
		switch {
		case matched || strings.HasPrefix(e.Key, "Fn::"):
		case closed:
			hint := ""
			if near := nearest(e.Key, props); near != "" {
				hint = fmt.Sprintf(". Did you mean '%s'?", near)
			}
			v.add("E3002", "additionalProperties", below, e.KeyPos, "Encountered unsupported property "+e.Key, "Additional properties are not allowed ('%s' was unexpected%s)", e.Key, hint)
		case rest.IsMap():
			v.value(rest, e.Value, below)
		}
	}
	v.counts(s, x, path, here)
	v.dependencies(s, x, path, has)
}

func (v *validator) counts(s, x template.Value, path []string, here string) {
	if m, ok := s.Get("minProperties").Int(); ok && x.Len() < m {
		v.add("E3002", "minProperties", path, x.Pos(), fmt.Sprintf("%s: minimum size: [%d], found: [%d]", here, m, x.Len()), "%s does not have enough properties", show(x))
	}
	if m, ok := s.Get("maxProperties").Int(); ok && x.Len() > m {
		v.add("E3002", "maxProperties", path, x.Pos(), fmt.Sprintf("%s: maximum size: [%d], found: [%d]", here, m, x.Len()), "%s has too many properties", show(x))
	}
}

func (v *validator) dependencies(s, x template.Value, path []string, has func(string) bool) {
	for _, kw := range []string{"dependentRequired", "dependencies"} {
		for k, l := range s.Get(kw).All() {
			if !has(k) || !l.IsList() {
				continue
			}
			for _, r := range l.Items() {
				if !has(r.Text()) {
					v.add("E3021", kw, path, x.Pos(), fmt.Sprintf("%s: property [%s] is required", pathText(path), r.Text()), "'%s' is a dependency of '%s'", r.Text(), k)
				}
			}
		}
	}
	for k, l := range s.Get("dependentExcluded").All() {
		if !has(k) {
			continue
		}
		for _, r := range l.Items() {
			if has(r.Text()) {
				v.add("E3020", "dependentExcluded", append(path, r.Text()), x.Pos(), pathText(path)+": "+r.Text()+" and "+k+" exclude each other", "'%s' should not be included with '%s'", r.Text(), k)
			}
		}
	}
	names := func(l template.Value) (n int) {
		for _, r := range l.Items() {
			if has(r.Text()) {
				n++
			}
		}
		return n
	}
	if l := s.Get("requiredXor"); l.IsList() {
		if n := names(l); n != 1 {
			v.add("E3014", "requiredXor", path, x.Pos(), fmt.Sprintf("%s: exactly one of %s is required", pathText(path), list(l)), "Only one of %s is a required property", list(l))
		}
	}
	if l := s.Get("requiredOr"); l.IsList() && names(l) == 0 {
		v.add("E3058", "requiredOr", path, x.Pos(), fmt.Sprintf("%s: one of %s is required", pathText(path), list(l)), "One of %s is a required property", list(l))
	}
}

// combined checks anyOf, oneOf, allOf, not and if.
func (v *validator) combined(s, x template.Value, path []string) {
	for _, m := range s.Get("allOf").Items() {
		v.value(m, x, path)
	}
	count := func(l template.Value) (n int) {
		for _, m := range l.Items() {
			if v.holds(m, x, path) {
				n++
			}
		}
		return n
	}
	if l := s.Get("anyOf"); l.IsList() && count(l) == 0 {
		v.add("E3017", "anyOf", path, x.Pos(), pathText(path)+": #: no subschema matched out of the total "+fmt.Sprint(l.Len())+" subschemas", "%s is not valid under any of the given schemas", show(x))
	}
	if l := s.Get("oneOf"); l.IsList() {
		switch n := count(l); {
		case n == 0:
			v.add("E3018", "oneOf", path, x.Pos(), fmt.Sprintf("%s: #: 0 subschemas matched instead of one", pathText(path)), "%s is not valid under any of the given schemas", show(x))
		case n > 1 && !strings.Contains(x.JSON(), `"Ref"`) && !strings.Contains(x.JSON(), `"Fn::`):
			v.add("E3018", "oneOf", path, x.Pos(), fmt.Sprintf("%s: #: %d subschemas matched instead of one", pathText(path), n), "%s is valid under each of %d schemas", show(x), n)
		}
	}
	if n := s.Get("not"); n.Exists() && v.holds(n, x, path) {
		v.add("E3002", "not", path, x.Pos(), pathText(path)+": subject must not be valid against schema", "%s should not be valid under the given schema", show(x))
	}
	if c := s.Get("if"); c.Exists() {
		if v.holds(c, x, path) {
			v.value(s.Get("then"), x, path)
		} else {
			v.value(s.Get("else"), x, path)
		}
	}
}

// readOnly refuses properties that AWS sets.
func (v *validator) readOnly(x template.Value) {
	for _, p := range v.t.ReadOnly {
		steps := strings.Split(p, "/")
		if strings.Contains(p, "*") {
			continue
		}
		at := x.Path(steps[:len(steps)-1]...)
		if e, ok := at.Entry(steps[len(steps)-1]); ok && !isOpen(e.Value) && !v.settable(p) {
			v.add("E3040", "readOnly", steps, e.KeyPos, "Encountered unsupported property "+e.Key, "Read only properties are not allowed ('%s')", e.Key)
		}
	}
}

func (v *validator) settable(p string) bool {
	for _, l := range [][]string{v.t.CreateOnly, v.t.WriteOnly} {
		for _, q := range l {
			if q == p {
				return true
			}
		}
	}
	return false
}

// nearest gives the property whose name is closest to a mistaken one, "" where none is near.
func nearest(k string, props template.Value) string {
	best, at := "", 3
	if len(k) > 60 {
		return ""
	}
	for name := range props.All() {
		if d := distance(strings.ToLower(k), strings.ToLower(name)); d < at && d*4 <= len(name)+2 {
			best, at = name, d
		}
	}
	return best
}

func distance(a, b string) int {
	if len(a)-len(b) > 3 || len(b)-len(a) > 3 {
		return 99
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = min(cost, row[j]+1, prev+1)
		}
	}
	return row[len(b)]
}
