package asl

import (
	"strconv"
	"strings"
	"time"

	"virga/internal/jsonpath"
)

func itoa(i int) string { return strconv.Itoa(i) }

// quantity is a number that stands in the definition, behind a path or in JSONata.
type quantity struct {
	name  string // Seconds
	value float64
	path  *jsonpath.Path
	query *query
}

func (q *quantity) fixed() bool { return q.path == nil && q.query == nil }

// quantity reads Name or NamePath, a whole number.
func (f *fields) quantity(name string, ata bool, least int64) *quantity {
	q := &quantity{name: name}
	if v, ok := f.o.Get(name); ok {
		if s, is := v.(string); is && ata && strings.HasPrefix(s, open) {
			if q.query = f.c.query(v, name, f.at+"/"+name); q.query == nil {
				return nil
			}
			return q
		}
		n, ok := f.whole(name, least, TimeoutMax)
		q.value = float64(n)
		if !ok {
			return nil
		}
		return q
	}
	if !ata && f.has(name+"Path") {
		if q.path = f.reading(name + "Path"); q.path != nil {
			return q
		}
	}
	return nil
}

// moment is Timestamp or TimestampPath.
type moment struct {
	at    time.Time
	path  *jsonpath.Path
	query *query
}

func (f *fields) moment(ata bool) *moment {
	if !f.has("Timestamp") {
		if p := f.reading("TimestampPath"); p != nil {
			return &moment{path: p}
		}
		return nil
	}
	s, ok := f.str("Timestamp")
	if !ok {
		return nil
	}
	if ata && strings.HasPrefix(s, open) {
		if q := f.c.query(s, "Timestamp", f.at+"/Timestamp"); q != nil {
			return &moment{query: q}
		}
		return nil
	}
	at, ok := parseTimestamp(s)
	if !ok {
		f.c.bad(f.at+"/Timestamp", "Value is not a valid ISO-8601 extended offset date-time format string")
		return nil
	}
	return &moment{at: at}
}

// parseTimestamp reads RFC 3339 with upper-case T and Z.
func parseTimestamp(s string) (time.Time, bool) {
	if len(s) < 20 || s[10] != 'T' || s[len(s)-1] == 'z' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// textField is Error and Cause: a text, a path or function, or JSONata.
type textField struct {
	name       string
	text       string
	expression *jsonpath.Expression
	query      *query
}

func (f *fields) text(name string, ata bool) *textField {
	t := &textField{name: name}
	if f.has(name) {
		s, ok := f.str(name)
		if !ok {
			return nil
		}
		t.text = s
		if ata && strings.HasPrefix(s, open) {
			t.query = f.c.query(s, name, f.at+"/"+name)
		}
		return t
	}
	if !ata && f.has(name+"Path") {
		t.name = name + "Path"
		t.expression = f.expression(t.name)
		return t
	}
	return nil
}
