package template

import (
	"slices"
	"strings"
)

// Template is a template that was read and whose form is right. It is immutable and safe for concurrent use.
type Template struct {
	Root        Value // the whole text
	Version     string
	Description string
	Metadata    Value
	Parameters  []*Parameter // in the order of the text, as all that follows
	Mappings    Value
	Conditions  Value
	Rules       Value
	Resources   []*Resource
	Outputs     []*Output
	Transforms  []Macro // declared at the top, in order

	limits     Limits
	extended   bool // AWS::LanguageExtensions was declared
	pending    bool // holds macros or loops that [Template.Expand] must take away first
	parameters map[string]*Parameter
	resources  map[string]*Resource
}

// Resource is a member of Resources.
type Resource struct {
	ID                  string
	Type                string
	Pos                 Pos   // of the logical id
	Value               Value // the whole member
	Properties          Value
	Condition           string
	DependsOn           []string
	Metadata            Value
	DeletionPolicy      Value
	UpdateReplacePolicy Value
	CreationPolicy      Value
	UpdatePolicy        Value
}

// Output is a member of Outputs.
type Output struct {
	Name        string
	Pos         Pos
	Description Value
	Value       Value
	Condition   string
	Export      Value // the Name below Export
}

// Macro is a transform and its parameters.
type Macro struct {
	Name       string
	Parameters Value
	Pos        Pos
}

// Names of the transforms that AWS itself offers.
const (
	LanguageExtensions = "AWS::LanguageExtensions"
	Include            = "AWS::Include"
	Serverless         = "AWS::Serverless-2016-10-31"
)

// Parse reads a template and checks its form: sections, names, counts, parameters, the arguments of functions and that
// everything referred to exists. Of a template that [Template.Pending] says still holds macros only the outer form is
// checked; [Template.Expand] checks the rest. The error is an *[Error] with AWS's wording.
//
// Guide: AWS CloudFormation User Guide, "CloudFormation template sections", "CloudFormation template format".
func Parse(text []byte, l Limits) (*Template, error) {
	root, err := ParseValue(text, l)
	if err != nil {
		return nil, err
	}
	return New(root, l)
}

// New makes a template of a value, as [Parse] does of text.
func New(root Value, l Limits) (*Template, error) {
	t := &Template{Root: root, limits: l.filled(), parameters: map[string]*Parameter{}, resources: map[string]*Resource{}}
	if e := t.read(); e != nil {
		return nil, e
	}
	return t, nil
}

// ParseProcessed reads a template that [Template.Expand] made; extended is what [Template.Extended] said of it.
func ParseProcessed(text []byte, l Limits, extended bool) (*Template, error) {
	root, err := ParseValue(text, l)
	if err != nil {
		return nil, err
	}
	t := &Template{Root: root, limits: l.filled(), parameters: map[string]*Parameter{}, resources: map[string]*Resource{}, extended: extended}
	if e := t.read(); e != nil {
		return nil, e
	}
	return t, nil
}

// Extended tells whether the template declared AWS::LanguageExtensions, also after it was processed.
func (t *Template) Extended() bool { return t.extended }

// Pending tells whether the template holds transforms that [Template.Expand] has to take away before [Template.Bind].
func (t *Template) Pending() bool { return t.pending }

// Parameter gives a parameter by name.
func (t *Template) Parameter(name string) (*Parameter, bool) {
	p, ok := t.parameters[name]
	return p, ok
}

// Resource gives a resource by its logical id, whether its condition holds or not.
func (t *Template) Resource(id string) (*Resource, bool) { r, ok := t.resources[id]; return r, ok }

func (t *Template) read() *Error {
	root := t.Root
	if !root.IsMap() {
		return formatError(root.Pos(), "unsupported structure.")
	}
	if root.Size() > t.limits.Nodes {
		return limitError(Pos{}, "Nodes", "the template has more than %d values.", t.limits.Nodes)
	}
	if root.Depth() > t.limits.Depth+2 {
		return limitError(Pos{}, "Depth", "the template is nested more than %d deep.", t.limits.Depth)
	}
	if e := t.transforms(); e != nil {
		return e
	}
	if e := t.sections(); e != nil {
		return e
	}
	if e := noNulls(root, nil); e != nil {
		return e
	}
	for _, part := range []func() *Error{t.readParameters, t.readMappings, t.readConditions, t.readResources, t.readOutputs} {
		if e := part(); e != nil {
			return e
		}
	}
	if t.pending {
		return nil
	}
	return t.check()
}

func (t *Template) transforms() *Error {
	tr := t.Root.Get("Transform")
	list := []Value{tr}
	if tr.IsList() {
		list = list[:0]
		for _, v := range tr.Items() {
			list = append(list, v)
		}
	} else if !tr.Exists() {
		list = nil
	}
	for _, v := range list {
		m := Macro{Pos: v.Pos()}
		switch {
		case v.IsString():
			m.Name = v.Text()
		case v.IsMap():
			if !v.Get("Name").IsString() {
				return errorAt(v.Pos(), "Key Name of transform definition must be a string.")
			}
			m.Name, m.Parameters = v.Get("Name").Text(), v.Get("Parameters")
		default:
			return formatError(v.Pos(), "Transform must be a string, an object or a list of them.")
		}
		if m.Name == LanguageExtensions {
			t.extended = true
		}
		t.Transforms = append(t.Transforms, m)
	}
	t.pending = len(t.Transforms) > 0 || holdsMacro(t.Root)
	return nil
}

