package logquery

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
)

// ErrLimit ends a run that would keep more than its limits allow.
var ErrLimit = errors.New("logquery: the query keeps more than its limit")

// Field is a named value of a result's row.
type Field struct{ Name, Value string }

// Result is a query's answer.
type Result struct {
	Rows             [][]Field
	RecordsMatched   int64
	RecordsScanned   int64
	BytesScanned     int64
	limits           Limits
	display, columns []string
}

// Run is what a run knows of the world.
type Run struct {
	Now    time.Time // what now() gives
	limits Limits
}

// Run takes the events through the query's commands. It stops at the first error of the iterator.
func (q *Query) Run(events iter.Seq2[*Event, error], run Run) (*Result, error) {
	run.limits = q.limits
	res := &Result{limits: q.limits}
	// The commands up to the first that needs all rows run event by event.
	cut := 0
	for cut < len(q.stages) && (q.stages[cut].verb == "fields" || q.stages[cut].verb == "filter" || q.stages[cut].verb == "parse" || q.stages[cut].verb == "display") {
		cut++
	}
	rest := q.stages[cut:]
	keep := collector{run: &run, max: q.limits.Rows}
	var groups *grouper
	if len(rest) > 0 {
		switch s := &rest[0]; s.verb {
		case "stats":
			groups = newGrouper(s, &run)
			rest = rest[1:]
		case "sort":
			keep.keys = s.cols
			rest = rest[1:]
			if len(rest) > 0 && rest[0].verb == "limit" {
				keep.max = rest[0].n
			}
		case "limit":
			keep.max = s.n
		case "dedup":
			keep.dedup = s.cols
			keep.seen = map[string]*kept{}
			rest = rest[1:]
		case "pattern":
			keep.patterns = newPatterns(s.x)
			rest = rest[1:]
		}
	}
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		res.RecordsScanned++
		res.BytesScanned += int64(len(e.Message))
		r := &row{run: &run, ev: e}
		if !streamed(q.stages[:cut], r) {
			continue
		}
		res.RecordsMatched++
		switch {
		case groups != nil:
			err = groups.add(r)
		case keep.patterns != nil:
			err = keep.patterns.add(r, &run)
		default:
			err = keep.add(r)
		}
		if err != nil {
			return nil, err
		}
	}
	var rows []*row
	made := false
	for i := range q.stages[:cut] {
		res.shown(&q.stages[i])
	}
	switch {
	case groups != nil:
		rows, made = groups.rows(), true
		res.columns, res.display = groups.names(), nil
	case keep.patterns != nil:
		rows, made = keep.patterns.rows(&run), true
		res.columns, res.display = patternColumns, nil
	default:
		rows = keep.rows()
	}
	for i := range rest {
		var err error
		s := &rest[i]
		if rows, err = whole(s, rows, &run); err != nil {
			return nil, err
		}
		switch s.verb {
		case "stats":
			made = true
			res.columns, res.display = newGrouper(s, &run).names(), nil
		case "pattern":
			made = true
			res.columns, res.display = patternColumns, nil
		default:
			res.shown(s)
		}
	}
	if len(rows) > q.limits.Rows {
		rows = rows[:q.limits.Rows]
	}
	res.show(rows, made)
	return res, nil
}

// shown notes which columns a command shows.
func (res *Result) shown(s *stage) {
	add := func(l *[]string, n string) {
		if !slices.Contains(*l, n) {
			*l = append(*l, n)
		}
	}
	switch s.verb {
	case "fields":
		for _, c := range s.cols {
			add(&res.columns, c.name)
		}
	case "display":
		res.display = nil
		for _, c := range s.cols {
			add(&res.display, c.name)
		}
	}
}

func (res *Result) show(rows []*row, made bool) {
	names := res.columns
	if res.display != nil {
		names = res.display
	} else if len(names) == 0 && !made {
		names = []string{"@timestamp", "@message"}
	}
	for _, r := range rows {
		out := make([]Field, 0, len(names)+1)
		for _, n := range names {
			if v := r.get(n); v.t != missing {
				out = append(out, Field{n, v.text()})
			}
		}
		if !made && r.ev.Ptr != "" && !slices.Contains(names, "@ptr") {
			out = append(out, Field{"@ptr", r.ev.Ptr})
		}
		res.Rows = append(res.Rows, out)
	}
}

// streamed takes a row through commands that need no other; it tells whether the row stays.
func streamed(stages []stage, r *row) bool {
	for i := range stages {
		switch s := &stages[i]; s.verb {
		case "filter":
			if !s.x.eval(r).truth() {
				return false
			}
		case "fields", "display":
			for _, c := range s.cols {
				if f, ok := c.x.(field); ok && f.name == c.name {
					continue // the field itself
				}
				r.set(c.name, c.x.eval(r))
			}
		case "parse":
			v := s.x.eval(r)
			if v.t == missing {
				continue
			}
			if m := s.re.FindStringSubmatch(v.text()); m != nil {
				for k, n := range s.names {
					r.set(n, strOf(m[k+1]))
				}
			}
		}
	}
	return true
}

