package template

import (
	"slices"
	"strings"
)

// checker looks at every function of a template once, whatever the conditions will be.
type checker struct {
	t       *Template
	context context
	missing []string // resources referred to that are not there
	where   Pos
}

func (t *Template) check() *Error {
	c := checker{t: t}
	c.context = inConditions
	for _, v := range t.Conditions.All() {
		if e := c.value(v); e != nil {
			return e
		}
	}
	if len(c.missing) > 0 {
		return formatError(c.where, "Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", strings.Join(c.missing, ", "))
	}
	c.context = inRules
	for _, v := range t.Rules.All() {
		if e := c.value(v); e != nil {
			return e
		}
	}
	if len(c.missing) > 0 {
		return formatError(c.where, "Unresolved dependencies [%s]. Cannot reference resources in the Rules block of the template", strings.Join(c.missing, ", "))
	}
	c.context = inResources
	for _, r := range t.Resources {
		if e := c.condition(r.Condition, r.Pos); e != nil {
			return e
		}
		for _, d := range r.DependsOn {
			if t.resources[d] == nil {
				c.miss(d, r.Value.Get("DependsOn").Pos())
			}
		}
		for _, v := range []Value{r.Properties, r.Metadata, r.CreationPolicy, r.UpdatePolicy, r.DeletionPolicy, r.UpdateReplacePolicy} {
			if e := c.value(v); e != nil {
				return e
			}
		}
	}
	if len(c.missing) > 0 {
		return formatError(c.where, "Unresolved resource dependencies [%s] in the Resources block of the template", strings.Join(c.missing, ", "))
	}
	c.context = inOutputs
	for _, o := range t.Outputs {
		if e := c.condition(o.Condition, o.Pos); e != nil {
			return e
		}
		for _, v := range []Value{o.Value, o.Export, o.Description} {
			if e := c.value(v); e != nil {
				return e
			}
		}
	}
	if len(c.missing) > 0 {
		return formatError(c.where, "Unresolved resource dependencies [%s] in the Outputs block of the template", strings.Join(c.missing, ", "))
	}
	return t.checkCycles()
}

func (c *checker) condition(name string, p Pos) *Error {
	if name != "" && !c.t.Conditions.Has(name) {
		return formatError(p, "Unresolved condition dependency %s in the %s block of the template", name, c.context)
	}
	return nil
}

func (c *checker) miss(id string, p Pos) {
	if len(c.missing) == 0 {
		c.where = p
	}
	if !slices.Contains(c.missing, id) && len(c.missing) < 50 {
		c.missing = append(c.missing, id)
	}
}

func (c *checker) value(v Value) *Error {
	if !v.Exists() || (!v.n.live && c.context != inConditions && c.context != inRules) {
		return nil
	}
	if fn, arg, ok := function(v); ok && !(fn == "Condition" && c.context != inConditions && c.context != inRules) {
		return c.call(fn, arg, v)
	}
	for _, e := range v.n.entries {
		if strings.HasPrefix(e.Key, "Fn::") {
			return errorAt(e.KeyPos, "Template format error: %s must be the only member of its object", e.Key)
		}
		if c.context == inRules && (e.Key == "AssertDescription") {
			continue
		}
		if err := c.value(e.Value); err != nil {
			return err
		}
	}
	for _, e := range v.n.items {
		if err := c.value(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) call(fn string, arg, whole Value) *Error {
	if e := c.t.checkCall(fn, arg, c.context); e != nil {
		if e.Pos == (Pos{}) {
			e.Pos = whole.Pos()
		}
		return e
	}
	switch fn {
	case "Ref":
		c.ref(arg.Text(), arg.Pos())
		return nil
	case "Fn::GetAtt":
		id, attr := getAtt(arg)
		if id.IsString() && c.t.resources[id.Text()] == nil {
			return templateError(arg.Pos(), "instance of Fn::GetAtt references undefined resource %s", id.Text())
		}
		if c.context == inConditions || c.context == inRules {
			c.miss(id.Text(), arg.Pos())
		}
		return c.value(attr)
	case "Fn::Sub":
		text, vars := arg, Value{}
		if arg.IsList() {
			text, vars = arg.Index(0), arg.Index(1)
		}
		parts, _ := subParts(text.Text())
		for _, p := range parts {
			if !p.name || vars.Has(p.text) {
				continue
			}
			id, _, dotted := strings.Cut(p.text, ".")
			if dotted && c.t.resources[id] == nil {
				return templateError(text.Pos(), "instance of Fn::Sub references invalid resource attribute %s", p.text)
			}
			c.ref(id, text.Pos())
		}
		return c.value(vars)
	case "Fn::If":
		if name := arg.Index(0).Text(); !c.t.Conditions.Has(name) {
			return templateError(arg.Pos(), "unresolved condition dependency %s in Fn::If", name)
		}
	case "Condition":
		if !c.t.Conditions.Has(arg.Text()) {
			return formatError(arg.Pos(), "Unresolved condition dependency %s in the %s block of the template", arg.Text(), c.context)
		}
	case "Fn::FindInMap":
		if m := arg.Index(0); m.IsString() && !c.t.Mappings.Has(m.Text()) && arg.Len() == 3 {
			return templateError(m.Pos(), "Mapping named '%s' is not present in the 'Mappings' section of template.", m.Text())
		}
	case "Fn::ImportValue":
		if c.dependsOnResource(arg) {
			return templateError(arg.Pos(), "the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs")
		}
	}
	return c.value(arg)
}

// ref notes a name that is neither a parameter, a pseudo parameter nor, where resources may be named, a resource.
func (c *checker) ref(name string, p Pos) {
	if c.t.parameters[name] != nil || pseudo(name) {
		return
	}
	if c.t.resources[name] == nil || c.context == inConditions || c.context == inRules {
		c.miss(name, p)
	}
}

func (c *checker) dependsOnResource(v Value) bool {
	if !v.Exists() || !v.n.live {
		return false
	}
	fn, arg, ok := function(v)
	switch {
	case ok && fn == "Ref":
		return c.t.resources[arg.Text()] != nil
	case ok && (fn == "Fn::GetAtt" || fn == "Fn::ImportValue" || fn == "Fn::GetAZs"):
		return true
	}
	for _, e := range v.n.entries {
		if c.dependsOnResource(e.Value) {
			return true
		}
	}
	for _, e := range v.n.items {
		if c.dependsOnResource(e) {
			return true
		}
	}
	return false
}