// holdsMacro tells whether a Fn::Transform or a loop stands somewhere in the value.
func holdsMacro(v Value) bool {
	if !v.Exists() || !v.n.live {
		return false
	}
	for _, e := range v.n.entries {
		if e.Key == "Fn::Transform" || strings.HasPrefix(e.Key, forEachPrefix) || holdsMacro(e.Value) {
			return true
		}
	}
	for _, e := range v.n.items {
		if holdsMacro(e) {
			return true
		}
	}
	return false
}

func (t *Template) sections() *Error {
	var unknown []string
	for k, v := range t.Root.All() {
		switch k {
		case "AWSTemplateFormatVersion":
			if t.Version = v.Text(); v.Text() != "2010-09-09" {
				return formatError(v.Pos(), "%s is not a supported value for AWSTemplateFormatVersion.", v.Text())
			}
		case "Description":
			if !v.IsScalar() {
				return formatError(v.Pos(), "Description must be a string.")
			}
			if t.Description = v.Text(); len(t.Description) > t.limits.Description {
				return limitError(v.Pos(), "Description", "'Description' length is greater than %d.", t.limits.Description)
			}
		case "Metadata":
			t.Metadata = v
		case "Parameters", "Mappings", "Conditions", "Rules", "Outputs", "Resources":
			if !v.IsMap() && !(v.Kind() == Null) {
				if k == "Resources" {
					return formatError(v.Pos(), "Any Resources member must be an object.")
				}
				return formatError(v.Pos(), "Any %s member must be a JSON object.", k)
			}
		case "Transform", "Hooks":
		default:
			if len(t.Transforms) == 0 && !strings.HasPrefix(k, "Fn::Transform") && !strings.HasPrefix(k, forEachPrefix) {
				unknown = append(unknown, k)
			}
		}
	}
	if len(unknown) > 0 {
		e, _ := t.Root.Entry(unknown[0])
		unknown = unknown[:min(len(unknown), 20)] // what was sent is not sent back whole
		return errorAt(e.KeyPos, "Invalid template property or properties [%s]", strings.Join(unknown, ", "))
	}
	t.Rules = t.Root.Get("Rules")
	if res := t.Root.Get("Resources"); res.Len() == 0 && !(t.pending && res.Exists() || t.Root.Has("Fn::Transform")) {
		return formatError(res.Pos(), "At least one Resources member must be defined.")
	}
	return nil
}

