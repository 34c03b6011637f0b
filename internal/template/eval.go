package template

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// evaluator evaluates functions within limits.
type evaluator struct {
	b          *Bound
	look       Lookup
	context    context
	steps      int
	text       int
	evaluating map[string]bool // conditions
}

func (b *Bound) evaluator(l Lookup) *evaluator { return &evaluator{b: b, look: l} }

func (ev *evaluator) limits() Limits { return ev.b.Template.limits }

func (ev *evaluator) spend(p Pos, steps, text int) *Error {
	ev.steps += steps
	ev.text += text
	if ev.steps > ev.limits().Steps {
		return &Error{Message: fmt.Sprintf("Template error: evaluation took more than %d steps", ev.limits().Steps), Pos: p, Limit: "Steps"}
	}
	if ev.text > ev.limits().TextBytes {
		return &Error{Message: fmt.Sprintf("Template error: functions made more than %d bytes of text", ev.limits().TextBytes), Pos: p, Limit: "TextBytes"}
	}
	return nil
}

// whole evaluates functions, then dynamic references in what they gave.
func (ev *evaluator) whole(v Value) (Value, *Error) {
	out, e := ev.eval(v)
	if e != nil || ev.look.Dynamic == nil {
		return out, e
	}
	return ev.dynamic(out)
}

// eval evaluates every function below a value. The absent value means AWS::NoValue.
func (ev *evaluator) eval(v Value) (Value, *Error) {
	if !v.Exists() || !v.n.live {
		return v, nil
	}
	if e := ev.spend(v.Pos(), 1+v.Len(), 0); e != nil {
		return Value{}, e
	}
	switch v.Kind() {
	case List:
		out := make([]Value, 0, len(v.n.items))
		for _, x := range v.n.items {
			r, e := ev.eval(x)
			if e != nil {
				return Value{}, e
			}
			if r.Exists() {
				out = append(out, r)
			}
		}
		return placed(ListOf(out...), v.Pos()), nil
	case Map:
		if fn, arg, ok := function(v); ok && fn != "Condition" {
			r, e := ev.call(fn, arg)
			if e != nil {
				if e.Pos == (Pos{}) {
					e.Pos = v.Pos()
				}
				return Value{}, e
			}
			return r, nil
		}
		out := make([]Entry, 0, len(v.n.entries))
		for _, x := range v.n.entries {
			r, e := ev.eval(x.Value)
			if e != nil {
				return Value{}, e
			}
			if r.Exists() {
				x.Value = r
				out = append(out, x)
			}
		}
		return placed(MapOf(out...), v.Pos()), nil
	}
	return v, nil
}

func (ev *evaluator) call(fn string, arg Value) (Value, *Error) {
	p := arg.Pos()
	switch fn {
	case "Ref":
		return ev.ref(arg.Text(), p)
	case "Fn::GetAtt":
		return ev.getAtt(arg)
	case "Fn::Sub":
		return ev.sub(arg)
	case "Fn::If":
		if arg.Len() != 3 {
			return Value{}, ev.b.Template.checkCall(fn, arg, ev.context)
		}
		ok, e := ev.condition(arg.Index(0).Text(), p)
		if e != nil {
			return Value{}, e
		}
		if ok {
			return ev.eval(arg.Index(1))
		}
		return ev.eval(arg.Index(2))
	case "Fn::FindInMap":
		return ev.findInMap(arg)
	case "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		ok, e := ev.truth(MapOf(E(fn, arg)).At(p))
		return BoolOf(ok).At(p), e
	}
	a, e := ev.eval(arg)
	if e != nil {
		return Value{}, e
	}
	switch fn {
	case "Fn::Join":
		return ev.join(a)
	case "Fn::Split":
		return ev.split(a)
	case "Fn::Select":
		return ev.pick(a)
	case "Fn::Base64":
		if a.Kind() == Unknown {
			return a, nil
		}
		if !a.IsScalar() {
			return Value{}, templateError(p, "every Fn::Base64 object must have a String-typed value.")
		}
		return ev.made(p, base64.StdEncoding.EncodeToString([]byte(a.Text())))
	case "Fn::Cidr":
		return ev.cidr(a)
	case "Fn::GetAZs":
		return ev.zones(a)
	case "Fn::ImportValue":
		if a.Kind() == Unknown || ev.look.ImportValue == nil {
			return UnknownOf("Fn::ImportValue").At(p), nil
		}
		if !a.IsScalar() {
			return Value{}, templateError(p, "the attribute in Fn::ImportValue must be a string or a function that returns a string")
		}
		v, err := ev.look.ImportValue(a.Text())
		return ev.given(v, err, p)
	case "Fn::Length":
		if a.Kind() == Unknown {
			return a, nil
		}
		if a.IsList() && ev.b.Template.extended {
			return IntOf(a.Len()).At(p), nil
		}
	case "Fn::ToJsonString":
		if ev.b.Template.extended {
			if a.Unknown() {
				return UnknownOf("Fn::ToJsonString").At(p), nil
			}
			return ev.made(p, a.JSON())
		}
	}
	if e := ev.b.Template.checkCall(fn, a, ev.context); e != nil {
		return Value{}, e
	}
	return Value{}, templateError(p, "%s cannot be evaluated here", fn)
}

