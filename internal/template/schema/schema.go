package schema

import (
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"virga/internal/template"
)

//go:embed schemas.bin
var table string

const (
	magic    = "VCFN1"
	docBytes = 8 << 20
)

// parts are the sections of the table; tool/cfngen says what they hold.
type parts struct {
	dict, ends, names, data string
	count                   int
}

func open() parts {
	u := func(at int) int {
		return int(binary.LittleEndian.Uint32([]byte(table[len(magic)+at : len(magic)+at+4])))
	}
	dict, names, count := u(0), u(4), u(8)
	at := len(magic) + 12
	p := parts{count: count, dict: table[at : at+dict]}
	at += dict
	p.ends = table[at : at+8*count]
	at += 8 * count
	p.names = table[at : at+names]
	p.data = table[at+names:]
	return p
}

// end gives the end of the i-th name (k 0) or data (k 1).
func (p parts) end(i, k int) int {
	if i < 0 {
		return 0
	}
	at := 8*i + 4*k
	return int(p.ends[at]) | int(p.ends[at+1])<<8 | int(p.ends[at+2])<<16 | int(p.ends[at+3])<<24
}

func (p parts) name(i int) string { return p.names[p.end(i-1, 0):p.end(i, 0)] }

// Names gives all types, sorted.
func Names() []string {
	p := open()
	out := make([]string, p.count)
	for i := range out {
		out[i] = p.name(i)
	}
	return out
}

// Known tells whether the table has a type. It is cheap.
func Known(name string) bool {
	_, ok := find(open(), name)
	return ok
}

func find(p parts, name string) (int, bool) {
	return sort.Find(p.count, func(i int) int { return strings.Compare(name, p.name(i)) })
}

// Find reads a type from the table. It costs about as much as parsing its schema; keep a [Cache] where the same types are
// asked for again.
func Find(name string) (*Type, bool) {
	p := open()
	i, ok := find(p, name)
	if !ok {
		return nil, false
	}
	r := flate.NewReaderDict(strings.NewReader(p.data[p.end(i-1, 1):p.end(i, 1)]), []byte(p.dict))
	text, err := io.ReadAll(io.LimitReader(r, docBytes))
	if err != nil {
		panic(fmt.Sprintf("schema: the table is broken at %s: %v", name, err))
	}
	doc, err := template.ParseValue(text, template.Limits{Bytes: docBytes, Depth: 200, Nodes: 4 << 20})
	if err != nil {
		panic(fmt.Sprintf("schema: the table is broken at %s: %v", name, err))
	}
	return newType(name, doc), true
}

// Cache keeps the types that were read. The zero Cache is ready; it is safe for concurrent use.
type Cache struct{ types sync.Map }

// Find gives a type, from the table the first time.
func (c *Cache) Find(name string) (*Type, bool) {
	if t, ok := c.types.Load(name); ok {
		return t.(*Type), true
	}
	t, ok := Find(name)
	if !ok {
		return nil, false
	}
	was, _ := c.types.LoadOrStore(name, t)
	return was.(*Type), true
}

// Type is a resource type. Paths are as in the schema without "/properties/": "RedrivePolicy/maxReceiveCount", "Tags/*/Key".
type Type struct {
	Name                  string
	PrimaryIdentifier     []string
	AdditionalIdentifiers [][]string
	ReadOnly              []string
	CreateOnly            []string // a change replaces the resource
	ConditionalCreateOnly []string // a change may replace it
	WriteOnly             []string // reading the resource does not give them back
	Deprecated            []string
	Required              []string
	Handlers              []string // create, read, update, delete, list: those that exist
	ReplacementStrategy   string   // "create_then_delete", "delete_then_create" or ""
	TagProperty           string   // "Tags" in most, "" where the type cannot be tagged
	TagsUpdatable         bool

	doc      template.Value
	patterns sync.Map // text: *regexp.Regexp, nil where it cannot be compiled
}

func newType(name string, doc template.Value) *Type {
	t := &Type{Name: name, doc: doc}
	t.PrimaryIdentifier = pointers(doc.Get("primaryIdentifier"))
	for _, a := range doc.Get("additionalIdentifiers").Items() {
		t.AdditionalIdentifiers = append(t.AdditionalIdentifiers, pointers(a))
	}
	t.ReadOnly = pointers(doc.Get("readOnlyProperties"))
	t.CreateOnly = pointers(doc.Get("createOnlyProperties"))
	t.ConditionalCreateOnly = pointers(doc.Get("conditionalCreateOnlyProperties"))
	t.WriteOnly = pointers(doc.Get("writeOnlyProperties"))
	t.Deprecated = pointers(doc.Get("deprecatedProperties"))
	t.Required = pointers(doc.Get("required"))
	t.Handlers = pointers(doc.Get("handlers"))
	t.ReplacementStrategy = doc.Get("replacementStrategy").Text()
	tag := doc.Get("tagging")
	if on, ok := tag.Get("taggable").Bool(); on || !ok && (tag.Exists() || doc.Path("properties", "Tags").Exists()) {
		t.TagProperty = pointer(tag.Get("tagProperty").Text())
		if t.TagProperty == "" && doc.Path("properties", "Tags").Exists() {
			t.TagProperty = "Tags"
		}
		up, ok := tag.Get("tagUpdatable").Bool()
		t.TagsUpdatable = up || !ok
	}
	return t
}

func pointer(s string) string { return strings.TrimPrefix(s, "/properties/") }

func pointers(v template.Value) []string {
	if !v.IsList() && !v.IsString() {
		return nil
	}
	if v.IsString() {
		return []string{pointer(v.Text())}
	}
	out := make([]string, 0, v.Len())
	for _, x := range v.Items() {
		out = append(out, pointer(x.Text()))
	}
	return out
}

// Properties gives the names of the type's properties, read-only ones included, in the schema's order.
func (t *Type) Properties() []string {
	p := t.doc.Get("properties")
	out := make([]string, 0, p.Len())
	for k := range p.All() {
		out = append(out, k)
	}
	return out
}

// Property gives the schema of a property by its path, references followed; the absent value where there is none.
func (t *Type) Property(path string) template.Value {
	s := t.doc
	for step := range strings.SplitSeq(path, "/") {
		s = t.deref(s)
		switch {
		case step == "*" && s.Has("items"):
			s = s.Get("items")
		default:
			next := s.Path("properties", step)
			if !next.Exists() && t.deref(s.Get("items")).Exists() {
				next = t.deref(s.Get("items")).Path("properties", step)
			}
			s = next
		}
		if !s.Exists() {
			return s
		}
	}
	return t.deref(s)
}

// Schema gives the whole schema as it is kept.
func (t *Type) Schema() template.Value { return t.doc }

// Has tells whether the type has a handler: "create", "read", "update", "delete" or "list".
func (t *Type) Has(handler string) bool { return slices.Contains(t.Handlers, handler) }

// deref follows $ref.
func (t *Type) deref(s template.Value) template.Value {
	for range 16 {
		ref := s.Get("$ref")
		if !ref.IsString() {
			return s
		}
		at := t.doc
		for step := range strings.SplitSeq(strings.TrimPrefix(ref.Text(), "#/"), "/") {
			at = at.Get(step)
		}
		s = at
	}
	return template.Value{}
}

// regexp gives a compiled pattern, nil where it cannot be said in Go.
func (t *Type) regexp(p string) *regexp.Regexp {
	if re, ok := t.patterns.Load(p); ok {
		return re.(*regexp.Regexp)
	}
	re := template.CompilePattern(p)
	t.patterns.Store(p, re)
	return re
}