// noNulls refuses null anywhere, with its path.
func noNulls(v Value, path []string) *Error {
	switch v.Kind() {
	case Null:
		return errorAt(v.Pos(), "[/%s] 'null' values are not allowed in templates", strings.Join(path, "/"))
	case List:
		for i, e := range v.n.items {
			if k := e.Kind(); k == Null || k == List || k == Map {
				if err := noNulls(e, append(path, itoa(i))); err != nil {
					return err
				}
			}
		}
	case Map:
		for _, e := range v.n.entries {
			if k := e.Value.Kind(); k == Null || k == List || k == Map {
				if err := noNulls(e.Value, append(path, e.Key)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			return false
		}
	}
	return s != ""
}

// members checks the names and the number of a section's members.
func (t *Template) members(section, noun string, most int, limit string) *Error {
	s := t.Root.Get(section)
	if t.pending {
		return nil
	}
	if s.Len() > most {
		return limitError(s.Pos(), limit, "Number of %s, %d, is greater than maximum allowed, %d", strings.ToLower(section), s.Len(), most)
	}
	for e := range s.Entries() {
		if !alphanumeric(e.Key) {
			return formatError(e.KeyPos, "%s name %s is non alphanumeric.", noun, e.Key)
		}
		if len(e.Key) > t.limits.Name {
			return limitError(e.KeyPos, "Name", "%s name %.32s… has more than %d characters.", noun, e.Key, t.limits.Name)
		}
	}
	return nil
}

func (t *Template) readMappings() *Error {
	t.Mappings = t.Root.Get("Mappings")
	if e := t.members("Mappings", "Mappings", t.limits.Mappings, "Mappings"); e != nil || t.pending {
		return e
	}
	for _, m := range t.Mappings.All() {
		if !m.IsMap() {
			return formatError(m.Pos(), "Every Mappings member must be a map")
		}
		for k, attrs := range m.All() {
			if !attrs.IsMap() {
				return formatError(attrs.Pos(), "Every Mappings member %s must be a map", k)
			}
			for _, a := range attrs.All() {
				if a.IsScalar() {
					continue
				}
				if !a.IsList() {
					return formatError(a.Pos(), "Every Mappings attribute must be a String or a List.")
				}
				for _, x := range a.Items() {
					if !x.IsScalar() {
						return formatError(x.Pos(), "Every Mappings attribute must be a String or a List.")
					}
				}
			}
		}
	}
	return nil
}

func (t *Template) readConditions() *Error {
	t.Conditions = t.Root.Get("Conditions")
	if e := t.members("Conditions", "Condition", t.limits.Conditions, "Conditions"); e != nil || t.pending {
		return e
	}
	for k, c := range t.Conditions.All() {
		if fn, _, ok := function(c); !ok || !isCondition(fn) {
			return formatError(c.Pos(), "Every Conditions member must be one of the condition functions: %s", k)
		}
	}
	return nil
}

func isCondition(fn string) bool {
	switch fn {
	case "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Condition":
		return true
	}
	return false
}

var resourceAttributes = []string{"Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy", "CreationPolicy", "UpdatePolicy"}

func (t *Template) readResources() *Error {
	if e := t.members("Resources", "Resource", t.limits.Resources, "Resources"); e != nil {
		return e
	}
	for e := range t.Root.Get("Resources").Entries() {
		v := e.Value
		if t.pending && (!v.IsMap() || !v.Get("Type").IsString()) {
			continue
		}
		if !v.IsMap() {
			return formatError(v.Pos(), "Any Resources member must be an object.")
		}
		ty := v.Get("Type")
		if !ty.IsString() || ty.Text() == "" {
			return formatError(e.KeyPos, "[/Resources/%s] Every Resources object must contain a Type member.", e.Key)
		}
		r := &Resource{ID: e.Key, Type: ty.Text(), Pos: e.KeyPos, Value: v, Properties: v.Get("Properties"), Metadata: v.Get("Metadata"),
			DeletionPolicy: v.Get("DeletionPolicy"), UpdateReplacePolicy: v.Get("UpdateReplacePolicy"), CreationPolicy: v.Get("CreationPolicy"), UpdatePolicy: v.Get("UpdatePolicy")}
		if err := t.attributes(r, e); err != nil && !t.pending {
			return err
		}
		t.Resources = append(t.Resources, r)
		t.resources[r.ID] = r
	}
	return nil
}

func (t *Template) attributes(r *Resource, e Entry) *Error {
	for m := range e.Value.Entries() {
		if !slices.Contains(resourceAttributes, m.Key) && !(len(t.Transforms) > 0) {
			return errorAt(m.KeyPos, "Invalid template resource property '%s'", m.Key)
		}
	}
	if r.Properties.Exists() && !r.Properties.IsMap() {
		return formatError(r.Properties.Pos(), "[/Resources/%s/Properties] Properties must be an object.", r.ID)
	}
	switch c := e.Value.Get("Condition"); {
	case c.IsString():
		r.Condition = c.Text()
	case c.Exists():
		return formatError(c.Pos(), "Every Condition member must be a string.")
	}
	switch d := e.Value.Get("DependsOn"); {
	case d.IsString():
		r.DependsOn = []string{d.Text()}
	case d.IsList():
		for _, x := range d.Items() {
			if !x.IsString() {
				return formatError(x.Pos(), "Every DependsOn value must be a string.")
			}
			r.DependsOn = append(r.DependsOn, x.Text())
		}
	case d.Exists():
		return formatError(d.Pos(), "DependsOn must be a string or list of strings.")
	}
	for name, p := range map[string]Value{"DeletionPolicy": r.DeletionPolicy, "UpdateReplacePolicy": r.UpdateReplacePolicy} {
		if p.Exists() && !(t.extended && p.IsMap()) {
			if e := policy(name, p); e != nil {
				return e
			}
		}
	}
	return nil
}

// policy checks the value of a DeletionPolicy or UpdateReplacePolicy.
func policy(name string, p Value) *Error {
	if !p.IsString() {
		return formatError(p.Pos(), "Every %s member must be a string.", name)
	}
	switch s := p.Text(); {
	case s == "Delete" || s == "Retain" || s == "Snapshot" || s == "RetainExceptOnCreate" && name == "DeletionPolicy":
		return nil
	default:
		return formatError(p.Pos(), "Unrecognized %s %s", name, s)
	}
}

func (t *Template) readOutputs() *Error {
	if e := t.members("Outputs", "Output", t.limits.Outputs, "Outputs"); e != nil || t.pending {
		return e
	}
	for e := range t.Root.Get("Outputs").Entries() {
		v := e.Value
		if !v.IsMap() || !v.Has("Value") {
			return formatError(e.KeyPos, "Every Outputs member must contain a Value object")
		}
		for m := range v.Entries() {
			switch m.Key {
			case "Value", "Description", "Export", "Condition":
			default:
				return errorAt(m.KeyPos, "Invalid template output property '%s'", m.Key)
			}
		}
		o := &Output{Name: e.Key, Pos: e.KeyPos, Description: v.Get("Description"), Value: v.Get("Value"), Condition: v.Get("Condition").Text()}
		if x := v.Get("Export"); x.Exists() {
			if o.Export = x.Get("Name"); !o.Export.Exists() || x.Len() != 1 {
				return formatError(x.Pos(), "Output %s is malformed. Export must contain a Name member alone.", e.Key)
			}
		}
		t.Outputs = append(t.Outputs, o)
	}
	return nil
}
