package logquery

import (
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// expr is an expression over a row.
type expr interface{ eval(r *row) value }

type constant struct{ v value }
type field struct{ name string }
type operation struct {
	op          string
	left, right expr
}
type not struct{ x expr }
type matches struct {
	x  expr
	re *regexp.Regexp
}
type contains struct {
	x expr
	s string
}
type inList struct {
	x    expr
	list []expr
}

// call is a function's call; of an aggregate, its place among those of the stats.
type call struct {
	fn    *function
	args  []expr
	unit  time.Duration // of bin, datefloor, dateceil
	place int
}

func (c constant) eval(*row) value { return c.v }
func (f field) eval(r *row) value  { return r.get(f.name) }
func (n not) eval(r *row) value    { return boolOf(!n.x.eval(r).truth()) }

func (m matches) eval(r *row) value {
	v := m.x.eval(r)
	return boolOf(v.t != missing && m.re.MatchString(v.text()))
}

func (c contains) eval(r *row) value {
	v := c.x.eval(r)
	return boolOf(v.t != missing && strings.Contains(v.text(), c.s))
}

func (l inList) eval(r *row) value {
	v := l.x.eval(r)
	for _, x := range l.list {
		if y := x.eval(r); v.t != missing && y.t != missing && compare(v, y) == 0 {
			return boolOf(true)
		}
	}
	return boolOf(false)
}

func (o operation) eval(r *row) value {
	a := o.left.eval(r)
	switch o.op {
	case "and":
		return boolOf(a.truth() && o.right.eval(r).truth())
	case "or":
		return boolOf(a.truth() || o.right.eval(r).truth())
	}
	b := o.right.eval(r)
	switch o.op {
	case "=", "!=", "<", ">", "<=", ">=":
		if a.t == missing || b.t == missing {
			return boolOf(o.op == "!=")
		}
		c := compare(a, b)
		switch o.op {
		case "=":
			return boolOf(c == 0)
		case "!=":
			return boolOf(c != 0)
		case "<":
			return boolOf(c < 0)
		case ">":
			return boolOf(c > 0)
		case "<=":
			return boolOf(c <= 0)
		}
		return boolOf(c >= 0)
	}
	x, ok := a.number()
	y, ok2 := b.number()
	if !ok || !ok2 {
		return value{}
	}
	f := 0.0
	switch o.op {
	case "+":
		f = x + y
	case "-":
		f = x - y
	case "*":
		f = x * y
	case "/":
		f = x / y
	case "%":
		f = math.Mod(x, y)
	case "^":
		f = math.Pow(x, y)
	}
	return finite(f)
}

func finite(f float64) value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value{}
	}
	return numOf(f)
}

func (c *call) eval(r *row) value {
	if c.fn.agg {
		return r.aggs[c.place]
	}
	var buf [4]value
	args := buf[:0]
	for _, a := range c.args {
		args = append(args, a.eval(r))
	}
	return c.fn.do(c, r, args)
}

// function is a function of the language. max is -1 where any number of arguments is taken.
type function struct {
	name     string
	min, max int
	agg      bool
	period   bool // its last argument is a length of time
	do       func(c *call, r *row, a []value) value
}

func numeric(f func(float64) float64) func(*call, *row, []value) value {
	return func(_ *call, _ *row, a []value) value {
		if x, ok := a[0].number(); ok {
			return finite(f(x))
		}
		return value{}
	}
}

func textual(f func(string) value) func(*call, *row, []value) value {
	return func(_ *call, _ *row, a []value) value {
		if a[0].t == missing {
			return value{}
		}
		return f(a[0].text())
	}
}

func extreme(sign int) func(*call, *row, []value) value {
	return func(_ *call, _ *row, a []value) (out value) {
		for _, v := range a {
			if f, ok := v.number(); ok && (out.t == missing || float64(sign)*f > float64(sign)*out.f) {
				out = numOf(f)
			}
		}
		return out
	}
}

func floorTo(f float64, unit time.Duration) float64 {
	u := float64(unit.Milliseconds())
	return math.Floor(f/u) * u
}

func ip(want func(a netip.Addr) bool) func(*call, *row, []value) value {
	return func(_ *call, _ *row, a []value) value {
		x, err := netip.ParseAddr(a[0].text())
		return boolOf(err == nil && want(x))
	}
}

func subnet(want func(a netip.Addr) bool) func(*call, *row, []value) value {
	return func(_ *call, _ *row, a []value) value {
		x, err := netip.ParseAddr(a[0].text())
		p, err2 := netip.ParsePrefix(a[1].text())
		return boolOf(err == nil && err2 == nil && want(x) && p.Contains(x))
	}
}

func any4or6(netip.Addr) bool { return true }
func is4(a netip.Addr) bool   { return a.Is4() }
func is6(a netip.Addr) bool   { return a.Is6() }

