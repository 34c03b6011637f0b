package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Limits bound a document. Zero fields have the defaults.
type Limits struct {
	Bytes  int // 6 MB, as the service's quota for imports
	Values int
	Depth  int
}

func (l Limits) filled() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 6 << 20
	}
	if l.Values <= 0 {
		l.Values = 400_000
	}
	if l.Depth <= 0 {
		l.Depth = 64
	}
	return l
}

const refsMax = 16

type kind uint8

const (
	null kind = iota
	text
	number
	boolean
	list
	object
)

// node is one value of a document; members keep their order.
type node struct {
	kind kind
	text string // of text, number, boolean
	keys []string
	vals []*node
}

var errShape = errors.New("Unable to build importer with provided input.")

func parse(b []byte, l Limits) (*node, error) {
	l = l.filled()
	if len(b) > l.Bytes {
		return nil, fmt.Errorf("The document has more than %d bytes", l.Bytes)
	}
	p := &parser{left: l.Values, depth: l.Depth}
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
	if len(trimmed) == 0 {
		return nil, errShape
	}
	if trimmed[0] == '{' {
		d := json.NewDecoder(bytes.NewReader(trimmed))
		d.UseNumber()
		n, err := p.json(d, 0)
		if err != nil {
			return nil, err
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, errShape
		}
		return n, nil
	}
	var y yaml.Node
	if err := yaml.Unmarshal(trimmed, &y); err != nil {
		return nil, errShape
	}
	if y.Kind != yaml.DocumentNode || len(y.Content) != 1 {
		return nil, errShape
	}
	return p.yaml(y.Content[0], 0)
}

type parser struct{ left, depth int }

func (p *parser) take(depth int) error {
	if p.left--; p.left < 0 || depth > p.depth {
		return errors.New("The document is too large or too deep")
	}
	return nil
}

func (p *parser) json(d *json.Decoder, depth int) (*node, error) {
	if err := p.take(depth); err != nil {
		return nil, err
	}
	t, err := d.Token()
	if err != nil {
		return nil, errShape
	}
	switch v := t.(type) {
	case json.Delim:
		n := &node{kind: list}
		if v == '{' {
			n.kind = object
		}
		for d.More() {
			if n.kind == object {
				k, err := d.Token()
				if err != nil {
					return nil, errShape
				}
				s, ok := k.(string)
				if !ok {
					return nil, errShape
				}
				n.keys = append(n.keys, s)
			}
			x, err := p.json(d, depth+1)
			if err != nil {
				return nil, err
			}
			n.vals = append(n.vals, x)
		}
		if _, err := d.Token(); err != nil {
			return nil, errShape
		}
		return n, nil
	case string:
		return &node{kind: text, text: v}, nil
	case json.Number:
		return &node{kind: number, text: v.String()}, nil
	case bool:
		return &node{kind: boolean, text: strconv.FormatBool(v)}, nil
	}
	return &node{kind: null}, nil
}

func (p *parser) yaml(y *yaml.Node, depth int) (*node, error) {
	if err := p.take(depth); err != nil {
		return nil, err
	}
	switch y.Kind {
	case yaml.AliasNode:
		return p.yaml(y.Alias, depth+1) // counted anew, so an alias bomb meets the limit of values
	case yaml.SequenceNode:
		n := &node{kind: list}
		for _, c := range y.Content {
			x, err := p.yaml(c, depth+1)
			if err != nil {
				return nil, err
			}
			n.vals = append(n.vals, x)
		}
		return n, nil
	case yaml.MappingNode:
		n := &node{kind: object}
		for i := 0; i+1 < len(y.Content); i += 2 {
			if y.Content[i].Kind != yaml.ScalarNode {
				return nil, errShape
			}
			x, err := p.yaml(y.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			n.keys, n.vals = append(n.keys, y.Content[i].Value), append(n.vals, x)
		}
		return n, nil
	case yaml.ScalarNode:
		switch y.ShortTag() {
		case "!!null":
			return &node{kind: null}, nil
		case "!!bool":
			return &node{kind: boolean, text: strconv.FormatBool(strings.EqualFold(y.Value, "true"))}, nil
		case "!!int", "!!float":
			if json.Valid([]byte(y.Value)) {
				return &node{kind: number, text: y.Value}, nil
			}
		}
		return &node{kind: text, text: y.Value}, nil
	}
	return nil, errShape
}

// get gives a member, nil where there is none; the last of two with one name counts. It may be called on nil.
func (n *node) get(key string) *node {
	if n == nil || n.kind != object {
		return nil
	}
	for i := len(n.keys) - 1; i >= 0; i-- {
		if n.keys[i] == key {
			return n.vals[i]
		}
	}
	return nil
}

// str gives a scalar's text, "" for everything else.
func (n *node) str() string {
	if n == nil || n.kind == null || n.kind == list || n.kind == object {
		return ""
	}
	return n.text
}

func (n *node) boolean() *bool {
	if n == nil || n.kind == null {
		return nil
	}
	b := strings.EqualFold(n.text, "true")
	return &b
}

func (n *node) int() *int {
	if n == nil {
		return nil
	}
	i, err := strconv.Atoi(n.text)
	if err != nil {
		return nil
	}
	return &i
}

func (n *node) strs() []string {
	if n == nil || n.kind != list {
		return nil
	}
	out := make([]string, 0, len(n.vals))
	for _, v := range n.vals {
		out = append(out, v.str())
	}
	return out
}

// texts reads an object of scalars; an object or list among them becomes its JSON.
func (n *node) texts() map[string]string {
	if n == nil || n.kind != object {
		return nil
	}
	out := make(map[string]string, len(n.keys))
	for i, k := range n.keys {
		v := n.vals[i]
		if v.kind == object || v.kind == list {
			out[k] = string(v.appendJSON(nil))
		} else {
			out[k] = v.str()
		}
	}
	return out
}

func (n *node) set(key string, v *node) {
	if v == nil {
		return
	}
	n.keys, n.vals = append(n.keys, key), append(n.vals, v)
}

func (n *node) appendJSON(b []byte) []byte {
	switch n.kind {
	case text:
		return appendString(b, n.text)
	case number, boolean:
		return append(b, n.text...)
	case list:
		b = append(b, '[')
		for i, v := range n.vals {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.appendJSON(b)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, v := range n.vals {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, n.keys[i])
			b = append(b, ':')
			b = v.appendJSON(b)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return append(b, `""`...)
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// toYAML gives the value as a YAML tree for writing.
func (n *node) toYAML() *yaml.Node {
	switch n.kind {
	case text:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.text, Style: yaml.DoubleQuotedStyle}
	case number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: n.text}
	case boolean:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: n.text}
	case list:
		y := &yaml.Node{Kind: yaml.SequenceNode}
		for _, v := range n.vals {
			y.Content = append(y.Content, v.toYAML())
		}
		return y
	case object:
		y := &yaml.Node{Kind: yaml.MappingNode}
		for i, v := range n.vals {
			y.Content = append(y.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.keys[i]}, v.toYAML())
		}
		return y
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}
