package apigatewayv2

import (
	"net/url"
	"strings"

	"virga/internal/proxyevent"
)

// node is one path segment of the routes of a stage. Nodes of one depth are looked at once for a path, so a match costs
// at most as many steps as there are routes' segments.
type node struct {
	static map[string]*node
	param  *node
	names  []string // of the parameters on the way, where a route ends here
	ends   map[string]*target
	greedy map[string]*target
	gnames []string
}

// target is a route, compiled.
type target struct {
	route  route
	names  []string // of its path parameters, in order; a greedy one is the last
	greedy bool
	ig     *backend
	auth   *checker
	limit  *limits
}

type router struct {
	root node
	dflt *target
}

func (r *router) add(t *target) {
	if t.route.RouteKey == "$default" {
		r.dflt = t
		return
	}
	method, path, _ := strings.Cut(t.route.RouteKey, " ")
	n := &r.root
	for _, seg := range strings.Split(path[1:], "/") {
		switch {
		case strings.HasPrefix(seg, "{") && strings.HasSuffix(seg, "+}"):
			t.names = append(t.names, seg[1:len(seg)-2])
			t.greedy = true
			if n.greedy == nil {
				n.greedy = map[string]*target{}
			}
			n.greedy[method] = t
			return
		case strings.HasPrefix(seg, "{"):
			t.names = append(t.names, seg[1:len(seg)-1])
			if n.param == nil {
				n.param = &node{}
			}
			n = n.param
		default:
			if n.static == nil {
				n.static = map[string]*node{}
			}
			if n.static[seg] == nil {
				n.static[seg] = &node{}
			}
			n = n.static[seg]
		}
	}
	if n.ends == nil {
		n.ends = map[string]*target{}
	}
	n.ends[method] = t
}

func pick(m map[string]*target, method string) *target {
	if t := m[method]; t != nil {
		return t
	}
	return m["ANY"]
}

// segmentsMax bounds the segments of a path that are routed; a longer one meets greedy routes and $default alone.
const segmentsMax = 128

// find gives the route of a request: a full match, else the longest greedy one, else $default; on each the method
// before ANY. path is raw and begins with '/'.
func (r *router) find(method, path string) (*target, []proxyevent.Param) {
	segs := strings.SplitN(path[1:], "/", segmentsMax)
	for i, s := range segs {
		if strings.IndexByte(s, '%') >= 0 {
			if u, err := url.PathUnescape(s); err == nil {
				segs[i] = u
			}
		}
	}
	var values [segmentsMax]string
	t, n := r.root.full(method, segs, values[:0])
	if t == nil {
		t, n = r.root.longest(method, segs, values[:0])
	}
	if t == nil {
		return r.dflt, nil
	}
	var ps []proxyevent.Param
	for i, name := range t.names {
		ps = append(ps, proxyevent.Param{Name: name, Value: n[i]})
	}
	return t, ps
}

func (n *node) full(method string, segs, values []string) (*target, []string) {
	if len(segs) == 0 {
		return pick(n.ends, method), values
	}
	if c := n.static[segs[0]]; c != nil {
		if t, v := c.full(method, segs[1:], values); t != nil {
			return t, v
		}
	}
	if n.param != nil && segs[0] != "" {
		return n.param.full(method, segs[1:], append(values, segs[0]))
	}
	return nil, nil
}

func (n *node) longest(method string, segs, values []string) (*target, []string) {
	if len(segs) > 1 {
		if c := n.static[segs[0]]; c != nil {
			if t, v := c.longest(method, segs[1:], values); t != nil {
				return t, v
			}
		}
		if n.param != nil && segs[0] != "" {
			if t, v := n.param.longest(method, segs[1:], append(values, segs[0])); t != nil {
				return t, v
			}
		}
	}
	if t := pick(n.greedy, method); t != nil && len(segs) > 0 {
		if rest := strings.Join(segs, "/"); rest != "" {
			return t, append(values, rest)
		}
	}
	return nil, nil
}
