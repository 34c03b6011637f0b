package logquery

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// grouper is a stats under way.
type grouper struct {
	s      *stage
	run    *Run
	groups map[string]*groupRow
	order  []*groupRow
	values int // kept for percentiles and distinct counts
}

type groupRow struct {
	by   []value
	aggs []aggregate
}

// aggregate is one function's state in one group.
type aggregate struct {
	n             float64
	sum, mean, m2 float64
	best          value
	at            int64
	list          []float64
	set           map[string]bool
}

func newGrouper(s *stage, run *Run) *grouper {
	return &grouper{s: s, run: run, groups: map[string]*groupRow{}}
}

func (g *grouper) add(r *row) error {
	id := ""
	if len(g.s.by) > 0 {
		id, _ = identity(g.s.by, r)
	}
	x := g.groups[id]
	if x == nil {
		if len(g.order) >= g.run.limits.Groups {
			return ErrLimit
		}
		x = &groupRow{by: keysOf(g.s.by, r), aggs: make([]aggregate, len(g.s.aggs))}
		g.groups[id] = x
		g.order = append(g.order, x)
	}
	for i, c := range g.s.aggs {
		if err := g.take(&x.aggs[i], c, r); err != nil {
			return err
		}
	}
	return nil
}

func (g *grouper) take(a *aggregate, c *call, r *row) error {
	if c.fn.name == "count" && len(c.args) == 0 {
		a.n++
		return nil
	}
	v := c.args[0].eval(r)
	if v.t == missing {
		return nil
	}
	switch c.fn.name {
	case "count":
		a.n++
	case "count_distinct":
		if a.set == nil {
			a.set = map[string]bool{}
		}
		if s := v.text(); !a.set[s] {
			if g.values++; g.values > g.run.limits.Values {
				return ErrLimit
			}
			a.set[s] = true
		}
	case "earliest", "latest":
		t := int64(0)
		if !r.made {
			t = r.ev.Timestamp
		}
		if a.best.t == missing || c.fn.name == "earliest" && t < a.at || c.fn.name == "latest" && t >= a.at {
			a.best, a.at = v, t
		}
	case "min", "sortsfirst":
		if a.best.t == missing || compare(v, a.best) < 0 {
			a.best = v
		}
	case "max", "sortslast":
		if a.best.t == missing || compare(v, a.best) > 0 {
			a.best = v
		}
	default:
		f, ok := v.number()
		if !ok {
			return nil
		}
		a.n++
		a.sum += f
		d := f - a.mean
		a.mean += d / a.n
		a.m2 += d * (f - a.mean)
		if c.fn.name == "pct" || c.fn.name == "median" {
			if g.values++; g.values > g.run.limits.Values {
				return ErrLimit
			}
			a.list = append(a.list, f)
		}
	}
	return nil
}

func (a *aggregate) result(c *call, r *row) value {
	switch c.fn.name {
	case "count":
		return numOf(a.n)
	case "count_distinct":
		return numOf(float64(len(a.set)))
	case "min", "max", "earliest", "latest", "sortsfirst", "sortslast":
		if f, ok := a.best.number(); ok {
			return numOf(f)
		}
		return a.best
	}
	if a.n == 0 {
		return value{}
	}
	switch c.fn.name {
	case "sum":
		return finite(a.sum)
	case "avg":
		return finite(a.sum / a.n)
	case "stddev":
		return finite(math.Sqrt(a.m2 / a.n))
	}
	p := 50.0
	if c.fn.name == "pct" {
		var ok bool
		if p, ok = c.args[1].eval(r).number(); !ok || p < 0 || p > 100 {
			return value{}
		}
	}
	slices.Sort(a.list)
	at := p / 100 * float64(len(a.list)-1)
	i := int(at)
	f := a.list[i]
	if i+1 < len(a.list) {
		f += (at - float64(i)) * (a.list[i+1] - f)
	}
	return numOf(f)
}

// rows gives a row per group. Without groups there is one, even of no events.
func (g *grouper) rows() []*row {
	if len(g.s.by) == 0 && len(g.order) == 0 {
		g.order = append(g.order, &groupRow{aggs: make([]aggregate, len(g.s.aggs))})
	}
	out := make([]*row, 0, len(g.order))
	for _, x := range g.order {
		r := &row{run: g.run, made: true}
		for i, c := range g.s.by {
			r.set(c.name, x.by[i])
		}
		for i, c := range g.s.aggs {
			r.aggs = append(r.aggs, x.aggs[i].result(c, r))
		}
		for _, c := range g.s.cols {
			r.set(c.name, c.x.eval(r))
		}
		out = append(out, r)
	}
	return out
}

func (g *grouper) names() (out []string) {
	for _, c := range slices.Concat(g.s.by, g.s.cols) {
		out = append(out, c.name)
	}
	return out
}

// patterns cuts messages into tokens and takes those that hold digits for variable.
type patterns struct {
	x     expr
	m     map[string]*patternRow
	total int64
}

type patternRow struct {
	pattern string
	n       int64
}

var patternColumns = []string{"@pattern", "@ratio", "@sampleCount", "@severityLabel"}

func newPatterns(x expr) *patterns { return &patterns{x: x, m: map[string]*patternRow{}} }

const patternBytes = 4 << 10 // of a message

func (p *patterns) add(r *row, run *Run) error {
	v := p.x.eval(r)
	if v.t == missing {
		return nil
	}
	id := shape(v.text())
	x := p.m[id]
	if x == nil {
		if len(p.m) >= run.limits.Groups {
			return ErrLimit
		}
		x = &patternRow{pattern: id}
		p.m[id] = x
	}
	x.n++
	p.total++
	return nil
}

// shape replaces the variable tokens of a message by <*>.
func shape(s string) string {
	s = s[:min(len(s), patternBytes)]
	var b strings.Builder
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && !strings.ContainsRune(" \t\r\n,;:=\"'()[]{}<>|/", rune(s[j])) {
			j++
		}
		if j == i {
			b.WriteByte(s[i])
			i++
			continue
		}
		if strings.ContainsAny(s[i:j], "0123456789") {
			b.WriteString("<*>")
		} else {
			b.WriteString(s[i:j])
		}
		i = j
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

func (p *patterns) rows(run *Run) []*row {
	var l []*patternRow
	for _, x := range p.m {
		l = append(l, x)
	}
	slices.SortFunc(l, func(a, b *patternRow) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.pattern, b.pattern))
	})
	var out []*row
	for _, x := range l {
		r := &row{run: run, made: true}
		r.set("@pattern", strOf(x.pattern))
		r.set("@ratio", strOf(fmt.Sprintf("%.4f", float64(x.n)/float64(p.total))))
		r.set("@sampleCount", numOf(float64(x.n)))
		for _, word := range []string{"ERROR", "WARN", "INFO", "DEBUG", "TRACE", "FATAL"} {
			if strings.Contains(strings.ToUpper(x.pattern), word) {
				r.set("@severityLabel", strOf(word))
				break
			}
		}
		out = append(out, r)
	}
	return out
}
