package sam

import "strings"

const (
	integrationKey = "x-amazon-apigateway-integration"
	anyMethod      = "x-amazon-apigateway-any-method"
	invalidPath    = "Value of '%s' path must be a dictionary according to Swagger spec."
)

// editor changes an API definition. The reference copies the definition when an editor takes it and when it gives it
// back; here it is changed in place, with the order of keys that the copies would bring about.
type editor struct {
	doc   *Map
	paths *Map
}

// openAPI3 reports whether a version is one of OpenAPI 3: 3.0, 3.0.1 and the like.
func openAPI3(version any) bool { return apiVersion(pyStr(version), "3") }

// apiVersion reports whether s is a major version with one or two digits behind it.
func apiVersion(s, majors string) bool {
	s = strings.TrimSuffix(s, "\n")
	if len(s) != 3 && len(s) != 5 {
		return false
	}
	for i := range len(s) {
		switch digit := s[i] >= '0' && s[i] <= '9'; {
		case i == 0 && strings.IndexByte(majors, s[0]) < 0, i%2 == 1 && s[i] != '.', i%2 == 0 && !digit:
			return false
		}
	}
	return true
}

func validSwagger(v any) bool {
	m, ok := v.(*Map)
	return ok && isMap(m.get("paths")) && (truthy(m.get("swagger")) || truthy(m.get("openapi")) && openAPI3(m.get("openapi")))
}

func validOpenAPI(v any) bool {
	m, ok := v.(*Map)
	return ok && isMap(m.get("paths")) && truthy(m.get("openapi")) && openAPI3(m.get("openapi"))
}

// contents gives what a value may be: itself, or the sides of its Fn::If.
func contents(v any) []any {
	m, ok := v.(*Map)
	if !ok || !m.Has("Fn::If") {
		return []any{v}
	}
	l, ok := m.get("Fn::If").([]any)
	if !ok {
		failDocument("Value of Fn::If must be a list.")
	}
	var out []any
	for i, x := range l {
		if i > 0 && !isNoValue(x) {
			out = append(out, x)
		}
	}
	return out
}

func dictOrFail(v any, format string, args ...any) *Map {
	m, ok := v.(*Map)
	if !ok {
		failDocument(format, args...)
	}
	return m
}

// items gives a path's items, about to be changed.
func (e *editor) items(path string) []*Map {
	unsettle(e.paths)
	unsettle(e.doc)
	v := e.paths.get(path)
	unsettle(v)
	var out []*Map
	for _, x := range contents(v) {
		m := dictOrFail(x, invalidPath, path)
		unsettle(m)
		out = append(out, m)
	}
	return out
}

func definition(v any, path, method string) *Map {
	m := dictOrFail(v, "Definition of method '%s' for path '%s' should be a map.", method, path)
	unsettle(m)
	return m
}

func (e *editor) makeConditional(path string, condition any) {
	unsettle(e.doc)
	unsettle(e.paths)
	e.paths.Set(path, fnIf(condition, e.paths.get(path), nil))
}

// methodName is a method in the form that definitions have.
func methodName(v any) any {
	s, ok := str(v)
	if !ok {
		return v
	}
	if s = strings.ToLower(s); s == "any" {
		return anyMethod
	}
	return like(v, s)
}

