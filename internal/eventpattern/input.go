package eventpattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Path is an input path: the part of JSONPath that EventBridge takes, which is names behind points, names in quotes and
// brackets, indices and wildcards.
type Path struct{ steps []pathStep }

type pathStep struct {
	name  string
	index int
	kind  uint8 // 0 name, 1 index, 2 any
}

// PathStepsMax is how many steps a path may have; PathValuesMax how many values one with wildcards may give.
const (
	PathStepsMax  = 100
	PathValuesMax = 10000
)

// ParsePath compiles an input path.
func ParsePath(text string) (*Path, error) {
	if !strings.HasPrefix(text, "$") {
		return nil, errors.New("path does not begin with $")
	}
	p := &Path{}
	for rest := text[1:]; rest != ""; {
		if len(p.steps) == PathStepsMax {
			return nil, fmt.Errorf("path has more than %d steps", PathStepsMax)
		}
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			name := rest[1 : 1+end]
			if name == "" {
				return nil, errors.New("path has an empty name")
			}
			for _, c := range name {
				if !(c == '-' || c == '_' || c == '/' || c == '*' && name == "*" || c >= '0' && c <= '9' || c|32 >= 'a' && c|32 <= 'z' || c > 0x7f) {
					return nil, fmt.Errorf("path has a character that is not supported: %q", c)
				}
			}
			if name == "*" {
				p.steps = append(p.steps, pathStep{kind: 2})
			} else {
				p.steps = append(p.steps, pathStep{name: name})
			}
			rest = rest[1+end:]
		case '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, errors.New("path has a bracket that is not closed")
			}
			in := rest[1:end]
			rest = rest[end+1:]
			if in == "*" {
				p.steps = append(p.steps, pathStep{kind: 2})
				continue
			}
			if n := len(in); n > 2 && (in[0] == '\'' || in[0] == '"') && in[n-1] == in[0] {
				p.steps = append(p.steps, pathStep{name: in[1 : n-1]})
				continue
			}
			n, err := strconv.ParseUint(in, 10, 31)
			if err != nil {
				return nil, fmt.Errorf("path has an index that is no number: %q", in)
			}
			p.steps = append(p.steps, pathStep{index: int(n), kind: 1})
		default:
			return nil, fmt.Errorf("path has a character that is not supported: %q", rest[0])
		}
	}
	return p, nil
}

// Find gives the part of the event that the path leads to, as it stands there; a path with a wildcard gives an array.
func (p *Path) Find(event []byte) (json.RawMessage, bool) {
	found := [][]byte{event}
	many := false
	for i := range p.steps {
		s := &p.steps[i]
		var next [][]byte
		for _, v := range found {
			if s.kind == 0 {
				if from, to, err := member(v, s.name); err == nil && from >= 0 {
					next = append(next, v[from:to])
				}
				continue
			}
			all := children(v, s.kind == 2)
			if s.kind == 2 {
				next = append(next, all...)
			} else if s.index < len(all) {
				next = append(next, all[s.index])
			}
			if len(next) > PathValuesMax {
				next = next[:PathValuesMax]
			}
		}
		many = many || s.kind == 2
		if found = next; len(found) == 0 {
			return nil, false
		}
	}
	if !many {
		return bytes.TrimSpace(found[0]), true
	}
	return arrayOf(found), true
}

func arrayOf(all [][]byte) []byte {
	return append(append([]byte{'['}, bytes.Join(all, []byte{','})...), ']')
}

// children are an array's elements, or with objects a member's values.
func children(v []byte, objects bool) [][]byte {
	e := fields{data: v}
	open := e.peek()
	if open != '[' && (open != '{' || !objects) {
		return nil
	}
	e.pos++
	if e.peek() == open+2 {
		return nil
	}
	var all [][]byte
	for len(all) <= PathValuesMax {
		if open == '{' {
			if e.peek() != '"' || e.skipString() != nil || e.peek() != ':' {
				return nil
			}
			e.pos++
		}
		e.peek()
		start := e.pos
		if e.skip(0) != nil {
			return nil
		}
		all = append(all, v[start:e.pos])
		if e.peek() != ',' {
			return all
		}
		e.pos++
	}
	return all
}

// Rule is what the predefined variables of an input transformer speak of.
type Rule struct {
	ARN, Name     string
	IngestionTime string // as EventBridge writes it: 2015-11-11T21:29:54Z
}

// The limits of an input transformer (Amazon EventBridge API Reference, InputTransformer).
const (
	TransformerPathsMax         = 100
	TransformerTemplateBytesMax = 8192
)

// Transformer is a compiled input transformer.
type Transformer struct {
	paths  map[string]*Path
	pieces []piece
	object bool // the template is JSON
	whole  bool // it is one variable and nothing else
}

type piece struct {
	text     string
	variable string
	quoted   bool // it stands within a JSON string
}

