package template

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// ParseValue reads YAML or JSON as a [Value]: short tags become functions ({"Ref": …}, {"Fn::Sub": …}), aliases and merge
// keys are resolved, keys given twice are refused. Text that begins with { or [ is JSON. The error is an *[Error].
func ParseValue(text []byte, l Limits) (Value, error) {
	l = l.filled()
	if len(text) > l.Bytes {
		return Value{}, &Error{Message: fmt.Sprintf("Template may not exceed %d bytes in size.", l.Bytes), Limit: "Bytes"}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if t := bytes.TrimLeft(text, " \t\r\n"); len(t) > 0 && (t[0] == '{' || t[0] == '[') {
		v, err := parseJSON(text, l)
		if err != nil {
			return Value{}, err
		}
		return v, nil
	}
	return parseYAML(text, l)
}

func notYAML(p Pos, detail string) *Error {
	e := formatError(p, "YAML not well-formed.")
	if p.Line > 0 {
		e = formatError(p, "YAML not well-formed. (line %d, column %d)", p.Line, p.Column)
	}
	e.Detail = detail
	return e
}

func parseYAML(text []byte, l Limits) (v Value, err error) {
	var doc yaml.Node
	deep := errors.New("too deep")
	limits := loaderlimits.New(loaderlimits.AliasNone(), loaderlimits.DepthFunc(func(depth int, _ *loaderlimits.DepthContext) error {
		if depth > l.Depth {
			return deep
		}
		return nil
	}))
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(limits))
	if err == nil {
		err = loader.Load(&doc)
	}
	if err == io.EOF {
		return Value{}, notYAML(Pos{}, "the text is empty")
	}
	if err != nil {
		var le *yaml.LoadError
		if !errors.As(err, &le) {
			return Value{}, notYAML(Pos{}, err.Error())
		}
		p := Pos{max(le.Mark.Line, 1), max(le.Mark.Column, 1)}
		if errors.Is(err, deep) || strings.Contains(le.Message, deep.Error()) {
			e := notYAML(p, fmt.Sprintf("nested more than %d deep", l.Depth))
			e.Limit = "Depth"
			return Value{}, e
		}
		return Value{}, notYAML(p, le.Message)
	}
	if len(doc.Content) != 1 {
		return Value{}, notYAML(Pos{}, "the text holds no document")
	}
	r := yamlReader{limits: l, anchors: map[*yaml.Node]Value{}}
	out, e := r.value(doc.Content[0], 0)
	if e != nil {
		return Value{}, e
	}
	var rest yaml.Node
	if err := loader.Load(&rest); err == nil {
		return Value{}, notYAML(Pos{rest.Line, rest.Column}, "a template is one document")
	} else if err != io.EOF {
		return Value{}, notYAML(Pos{}, err.Error())
	}
	return out, nil
}

type yamlReader struct {
	limits  Limits
	anchors map[*yaml.Node]Value // finished ones; an absent value marks one that is being read
	aliases int
}

func (r *yamlReader) value(n *yaml.Node, depth int) (Value, *Error) {
	p := Pos{n.Line, n.Column}
	if depth > r.limits.Depth {
		e := notYAML(p, fmt.Sprintf("nested more than %d deep", r.limits.Depth))
		e.Limit = "Depth"
		return Value{}, e
	}
	if n.Kind == yaml.AliasNode {
		return r.alias(n, p)
	}
	if n.Anchor != "" {
		r.anchors[n] = Value{}
	}
	v, e := r.untagged(n, p, depth)
	if e != nil {
		return Value{}, e
	}
	if fn, e := functionOfTag(n, p); e != nil {
		return Value{}, e
	} else if fn != "" {
		if fn == "Fn::GetAtt" && v.IsString() {
			if res, attr, ok := strings.Cut(v.Text(), "."); ok {
				v = ListOf(StringOf(res).At(p), StringOf(attr).At(p)).At(p)
			}
		}
		v = MapOf(Entry{Key: fn, KeyPos: p, Value: v}).At(p)
	}
	if v.Size() > r.limits.Nodes {
		return Value{}, limitError(p, "Nodes", "the template has more than %d values.", r.limits.Nodes)
	}
	if n.Anchor != "" {
		r.anchors[n] = v
	}
	return v, nil
}

func (r *yamlReader) alias(n *yaml.Node, p Pos) (Value, *Error) {
	r.aliases++
	if r.limits.Aliases < 0 {
		e := templateError(p, "YAML aliases are not allowed in CloudFormation templates")
		e.Limit = "Aliases"
		return Value{}, e
	}
	if r.aliases > r.limits.Aliases {
		return Value{}, limitError(p, "Aliases", "the template has more than %d aliases.", r.limits.Aliases)
	}
	v := r.anchors[n.Alias]
	if !v.Exists() {
		return Value{}, notYAML(p, fmt.Sprintf("alias *%s stands inside its own anchor", n.Value))
	}
	if v.Depth() > r.limits.Depth {
		return Value{}, limitError(p, "Depth", "nested more than %d deep.", r.limits.Depth)
	}
	return v, nil
}

