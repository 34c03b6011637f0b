// Package servicemodel reads AWS's service models (the botocore package's service-2.json) into the schemas that
// package wire walks. The generator prints them as Go; the conformance command uses them as they are.
// It knows nothing of Go source and none of our services.
package servicemodel

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Object is a JSON object that remembers the order of its members. Values are *Object, []any, string,
// json.Number, bool and nil.
type Object struct {
	Keys []string
	M    map[string]any
}

// Parse reads a JSON object.
func Parse(data []byte) (*Object, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parse(d)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*Object)
	if !ok {
		return nil, fmt.Errorf("service model: not an object")
	}
	return o, nil
}

func parse(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '[' {
			l := []any{}
			for d.More() {
				v, err := parse(d)
				if err != nil {
					return nil, err
				}
				l = append(l, v)
			}
			_, err := d.Token()
			return l, err
		}
		o := &Object{M: map[string]any{}}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := parse(d)
			if err != nil {
				return nil, err
			}
			o.Set(k.(string), v)
		}
		_, err := d.Token()
		return o, err
	}
	return t, nil
}

// Set adds or replaces a member; nil removes it.
func (o *Object) Set(k string, v any) {
	_, had := o.M[k]
	if v == nil {
		delete(o.M, k)
		for i, x := range o.Keys {
			if had && x == k {
				o.Keys = append(o.Keys[:i], o.Keys[i+1:]...)
				break
			}
		}
		return
	}
	if !had {
		o.Keys = append(o.Keys, k)
	}
	o.M[k] = v
}

// Merge lays p over o: objects are merged, null removes, anything else replaces.
func (o *Object) Merge(p *Object) {
	for _, k := range p.Keys {
		if po, ok := p.M[k].(*Object); ok {
			if oo, ok := o.M[k].(*Object); ok {
				oo.Merge(po)
				continue
			}
		}
		o.Set(k, p.M[k])
	}
}

// Obj gives an object member, an empty one where it is absent. A nil Object has no members.
func (o *Object) Obj(k string) *Object {
	if o != nil {
		if x, ok := o.M[k].(*Object); ok {
			return x
		}
	}
	return &Object{}
}

// Str gives a string member, "" where it is absent.
func (o *Object) Str(k string) string {
	s, _ := o.M[k].(string)
	return s
}

// Bool gives a boolean member.
func (o *Object) Bool(k string) bool {
	b, _ := o.M[k].(bool)
	return b
}

// Has tells whether a member is there.
func (o *Object) Has(k string) bool {
	_, ok := o.M[k]
	return ok
}

// Float gives a number, and whether it is there.
func (o *Object) Float(k string) (float64, bool) {
	n, ok := o.M[k].(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// Strings gives a list of strings.
func (o *Object) Strings(k string) []string {
	l, _ := o.M[k].([]any)
	var out []string
	for _, x := range l {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