// made counts and gives text that a function made.
func (ev *evaluator) made(p Pos, s string) (Value, *Error) {
	if e := ev.spend(p, 1, len(s)); e != nil {
		return Value{}, e
	}
	return placed(StringOf(s), p), nil
}

// given takes what a callback gave.
func (ev *evaluator) given(v Value, err error, p Pos) (Value, *Error) {
	if err != nil {
		return Value{}, asError(err, p)
	}
	if !v.Exists() {
		return Value{}, templateError(p, "a value that was referred to does not exist")
	}
	if e := ev.spend(p, v.Size(), len(v.Text())); e != nil {
		return Value{}, e
	}
	return v.At(p), nil
}

func (ev *evaluator) ref(name string, p Pos) (Value, *Error) {
	if v, ok := ev.b.parameters[name]; ok {
		return v.At(p), ev.spend(p, 1, len(v.Text()))
	}
	env := &ev.b.env
	text := ""
	switch name {
	case "AWS::NoValue":
		return Value{}, nil
	case "AWS::AccountId":
		text = env.AccountID
	case "AWS::Region":
		text = env.Region
	case "AWS::Partition":
		text = env.Partition
	case "AWS::URLSuffix":
		text = env.URLSuffix
	case "AWS::StackName":
		text = env.StackName
	case "AWS::StackId":
		if env.StackID == "" {
			return UnknownOf(name).At(p), nil
		}
		text = env.StackID
	case "AWS::NotificationARNs":
		return FromAny(append([]string{}, env.NotificationARNs...)).At(p), nil
	default:
		if e := ev.known(name, p); e != nil {
			return Value{}, e
		}
		if ev.look.Ref == nil {
			return UnknownOf(name).At(p), nil
		}
		v, err := ev.look.Ref(name)
		return ev.given(v, err, p)
	}
	return placed(StringOf(text), p), nil
}

// known refuses what is no resource of this stack.
func (ev *evaluator) known(id string, p Pos) *Error {
	if ev.context == inConditions || ev.context == inRules {
		return formatError(p, "Unresolved dependencies [%s]. Cannot reference resources in the %s block of the template", id, ev.context)
	}
	if !ev.b.isActive[id] {
		return formatError(p, "Unresolved resource dependencies [%s] in the %s block of the template", id, ev.context)
	}
	return nil
}