// whole takes all rows through one command.
func whole(s *stage, rows []*row, run *Run) ([]*row, error) {
	switch s.verb {
	case "limit":
		return rows[:min(s.n, len(rows))], nil
	case "sort":
		slices.SortStableFunc(rows, func(a, b *row) int { return order(keysOf(s.cols, a), keysOf(s.cols, b), s.cols) })
		return rows, nil
	case "dedup":
		seen := map[string]bool{}
		return slices.DeleteFunc(rows, func(r *row) bool {
			id, ok := identity(s.cols, r)
			if !ok || !seen[id] {
				seen[id] = ok || seen[id]
				return false
			}
			return true
		}), nil
	case "stats":
		g := newGrouper(s, run)
		for _, r := range rows {
			if err := g.add(r); err != nil {
				return nil, err
			}
		}
		return g.rows(), nil
	case "pattern":
		p := newPatterns(s.x)
		for _, r := range rows {
			if err := p.add(r, run); err != nil {
				return nil, err
			}
		}
		return p.rows(run), nil
	}
	one := []stage{*s}
	return slices.DeleteFunc(rows, func(r *row) bool { return !streamed(one, r) }), nil
}

func keysOf(cols []column, r *row) []value {
	out := make([]value, len(cols))
	for i, c := range cols {
		if r.made && r.has(c.name) { // what a stats worked out, such as bin(5m)
			out[i] = r.get(c.name)
			continue
		}
		out[i] = c.x.eval(r)
	}
	return out
}

func order(a, b []value, cols []column) int {
	for i := range cols {
		if c := compare(a[i], b[i]); c != 0 {
			if cols[i].desc {
				return -c
			}
			return c
		}
	}
	return 0
}

// identity is what dedup and stats tell rows apart by; a row in which all is missing is like no other.
func identity(cols []column, r *row) (string, bool) {
	var b strings.Builder
	any := false
	for _, c := range cols {
		v := c.x.eval(r)
		if v.t == missing {
			b.WriteByte(0)
		} else {
			any = true
			b.WriteByte(1)
			b.WriteString(v.text())
		}
		b.WriteByte(0xff)
	}
	return b.String(), any
}

// collector keeps the rows that come first, in bounded memory.
type collector struct {
	run      *Run
	max      int
	keys     []column // nil: newest first
	dedup    []column
	seen     map[string]*kept
	patterns *patterns
	all      []*kept
	bytes    int
	cut      *kept // rows behind it are of no use
	n        int
}

type kept struct {
	r    *row
	keys []value
	n    int
	size int
	gone bool
}

func (c *collector) compare(a, b *kept) int {
	if c.keys == nil {
		return cmp.Or(cmp.Compare(b.r.ev.Timestamp, a.r.ev.Timestamp), cmp.Compare(a.n, b.n))
	}
	return cmp.Or(order(a.keys, b.keys, c.keys), cmp.Compare(a.n, b.n))
}

func (c *collector) add(r *row) error {
	c.n++
	k := &kept{r: r, n: c.n, size: len(r.ev.Message) + 256}
	if c.keys != nil {
		k.keys = keysOf(c.keys, r)
	}
	if c.cut != nil && c.compare(k, c.cut) > 0 {
		return nil
	}
	if c.dedup != nil {
		if id, ok := identity(c.dedup, r); ok {
			old := c.seen[id]
			if old != nil && c.compare(old, k) < 0 {
				return nil
			}
			if old != nil {
				old.gone = true
				c.bytes -= old.size
			} else if len(c.seen) >= c.run.limits.Groups*10 {
				return ErrLimit
			}
			c.seen[id] = k
		}
	}
	r.doc, r.parsed = nil, false // read again where it is needed
	c.all = append(c.all, k)
	if c.bytes += k.size; len(c.all) >= 2*c.max+64 || c.bytes > c.run.limits.Bytes {
		c.trim()
		if c.bytes > c.run.limits.Bytes {
			return ErrLimit
		}
	}
	return nil
}

func (c *collector) trim() {
	c.all = slices.DeleteFunc(c.all, func(k *kept) bool { return k.gone })
	slices.SortFunc(c.all, c.compare)
	if len(c.all) > c.max {
		for _, k := range c.all[c.max:] {
			c.bytes -= k.size
		}
		clear(c.all[c.max:])
		c.all = c.all[:c.max]
	}
	if len(c.all) == c.max && c.max > 0 {
		c.cut = c.all[c.max-1]
	}
}

func (c *collector) rows() []*row {
	c.trim()
	out := make([]*row, len(c.all))
	for i, k := range c.all {
		out[i] = k.r
	}
	return out
}