func (e *editor) hasIntegration(path string, method any) bool {
	if !e.paths.Has(path) {
		return false
	}
	m := text(methodName(method))
	if m != "" {
		for _, x := range contents(e.paths.get(path)) {
			if p, ok := x.(*Map); !ok || !p.Has(m) {
				return false
			}
		}
	}
	for _, x := range contents(e.paths.get(path)) {
		d, ok := dictOrFail(x, invalidPath, path).get(m).(*Map)
		if !ok {
			return false
		}
		found := false
		for _, c := range contents(d) {
			if truthy(dictOrFail(c, "Definition of method '%s' for path '%s' should be a map.", m, path).get(integrationKey)) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func (e *editor) addPath(path, method any) {
	p := text(path)
	if !e.paths.Has(p) {
		e.paths.setVal(path, pyMap())
	}
	dictOrFail(e.paths.get(p), invalidPath, p)
	m := methodName(method)
	unsettle(e.doc)
	unsettle(e.paths)
	unsettle(e.paths.get(p))
	for _, x := range contents(e.paths.get(p)) {
		if item := obj(x); !item.Has(text(m)) {
			unsettle(item)
			item.setVal(m, pyMap())
		}
	}
}

// methods gives the definitions of a method of a path that have an integration.
func (e *editor) methods(path string, method any) []*Map {
	return e.definitions(path, method, true)
}

func (e *editor) definitions(path string, method any, integrated bool) []*Map {
	var out []*Map
	for _, item := range e.items(path) {
		v := item.get(text(methodName(method)))
		unsettle(v)
		for _, x := range contents(v) {
			if d := definition(x, path, text(method)); !integrated || truthy(d.get(integrationKey)) {
				out = append(out, d)
			}
		}
	}
	return out
}

type namedMethod struct {
	name string
	def  *Map
}

// allMethods gives every method of a path that has an integration.
func (e *editor) allMethods(path string) []namedMethod {
	var out []namedMethod
	for _, item := range e.items(path) {
		for k, v := range item.All() {
			if k == "summary" || k == "description" || k == "parameters" {
				continue
			}
			unsettle(v)
			for _, x := range contents(v) {
				if d := definition(x, path, k); truthy(d.get(integrationKey)) {
					out = append(out, namedMethod{text(methodName(k)), d})
				}
			}
		}
	}
	return out
}

// integration gives the map of a method's integration.
func integration(d *Map) *Map {
	m := obj(d.get(integrationKey))
	unsettle(m)
	return m
}

func (e *editor) addTimeout(path string, method, timeout any) {
	for _, d := range e.methods(path, method) {
		integration(d).Set("timeoutInMillis", timeout)
	}
}

// listMember gives a member that must be a list, or an empty one.
func securityOf(d *Map, path, method string) []any {
	v, ok := d.Get("security")
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	if !ok {
		failDocument("Type of security for path %s method %s must be a list", path, method)
	}
	return l
}

func joined(a, b []any) []any { return append(append(make([]any, 0, len(a)+len(b)), a...), b...) }

// deepGet follows a path of keys; a value on the way that is not a map gives its own path.
func deepGet(v any, keys ...string) (found any, wrong string, ok bool) {
	at := ""
	for _, k := range keys {
		if v == nil {
			return nil, "", true
		}
		m, isMap := v.(*Map)
		if !isMap {
			return nil, mustBeMap(at), false
		}
		v = m.get(k)
		at = strings.TrimLeft(at+"."+k, ".")
	}
	return v, "", true
}

func mustBeMap(path string) string {
	if path == "" {
		return "It should be a map"
	}
	return "The value of '" + path + "' should be a map"
}

// deepSet sets a value two levels down.
func deepSet(v any, outer, inner string, value any) (wrong string, ok bool) {
	m, isMap := v.(*Map)
	if !isMap {
		return mustBeMap(""), false
	}
	unsettle(m)
	if !m.Has(outer) {
		m.Set(outer, NewMap())
	}
	o, isMap := m.get(outer).(*Map)
	if !isMap {
		return mustBeMap(outer), false
	}
	o.Set(inner, value)
	return "", true
}

// guard undoes what f changed in the definition when it fails: the reference would drop its copy.
func (e *editor) guard(path string, f func()) {
	doc, item := e.doc.shallow(), clone(e.paths.get(path))
	type part struct{ at, was *Map }
	var parts []part
	for _, v := range doc.All() {
		if m, ok := v.(*Map); ok && m != e.paths {
			parts = append(parts, part{m, m.shallow()})
		}
	}
	failed := catch(f)
	if failed == nil {
		return
	}
	*e.doc = *doc
	for _, p := range parts {
		*p.at = *p.was
	}
	if item == nil {
		e.paths.Delete(path)
	} else {
		e.paths.Set(path, item)
	}
	panic(failed)
}
