package wire

import (
	"net/url"
	"sort"
	"strings"
)

// Table chooses a model's operation for a request. It is made once per cloud and may be used by many at once.
type Table struct {
	Model  *Model
	routes map[string][]route // by HTTP method
}

// route is one operation's URI pattern.
type route struct {
	op      *Op
	segs    []seg
	query   []pair // literal pairs of the pattern
	greedy  bool
	literal int // literal segments
}

type seg struct {
	text   string // literal text, or the label's name
	label  bool
	greedy bool
}

type pair struct {
	key, value string
	bare       bool // the pattern has the key alone
}

// NewTable makes a model's table.
func NewTable(m *Model) *Table {
	t := &Table{Model: m, routes: map[string][]route{}}
	if m.Speaks(RESTJSON) || m.Speaks(RESTXML) {
		for i := range m.Ops {
			r := parsePattern(&m.Ops[i])
			t.routes[r.op.Method] = append(t.routes[r.op.Method], r)
		}
	}
	return t
}

func parsePattern(op *Op) route {
	r := route{op: op}
	path, query, _ := strings.Cut(op.Path, "?")
	for _, s := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		switch {
		case s == "":
		case s[0] == '{' && strings.HasSuffix(s, "+}"):
			r.segs = append(r.segs, seg{text: s[1 : len(s)-2], label: true, greedy: true})
			r.greedy = true
		case s[0] == '{' && s[len(s)-1] == '}':
			r.segs = append(r.segs, seg{text: s[1 : len(s)-1], label: true})
		default:
			r.segs = append(r.segs, seg{text: s})
			r.literal++
		}
	}
	for query != "" {
		var p string
		p, query, _ = strings.Cut(query, "&")
		k, v, has := strings.Cut(p, "=")
		if k == "x-id" || k == "" {
			continue
		}
		r.query = append(r.query, pair{key: k, value: v, bare: !has})
	}
	return r
}

// match tells whether a raw path fits.
func (r *route) match(path string) bool {
	rest := strings.TrimPrefix(path, "/")
	for i, s := range r.segs {
		if s.greedy {
			// what follows a greedy label is literal or plain: take it from the end
			after := r.segs[i+1:]
			for j := len(after) - 1; j >= 0; j-- {
				k := strings.LastIndexByte(rest, '/')
				if k < 0 {
					return false
				}
				cut, a := rest[k+1:], after[j]
				if a.label && cut == "" || !a.label && !sameSegment(cut, a.text) {
					return false
				}
				rest = rest[:k]
			}
			return rest != ""
		}
		part, more, slash := strings.Cut(rest, "/")
		switch {
		case s.label && part == "":
			return false
		case !s.label && !sameSegment(part, s.text):
			return false
		}
		rest = more
		if !slash && i < len(r.segs)-1 {
			return false
		}
		if !slash {
			rest = ""
		}
	}
	return rest == "" // one slash more at the end is no other resource
}

func sameSegment(raw, text string) bool {
	if raw == text {
		return true
	}
	if strings.IndexByte(raw, '%') < 0 {
		return false
	}
	u, err := url.PathUnescape(raw)
	return err == nil && u == text
}

// Find chooses the operation for a request, and the protocol it speaks where hint is Unknown. The error says as AWS
// does that there is no such operation, and is to be answered in the protocol that comes with it.
func (t *Table) Find(hint Protocol, r *Request) (*Op, Protocol, error) {
	p := hint
	if p == Unknown {
		p = Detect(t.Model.Schema, r)
	}
	switch p {
	case JSON10, JSON11:
		op, err := t.byTarget(r.Header.Get("X-Amz-Target"))
		return op, p, err
	case Query, EC2:
		op, err := t.byAction(r)
		return op, p, err
	case CBOR:
		op, err := t.byCBORPath(r.Path)
		return op, p, err
	case RESTJSON, RESTXML:
		op, err := t.byRoute(r)
		return op, p, err
	}
	return nil, t.Model.Protocols[0], CommonError(UnknownOperationError, "")
}

// Detect tells which of a service's protocols a request speaks; Unknown where it is none of them.
func Detect(s *Schema, r *Request) Protocol {
	ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	ct = strings.ToLower(strings.TrimSpace(ct))
	if s.Speaks(CBOR) && (strings.EqualFold(r.Header.Get("Smithy-Protocol"), "rpc-v2-cbor") || strings.HasPrefix(r.Path, "/service/") && ct == "application/cbor") {
		return CBOR
	}
	if r.Header.Get("X-Amz-Target") != "" && (s.Speaks(JSON10) || s.Speaks(JSON11)) {
		switch ct {
		case "application/x-amz-json-1.0":
			return JSON10
		case "application/x-amz-json-1.1":
			return JSON11
		}
		if s.Speaks(JSON10) {
			return JSON10
		}
		return JSON11
	}
	for _, p := range s.Protocols {
		switch p {
		case RESTJSON, RESTXML:
			return p
		case Query, EC2:
			if ct == "application/x-www-form-urlencoded" || formValue("Action", r.RawQuery) != "" || len(s.Protocols) == 1 {
				return p
			}
		}
	}
	return Unknown
}

func (t *Table) byTarget(target string) (*Op, error) {
	dot := strings.LastIndexByte(target, '.')
	if dot >= 0 && target[:dot] == t.Model.TargetPrefix {
		if op := t.Model.Op(target[dot+1:]); op != nil {
			return op, nil
		}
	}
	return nil, CommonError(UnknownOperationError, "")
}