func (r *yamlReader) untagged(n *yaml.Node, p Pos, depth int) (Value, *Error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return r.scalar(n, p)
	case yaml.SequenceNode:
		items := make([]Value, 0, len(n.Content))
		for _, c := range n.Content {
			v, e := r.value(c, depth+1)
			if e != nil {
				return Value{}, e
			}
			items = append(items, v)
		}
		return r.checked(ListOf(items...), p)
	case yaml.MappingNode:
		return r.mapping(n, p, depth)
	}
	return Value{}, notYAML(p, "an unexpected kind of node")
}

func (r *yamlReader) checked(v Value, p Pos) (Value, *Error) {
	if v.Size() > r.limits.Nodes {
		return Value{}, limitError(p, "Nodes", "the template has more than %d values.", r.limits.Nodes)
	}
	if v.Depth() > r.limits.Depth+1 {
		return Value{}, limitError(p, "Depth", "the template is nested more than %d deep.", r.limits.Depth)
	}
	v.n.line, v.n.col = int32(p.Line), int32(p.Column) // not yet shared
	return v, nil
}

func (r *yamlReader) mapping(n *yaml.Node, p Pos, depth int) (Value, *Error) {
	entries := make([]Entry, 0, len(n.Content)/2)
	var merged []Value
	var seen map[string]bool
	if len(n.Content) > 2*indexFrom {
		seen = make(map[string]bool, len(n.Content)/2)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		kp := Pos{k.Line, k.Column}
		if k.Kind == yaml.AliasNode && k.Alias != nil {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			return Value{}, notYAML(kp, "a key must be a scalar")
		}
		v, e := r.value(c, depth+1)
		if e != nil {
			return Value{}, e
		}
		if k.Value == "<<" && k.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
			m, e := mergeSources(v, kp)
			if e != nil {
				return Value{}, e
			}
			merged = append(merged, m...)
			continue
		}
		dup := seen[k.Value]
		if seen != nil {
			seen[k.Value] = true
		} else {
			for _, old := range entries {
				dup = dup || old.Key == k.Value
			}
		}
		if dup {
			return Value{}, notYAML(kp, fmt.Sprintf("key %q is given twice", k.Value))
		}
		entries = append(entries, Entry{Key: k.Value, KeyPos: kp, Value: v})
	}
	if len(merged) > 0 {
		have := make(map[string]bool, len(entries))
		for _, e := range entries {
			have[e.Key] = true
		}
		for _, m := range merged {
			for e := range m.Entries() {
				if !have[e.Key] {
					have[e.Key] = true
					entries = append(entries, e)
				}
			}
		}
	}
	return r.checked(MapOf(entries...), p)
}

// mergeSources gives the maps that a merge key names: one, or a list of them.
func mergeSources(v Value, p Pos) ([]Value, *Error) {
	if v.IsMap() {
		return []Value{v}, nil
	}
	var out []Value
	for _, m := range v.Items() {
		if !m.IsMap() {
			return nil, notYAML(p, "a merge key takes a map or a list of maps")
		}
		out = append(out, m)
	}
	if !v.IsList() {
		return nil, notYAML(p, "a merge key takes a map or a list of maps")
	}
	return out, nil
}

// scalar reads a scalar as CloudFormation does: YAML 1.1 booleans, numbers that JSON could write, null; everything else,
// dates and numbers with leading zeros included, is text.
func (r *yamlReader) scalar(n *yaml.Node, p Pos) (Value, *Error) {
	out := &node{kind: String, text: n.Value, line: int32(p.Line), col: int32(p.Column), size: 1, depth: 1, live: strings.Contains(n.Value, dynamicPrefix)}
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	out.quoted = !plain
	tag := ""
	if n.Style&yaml.TaggedStyle != 0 {
		tag = n.ShortTag()
	}
	switch {
	case tag == "!!binary" || tag == "!!timestamp":
		return Value{}, notYAML(p, "tag "+tag+" is not supported")
	case tag == "!!str" || !plain && tag == "":
		return Value{out}, nil
	case strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") && tag != "!" && plain && (tag == "!Ref" || tag == "!GetAtt" || tag == "!Sub" || tag == "!Condition"):
		return Value{out}, nil // names, whatever they look like
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		if plain {
			out.kind, out.text = Null, ""
		}
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		out.kind, out.text = Bool, "true"
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		out.kind, out.text = Bool, "false"
	default:
		if isJSONNumber(n.Value) {
			out.kind = Number
		}
	}
	return Value{out}, nil
}

// functionOfTag gives the function that a short tag stands for, "" where there is none.
func functionOfTag(n *yaml.Node, p Pos) (string, *Error) {
	if n.Style&yaml.TaggedStyle == 0 || !strings.HasPrefix(n.Tag, "!") {
		return "", nil
	}
	switch n.Tag {
	case "!", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
		return "", nil
	case "!Ref", "!Condition":
		return n.Tag[1:], nil
	case "!GetAtt", "!Sub", "!Join", "!Select", "!Split", "!FindInMap", "!Base64", "!Cidr", "!GetAZs", "!ImportValue", "!If", "!And", "!Or", "!Not",
		"!Equals", "!Transform", "!Length", "!ToJsonString", "!ForEach", "!Contains", "!EachMemberEquals", "!EachMemberIn", "!RefAll", "!ValueOf",
		"!ValueOfAll", "!GetStackOutput":
		return "Fn::" + n.Tag[1:], nil
	}
	return "", notYAML(p, "tag "+n.Tag+" is not known")
}
