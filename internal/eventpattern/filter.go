package eventpattern

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Source is where the records come from that Filters look at; it says which member holds the producer's data.
type Source struct {
	data   string // the member
	base64 bool   // it is encoded
}

// The sources that Lambda and pipes poll. A Kinesis record is what stands in its "kinesis" member, as pipes give it and
// as Lambda's filters see it.
var (
	SourceSQS      = Source{data: "body"}
	SourceDynamoDB = Source{}
	SourceKinesis  = Source{data: "data", base64: true}
	SourceMQ       = Source{data: "data", base64: true}
	SourceKafka    = Source{data: "value", base64: true}
)

// FilterRefusal is Lambda's message (InvalidParameterValueException) for a pattern that Parse refuses.
const FilterRefusal = "Invalid filter pattern definition."

// Filters are the patterns of an event source mapping or a pipe; a record passes if it meets one of them.
type Filters struct {
	source Source
	all    int
	plain  *Index // patterns for data that is a plain string, or for no data
	parsed *Index // patterns for data that is JSON, or for no data
}

// ParseFilters compiles patterns for records of a source. Without patterns every record passes.
func ParseFilters(patterns []string, source Source, limits Limits) (*Filters, error) {
	var plain, parsed []*Pattern
	for _, text := range patterns {
		p, err := Parse(text, limits)
		if err != nil {
			return nil, err
		}
		inside, whole := p.asks(source.data)
		if !inside {
			plain = append(plain, p)
		}
		if !whole {
			parsed = append(parsed, p)
		}
	}
	return &Filters{source, len(patterns), NewIndex(plain), NewIndex(parsed)}, nil
}

// asks says whether the pattern names members of the data, or the data as one value.
func (p *Pattern) asks(data string) (inside, whole bool) {
	if data == "" {
		return false, false
	}
	for i := range p.branches {
		for j := range p.branches[i].conditions {
			path := p.branches[i].conditions[j].path
			whole = whole || path == data
			inside = inside || strings.HasPrefix(path, data+".")
		}
	}
	return inside, whole
}

// Match says whether a record passes: JSON data is looked into, any other is one string, and a pattern for the one kind
// never meets a record with the other.
func (f *Filters) Match(record []byte) (bool, error) {
	if f.all == 0 {
		return true, nil
	}
	x := f.parsed
	if f.source.data != "" {
		event, isJSON, err := f.source.open(record)
		if err != nil {
			return false, err
		}
		record = event
		if !isJSON {
			x = f.plain
		}
	}
	found, err := x.Match(record, nil)
	return len(found) > 0, err
}

// open puts the data in the place of the string that holds it.
func (s Source) open(record []byte) (event []byte, isJSON bool, err error) {
	from, to, err := member(record, s.data)
	if err != nil || from < 0 || record[from] != '"' {
		return record, false, err
	}
	var text string
	if err := json.Unmarshal(record[from:to], &text); err != nil {
		return nil, false, &SyntaxError{from}
	}
	data := []byte(text)
	if s.base64 {
		if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
			data = decoded
		}
	}
	isJSON = structured(data)
	if !isJSON {
		if !s.base64 {
			return record, false, nil
		}
		if !utf8.Valid(data) {
			data = bytes.ToValidUTF8(data, []byte("\ufffd"))
		}
		if data, err = json.Marshal(string(data)); err != nil {
			return nil, false, err
		}
	}
	event = make([]byte, 0, from+len(data)+len(record)-to)
	event = append(event, record[:from]...)
	event = append(event, data...)
	return append(event, record[to:]...), isJSON, nil
}

// structured says whether data is one JSON object or array.
func structured(data []byte) bool {
	e := fields{data: data}
	c := e.peek()
	if c != '{' && c != '[' || e.skip(0) != nil {
		return false
	}
	e.space()
	return e.pos == len(data)
}

// member finds the value of an object's member, the last of its name; from is -1 without one.
func member(object []byte, name string) (from, to int, err error) {
	e := fields{data: object}
	if e.peek() != '{' {
		return -1, -1, ErrNotObject
	}
	e.pos++
	from, to = -1, -1
	if e.peek() == '}' {
		return from, to, nil
	}
	for {
		if e.peek() != '"' {
			return -1, -1, e.bad()
		}
		key, err := e.string()
		if err != nil {
			return -1, -1, err
		}
		if e.peek() != ':' {
			return -1, -1, e.bad()
		}
		e.pos++
		e.peek()
		start := e.pos
		if err := e.skip(1); err != nil {
			return -1, -1, err
		}
		if string(key[1:len(key)-1]) == name {
			from, to = start, e.pos
		}
		switch e.peek() {
		case ',':
			e.pos++
		case '}':
			return from, to, nil
		default:
			return -1, -1, e.bad()
		}
	}
}