func trimmer(f func(string, func(rune) bool) string) func(*call, *row, []value) value {
	return func(_ *call, _ *row, a []value) value {
		if a[0].t == missing {
			return value{}
		}
		cut := unicode.IsSpace
		if len(a) == 2 {
			set := a[1].text()
			cut = func(r rune) bool { return strings.ContainsRune(set, r) }
		}
		return strOf(f(a[0].text(), cut))
	}
}

func substr(_ *call, _ *row, a []value) value {
	from, ok := a[1].number()
	if a[0].t == missing || !ok || from < 0 {
		return value{}
	}
	rs := []rune(a[0].text())
	i := int(math.Min(from, float64(len(rs))))
	j := len(rs)
	if len(a) == 3 {
		n, ok := a[2].number()
		if !ok || n < 0 {
			return value{}
		}
		j = int(math.Min(float64(i)+n, float64(len(rs))))
	}
	return strOf(string(rs[i:j]))
}

const textMax = 1 << 20 // bytes of a text that a function makes

func functionOf(name string) *function {
	switch n := strings.ToLower(name); n {
	case "abs":
		return &function{n, 1, 1, false, false, numeric(math.Abs)}
	case "ceil":
		return &function{n, 1, 1, false, false, numeric(math.Ceil)}
	case "floor":
		return &function{n, 1, 1, false, false, numeric(math.Floor)}
	case "log":
		return &function{n, 1, 1, false, false, numeric(math.Log)}
	case "sqrt":
		return &function{n, 1, 1, false, false, numeric(math.Sqrt)}
	case "greatest":
		return &function{n, 1, -1, false, false, extreme(1)}
	case "least":
		return &function{n, 1, -1, false, false, extreme(-1)}
	case "bin":
		return &function{n, 1, 1, false, true, func(c *call, r *row, _ []value) value {
			if r.made {
				return value{}
			}
			return timeOf(floorTo(float64(r.ev.Timestamp), c.unit))
		}}
	case "datefloor", "dateceil":
		return &function{n, 2, 2, false, true, func(c *call, r *row, a []value) value {
			ms, ok := millis(a[0])
			if !ok {
				return value{}
			}
			f := floorTo(ms, c.unit)
			if n == "dateceil" && f < ms {
				f += float64(c.unit.Milliseconds())
			}
			return timeOf(f)
		}}
	case "frommillis":
		return &function{n, 1, 1, false, false, func(_ *call, _ *row, a []value) value {
			if f, ok := a[0].number(); ok {
				return timeOf(f)
			}
			return value{}
		}}
	case "tomillis":
		return &function{n, 1, 1, false, false, func(_ *call, _ *row, a []value) value {
			if f, ok := millis(a[0]); ok {
				return numOf(f)
			}
			return value{}
		}}
	case "now":
		return &function{n, 0, 0, false, false, func(_ *call, r *row, _ []value) value { return numOf(float64(r.run.Now.Unix())) }}
	case "ispresent":
		return &function{n, 1, 1, false, false, func(_ *call, _ *row, a []value) value { return boolOf(a[0].t != missing) }}
	case "coalesce":
		return &function{n, 1, -1, false, false, func(_ *call, _ *row, a []value) value {
			for _, v := range a {
				if v.t != missing {
					return v
				}
			}
			return value{}
		}}
	case "isvalidip":
		return &function{n, 1, 1, false, false, ip(any4or6)}
	case "isvalidipv4":
		return &function{n, 1, 1, false, false, ip(is4)}
	case "isvalidipv6":
		return &function{n, 1, 1, false, false, ip(is6)}
	case "isipinsubnet":
		return &function{n, 2, 2, false, false, subnet(any4or6)}
	case "isipv4insubnet":
		return &function{n, 2, 2, false, false, subnet(is4)}
	case "isipv6insubnet":
		return &function{n, 2, 2, false, false, subnet(is6)}
	case "isempty":
		return &function{n, 1, 1, false, false, func(_ *call, _ *row, a []value) value { return boolOf(a[0].text() == "") }}
	case "isblank":
		return &function{n, 1, 1, false, false, func(_ *call, _ *row, a []value) value { return boolOf(strings.TrimSpace(a[0].text()) == "") }}
	case "concat":
		return &function{n, 1, -1, false, false, func(_ *call, _ *row, a []value) value {
			var b strings.Builder
			for _, v := range a {
				if s := v.text(); b.Len()+len(s) <= textMax {
					b.WriteString(s)
				}
			}
			return strOf(b.String())
		}}
	case "ltrim":
		return &function{n, 1, 2, false, false, trimmer(strings.TrimLeftFunc)}
	case "rtrim":
		return &function{n, 1, 2, false, false, trimmer(strings.TrimRightFunc)}
	case "trim":
		return &function{n, 1, 2, false, false, trimmer(strings.TrimFunc)}
	case "strlen":
		return &function{n, 1, 1, false, false, textual(func(s string) value { return numOf(float64(len([]rune(s)))) })}
	case "toupper":
		return &function{n, 1, 1, false, false, textual(func(s string) value { return strOf(strings.ToUpper(s)) })}
	case "tolower":
		return &function{n, 1, 1, false, false, textual(func(s string) value { return strOf(strings.ToLower(s)) })}
	case "substr":
		return &function{n, 2, 3, false, false, substr}
	case "replace":
		return &function{n, 3, 3, false, false, func(_ *call, _ *row, a []value) value {
			s, old, new := a[0].text(), a[1].text(), a[2].text()
			if a[0].t == missing {
				return value{}
			}
			if old == "" || len(s)+strings.Count(s, old)*len(new) > textMax {
				return strOf(s)
			}
			return strOf(strings.ReplaceAll(s, old, new))
		}}
	case "strcontains":
		return &function{n, 2, 2, false, false, func(_ *call, _ *row, a []value) value {
			return boolOf(a[0].t != missing && strings.Contains(a[0].text(), a[1].text()))
		}}
	case "unmask":
		return &function{n, 1, 1, false, false, func(_ *call, _ *row, a []value) value { return a[0] }}
	case "count":
		return &function{n, 0, 1, true, false, nil}
	case "count_distinct", "avg", "sum", "min", "max", "stddev", "median", "earliest", "latest", "sortsfirst", "sortslast":
		return &function{n, 1, 1, true, false, nil}
	case "pct", "percentile":
		return &function{"pct", 2, 2, true, false, nil}
	}
	return nil
}

