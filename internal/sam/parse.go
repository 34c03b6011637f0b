package sam

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

// Parse reads a template from YAML or JSON for Transform: short tags become Fn:: functions, keys keep their order, dates
// stay text. It gives no positions and few checks; it is for tools and tests, where the whole parser is not at hand.
func Parse(data []byte, limits Limits) (*Map, error) {
	l := limits.filled()
	if t := bytes.TrimSpace(data); len(t) > 0 && t[0] == '{' {
		v, err := parseJSON(t)
		if m, ok := v.(*Map); ok && err == nil {
			return m, nil
		}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	if len(doc.Content) == 0 {
		return nil, errors.New("template: no document")
	}
	p := &nodeReader{limits: l}
	v, err := p.value(doc.Content[0], 0)
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	m, ok := v.(*Map)
	if !ok {
		return nil, errors.New("template: not a mapping")
	}
	return m, nil
}

type nodeReader struct {
	limits Limits
	nodes  int
}

func (p *nodeReader) value(n *yaml.Node, depth int) (any, error) {
	if p.nodes++; p.nodes > p.limits.NodesMax {
		return nil, &LimitError{"NodesMax", p.limits.NodesMax}
	}
	if depth > p.limits.DepthMax {
		return nil, &LimitError{"DepthMax", p.limits.DepthMax}
	}
	if n.Kind == yaml.AliasNode {
		return p.value(n.Alias, depth+1)
	}
	if tag := n.Tag; strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") && tag != "!" {
		name := tag[1:]
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		var v any
		if n.Kind == yaml.ScalarNode {
			v = n.Value
			if tag == "!GetAtt" {
				id, attribute, ok := strings.Cut(n.Value, ".")
				if v = []any{id}; ok {
					v = []any{id, attribute}
				}
			}
		} else {
			plain := *n
			plain.Tag = ""
			var err error
			if v, err = p.value(&plain, depth+1); err != nil {
				return nil, err
			}
		}
		return NewMap(name, v), nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := NewMap()
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Value == "<<" && k.Style == 0 {
				if err := p.merge(m, n.Content[i+1], depth); err != nil {
					return nil, err
				}
				continue
			}
			if k.Kind == yaml.AliasNode {
				k = k.Alias
			}
			if k.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: a key must be a scalar", k.Line)
			}
			v, err := p.value(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m.Set(k.Value, v)
		}
		return m, nil
	case yaml.SequenceNode:
		l := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := p.value(c, depth+1)
			if err != nil {
				return nil, err
			}
			l = append(l, v)
		}
		return l, nil
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0 {
		return n.Value, nil
	}
	return plainScalar(n.Value), nil
}

// merge lays the pairs of a "<<" key under those that are there.
func (p *nodeReader) merge(m *Map, n *yaml.Node, depth int) error {
	v, err := p.value(n, depth+1)
	if err != nil {
		return err
	}
	l, ok := v.([]any)
	if !ok {
		l = []any{v}
	}
	for _, x := range l {
		o, ok := x.(*Map)
		if !ok {
			return fmt.Errorf("line %d: << needs a mapping", n.Line)
		}
		for k, w := range o.All() {
			if !m.Has(k) {
				m.Set(k, w)
			}
		}
	}
	return nil
}

// plainScalar reads an unquoted scalar as YAML 1.1 does, which templates are written in; dates stay text.
func plainScalar(s string) any {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false
	case ".inf", ".nan", "-.inf":
		return s
	}
	t := strings.ReplaceAll(s, "_", "")
	sign, digits := "", t
	if len(t) > 1 && (t[0] == '-' || t[0] == '+') {
		sign, digits = strings.TrimPrefix(t[:1], "+"), t[1:]
	}
	if digits == "" || digits[0] < '0' && digits[0] != '.' || digits[0] > '9' {
		return s
	}
	if s[0] == '_' {
		return s
	}
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "0b"):
		base, digits = 2, digits[2:]
	case len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "01234567") == "":
		base = 8
	case len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789") == "":
		return s
	}
	if i, err := strconv.ParseInt(sign+digits, base, 64); err == nil {
		return i
	} else if errors.Is(err, strconv.ErrRange) && base == 10 {
		return json.Number(sign + digits)
	}
	if base == 10 && strings.Contains(digits, ".") && strings.Trim(digits, "0123456789.eE+-") == "" {
		if e := strings.IndexAny(digits, "eE"); e >= 0 && (e+1 >= len(digits) || digits[e+1] != '+' && digits[e+1] != '-') {
			return s
		}
		if f, err := strconv.ParseFloat(sign+digits, 64); err == nil {
			return f
		}
	}
	return s
}

// parseJSON reads JSON with the order of keys and exact integers.
func parseJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := jsonValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("text after the JSON value")
	}
	return v, nil
}

func jsonValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			l := []any{}
			for d.More() {
				v, err := jsonValue(d)
				if err != nil {
					return nil, err
				}
				l = append(l, v)
			}
			_, err := d.Token()
			return l, err
		}
		m := NewMap()
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := jsonValue(d)
			if err != nil {
				return nil, err
			}
			m.Set(k.(string), v)
		}
		_, err := d.Token()
		return m, err
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return i, nil
		}
		if !strings.ContainsAny(string(t), ".eE") {
			return t, nil
		}
		return t.Float64()
	}
	return t, nil
}