func (ev *evaluator) getAtt(arg Value) (Value, *Error) {
	id, attr := getAtt(arg)
	id, e := ev.eval(id)
	if e != nil {
		return Value{}, e
	}
	if attr, e = ev.eval(attr); e != nil {
		return Value{}, e
	}
	if !id.IsScalar() || !attr.IsScalar() {
		return Value{}, templateError(arg.Pos(), "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
	}
	return ev.attribute(id.Text(), attr.Text(), arg.Pos())
}

func (ev *evaluator) attribute(id, attr string, p Pos) (Value, *Error) {
	if e := ev.known(id, p); e != nil {
		return Value{}, e
	}
	if ev.look.GetAtt == nil {
		return UnknownOf(id + "." + attr).At(p), nil
	}
	v, err := ev.look.GetAtt(id, attr)
	return ev.given(v, err, p)
}

func (ev *evaluator) sub(arg Value) (Value, *Error) {
	text, vars := arg, Value{}
	if arg.IsList() {
		text, vars = arg.Index(0), arg.Index(1)
	}
	if !text.IsScalar() {
		return Value{}, templateError(arg.Pos(), subUsage)
	}
	parts, ok := subParts(text.Text())
	if !ok {
		return Value{}, ev.b.Template.checkSub(text)
	}
	var out strings.Builder
	unknown := Value{}
	for _, part := range parts {
		if !part.name {
			out.WriteString(part.text)
			continue
		}
		var v Value
		var e *Error
		if given := vars.Get(part.text); given.Exists() {
			v, e = ev.eval(given)
		} else if id, attr, dotted := strings.Cut(part.text, "."); dotted {
			v, e = ev.attribute(id, attr, text.Pos())
		} else {
			v, e = ev.ref(part.text, text.Pos())
		}
		switch {
		case e != nil:
			return Value{}, e
		case v.Kind() == Unknown:
			unknown = v
		case v.IsList() && part.text != "": // a list parameter reads as its text
			s, e := texts(v)
			if e != nil {
				return Value{}, templateError(text.Pos(), "Fn::Sub expression does not resolve to a string")
			}
			out.WriteString(strings.Join(s, ","))
		case v.IsScalar():
			out.WriteString(v.Text())
		case v.Exists():
			return Value{}, templateError(text.Pos(), "Fn::Sub expression does not resolve to a string")
		}
		if out.Len() > ev.limits().TextBytes {
			return Value{}, ev.spend(arg.Pos(), 0, out.Len())
		}
	}
	if unknown.Exists() {
		return unknown.At(arg.Pos()), nil
	}
	return ev.made(arg.Pos(), out.String())
}

// texts gives the texts of a list of scalars.
func texts(v Value) ([]string, *Error) {
	out := make([]string, 0, v.Len())
	for _, x := range v.Items() {
		if !x.IsScalar() {
			return nil, templateError(x.Pos(), "a list of strings was expected")
		}
		out = append(out, x.Text())
	}
	return out, nil
}

func (ev *evaluator) join(a Value) (Value, *Error) {
	p := a.Pos()
	sep, list := a.Index(0), a.Index(1)
	if sep.Kind() == Unknown || list.Kind() == Unknown {
		return UnknownOf("Fn::Join").At(p), nil
	}
	for _, x := range list.Items() {
		if x.Kind() == Unknown {
			return x.At(p), nil
		}
	}
	if !list.IsList() || !sep.IsScalar() {
		return Value{}, ev.b.Template.checkCallOr("Fn::Join", ListOf(sep, BoolOf(false)), p)
	}
	s, e := texts(list)
	if e != nil {
		return Value{}, ev.b.Template.checkCallOr("Fn::Join", ListOf(sep, BoolOf(false)), p)
	}
	n := len(sep.Text()) * len(s)
	for _, x := range s {
		n += len(x)
	}
	if e := ev.spend(p, len(s), n); e != nil {
		return Value{}, e
	}
	return placed(StringOf(strings.Join(s, sep.Text())), p), nil
}

// checkCallOr gives the error of a call whose argument turned out to be of the wrong form.
func (t *Template) checkCallOr(fn string, bad Value, p Pos) *Error {
	e := t.checkCall(fn, bad, inResources)
	if e == nil {
		e = templateError(p, "%s has an argument of the wrong form", fn)
	}
	e.Pos = p
	return e
}

func (ev *evaluator) split(a Value) (Value, *Error) {
	p := a.Pos()
	sep, s := a.Index(0), a.Index(1)
	if sep.Kind() == Unknown || s.Kind() == Unknown {
		return UnknownOf("Fn::Split").At(p), nil
	}
	if !sep.IsScalar() || !s.IsScalar() || sep.Text() == "" {
		return Value{}, ev.b.Template.checkCallOr("Fn::Split", ListOf(), p)
	}
	n := strings.Count(s.Text(), sep.Text()) + 1
	if e := ev.spend(p, n, len(s.Text())); e != nil {
		return Value{}, e
	}
	out := make([]Value, 0, n)
	for x := range strings.SplitSeq(s.Text(), sep.Text()) {
		out = append(out, placed(StringOf(x), p))
	}
	return placed(ListOf(out...), p), nil
}

func (ev *evaluator) pick(a Value) (Value, *Error) {
	p := a.Pos()
	at, list := a.Index(0), a.Index(1)
	if at.Kind() == Unknown || list.Kind() == Unknown {
		return UnknownOf("Fn::Select").At(p), nil
	}
	i, ok := at.Int()
	if !ok || !list.IsList() {
		return Value{}, templateError(p, "Fn::Select requires a list argument with two elements: an integer index and a list")
	}
	if i < 0 || i >= list.Len() {
		return Value{}, templateError(p, "Fn::Select cannot select nonexistent value at index %d", i)
	}
	return list.Index(i), nil
}

func (ev *evaluator) findInMap(a Value) (Value, *Error) {
	t := ev.b.Template
	if a.Len() < 3 {
		return Value{}, t.checkCallOr("Fn::FindInMap", ListOf(), a.Pos())
	}
	var keys [3]string
	for i := range keys {
		k, e := ev.eval(a.Index(i))
		if e != nil {
			return Value{}, e
		}
		if k.Kind() == Unknown {
			return k.At(a.Pos()), nil
		}
		if !k.IsScalar() {
			return Value{}, t.checkCallOr("Fn::FindInMap", ListOf(), a.Pos())
		}
		keys[i] = k.Text()
	}
	if v := t.Mappings.Path(keys[:]...); v.Exists() {
		return v.At(a.Pos()), nil
	}
	if d := a.Index(3).Get("DefaultValue"); d.Exists() && t.extended {
		return ev.eval(d)
	}
	if !t.Mappings.Has(keys[0]) {
		return Value{}, templateError(a.Pos(), "Mapping named '%s' is not present in the 'Mappings' section of template.", keys[0])
	}
	return Value{}, templateError(a.Pos(), "Unable to get mapping for %s::%s::%s", keys[0], keys[1], keys[2])
}
