package attr

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// DepthMax is how deep lists and maps may be nested.
const DepthMax = 32

// Decode appends the encoding of one AttributeValue in DynamoDB's JSON. What is not such JSON is an error; what is, but
// is refused by AWS (a wrong number, an empty set), becomes an Invalid value that carries the refusal.
func Decode(dst Value, raw []byte) (Value, error) {
	d := decoder{in: raw}
	out, err := d.value(dst)
	if err != nil {
		return dst, err
	}
	if d.peek() != 0 || d.at < len(d.in) {
		return dst, errSyntax()
	}
	if d.refusal != "" {
		out = appendBytes(out[:len(dst)], byte(Invalid), []byte(d.refusal))
	}
	return Value(out), nil
}

// DecodeItem reads a JSON map from names to AttributeValues; what AWS refuses about them is an error too.
func DecodeItem(raw []byte) (Item, error) {
	var a Attributes
	if err := a.DecodeWire(raw); err != nil {
		return nil, err
	}
	return a.Item, a.Refusal
}

// DecodeWire reads one AttributeValue; raw is not kept.
func (v *Value) DecodeWire(raw []byte) (err error) {
	*v, err = Decode(make(Value, 0, len(raw)), raw)
	return err
}

type entry struct{ key, from, to int }

type decoder struct {
	in      []byte
	at      int
	depth   int
	refusal string
	text    []byte  // scratch for names and strings with escapes
	entries []entry // stack of the parts of open maps and sets
	scratch []byte
}

func errSyntax() error { return unreadable("Unexpected token received from parser") }

// peek skips white space and gives the next byte, 0 at the end.
func (d *decoder) peek() byte {
	for d.at < len(d.in) {
		switch c := d.in[d.at]; c {
		case ' ', '\n', '\r', '\t':
			d.at++
		default:
			return c
		}
	}
	return 0
}

func (d *decoder) take(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.at++
	return true
}

func (d *decoder) word(w string) bool {
	if d.peek() != 0 && bytes.HasPrefix(d.in[d.at:], []byte(w)) {
		d.at += len(w)
		return true
	}
	return false
}

// str reads a string; what it gives holds until the next call.
func (d *decoder) str() ([]byte, error) {
	if !d.take('"') {
		return nil, d.mismatch("String")
	}
	start := d.at
	for i := start; i < len(d.in); i++ {
		switch c := d.in[i]; {
		case c == '"':
			d.at = i + 1
			s := d.in[start:i:i]
			if !utf8.Valid(s) {
				return nil, errSyntax()
			}
			return s, nil
		case c == '\\':
			return d.escaped(start, i)
		case c < 0x20:
			return nil, errSyntax()
		}
	}
	return nil, errSyntax()
}