// call reads a function's arguments.
func (p *parser) call(t token) (expr, error) {
	if p.depth++; p.depth > p.limits.Depth*8 {
		return nil, p.bad("the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	fn := functionOf(t.s)
	if fn == nil {
		return nil, &Error{"unknown function " + t.s, t.at}
	}
	if fn.agg && (p.aggs == nil || p.inAgg) {
		return nil, &Error{"the aggregate function " + t.s + " can stand in stats only, and not inside another", t.at}
	}
	p.next() // (
	c := &call{fn: fn}
	if fn.agg {
		p.inAgg = true
		defer func() { p.inAgg = false }()
	}
	for n := 0; !p.take(")"); n++ {
		if n > 0 && !p.take(",") {
			return nil, p.bad("a comma is missing between arguments")
		}
		if fn.name == "count" && p.take("*") {
			continue
		}
		if fn.period && n == fn.max-1 {
			d := p.next()
			u, ok := period(d.s)
			if d.kind == name && p.peek().kind == number { // never: names hold no space
				ok = false
			}
			if !ok {
				return nil, &Error{"a length of time like 5m is missing", d.at}
			}
			c.unit = u
			c.args = append(c.args, constant{})
			continue
		}
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		if c.args = append(c.args, x); len(c.args) > 100 {
			return nil, p.bad("too many arguments")
		}
	}
	if len(c.args) < fn.min || fn.max >= 0 && len(c.args) > fn.max {
		return nil, &Error{"the function " + t.s + " takes another number of arguments", t.at}
	}
	if fn.agg {
		c.place = len(*p.aggs)
		*p.aggs = append(*p.aggs, c)
	}
	return c, nil
}

// period reads 5m, 30s, 1h, 2d, 1w, 100ms and AWS's longer spellings.
func period(s string) (time.Duration, bool) {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	n := int64(1)
	if i > 0 {
		var err error
		if n, err = strconv.ParseInt(s[:i], 10, 32); err != nil || n < 1 {
			return 0, false
		}
	}
	var unit time.Duration
	switch strings.ToLower(s[i:]) {
	case "ms", "msec", "millisecond", "milliseconds":
		unit = time.Millisecond
	case "s", "sec", "second", "seconds":
		unit = time.Second
	case "m", "min", "minute", "minutes":
		unit = time.Minute
	case "h", "hr", "hour", "hours":
		unit = time.Hour
	case "d", "day", "days":
		unit = 24 * time.Hour
	case "w", "week", "weeks":
		unit = 7 * 24 * time.Hour
	default:
		return 0, false
	}
	if n > int64(1<<62)/int64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

const stampForm = "2006-01-02 15:04:05.000"

// stamp shows milliseconds as Insights shows times.
func stamp(ms float64) string {
	if math.Abs(ms) > 1e15 {
		return strconv.FormatFloat(ms, 'f', 0, 64)
	}
	return time.UnixMilli(int64(ms)).UTC().Format(stampForm)
}

// millis reads a time: milliseconds, or as Insights shows it.
func millis(v value) (float64, bool) {
	if v.t == str {
		if t, err := time.Parse(stampForm, v.s); err == nil {
			return float64(t.UnixMilli()), true
		}
	}
	return v.number()
}
