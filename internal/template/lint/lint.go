package lint

import (
	"errors"
	"slices"
	"strings"

	"virga/internal/template"
	"virga/internal/template/schema"
)

// Finding is one mistake.
type Finding struct {
	Rule    string
	Path    string // Resources/Queue/Properties/Foo
	Line    int    // from 1; 0 where no single place is to blame
	Column  int
	Message string
	Fix     string // what would mend it, "" where we do not know
}

// Options shape a check. The zero Options will do.
type Options struct {
	Limits     template.Limits
	Types      *schema.Cache     // kept between calls; nil makes one
	Macros     template.Macros   // expands transforms first; without it only what they leave alone is checked
	Parameters map[string]string // for the transforms
	Env        template.Env
}

// Lint finds what is wrong with a template, in the order of its lines.
func Lint(text []byte, o Options) []Finding {
	l := &linter{o: o, types: o.Types}
	if l.types == nil {
		l.types = &schema.Cache{}
	}
	root, err := template.ParseValue(text, o.Limits)
	if err != nil {
		l.fail("E0000", err)
		return l.out
	}
	l.whole(root)
	slices.SortStableFunc(l.out, func(a, b Finding) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return l.out
}

const findingsMax = 500

type linter struct {
	o          Options
	types      *schema.Cache
	out        []Finding
	names      map[string]bool   // parameters and pseudo parameters
	resources  map[string]string // types by id
	conditions template.Value
	serverless bool // ids may be made by a transform that was not run
	ids        []string
}

func (l *linter) add(rule string, path []string, p template.Pos, message, fix string) {
	if len(l.out) < findingsMax {
		l.out = append(l.out, Finding{rule, strings.Join(path, "/"), p.Line, p.Column, message, fix})
	}
}

func (l *linter) fail(rule string, err error) {
	var e *template.Error
	if !errors.As(err, &e) {
		l.add(rule, nil, template.Pos{}, err.Error(), "")
		return
	}
	message := e.Message
	if e.Detail != "" {
		message += ": " + e.Detail
	}
	l.add(rule, nil, e.Pos, message, "")
}

func (l *linter) whole(root template.Value) {
	t, err := template.New(root, l.o.Limits)
	if err == nil && t.Pending() && l.o.Macros != nil {
		given := map[string]string{}
		for _, p := range t.Parameters {
			if v, ok := l.o.Parameters[p.Name]; ok {
				given[p.Name] = v
			} else if !p.HasDefault {
				given[p.Name] = placeholder(p)
			}
		}
		var out *template.Template
		if out, err = t.Expand(given, l.o.Env, l.o.Macros); err == nil {
			t, root = out, out.Root
		}
	}
	l.serverless = opaque(root)
	l.names = map[string]bool{}
	for _, n := range []string{"AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"} {
		l.names[n] = true
	}
	for n := range root.Get("Parameters").All() {
		l.names[n] = true
	}
	l.resources = map[string]string{}
	for id, r := range root.Get("Resources").All() {
		if !strings.HasPrefix(id, "Fn::") {
			l.resources[id] = r.Get("Type").Text()
			l.ids = append(l.ids, id)
		}
	}
	l.conditions = root.Get("Conditions")
	for e := range root.Get("Resources").Entries() {
		if !strings.HasPrefix(e.Key, "Fn::") {
			l.resource(e)
		}
	}
	for n, o := range root.Get("Outputs").All() {
		l.references(o.Get("Value"), []string{"Outputs", n, "Value"}, "E6101")
	}
	if t != nil {
		l.cycles(t)
	}
	if err != nil && len(l.out) == 0 {
		l.structure(err)
	}
}

// opaque tells whether transforms that were not run may make resources: SAM's own types, macros and loops.
func opaque(v template.Value) bool {
	tr := v.Get("Transform")
	if !tr.IsList() {
		tr = template.ListOf(tr)
	}
	for _, m := range tr.Items() {
		if m.Exists() && m.Text() != template.Serverless && m.Text() != template.LanguageExtensions {
			return true
		}
	}
	for id, r := range v.Get("Resources").All() {
		if strings.HasPrefix(id, "Fn::") || strings.HasPrefix(r.Get("Type").Text(), "AWS::Serverless::") {
			return true
		}
	}
	return v.Has("Fn::Transform")
}

func placeholder(p *template.Parameter) string {
	switch {
	case len(p.AllowedValues) > 0:
		return p.AllowedValues[0]
	case strings.Contains(p.Type, "Number"):
		return max("1", p.MinValue)
	}
	return strings.Repeat("x", max(p.MinLength, 1))
}

// structure reports what Parse refused and no rule found.
func (l *linter) structure(err error) {
	var e *template.Error
	rule := "E1001"
	if errors.As(err, &e) {
		switch {
		case strings.HasPrefix(e.Message, "Circular dependency"):
			rule = "E3004"
		case e.Limit == "Resources":
			rule = "E3010"
		}
	}
	l.fail(rule, err)
}

func (l *linter) cycles(t *template.Template) {
	in := t.Cycle()
	for _, id := range in {
		r, _ := t.Resource(id)
		l.add("E3004", []string{"Resources", id}, r.Pos, "Circular Dependencies for resource "+id+". Circular dependency with ["+strings.Join(in, ", ")+"]", "")
	}
}

func (l *linter) resource(e template.Entry) {
	path := []string{"Resources", e.Key}
	r := e.Value
	ty := r.Get("Type")
	if !r.IsMap() || !ty.IsString() {
		l.add("E1001", path, e.KeyPos, "[/Resources/"+e.Key+"] Every Resources object must contain a Type member.", "")
		return
	}
	if c := r.Get("Condition"); c.IsString() && !l.conditions.Has(c.Text()) {
		l.add("E3015", append(path, "Condition"), c.Pos(), "Condition '"+c.Text()+"' is not defined", "")
	}
	deps := r.Get("DependsOn")
	if deps.IsString() {
		deps = template.ListOf(deps)
	}
	for _, d := range deps.Items() {
		if d.IsString() && l.resources[d.Text()] == "" && !l.serverless {
			l.add("E3005", append(path, "DependsOn"), d.Pos(), "'"+d.Text()+"' is not a resource of the template", near(d.Text(), l.ids))
		}
	}
	props := append(path, "Properties")
	l.references(r.Get("Properties"), props, "E1020")
	name := ty.Text()
	if free(name) {
		return
	}
	t, ok := l.types.Find(name)
	if !ok {
		if !strings.HasPrefix(name, "AWS::Serverless::") || !l.serverless {
			l.add("E3006", append(path, "Type"), ty.Pos(), "Resource type '"+name+"' does not exist in 'us-east-1'", "")
		}
		return
	}
	for _, p := range t.Validate(r.Get("Properties"), schema.Options{}) {
		pos := p.Pos
		if pos.Line == 0 {
			pos = e.KeyPos
		}
		l.add(p.Rule, append(slices.Clone(props), p.Path...), pos, p.Message, fix(p))
	}
}

func fix(p schema.Problem) string {
	switch p.Keyword {
	case "additionalProperties", "readOnly":
		if _, name, ok := strings.Cut(p.Message, "Did you mean '"); ok {
			name, _, _ = strings.Cut(name, "'")
			return "rename it to " + name
		}
		return "remove " + p.Path[len(p.Path)-1]
	case "required":
		if _, name, ok := strings.Cut(p.Message, "'"); ok {
			name, _, _ = strings.Cut(name, "'")
			return "add " + name
		}
	}
	return ""
}

// free tells whether a type's properties are the user's own.
func free(name string) bool {
	return strings.HasPrefix(name, "Custom::") || name == "AWS::CloudFormation::CustomResource" || strings.HasSuffix(name, "::MODULE") || !strings.HasPrefix(name, "AWS::") && strings.Count(name, "::") == 2
}

// references checks what functions name.
func (l *linter) references(v template.Value, path []string, refRule string) {
	fn, a, ok := v.Call()
	if ok {
		switch fn {
		case "Ref":
			l.ref(a.Text(), a.Pos(), append(path, "Ref"), refRule)
			return
		case "Fn::GetAtt":
			id, attr := a.Index(0), a.Index(1)
			if a.IsString() {
				i, at, _ := strings.Cut(a.Text(), ".")
				id, attr = template.StringOf(i), template.StringOf(at)
			}
			if id.IsString() {
				l.attribute(id.Text(), attr, a.Pos(), append(path, fn), ruleOf(refRule, "E1010"))
			}
			return
		case "Fn::Sub":
			l.sub(a, append(path, fn), refRule)
			return
		case "Fn::If":
			if c := a.Index(0); c.IsString() && !l.conditions.Has(c.Text()) {
				l.add("E1028", append(path, fn), c.Pos(), "'"+c.Text()+"' is not a condition of the template", "")
			}
		}
	}
	for e := range v.Entries() {
		l.references(e.Value, append(slices.Clip(path), e.Key), refRule)
	}
	for _, e := range v.Items() {
		l.references(e, path, refRule)
	}
}

func ruleOf(section, rule string) string {
	if section == "E6101" || section == "E1019" {
		return section
	}
	return rule
}

func (l *linter) ref(name string, p template.Pos, path []string, rule string) {
	if !l.names[name] && l.resources[name] == "" && !l.serverless {
		l.add(rule, path, p, "'"+name+"' is neither a parameter nor a resource of the template", near(name, l.ids))
	}
}

func (l *linter) attribute(id string, attr template.Value, p template.Pos, path []string, rule string) {
	ty := l.resources[id]
	if ty == "" {
		if !l.serverless {
			l.add(rule, path, p, "'"+id+"' is not a resource of the template", near(id, l.ids))
		}
		return
	}
	if !attr.IsString() || free(ty) {
		return
	}
	t, ok := l.types.Find(ty)
	if !ok || t.HasAttribute(attr.Text()) {
		return
	}
	names, _ := t.Attributes()
	l.add(rule, path, p, "'"+attr.Text()+"' is not one of ["+strings.Join(names, ", ")+"]", near(attr.Text(), names))
}

func (l *linter) sub(a template.Value, path []string, refRule string) {
	text, vars := a, template.Value{}
	if a.IsList() {
		text, vars = a.Index(0), a.Index(1)
	}
	rule := ruleOf(refRule, "E1019")
	s := text.Text()
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			break
		}
		name := strings.TrimSpace(s[i+2 : i+j])
		s = s[i+j+1:]
		if strings.HasPrefix(name, "!") || vars.Has(name) {
			continue
		}
		if id, attr, dotted := strings.Cut(name, "."); dotted {
			l.attribute(id, template.StringOf(attr), text.Pos(), path, rule)
		} else {
			l.ref(name, text.Pos(), path, rule)
		}
	}
	l.references(vars, path, rule)
}

// near suggests a name that differs in letter case or one letter alone.
func near(name string, from []string) string {
	for _, n := range from {
		if strings.EqualFold(n, name) || len(n) > 3 && len(name) > 3 && (strings.HasPrefix(n, name) || strings.HasPrefix(name, n)) {
			return "did you mean " + n + "?"
		}
	}
	return ""
}