func (d *decoder) escaped(start, i int) ([]byte, error) {
	out := append(d.text[:0], d.in[start:i]...)
	for i < len(d.in) {
		c := d.in[i]
		switch {
		case c == '"':
			d.at, d.text = i+1, out
			if !utf8.Valid(out) {
				return nil, errSyntax()
			}
			return out, nil
		case c < 0x20:
			return nil, errSyntax()
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		if i+1 >= len(d.in) {
			return nil, errSyntax()
		}
		c = d.in[i+1]
		i += 2
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := hex4(d.in, i)
			if !ok {
				return nil, errSyntax()
			}
			i += 4
			if r >= 0xd800 && r < 0xdc00 && i+1 < len(d.in) && d.in[i] == '\\' && d.in[i+1] == 'u' {
				if low, ok := hex4(d.in, i+2); ok && low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			out = utf8.AppendRune(out, r) // half a pair becomes U+FFFD
		default:
			return nil, errSyntax()
		}
	}
	return nil, errSyntax()
}

func hex4(b []byte, at int) (rune, bool) {
	if at+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// mismatch is the refusal of a JSON value of another type than the API's.
func (d *decoder) mismatch(want string) error {
	switch c := d.peek(); {
	case c == '{':
		return unreadable("Start of structure or map found where not expected")
	case c == '[':
		return unreadable("Unrecognized collection type class java.lang." + want)
	case c == '"':
		return unreadable("STRING_VALUE cannot be converted to " + want)
	case c == 't':
		return unreadable("TRUE_VALUE cannot be converted to " + want)
	case c == 'f':
		return unreadable("FALSE_VALUE cannot be converted to " + want)
	case c == '-' || c >= '0' && c <= '9':
		return unreadable("NUMBER_VALUE cannot be converted to " + want)
	}
	return errSyntax()
}

// refuse keeps the first refusal.
func (d *decoder) refuse(message string) {
	if d.refusal == "" {
		d.refusal = message
	}
}

// value reads {"S": "…"}.
func (d *decoder) value(dst []byte) ([]byte, error) {
	if !d.take('{') {
		if c := d.peek(); c == '[' {
			return dst, unreadable("Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue")
		}
		return dst, unreadable("Unexpected value type in payload")
	}
	types, start := 0, len(dst)
	for more := !d.take('}'); more; {
		name, err := d.str()
		if err != nil {
			return dst, err
		}
		kind := kindOf(name)
		if !d.take(':') {
			return dst, errSyntax()
		}
		switch {
		case d.word("null"):
		case kind == Invalid:
			if err := d.skip(0); err != nil {
				return dst, err
			}
		default:
			types++
			refused := d.refusal != ""
			if dst, err = d.typed(dst[:start], kind); err != nil {
				return dst, err
			}
			if !refused && d.refusal == "" && types > 1 {
				d.refuse(msgManyTypes)
			}
		}
		if more = d.take(','); !more && !d.take('}') {
			return dst, errSyntax()
		}
	}
	if types == 0 {
		d.refuse(msgEmptyValue)
		dst = append(dst, byte(Null))
	}
	return dst, nil
}

func kindOf(name []byte) Kind {
	switch string(name) {
	case "S":
		return S
	case "N":
		return N
	case "B":
		return B
	case "SS":
		return SS
	case "NS":
		return NS
	case "BS":
		return BS
	case "M":
		return M
	case "L":
		return L
	case "NULL":
		return Null
	case "BOOL":
		return Bool
	}
	return Invalid
}

func (d *decoder) typed(dst []byte, kind Kind) ([]byte, error) {
	switch kind {
	case Null, Bool:
		yes, err := d.boolean()
		switch {
		case err != nil:
			return dst, err
		case kind == Bool && yes:
			return append(dst, tagTrue), nil
		case kind == Bool:
			return append(dst, tagFalse), nil
		case !yes:
			d.refuse(msgParameter + "Null attribute value types must have the value of true")
		}
		return append(dst, byte(Null)), nil
	case S, N, B:
		return d.scalar(append(dst, byte(kind)), kind)
	case SS, NS, BS:
		return d.set(dst, kind)
	}
	if d.depth++; d.depth > depthHard {
		return dst, invalid(msgNesting)
	}
	defer func() { d.depth-- }()
	if d.depth > DepthMax {
		d.refuse(msgNesting)
	}
	dst = append(dst, byte(kind))
	start := len(dst)
	var err error
	if kind == M {
		dst, err = d.members(dst)
	} else {
		dst, err = d.list(dst)
	}
	return closeLength(dst, start), err
}

// depthHard ends the reading of nested input, whatever it holds.
const depthHard = 128

func (d *decoder) boolean() (bool, error) {
	switch {
	case d.word("true"):
		return true, nil
	case d.word("false"):
		return false, nil
	case d.peek() == '"':
		s, err := d.str()
		switch {
		case err != nil:
			return false, err
		case bytes.EqualFold(s, []byte("true")):
			return true, nil
		case bytes.EqualFold(s, []byte("false")):
			return false, nil
		}
		return false, errSyntax()
	}
	return false, d.mismatch("Boolean")
}

// scalar reads a string and appends length and contents of one S, N or B.
func (d *decoder) scalar(dst []byte, kind Kind) ([]byte, error) {
	if kind == B {
		if d.peek() != '"' {
			return dst, unreadable("only base-64-encoded strings are convertible to bytes")
		}
		text, err := d.str()
		if err != nil {
			return dst, err
		}
		if len(text)%4 != 0 {
			return dst, unreadable("Base64 encoded length is expected a multiple of 4 bytes but found: " + itoa(len(text)))
		}
		n := base64.StdEncoding.DecodedLen(len(text))
		d.scratch = slices.Grow(d.scratch[:0], n)[:n]
		n, err = base64.StdEncoding.Strict().Decode(d.scratch, text)
		if err != nil || bytes.ContainsAny(text, "\r\n") {
			return dst, unreadable("Invalid last non-pad Base64 character dectected")
		}
		return appendCounted(dst, d.scratch[:n]), nil
	}
	text, err := d.str()
	if err != nil {
		return dst, err
	}
	if kind == S {
		return appendCounted(dst, text), nil
	}
	at := len(dst)
	dst = append(dst, 0)
	if dst, err = AppendNumber(dst, text); err != nil {
		d.refuse(err.Error())
		dst = append(dst, numberZero)
	}
	dst[at] = byte(len(dst) - at - 1)
	return dst, nil
}

func (d *decoder) list(dst []byte) ([]byte, error) {
	if !d.take('[') {
		return dst, d.notCollection()
	}
	start, n := len(dst), 0
	if d.take(']') {
		return append(dst, 0), nil
	}
	dst = append(dst, 0)
	for {
		var err error
		if dst, err = d.value(dst); err != nil {
			return dst, err
		}
		n++
		if d.take(']') {
			return patch(dst, start, n), nil
		}
		if !d.take(',') {
			return dst, errSyntax()
		}
	}
}

func (d *decoder) notCollection() error {
	if d.peek() == '{' {
		return unreadable("Start of structure or map found where not expected")
	}
	return unreadable("Unexpected field type")
}

// set reads the elements of a set and appends the whole value, elements in order.
func (d *decoder) set(dst []byte, kind Kind) ([]byte, error) {
	if !d.take('[') {
		return dst, d.notCollection()
	}
	dst = append(dst, byte(kind))
	start, base, from := len(dst), len(d.entries), d.at
	dst = append(dst, 0)
	for more := !d.take(']'); more; {
		at := len(dst)
		var err error
		if dst, err = d.scalar(dst, kind.element()); err != nil {
			return dst, err
		}
		_, w := binary.Uvarint(dst[at:])
		d.entries = append(d.entries, entry{at + w, at, len(dst)})
		if more = d.take(','); !more && !d.take(']') {
			return dst, errSyntax()
		}
	}
	n := len(d.entries) - base
	if n == 0 {
		switch kind {
		case SS:
			d.refuse(msgParameter + "An string set  may not be empty")
		case NS:
			d.refuse(msgParameter + "An number set  may not be empty")
		default:
			d.refuse(msgParameter + "Binary sets should not be empty")
		}
	}
	body := d.order(dst, start+1, base, func(e entry) []byte { return dst[e.key:e.to] })
	if body != n {
		d.duplicates(kind, from)
	}
	dst = patch(dst, start, n)
	return closeLength(dst, start), nil
}

// duplicates refuses a set; its text is read once more for the message.
func (d *decoder) duplicates(kind Kind, from int) {
	if kind == NS {
		d.refuse("Input collection contains duplicates")
		return
	}
	if d.refusal != "" {
		return
	}
	end := d.at
	var list []byte
	for d.at = from; !d.take(']'); d.take(',') {
		text, err := d.str()
		if err != nil {
			break
		}
		if len(list) > 0 {
			list = append(list, ", "...)
		}
		list = append(list, text...)
	}
	d.at = end
	if kind == SS {
		d.refuse(msgParameter + "Input collection [" + string(list) + "] contains duplicates.")
		return
	}
	d.refuse(msgParameter + "Input collection [" + string(list) + "]of type BS contains duplicates.")
}

// members reads the contents of a map: count, then names and values in order of the names.
func (d *decoder) members(dst []byte) ([]byte, error) {
	if !d.take('{') {
		if d.peek() == '[' {
			return dst, unreadable("Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>")
		}
		return dst, unreadable("Unexpected field type")
	}
	start, base := len(dst), len(d.entries)
	dst = append(dst, 0)
	for more := !d.take('}'); more; {
		name, err := d.str()
		if err != nil {
			return dst, err
		}
		if len(name) > NameBytesMax {
			d.refuse("Attribute name is too large, must be less than 65536 bytes")
			name = name[:NameBytesMax]
		}
		at := len(dst)
		dst = appendCounted(dst, name)
		e := entry{len(dst) - len(name), at, 0}
		if !d.take(':') {
			return dst, errSyntax()
		}
		if d.word("null") {
			d.refuse(msgEmptyValue)
			dst = append(dst, byte(Null))
		} else if dst, err = d.value(dst); err != nil {
			return dst, err
		}
		e.to = len(dst)
		d.entries = append(d.entries, e)
		if more = d.take(','); !more && !d.take('}') {
			return dst, errSyntax()
		}
	}
	n := len(d.entries) - base
	name := func(e entry) []byte {
		r := reader(dst[e.from:])
		return r.bytes()
	}
	kept := d.order(dst, start+1, base, name)
	if kept != n { // a name twice: the last one counts
		dst = d.dropTwins(dst, start+1, n)
	}
	return patch(dst, start, kept), nil
}

// NameBytesMax is the longest name of an attribute.
const NameBytesMax = 65535

// order sorts the parts of dst that begin at start and gives how many different keys they have. The entries beyond base
// are theirs, and are taken off.
func (d *decoder) order(dst []byte, start, base int, key func(entry) []byte) int {
	es := d.entries[base:]
	d.entries = d.entries[:base]
	sorted, distinct := true, min(len(es), 1)
	for i := 1; i < len(es); i++ {
		switch c := bytes.Compare(key(es[i-1]), key(es[i])); {
		case c < 0:
			distinct++
		case c > 0:
			sorted = false
		}
	}
	if sorted {
		return distinct
	}
	slices.SortStableFunc(es, func(a, b entry) int { return bytes.Compare(key(a), key(b)) })
	distinct = 1
	for i := 1; i < len(es); i++ {
		if !bytes.Equal(key(es[i-1]), key(es[i])) {
			distinct++
		}
	}
	d.scratch = append(d.scratch[:0], dst[start:]...)
	to := dst[:start]
	for _, e := range es {
		to = append(to, d.scratch[e.from-start:e.to-start]...)
	}
	return distinct
}

// dropTwins keeps the last of the members of each name; they are in order.
func (d *decoder) dropTwins(dst []byte, start, n int) []byte {
	d.scratch = append(d.scratch[:0], dst[start:]...)
	dst = dst[:start]
	r := reader(d.scratch)
	var last []byte
	lastAt := start
	for i := 0; i < n; i++ {
		whole := r
		name := r.bytes()
		r.value()
		if i > 0 && bytes.Equal(name, last) {
			dst = dst[:lastAt]
		}
		last, lastAt = name, len(dst)
		dst = append(dst, whole[:len(whole)-len(r)]...)
	}
	return dst
}

// skip reads past any JSON value.
func (d *decoder) skip(depth int) error {
	if depth > depthHard {
		return errSyntax()
	}
	switch c := d.peek(); {
	case c == '"':
		_, err := d.str()
		return err
	case c == '{' || c == '[':
		d.at++
		end := byte(']')
		if c == '{' {
			end = '}'
		}
		for more := !d.take(end); more; {
			if c == '{' {
				if _, err := d.str(); err != nil {
					return err
				}
				if !d.take(':') {
					return errSyntax()
				}
			}
			if err := d.skip(depth + 1); err != nil {
				return err
			}
			if more = d.take(','); !more && !d.take(end) {
				return errSyntax()
			}
		}
		return nil
	case d.word("true"), d.word("false"), d.word("null"):
		return nil
	case c == '-' || c >= '0' && c <= '9':
		for d.at < len(d.in) && bytes.IndexByte([]byte("+-.eE0123456789"), d.in[d.at]) >= 0 {
			d.at++
		}
		return nil
	}
	return errSyntax()
}

// Attributes is an item as the API carries it, which may be refused.
type Attributes struct {
	Item    Item
	Refusal error // what AWS refuses about the values, to be reported when the checks come to it
}

// DecodeWire reads a JSON map from names to AttributeValues; raw is not kept.
func (a *Attributes) DecodeWire(raw []byte) error {
	d := decoder{in: raw}
	out, err := d.members(make([]byte, 0, len(raw)))
	if err != nil {
		return err
	}
	if d.peek() != 0 || d.at < len(d.in) {
		return errSyntax()
	}
	if a.Item = out; d.refusal != "" {
		a.Refusal = invalid(d.refusal)
	}
	return nil
}

// AppendWire appends the attributes as JSON.
func (a *Attributes) AppendWire(dst []byte) ([]byte, error) { return a.Item.AppendJSON(dst), nil }
