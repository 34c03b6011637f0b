package wire

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Validator checks inputs against the constraints of their model. It keeps compiled patterns.
type Validator struct {
	patterns sync.Map // pattern → *regexp.Regexp
}

const violationsMax = 50

// Check gives a *Validation with AWS's words, nil for a good input.
func (c *Validator) Check(m *Model, op *Op, in any) error {
	if op.Input < 0 {
		return nil
	}
	w := walk{c: c, m: m}
	v := reflect.ValueOf(in)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	w.structure(m.Shape(op.Input), v, "")
	if len(w.found) == 0 {
		return nil
	}
	plural := "s"
	if len(w.found) == 1 {
		plural = ""
	}
	return &Validation{Message: fmt.Sprintf("%d validation error%s detected: %s", len(w.found), plural, strings.Join(w.found, "; "))}
}

type walk struct {
	c     *Validator
	m     *Model
	found []string
	depth int
}

func (w *walk) fail(value, path, constraint string) {
	if len(w.found) < violationsMax {
		w.found = append(w.found, "Value "+value+" at '"+path+"' failed to satisfy constraint: "+constraint)
	}
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func (w *walk) structure(s *Shape, v reflect.Value, path string) {
	if w.depth++; w.depth > DepthMax {
		return
	}
	defer func() { w.depth-- }()
	for i := range s.Members {
		mb := &s.Members[i]
		f := v.Field(i)
		p := lower(mb.Name)
		if path != "" {
			p = path + "." + p
		}
		if absent(f) {
			if mb.Required {
				w.fail("null", p, "Member must not be null")
			}
			continue
		}
		w.value(w.m.Shape(mb.Shape), f, p)
	}
}

func (w *walk) value(s *Shape, v reflect.Value, path string) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch s.Kind {
	case KindStructure:
		w.structure(s, v, path)
		return
	case KindList, KindMap:
		if s.HasMin && v.Len() < int(s.Min) || s.HasMax && v.Len() > int(s.Max) {
			for _, c := range w.constraints(s, v) {
				w.fail("'"+render(v)+"'", path, c)
			}
			return
		}
		es := w.m.Shape(s.Elem)
		if s.Kind == KindList {
			scalar := es.Kind != KindStructure && es.Kind != KindList && es.Kind != KindMap
			for i := range v.Len() {
				if scalar {
					if cs := w.constraints(es, v.Index(i)); len(cs) > 0 {
						w.fail("'"+render(v)+"'", path, "Member must satisfy constraint: ["+strings.Join(cs, ", ")+"]")
						return
					}
					continue
				}
				w.value(es, v.Index(i), path+"."+strconv.Itoa(i+1)+".member")
			}
			return
		}
		ks := w.m.Shape(s.Key)
		for _, k := range sortedKeys(v) {
			if cs := w.constraints(ks, k); len(cs) > 0 {
				w.fail("'"+render(v)+"'", path, "Map keys must satisfy constraint: ["+strings.Join(cs, ", ")+"]")
				return
			}
			e := v.MapIndex(k)
			if es.Kind == KindStructure || es.Kind == KindList || es.Kind == KindMap {
				w.value(es, e, path+"."+k.String()+".member")
				continue
			}
			if cs := w.constraints(es, e); len(cs) > 0 {
				w.fail("'"+render(v)+"'", path, "Map value must satisfy constraint: ["+strings.Join(cs, ", ")+"]")
				return
			}
		}
		return
	}
	for _, c := range w.constraints(s, v) {
		if s.Sensitive {
			if len(w.found) < violationsMax {
				w.found = append(w.found, "Value at '"+path+"' failed to satisfy constraint: "+c)
			}
			continue
		}
		w.fail("'"+render(v)+"'", path, c)
	}
}

// constraints tells which of a shape's constraints a value breaks.
func (w *walk) constraints(s *Shape, v reflect.Value) []string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	var out []string
	length := -1
	switch s.Kind {
	case KindString:
		length = utf8.RuneCountInString(v.String())
	case KindBlob, KindList, KindMap:
		length = v.Len()
	case KindInteger, KindLong:
		n := float64(v.Int())
		if s.HasMax && n > s.Max {
			out = append(out, "Member must have value less than or equal to "+number(s.Max))
		}
		if s.HasMin && n < s.Min {
			out = append(out, "Member must have value greater than or equal to "+number(s.Min))
		}
	case KindFloat, KindDouble:
		if s.HasMax && v.Float() > s.Max {
			out = append(out, "Member must have value less than or equal to "+number(s.Max))
		}
		if s.HasMin && v.Float() < s.Min {
			out = append(out, "Member must have value greater than or equal to "+number(s.Min))
		}
	}
	if length >= 0 {
		if s.HasMax && float64(length) > s.Max {
			out = append(out, "Member must have length less than or equal to "+number(s.Max))
		}
		if s.HasMin && float64(length) < s.Min {
			out = append(out, "Member must have length greater than or equal to "+number(s.Min))
		}
	}
	if s.Kind != KindString {
		return out
	}
	if s.Pattern != "" && length <= patternInputMax && !w.c.match(s.Pattern, v.String()) {
		out = append(out, "Member must satisfy regular expression pattern: "+s.Pattern)
	}
	if len(s.Enum) > 0 {
		ok := false
		for _, e := range s.Enum {
			ok = ok || e == v.String()
		}
		if !ok {
			out = append(out, "Member must satisfy enum value set: ["+strings.Join(s.Enum, ", ")+"]")
		}
	}
	return out
}

const patternInputMax = 1 << 20

func (c *Validator) match(pattern, s string) bool {
	if p, ok := c.patterns.Load(pattern); ok {
		return p.(*regexp.Regexp).MatchString(s)
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		panic("wire: the generator let a pattern through that Go cannot read: " + pattern)
	}
	c.patterns.Store(pattern, re)
	return re.MatchString(s)
}

func number(f float64) string {
	if f == math.Trunc(f) {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

const renderMax = 1024

// render writes a value as AWS's messages show it.
func render(v reflect.Value) string {
	s := renderValue(v, 0)
	if len(s) > renderMax {
		s = strings.ToValidUTF8(s[:renderMax], "") + "..."
	}
	return s
}

func renderValue(v reflect.Value, depth int) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "null"
		}
		v = v.Elem()
	}
	if depth > 4 {
		return "..."
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Float32, reflect.Float64:
		return formatFloat(v.Float(), 64)
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return "java.nio.HeapByteBuffer[pos=0 lim=" + strconv.Itoa(v.Len()) + " cap=" + strconv.Itoa(v.Len()) + "]"
		}
		var b strings.Builder
		b.WriteByte('[')
		for i := range min(v.Len(), 200) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(renderValue(v.Index(i), depth+1))
		}
		b.WriteByte(']')
		return b.String()
	case reflect.Map:
		var parts []string
		for i, k := range sortedKeys(v) {
			if i >= 200 {
				break
			}
			parts = append(parts, k.String()+"="+renderValue(v.MapIndex(k), depth+1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Struct:
		var parts []string
		for i := range v.NumField() {
			if !absent(v.Field(i)) && v.Type().Field(i).IsExported() {
				parts = append(parts, lower(v.Type().Field(i).Name)+"="+renderValue(v.Field(i), depth+1))
			}
		}
		return v.Type().Name() + "(" + strings.Join(parts, ", ") + ")"
	}
	return fmt.Sprint(v.Interface())
}
