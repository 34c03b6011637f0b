package eventpattern

import "strings"

// paths numbers the fields that patterns name, and finds them by the steps of an event's names. A name with a point in
// it is several steps, on either side.
type paths struct {
	nodes []node
	count int32
}

type node struct {
	steps []step // few
	more  map[string]int32
	field int32 // -1: no pattern names it
}

type step struct {
	name string
	to   int32
}

// stepsMax of a node are looked through one by one; more are hashed.
const stepsMax = 8

func (p *paths) add(path string) int32 {
	if len(p.nodes) == 0 {
		p.nodes = append(p.nodes, node{field: -1})
	}
	at := int32(0)
	for {
		name, rest, more := strings.Cut(path, ".")
		to := p.step(at, name)
		if to < 0 {
			to = int32(len(p.nodes))
			p.nodes = append(p.nodes, node{field: -1})
			n := &p.nodes[at]
			if n.more != nil {
				n.more[name] = to
			} else if n.steps = append(n.steps, step{name, to}); len(n.steps) > stepsMax {
				n.more = make(map[string]int32, len(n.steps))
				for _, s := range n.steps {
					n.more[s.name] = s.to
				}
			}
		}
		at = to
		if !more {
			break
		}
		path = rest
	}
	if p.nodes[at].field < 0 {
		p.nodes[at].field = p.count
		p.count++
	}
	return p.nodes[at].field
}

// seal prepares for reading; a pattern without fields has the root alone.
func (p *paths) seal() {
	if len(p.nodes) == 0 {
		p.nodes = append(p.nodes, node{field: -1})
	}
}

func (p *paths) step(at int32, name string) int32 {
	n := &p.nodes[at]
	if n.more != nil {
		if to, ok := n.more[name]; ok {
			return to
		}
		return -1
	}
	for i := range n.steps {
		if n.steps[i].name == name {
			return n.steps[i].to
		}
	}
	return -1
}

// walk follows the name of an event's member.
func (p *paths) walk(at int32, name []byte) int32 {
	n := &p.nodes[at]
	if n.more == nil {
		for i := range n.steps {
			if n.steps[i].name == string(name) {
				return n.steps[i].to
			}
		}
	} else if to, ok := n.more[string(name)]; ok {
		return to
	}
	for i, c := range name {
		if c != '.' {
			continue
		}
		if at = p.step(at, string(name[:i])); at < 0 {
			return -1
		}
		return p.walk(at, name[i+1:])
	}
	return -1
}