func (t *Table) byAction(r *Request) (*Op, error) {
	texts := []string{string(r.Body), r.RawQuery}
	action := formValue("Action", texts...)
	if action == "" {
		return nil, &Error{Code: "MissingAction", Status: 400, Message: "The request must contain the parameter Action."}
	}
	version := formValue("Version", texts...)
	if op := t.Model.Op(action); op != nil && (version == "" || version == t.Model.APIVersion) {
		return op, nil
	}
	if version == "" {
		version = t.Model.APIVersion
	}
	return nil, CommonError(UnknownOperationError, "Could not find operation "+clip(action)+" for version "+clip(version))
}

func (t *Table) byCBORPath(path string) (*Op, error) {
	if i := strings.LastIndex(path, "/operation/"); i >= 0 {
		if j := strings.LastIndex(path[:i], "/service/"); j >= 0 {
			if op := t.Model.Op(path[i+len("/operation/"):]); op != nil && path[j+len("/service/"):i] == t.Model.TargetPrefix {
				return op, nil
			}
		}
	}
	return nil, CommonError(UnknownOperationError, "")
}

func (t *Table) byRoute(r *Request) (*Op, error) {
	var q []pair
	var found []*route
	list := t.routes[r.Method]
	for i := range list {
		rt := &list[i]
		if !rt.match(r.Path) {
			continue
		}
		if q == nil && len(rt.query)+len(rt.op.Needs) > 0 {
			q = queryPairs(r.RawQuery)
		}
		if rt.queryFits(q) {
			found = append(found, rt)
		}
	}
	if len(found) == 0 {
		return nil, t.noRoute(r)
	}
	if len(found) == 1 {
		return found[0].op, nil
	}
	if q == nil {
		q = queryPairs(r.RawQuery)
	}
	needs := make(map[*route]int, len(found))
	for _, rt := range found {
		needs[rt] = rt.needs(r, q)
	}
	id := ""
	for _, p := range q {
		if p.key == "x-id" {
			id = p.value
		}
	}
	sort.SliceStable(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if x, y := needs[a] < 0, needs[b] < 0; x != y {
			return y
		}
		if a.literal != b.literal {
			return a.literal > b.literal
		}
		if a.greedy != b.greedy {
			return b.greedy
		}
		if len(a.segs) != len(b.segs) {
			return len(a.segs) > len(b.segs)
		}
		if len(a.query) != len(b.query) {
			return len(a.query) > len(b.query)
		}
		if needs[a] != needs[b] {
			return needs[a] > needs[b]
		}
		if x, y := a.op.Name == id, b.op.Name == id; x != y {
			return x
		}
		if x, y := a.op.Has(Implemented), b.op.Has(Implemented); x != y {
			return x
		}
		return len(a.op.Name) < len(b.op.Name)
	})
	return found[0].op, nil
}

// needs counts what a request brings of that which tells an operation from others on the same path; -1 where
// something is absent.
func (r *route) needs(req *Request, q []pair) int {
	for _, n := range r.op.Needs {
		if name, ok := strings.CutPrefix(n, "?"); ok {
			if !hasPair(q, name) {
				return -1
			}
		} else if len(req.Header[n]) == 0 {
			return -1
		}
	}
	return len(r.op.Needs)
}

func hasPair(q []pair, key string) bool {
	for _, p := range q {
		if p.key == key {
			return true
		}
	}
	return false
}

func (r *route) queryFits(q []pair) bool {
	for _, want := range r.query {
		ok := false
		for _, p := range q {
			if p.key == want.key && (want.bare || p.value == want.value) {
				ok = true
				break
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// queryPairs splits a raw query; what cannot be unescaped stays as it is.
func queryPairs(raw string) []pair {
	q := make([]pair, 0, 8)
	for raw != "" && len(q) < FormPairs {
		var p string
		p, raw, _ = strings.Cut(raw, "&")
		if p == "" {
			continue
		}
		k, v, has := strings.Cut(p, "=")
		if u, err := url.QueryUnescape(k); err == nil {
			k = u
		}
		if u, err := url.QueryUnescape(v); err == nil {
			v = u
		}
		q = append(q, pair{key: k, value: v, bare: !has})
	}
	return q
}

// noRoute is the error for a path or method that no operation has.
func (t *Table) noRoute(r *Request) error {
	if t.Model.Flags&S3 != 0 {
		return &Error{Code: "MethodNotAllowed", Status: 405, Message: "The specified method is not allowed against this resource."}
	}
	for m, list := range t.routes {
		if m == r.Method {
			continue
		}
		for i := range list {
			if list[i].match(r.Path) {
				return &Error{Code: "UnknownOperationException", Status: 405, Message: ""}
			}
		}
	}
	return CommonError(UnknownOperationError, "")
}

// Index finds models by what a request says of its service.
type Index struct {
	targets map[string][]*Table
	names   map[string]*Table
}

// NewIndex indexes tables.
func NewIndex(tables ...*Table) *Index {
	x := &Index{targets: map[string][]*Table{}, names: map[string]*Table{}}
	for _, t := range tables {
		x.names[t.Model.Package] = t
		if p := t.Model.TargetPrefix; p != "" {
			x.targets[p] = append(x.targets[p], t)
		}
	}
	return x
}

// Package gives the table of a package name.
func (x *Index) Package(name string) *Table { return x.names[name] }

// Target gives the table of an X-Amz-Target header; where several services share a prefix,
// the one that has the operation.
func (x *Index) Target(target string) *Table {
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return nil
	}
	l := x.targets[target[:dot]]
	for _, t := range l {
		if t.Model.Op(target[dot+1:]) != nil {
			return t
		}
	}
	if len(l) > 0 {
		return l[0]
	}
	return nil
}
