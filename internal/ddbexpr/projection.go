package ddbexpr

import "virga/internal/ddbexpr/attr"

// Project appends the item that holds what the paths of a projection name, or, for an update, of its targets. Elements
// of lists keep their order and close up.
func (b *Bound) Project(dst, item attr.Item) attr.Item {
	out := attr.Begin(dst)
	projectMap(&out, b.trie, item)
	return out.Finish()
}

func projectMap(out *attr.Builder, n *node, item attr.Item) {
	kids := n.kids
	w := item.Walk()
	for w.Next() {
		for len(kids) > 0 && kids[0].name < string(w.Name) {
			kids = kids[1:]
		}
		if len(kids) == 0 {
			return
		}
		if kids[0].name != string(w.Name) {
			continue
		}
		mark := out.Mark()
		out.Name(w.Name)
		if !project(out, &kids[0], w.Value()) {
			out.Drop(mark)
		}
	}
}

func project(out *attr.Builder, n *node, v attr.Value) bool {
	if n.leaf >= 0 {
		out.Value(v)
		return true
	}
	names := n.kids[0].index < 0
	k := v.Kind()
	if names && k != attr.M || !names && k != attr.L {
		return false
	}
	in := out.Open(k)
	if names {
		projectMap(&in, n, v.Item())
	} else {
		kids, i := n.kids, 0
		for e := range v.List() {
			if len(kids) == 0 {
				break
			}
			if kids[0].index == i {
				project(&in, &kids[0], e)
				kids = kids[1:]
			}
			i++
		}
	}
	if in.Count() == 0 {
		return false
	}
	out.Close(&in)
	return true
}
