package logquery

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// Event is one log event.
type Event struct {
	Timestamp, IngestionTime int64 // ms
	Message, LogStream       string
	Log                      string // account:group
	Ptr                      string
}

// row is an event on its way through the commands, or a row that a stats made.
type row struct {
	run    *Run
	ev     *Event
	names  []string // what commands added
	values []value
	made   bool    // by stats or pattern: it has no event
	aggs   []value // of the group, while a stats' columns are worked out
	parsed bool
	doc    any
	lambda map[string]value
}

func (r *row) set(name string, v value) {
	for i, n := range r.names {
		if n == name {
			r.values[i] = v
			return
		}
	}
	r.names = append(r.names, name)
	r.values = append(r.values, v)
}

// has tells whether a command added a name.
func (r *row) has(name string) bool {
	for _, n := range r.names {
		if n == name {
			return true
		}
	}
	return false
}

func (r *row) get(name string) value {
	for i, n := range r.names {
		if n == name {
			return r.values[i]
		}
	}
	if r.made {
		return value{}
	}
	switch name {
	case "@message":
		return strOf(r.ev.Message)
	case "@timestamp":
		return timeOf(float64(r.ev.Timestamp))
	case "@ingestionTime":
		return timeOf(float64(r.ev.IngestionTime))
	case "@logStream":
		return strOf(r.ev.LogStream)
	case "@log":
		return strOf(r.ev.Log)
	case "@ptr":
		return strOf(r.ev.Ptr)
	}
	if !r.parsed {
		r.parsed = true
		m := strings.TrimLeft(r.ev.Message, " \t\r\n")
		if strings.HasPrefix(m, "{") && len(m) <= r.run.limits.JSONBytes && depthOf(m) <= r.run.limits.JSONDepth {
			d := json.NewDecoder(strings.NewReader(m))
			d.UseNumber()
			if d.Decode(&r.doc) != nil {
				r.doc = nil
			}
		} else {
			r.lambda = lambdaFields(m)
		}
	}
	if r.doc != nil {
		return lookup(r.doc, name)
	}
	return r.lambda[name]
}

// depthOf is how deeply brackets are nested at most, outside of texts.
func depthOf(s string) (most int) {
	d, in := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case in && c == '\\':
			i++
		case c == '"':
			in = !in
		case in:
		case c == '{' || c == '[':
			d++
			most = max(most, d)
		case c == '}' || c == ']':
			d--
		}
	}
	return most
}

// lookup finds a flattened name such as a.b.0.c in a document.
func lookup(doc any, path string) value {
	switch d := doc.(type) {
	case map[string]any:
		if v, ok := d[path]; ok {
			return leaf(v)
		}
		for i := 0; i < len(path); i++ {
			if path[i] != '.' {
				continue
			}
			if v, ok := d[path[:i]]; ok {
				if x := lookup(v, path[i+1:]); x.t != missing {
					return x
				}
			}
		}
	case []any:
		first, rest, more := strings.Cut(path, ".")
		if n, err := strconv.Atoi(first); err == nil && n >= 0 && n < len(d) {
			if !more {
				return leaf(d[n])
			}
			return lookup(d[n], rest)
		}
	}
	return value{}
}

func leaf(v any) value {
	switch v := v.(type) {
	case string:
		return strOf(v)
	case json.Number:
		return strOf(v.String())
	case bool:
		return boolOf(v)
	case nil:
		return value{}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return value{}
	}
	return strOf(string(b))
}

var (
	lambdaID    = regexp.MustCompile(`RequestId: ([0-9a-fA-F-]{36})`)
	lambdaValue = regexp.MustCompile(`(Init Duration|Billed Duration|Duration|Memory Size|Max Memory Used): ([0-9.]+) (ms|MB)`)
)

// lambdaFields reads what Insights discovers in Lambda's own lines: durations in milliseconds, sizes in bytes.
func lambdaFields(m string) map[string]value {
	verb, _, _ := strings.Cut(m, " ")
	if verb != "START" && verb != "END" && verb != "REPORT" {
		return nil
	}
	id := lambdaID.FindStringSubmatch(m)
	if id == nil {
		return nil
	}
	out := map[string]value{"@type": strOf(verb), "@requestId": strOf(id[1])}
	if verb != "REPORT" {
		return out
	}
	for _, x := range lambdaValue.FindAllStringSubmatch(m, 16) {
		f, err := strconv.ParseFloat(x[2], 64)
		if err != nil {
			continue
		}
		n := map[string]string{"Init Duration": "@initDuration", "Billed Duration": "@billedDuration", "Duration": "@duration", "Memory Size": "@memorySize", "Max Memory Used": "@maxMemoryUsed"}[x[1]]
		if x[3] == "MB" {
			f *= 1e6
		}
		if _, ok := out[n]; !ok {
			out[n] = numOf(f)
		}
	}
	return out
}
