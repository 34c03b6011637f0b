package template

import (
	"math/big"
	"net/netip"
	"slices"
	"strings"
)

// condition evaluates a named condition once.
func (ev *evaluator) condition(name string, p Pos) (bool, *Error) {
	if ok, done := ev.b.conditions[name]; done {
		return ok, nil
	}
	c := ev.b.Template.Conditions.Get(name)
	if !c.Exists() {
		return false, templateError(p, "unresolved condition dependency %s in Fn::If", name)
	}
	if ev.evaluating == nil { // never within Bind
		return false, templateError(p, "condition %s was not evaluated", name)
	}
	if ev.evaluating[name] {
		return false, formatError(p, "Circular dependency in condition: [%s]", name)
	}
	ev.evaluating[name] = true
	defer delete(ev.evaluating, name)
	ok, e := ev.truth(c)
	if e != nil {
		return false, e
	}
	ev.b.conditions[name] = ok // Bind alone comes here
	return ok, nil
}

// truth evaluates a condition function.
func (ev *evaluator) truth(v Value) (bool, *Error) {
	if e := ev.spend(v.Pos(), 1, 0); e != nil {
		return false, e
	}
	fn, a, ok := function(v)
	if !ok {
		if b, is := v.Bool(); is {
			return b, nil
		}
		return false, templateError(v.Pos(), "a condition function was expected")
	}
	if e := ev.b.Template.checkCall(fn, a, ev.context); e != nil {
		return false, e
	}
	switch fn {
	case "Condition":
		return ev.condition(a.Text(), a.Pos())
	case "Fn::Not":
		b, e := ev.truth(a.Index(0))
		return !b, e
	case "Fn::And", "Fn::Or":
		result := fn == "Fn::And"
		for _, x := range a.Items() {
			b, e := ev.truth(x)
			if e != nil {
				return false, e
			}
			if b != (fn == "Fn::And") {
				result = b
			}
		}
		return result, nil
	case "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		x, e := ev.eval(a.Index(0))
		if e != nil {
			return false, e
		}
		y, e := ev.eval(a.Index(1))
		if e != nil {
			return false, e
		}
		return compare(fn, x, y), nil
	}
	r, e := ev.eval(v)
	if e != nil {
		return false, e
	}
	if b, is := r.Bool(); is {
		return b, nil
	}
	return false, templateError(v.Pos(), "%s does not give a boolean", fn)
}

func compare(fn string, x, y Value) bool {
	same := func(a, b Value) bool {
		if a.IsScalar() && b.IsScalar() {
			return a.Text() == b.Text()
		}
		return Equal(a, b)
	}
	within := func(list, v Value) bool {
		for _, m := range list.Items() {
			if same(m, v) {
				return true
			}
		}
		return false
	}
	switch fn {
	case "Fn::Equals":
		return same(x, y)
	case "Fn::Contains":
		return within(x, y)
	}
	for _, m := range x.Items() {
		if fn == "Fn::EachMemberEquals" && !same(m, y) || fn == "Fn::EachMemberIn" && !within(y, m) {
			return false
		}
	}
	return true
}

func (ev *evaluator) zones(a Value) (Value, *Error) {
	p := a.Pos()
	if a.Kind() == Unknown {
		return a, nil
	}
	region := a.Text()
	if region == "" {
		region = ev.b.env.Region
	}
	var names []string
	if ev.b.env.Zones == nil {
		names = []string{region + "a", region + "b", region + "c"}
	} else {
		var err error
		if names, err = ev.b.env.Zones(region); err != nil {
			return Value{}, asError(err, p)
		}
	}
	return FromAny(names).At(p), nil
}

