package cloudformation

import (
	"context"
	"encoding/json"
	"slices"
	"sort"

	"virga/internal/store"
	"virga/internal/template"
	"virga/internal/template/schema"
)

// change is one resource of a change set.
type change struct {
	Action      string // Add, Modify, Remove
	Logical     string
	Physical    string
	Type        string
	Replacement string   // True, False, Conditional; "" for Add and Remove
	Scope       []string `json:",omitempty"`
	Details     []detail `json:",omitempty"`
	Policy      string   `json:",omitempty"`
}

type detail struct {
	Attribute string
	Name      string
	Recreate  string
	Dynamic   bool
	Source    string // DirectModification, ResourceReference, ResourceAttribute, ParameterReference
	Cause     string `json:",omitempty"`
}

// diff tells what an operation would change. What depends on something that is made or replaced is not known before.
func (s *Service) diff(ctx context.Context, st *stack, p *prepared) ([]change, error) {
	var have map[string]*row
	if err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		have = byID(slices.DeleteFunc(rows(r, st), func(x *row) bool { return x.Physical == "" || x.Status == "DELETE_COMPLETE" }))
		return nil
	}); err != nil {
		return nil, err
	}
	b := p.bound
	var out []change
	unknown := map[string]bool{} // made or replaced: its id and attributes will be others
	moved := map[string]bool{}   // changed in place: its attributes may be others
	look := s.lookup(ctx, st, have)
	ref, att := look.Ref, look.GetAtt
	look.Ref = func(id string) (template.Value, error) {
		if unknown[id] || have[id] == nil {
			return template.UnknownOf(id), nil
		}
		return ref(id)
	}
	look.GetAtt = func(id, attr string) (template.Value, error) {
		if unknown[id] || have[id] == nil {
			return template.UnknownOf(id + "." + attr), nil
		}
		return att(id, attr)
	}
	look.ImportValue, look.Dynamic = func(name string) (template.Value, error) {
		var v string
		err := s.cfg.Store.View(ctx, func(r store.Reader) error {
			x, ok := store.Load[export](r, exportKey(st.Account, st.Region, name))
			if !ok {
				return noExport(name)
			}
			v = x.Value
			return nil
		})
		return template.StringOf(v), err
	}, nil
	tags := st.Operation == nil && len(have) > 0 && !slices.Equal(st.Now.Tags, p.want.Tags)
	for _, id := range b.Graph().Order() {
		def, _ := b.Resource(id)
		r := have[id]
		if r == nil {
			unknown[id] = true
			out = append(out, change{Action: "Add", Logical: id, Type: def.Type})
			continue
		}
		v, err := b.Resolve(id, look)
		if err != nil {
			return nil, known(err)
		}
		c := change{Action: "Modify", Logical: id, Physical: r.Physical, Type: def.Type, Replacement: "False"}
		if r.Type != def.Type {
			unknown[id] = true
			c.Replacement = "True"
			out = append(out, c)
			continue
		}
		before := template.FromAny(object(r.Properties))
		sc, ok := s.schemas.Find(def.Type)
		var l []schema.Change
		if ok {
			l = sc.Diff(before, v)
		} else if !template.Equal(before, v) {
			l = []schema.Change{{Property: "Properties", Before: before, After: v, Dynamic: v.Unknown()}}
		}
		if len(l) == 0 && !tags {
			continue
		}
		if len(l) > 0 {
			c.Scope = append(c.Scope, "Properties")
		}
		if tags {
			c.Scope = append(c.Scope, "Tags")
			c.Details = append(c.Details, detail{Attribute: "Tags", Recreate: "Never", Source: "DirectModification"})
		}
		for _, x := range l {
			d := detail{Attribute: "Properties", Name: x.Property, Recreate: x.Replacement.String(), Dynamic: x.Dynamic, Source: "DirectModification"}
			c.Details = append(c.Details, d)
			switch {
			case x.Replacement == schema.Always && !x.Dynamic:
				c.Replacement = "True"
			case (x.Replacement == schema.Always || x.Replacement == schema.Conditionally) && c.Replacement != "True":
				c.Replacement = "Conditional"
			}
		}
		if c.Replacement == "True" {
			unknown[id] = true
		}
		moved[id] = true
		out = append(out, c)
	}
	ids := make([]string, 0, len(have))
	for id := range have {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		if _, in := b.Resource(id); !in {
			r := have[id]
			c := change{Action: "Remove", Logical: id, Physical: r.Physical, Type: r.Type}
			if r.Keep == "Retain" {
				c.Policy = "Retain"
			} else {
				c.Policy = "Delete"
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// outputsDiffer tells whether a request changes nothing but outputs, the description or the stack's own tags.
func (s *Service) outputsDiffer(st *stack, p *prepared) bool {
	if p.want.Description != st.Description || p.want.Role != st.Now.Role || !slices.Equal(p.want.Tags, st.Now.Tags) {
		return true
	}
	if p.src == nil {
		return !slices.EqualFunc(p.want.Parameters, st.Now.Parameters, func(a, b parameter) bool { return a.Key == b.Key && a.Value == b.Value })
	}
	look := template.Lookup{Ref: func(id string) (template.Value, error) { return template.UnknownOf(id), nil },
		GetAtt: func(id, attr string) (template.Value, error) { return template.UnknownOf(id + "." + attr), nil }}
	vs, err := p.bound.Outputs(look)
	if err != nil || len(vs) != len(st.Outputs) {
		return true
	}
	have := map[string]output{}
	for _, o := range st.Outputs {
		have[o.Key] = o
	}
	for _, v := range vs {
		o, ok := have[v.Name]
		if !ok || o.Description != v.Description || !v.Value.Unknown() && v.Value.Text() != o.Value || !v.Export.Unknown() && v.Export.Text() != o.Export {
			return true
		}
	}
	return false
}

func decodeChanges(b []byte) (l []change) {
	if err := json.Unmarshal(b, &l); err != nil {
		return nil
	}
	return l
}