// ParseTransformer compiles the map of paths and the template. The error of a variable that no path defines says what
// EventBridge says.
func ParseTransformer(paths map[string]string, template string) (*Transformer, error) {
	if len(paths) > TransformerPathsMax {
		return nil, fmt.Errorf("more than %d input paths", TransformerPathsMax)
	}
	if len(template) > TransformerTemplateBytesMax {
		return nil, fmt.Errorf("input template is longer than %d", TransformerTemplateBytesMax)
	}
	t := &Transformer{paths: make(map[string]*Path, len(paths))}
	for name, text := range paths {
		if len(name) >= 4 && strings.EqualFold(name[:4], "AWS.") {
			return nil, fmt.Errorf("input path %s: names that begin with AWS. are reserved", name)
		}
		p, err := ParsePath(text)
		if err != nil {
			return nil, fmt.Errorf("input path %s: %w", name, err)
		}
		t.paths[name] = p
	}
	trimmed := strings.TrimSpace(template)
	t.object = strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")
	quoted, start := false, 0
	for i := 0; i < len(template); i++ {
		switch template[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '<':
			n := 0
			for i+1+n < len(template) && variableByte(template[i+1+n]) {
				n++
			}
			if n == 0 || i+1+n == len(template) || template[i+1+n] != '>' {
				continue
			}
			name := template[i+1 : i+1+n]
			if t.paths[name] == nil && !predefined[name] {
				return nil, fmt.Errorf("contains invalid placeholder %s", name)
			}
			t.pieces = append(t.pieces, piece{text: template[start:i]}, piece{variable: name, quoted: quoted})
			i += n + 1
			start = i + 1
		}
	}
	t.pieces = append(t.pieces, piece{text: template[start:]})
	t.whole = len(t.pieces) == 3 && strings.HasPrefix(trimmed, "<") && strings.HasSuffix(trimmed, ">")
	return t, nil
}

func variableByte(c byte) bool {
	return c == '-' || c == '_' || c == '.' || c >= '0' && c <= '9' || c|32 >= 'a' && c|32 <= 'z'
}

var predefined = map[string]bool{
	"aws.events.rule-arn": true, "aws.events.rule-name": true, "aws.events.event.ingestion-time": true,
	"aws.events.event": true, "aws.events.event.json": true,
}

// ErrTemplate says that a JSON template with this event's values is no JSON, so that nothing can be sent.
var ErrTemplate = errors.New("the input template with the event's values is not valid JSON")

// Transform fills the template: within quotes a variable is its text, elsewhere in JSON the value as JSON, and one that
// the event lacks is the empty string.
func (t *Transformer) Transform(event []byte, rule Rule) ([]byte, error) {
	var out []byte
	for i := range t.pieces {
		p := &t.pieces[i]
		if p.variable == "" {
			out = append(out, p.text...)
			continue
		}
		value := t.value(p.variable, event, rule)
		text := value
		isText := len(value) > 0 && value[0] == '"'
		switch {
		case p.quoted && isText:
			text = value[1 : len(value)-1]
		case p.quoted:
			text = bytes.ReplaceAll(value, []byte(`"`), nil)
		case t.object || t.whole || !isText:
		default:
			var s string
			if json.Unmarshal(value, &s) == nil {
				text = []byte(s)
			}
		}
		out = append(out, text...)
	}
	if t.object && !structured(out) {
		return nil, ErrTemplate
	}
	return out, nil
}

// value is the variable's, as JSON.
func (t *Transformer) value(name string, event []byte, rule Rule) []byte {
	text := func(s string) []byte {
		b, err := json.Marshal(s)
		if err != nil {
			return []byte(`""`)
		}
		return b
	}
	if p := t.paths[name]; p != nil {
		if v, ok := p.Find(event); ok {
			return compact(v)
		}
		return []byte(`""`)
	}
	switch name {
	case "aws.events.rule-arn":
		return text(rule.ARN)
	case "aws.events.rule-name":
		return text(rule.Name)
	case "aws.events.event.ingestion-time":
		return text(rule.IngestionTime)
	case "aws.events.event":
		return compact(without(event, "detail"))
	}
	return compact(event)
}

func compact(v []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, v) != nil {
		return v
	}
	return b.Bytes()
}

// without is the object without one of its members.
func without(object []byte, name string) []byte {
	from, to, err := member(object, name)
	if err != nil || from < 0 {
		return object
	}
	start := bytes.LastIndexByte(bytes.TrimRight(object[:from], " \t\r\n:"), '"') // the name's closing quote
	start = bytes.LastIndexByte(object[:start], '"')
	before, after := bytes.TrimRight(object[:start], " \t\r\n"), bytes.TrimLeft(object[to:], " \t\r\n")
	switch {
	case bytes.HasPrefix(after, []byte(",")):
		after = after[1:]
	case bytes.HasSuffix(before, []byte(",")):
		before = before[:len(before)-1]
	}
	return append(append([]byte{}, before...), after...)
}