func (ev *evaluator) cidr(a Value) (Value, *Error) {
	p := a.Pos()
	for _, x := range a.Items() {
		if x.Kind() == Unknown {
			return UnknownOf("Fn::Cidr").At(p), nil
		}
	}
	block, err := netip.ParsePrefix(strings.TrimSpace(a.Index(0).Text()))
	if err != nil {
		return Value{}, templateError(p, "Fn::Cidr requires a valid CIDR block, not %q", a.Index(0).Text())
	}
	block = block.Masked()
	count, ok := a.Index(1).Int()
	if !ok || count < 1 || count > ev.limits().Cidrs {
		e := templateError(p, "Fn::Cidr requires a count between 1 and %d", ev.limits().Cidrs)
		e.Limit = "Cidrs"
		return Value{}, e
	}
	width := block.Addr().BitLen()
	var bits int
	switch x := a.Index(2); {
	case x.Exists():
		if bits, ok = x.Int(); !ok {
			return Value{}, templateError(p, "Fn::Cidr requires cidr bits that are a number")
		}
	case width == 128:
		bits = 64
	default: // the fewest that hold the count
		for 1<<(width-block.Bits()-bits) > count && bits < width-block.Bits() {
			bits++
		}
		if 1<<(width-block.Bits()-bits) < count && bits > 0 {
			bits--
		}
	}
	length := width - bits
	if bits < 1 || length < block.Bits() || length-block.Bits() < 9 && 1<<(length-block.Bits()) < count {
		return Value{}, templateError(p, "Fn::Cidr cannot make %d blocks of %d bits in %s", count, bits, block)
	}
	out := make([]Value, count)
	at := new(big.Int).SetBytes(block.Addr().AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	for i := range out {
		b := at.FillBytes(make([]byte, width/8))
		addr, _ := netip.AddrFromSlice(b)
		out[i] = placed(StringOf(netip.PrefixFrom(addr, length).String()), p)
		at.Add(at, step)
	}
	return placed(ListOf(out...), p), ev.spend(p, count, count*24)
}

// DynamicReference is {{resolve:service:…}}.
type DynamicReference struct {
	Service      string // ssm, ssm-secure or secretsmanager
	Name         string // the parameter's name, the secret's id or ARN
	Version      string // of a parameter
	JSONKey      string // of a secret, as the three that follow
	VersionStage string
	VersionID    string
	Text         string // as it was written
}

func parseDynamic(text string) (DynamicReference, bool) {
	d := DynamicReference{Text: text}
	body := strings.TrimSuffix(strings.TrimPrefix(text, dynamicPrefix), "}}")
	var rest string
	var ok bool
	if d.Service, rest, ok = strings.Cut(body, ":"); !ok || rest == "" {
		return d, false
	}
	parts := strings.Split(rest, ":")
	if parts[0] == "arn" && len(parts) >= 6 {
		n := min(7, len(parts))
		if d.Service != "secretsmanager" {
			n = 6
		}
		parts = slices.Concat([]string{strings.Join(parts[:n], ":")}, parts[n:])
	}
	d.Name = parts[0]
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	switch d.Service {
	case "ssm", "ssm-secure":
		d.Version = at(1)
		return d, len(parts) <= 2 && d.Name != ""
	case "secretsmanager":
		if s := at(1); s != "" && s != "SecretString" {
			return d, false
		}
		d.JSONKey, d.VersionStage, d.VersionID = at(2), at(3), at(4)
		return d, len(parts) <= 5 && d.Name != "" && (d.VersionStage == "" || d.VersionID == "")
	}
	return d, false
}

// dynamic resolves the dynamic references in a value.
func (ev *evaluator) dynamic(v Value) (Value, *Error) {
	if !v.Exists() || !v.n.live {
		return v, nil
	}
	switch v.Kind() {
	case String:
		return ev.references(v)
	case List:
		out := make([]Value, len(v.n.items))
		for i, x := range v.n.items {
			r, e := ev.dynamic(x)
			if e != nil {
				return Value{}, e
			}
			out[i] = r
		}
		return placed(ListOf(out...), v.Pos()), nil
	case Map:
		out := slices.Clone(v.n.entries)
		for i := range out {
			r, e := ev.dynamic(out[i].Value)
			if e != nil {
				return Value{}, e
			}
			out[i].Value = r
		}
		return placed(MapOf(out...), v.Pos()), nil
	}
	return v, nil
}

func (ev *evaluator) references(v Value) (Value, *Error) {
	s := v.Text()
	var out strings.Builder
	for {
		i := strings.Index(s, dynamicPrefix)
		if i < 0 {
			break
		}
		j := strings.Index(s[i:], "}}")
		if j < 0 {
			break
		}
		d, ok := parseDynamic(s[i : i+j+2])
		if !ok {
			return Value{}, errorAt(v.Pos(), "Could not parse the dynamic reference %s", d.Text)
		}
		r, err := ev.look.Dynamic(d)
		if err != nil {
			return Value{}, asError(err, v.Pos())
		}
		if e := ev.spend(v.Pos(), 1, len(r)+i); e != nil {
			return Value{}, e
		}
		out.WriteString(s[:i])
		out.WriteString(r)
		s = s[i+j+2:]
	}
	out.WriteString(s)
	r := StringOf(out.String()).At(v.Pos())
	r.n.live = false // what was resolved is not resolved again
	return r, nil
}

// DynamicReferences gives the dynamic references in a value's texts.
func DynamicReferences(v Value) []DynamicReference {
	var out []DynamicReference
	var walk func(Value)
	walk = func(v Value) {
		if !v.Exists() || !v.n.live {
			return
		}
		for s := v.n.text; ; {
			i := strings.Index(s, dynamicPrefix)
			if i < 0 {
				break
			}
			j := strings.Index(s[i:], "}}")
			if j < 0 {
				break
			}
			if d, ok := parseDynamic(s[i : i+j+2]); ok {
				out = append(out, d)
			}
			s = s[i+j+2:]
		}
		for _, e := range v.n.entries {
			walk(e.Value)
		}
		for _, e := range v.n.items {
			walk(e)
		}
	}
	walk(v)
	return out
}
