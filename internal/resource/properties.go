package resource

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"virga/internal/wire"
)

// Properties are a resource's resolved properties: values are string, bool, json.Number, []any and map[string]any.
// CloudFormation takes "30" for 30 and "true" for true and the reverse; the readers here do too.
type Properties map[string]any

// Has tells whether a property is given.
func (p Properties) Has(name string) bool { _, ok := p[name]; return ok }

// Str reads a string, "" where there is none.
func (p Properties) Str(name string) string { return Text(p[name]) }

// Int reads a whole number, nil where there is none or it is no number.
func (p Properties) Int(name string) *int64 {
	if v, ok := p[name]; ok {
		if n, err := strconv.ParseInt(strings.TrimSpace(Text(v)), 10, 64); err == nil {
			return &n
		}
	}
	return nil
}

// Bool reads a truth value.
func (p Properties) Bool(name string) bool { return strings.EqualFold(Text(p[name]), "true") }

// Map reads an object, nil where there is none.
func (p Properties) Map(name string) Properties {
	m, _ := p[name].(map[string]any)
	return m
}

// List reads a list; a single value reads as a list of one.
func (p Properties) List(name string) []any {
	switch v := p[name].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// Strings reads a list of strings.
func (p Properties) Strings(name string) []string {
	var out []string
	for _, v := range p.List(name) {
		out = append(out, Text(v))
	}
	return out
}

// JSON reads an object or a string that holds one as JSON text, "" where there is none: policy documents.
func (p Properties) JSON(name string) (string, error) {
	switch v := p[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		b, err := json.Marshal(v)
		return string(b), err
	}
}

// Decode reads the property name into a pointer, loosely: see Decode.
func (p Properties) Decode(name string, into any) error {
	v, ok := p[name]
	if !ok {
		return nil
	}
	if err := assign(reflect.ValueOf(into).Elem(), v, name); err != nil {
		return wire.Invalid(err.Error())
	}
	return nil
}

// Text gives a scalar as text, "" for nil and for what is no scalar.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// Decode reads properties into a struct whose fields have the properties' names, such as the input of an operation.
// Scalars are converted as CloudFormation converts them. A property without a field is an error: nothing is ignored.
func Decode(p Properties, into any) error {
	if err := assign(reflect.ValueOf(into).Elem(), map[string]any(p), ""); err != nil {
		return wire.Invalid(err.Error())
	}
	return nil
}

var timeType = reflect.TypeFor[time.Time]()

func assign(dst reflect.Value, v any, at string) error {
	if v == nil {
		return nil
	}
	bad := func(want string) error {
		return fmt.Errorf("Value of property %s must be %s", at, want)
	}
	switch dst.Kind() {
	case reflect.Pointer:
		n := reflect.New(dst.Type().Elem())
		if err := assign(n.Elem(), v, at); err != nil {
			return err
		}
		dst.Set(n)
	case reflect.Interface:
		dst.Set(reflect.ValueOf(v))
	case reflect.String:
		switch v.(type) {
		case map[string]any, []any:
			b, err := json.Marshal(v)
			if err != nil {
				return err
			}
			dst.SetString(string(b))
		default:
			dst.SetString(Text(v))
		}
	case reflect.Bool:
		switch s := Text(v); {
		case strings.EqualFold(s, "true"):
			dst.SetBool(true)
		case strings.EqualFold(s, "false"):
			dst.SetBool(false)
		default:
			return bad("a boolean")
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(strings.TrimSpace(Text(v)), 10, 64)
		if err != nil || dst.OverflowInt(n) {
			return bad("an integer")
		}
		dst.SetInt(n)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(strings.TrimSpace(Text(v)), 64)
		if err != nil {
			return bad("a number")
		}
		dst.SetFloat(f)
	case reflect.Slice:
		if dst.Type().Elem().Kind() == reflect.Uint8 {
			s, ok := v.(string)
			b, err := base64.StdEncoding.DecodeString(s)
			if !ok || err != nil {
				return bad("a string in base 64")
			}
			dst.SetBytes(b)
			return nil
		}
		l, ok := v.([]any)
		if !ok {
			l = []any{v}
		}
		out := reflect.MakeSlice(dst.Type(), len(l), len(l))
		for i := range l {
			if err := assign(out.Index(i), l[i], fmt.Sprintf("%s/%d", at, i)); err != nil {
				return err
			}
		}
		dst.Set(out)
	case reflect.Map:
		m, ok := v.(map[string]any)
		if !ok {
			return bad("an object")
		}
		out := reflect.MakeMapWithSize(dst.Type(), len(m))
		for k, x := range m {
			e := reflect.New(dst.Type().Elem()).Elem()
			if err := assign(e, x, at+"/"+k); err != nil {
				return err
			}
			out.SetMapIndex(reflect.ValueOf(k).Convert(dst.Type().Key()), e)
		}
		dst.Set(out)
	case reflect.Struct:
		if dst.Type() == timeType {
			t, err := time.Parse(time.RFC3339, Text(v))
			if err != nil {
				return bad("a time")
			}
			dst.Set(reflect.ValueOf(t))
			return nil
		}
		m, ok := v.(map[string]any)
		if !ok {
			return bad("an object")
		}
		names := make([]string, 0, len(m))
		for k := range m {
			names = append(names, k)
		}
		sort.Strings(names)
		for _, k := range names {
			f := dst.FieldByName(upper(k))
			if !f.IsValid() {
				return fmt.Errorf("Encountered unsupported property %s", k)
			}
			if err := assign(f, m[k], strings.TrimPrefix(at+"/"+k, "/")); err != nil {
				return err
			}
		}
	default:
		return bad("of kind " + dst.Kind().String())
	}
	return nil
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
