package ddbexpr

import (
	"slices"
	"strconv"
	"strings"

	"virga/internal/ddbexpr/attr"
)

// Request is what a request says by expressions. A nil expression, map or list was not given.
type Request struct {
	Allowed     []Kind // the expressions that the operation knows, in the order in which AWS names them
	Expressions [5]*string
	Names       Names
	Values      Values
	Legacy      []string // the legacy parameters that were given, by name, in AWS's order
}

// Allowed expressions of the operations.
var (
	ForGet    = []Kind{Projection}
	ForPut    = []Kind{Condition}
	ForUpdate = []Kind{Update, Condition}
	ForQuery  = []Kind{Projection, Filter, KeyCondition}
	ForScan   = []Kind{Projection, Filter}
)

// Compiled are the bound expressions of a request, nil where there is none.
type Compiled [5]*Bound

// checkOrder is the order in which AWS reads the expressions.
var checkOrder = [...]Kind{Update, Condition, KeyCondition, Filter, Projection}

// CheckParameters makes the checks that come before any value is looked at: what may stand beside what.
func (r *Request) CheckParameters() error {
	var given, missing []string
	for _, k := range r.Allowed {
		if r.Expressions[k] != nil {
			given = append(given, k.String())
		} else if k != Projection {
			missing = append(missing, k.String())
		}
	}
	legacy := r.Legacy
	if len(given) > 0 && r.Expressions[KeyCondition] == nil { // KeyConditions may stand beside other expressions
		legacy = slices.DeleteFunc(slices.Clone(legacy), func(n string) bool { return n == "KeyConditions" })
	}
	switch {
	case len(given) > 0 && len(legacy) > 0:
		return invalid("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {" +
			strings.Join(legacy, ", ") + "} Expression parameters: {" + strings.Join(given, ", ") + "}")
	case r.Names != nil && len(given) == 0:
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	}
	onlyProjection := len(r.Allowed) == 1 && r.Allowed[0] == Projection
	values := len(given)
	if r.Expressions[Projection] != nil {
		values--
	}
	if r.Values != nil && values == 0 && !onlyProjection {
		verb := " is"
		if len(missing) > 1 {
			verb = " are"
		}
		return invalid("ExpressionAttributeValues can only be specified when using expressions: " + strings.Join(missing, " and ") + verb + " null")
	}
	return nil
}

// Compile checks names and values, then reads and binds the expressions in AWS's order, then looks for names and values
// that none of them uses. cache may be nil.
func (r *Request) Compile(cache *Cache, lim Limits) (Compiled, error) {
	var out Compiled
	if err := r.checkSubstitutions(lim.orDefault()); err != nil {
		return out, err
	}
	for _, k := range checkOrder {
		text := r.Expressions[k]
		if text == nil {
			continue
		}
		e, err := cache.Parse(k, *text, lim)
		if err != nil {
			return out, err
		}
		if out[k], err = e.Bind(r.Names, r.Values); err != nil {
			return out, err
		}
	}
	if n := unused(r.Names, &out, func(e *Expression) []string { return e.names }); n != "" {
		return out, invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {" + n + "}")
	}
	if n := unused(r.Values, &out, func(e *Expression) []string { return e.values }); n != "" {
		return out, invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {" + n + "}")
	}
	return out, nil
}

const placeholderBytesMax = 255

func (r *Request) checkSubstitutions(lim Limits) error {
	size := 0
	if r.Names != nil {
		if len(r.Names) == 0 {
			return invalid("ExpressionAttributeNames must not be empty")
		}
		for _, n := range sorted(r.Names) {
			if err := checkPlaceholder("ExpressionAttributeNames", '#', n); err != nil {
				return err
			}
			switch v := r.Names[n]; {
			case v == "":
				return invalid("ExpressionAttributeNames contains invalid value: Empty attribute name for key " + n)
			case len(v) > attr.NameBytesMax:
				return invalid("ExpressionAttributeNames contains invalid value: Attribute name is too large, must be less than 65536 bytes for key " + n)
			default:
				size += len(n) + len(v)
			}
		}
		if size > lim.SubstitutionBytes {
			return invalid("ExpressionAttributeNames exceeds max size")
		}
	}
	if r.Values == nil {
		return nil
	}
	if len(r.Values) == 0 {
		return invalid("ExpressionAttributeValues must not be empty")
	}
	keys := sorted(r.Values)
	for _, n := range keys {
		if err := checkPlaceholder("ExpressionAttributeValues", ':', n); err != nil {
			return err
		}
	}
	values := 0
	for _, n := range keys {
		v := r.Values[n]
		if err := v.Err(); err != nil {
			return invalid("ExpressionAttributeValues contains invalid value: " + err.Error() + " for key " + n)
		}
		values += len(n) + len(v)
	}
	switch {
	case values > lim.SubstitutionBytes:
		return invalid("ExpressionAttributeValues exceeds max size")
	case values+size > lim.SubstitutionBytes:
		return invalid("Combined size of ExpressionAttributeNames and ExpressionAttributeValues exceeds max size; size: " + strconv.Itoa(values+size))
	}
	return nil
}

func checkPlaceholder(parameter string, sign byte, n string) error {
	good := len(n) > 1 && n[0] == sign
	for i := 1; i < len(n) && good; i++ {
		good = isWord(n[i])
	}
	switch {
	case !good:
		return invalid(parameter + ` contains invalid key: Syntax error; key: "` + n + `"`)
	case len(n) > placeholderBytesMax:
		return invalid(parameter + " contains invalid key: The expression attribute map contains a key that is too long; key: " + n)
	}
	return nil
}

// sorted are the keys in order; one or two need no list of their own on the way through a sort.
func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// unused names the placeholders of which no expression makes use.
func unused[V any](m map[string]V, c *Compiled, of func(*Expression) []string) string {
	var out []string
	for k := range m {
		used := false
		for _, b := range c {
			used = used || b != nil && slices.Contains(of(b.e), k)
		}
		if !used {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
