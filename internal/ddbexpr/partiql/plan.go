package partiql

import (
	"slices"
	"strconv"

	"virga/internal/ddbexpr"
	"virga/internal/ddbexpr/attr"
)

// Plan is what a statement does to a table or index of a known key.
type Plan struct {
	Verb       Verb
	Scan       bool             // a SELECT that names no hash key reads everything
	Hashes     []attr.Value     // of a SELECT that is no scan: the hash keys to read, in the order to give them
	Range      *ddbexpr.KeyCond // the range keys to read, nil for all
	Key        attr.Item        // of UPDATE and DELETE, and of a SELECT that names one item
	Filter     *ddbexpr.Bound   // what else of WHERE an item must meet, nil for nothing
	Descending bool             // range keys from the highest
	Item       attr.Item        // of INSERT; it must not be there yet
	Update     *ddbexpr.Bound   // of UPDATE; the item must be there
	Columns    []Column         // of SELECT, nil for whole items
	Returning  Returning
}

// Plan gives a statement its parameters and plans it for the key of its table or index.
func (s *Statement) Plan(schema attr.Schema, params []attr.Value) (*Plan, error) {
	if len(params) < s.Parameters {
		return nil, invalid("Number of parameters in request and statement don't match.")
	}
	p := &Plan{Verb: s.Verb, Columns: s.Columns, Returning: s.Returning}
	if s.Verb == Insert {
		v, err := s.item.give(params)
		if err != nil {
			return nil, err
		}
		if v.Kind() != attr.M {
			return nil, invalid("Unsupported data type in INSERT: only a tuple is an item")
		}
		p.Item = v.Item()
		for _, k := range []string{schema.Hash.Name, schema.Range.Name} {
			if k != "" && p.Item.Get(k) == nil {
				return nil, invalid("Key attribute should be present in the item: Key " + k)
			}
		}
		return p, schema.CheckItem(p.Item)
	}
	var cs []*cond
	if s.where != nil {
		if cs = []*cond{s.where}; s.where.op == "AND" {
			cs = flat(s.where, nil)
		}
	}
	var err error
	switch s.Verb {
	case Update, Delete:
		err = s.planWrite(p, cs, schema, params)
	default:
		err = s.planRead(p, cs, schema, params)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// flat lists the parts that are joined by AND.
func flat(c *cond, out []*cond) []*cond {
	for _, k := range c.kids {
		if k.op == "AND" {
			out = flat(k, out)
		} else {
			out = append(out, k)
		}
	}
	return out
}

// on gives the operands of a comparison with an attribute itself, turned so that the attribute stands first.
func on(c *cond, name string) (op string, values []*operand, ok bool) {
	args := c.args
	switch op = c.op; op {
	case "":
		if args[0].name != "begins_with" {
			return "", nil, false
		}
		op, args = "begins_with", args[0].args
	case "=", "<>", "<", "<=", ">", ">=":
		if args[0].kind == isValue {
			args = []*operand{args[1], args[0]}
			if op != "=" && op != "<>" {
				op = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
			}
		}
	case "BETWEEN", "IN":
	default:
		return "", nil, false
	}
	if name == "" || args[0].kind != isPath || len(args[0].path) != 1 || args[0].path[0].Name != name {
		return "", nil, false
	}
	for _, a := range args[1:] {
		if a.kind != isValue {
			return "", nil, false
		}
	}
	return op, args[1:], true
}

func (s *Statement) planWrite(p *Plan, cs []*cond, schema attr.Schema, params []attr.Value) error {
	var key []attr.Attribute
	var rest []*cond
	for _, c := range cs {
		used := false
		for _, k := range []attr.Key{schema.Hash, schema.Range} {
			op, vs, ok := on(c, k.Name)
			if !ok || op != "=" {
				continue
			}
			v, err := vs[0].val.give(params)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(key, func(a attr.Attribute) bool { return a.Name == k.Name }) {
				return invalid("Multiple conditions on same key " + k.Name + ". Only single item Update/Insert/Delete are supported")
			}
			key = append(key, attr.Attribute{Name: k.Name, Value: v})
			used = true
		}
		if !used {
			rest = append(rest, c)
		}
	}
	want := 1
	if schema.Range.Name != "" {
		want = 2
	}
	if len(key) != want {
		return invalid("Where clause does not contain a mandatory equality on all key attributes")
	}
	p.Key = attr.ItemOf(key...)
	if err := schema.CheckKey(p.Key); err != nil {
		return err
	}
	var err error
	if p.Filter, err = conjunction(ddbexpr.Condition, rest, params, s.lim); err != nil || s.Verb == Delete {
		return err
	}
	if p.Update, err = s.update(params); err != nil {
		return err
	}
	return p.Update.CheckKeys(schema)
}

// hashes are the hash keys that a part of WHERE names: an equality, IN, or several of these joined by OR.
func hashes(c *cond, k attr.Key, params []attr.Value) (out []attr.Value, ok bool, err error) {
	if c.op == "OR" {
		for _, kid := range c.kids {
			vs, ok, err := hashes(kid, k, params)
			if !ok || err != nil {
				return nil, false, err
			}
			out = append(out, vs...)
		}
		return out, true, nil
	}
	op, vs, ok := on(c, k.Name)
	if !ok || op != "=" && op != "IN" {
		return nil, false, nil
	}
	for _, o := range vs {
		v, err := o.val.give(params)
		if err != nil {
			return nil, false, err
		}
		out = append(out, v)
	}
	return out, true, nil
}

// rangeOps are the comparisons that choose range keys.
var rangeOps = map[string]ddbexpr.Operator{"=": ddbexpr.EQ, "<": ddbexpr.LT, "<=": ddbexpr.LE, ">": ddbexpr.GT, ">=": ddbexpr.GE,
	"BETWEEN": ddbexpr.Between, "begins_with": ddbexpr.BeginsWith}

func (s *Statement) planRead(p *Plan, cs []*cond, schema attr.Schema, params []attr.Value) error {
	if s.Verb == Exists {
		if err := s.checkExists(cs, schema); err != nil {
			return err
		}
	}
	var rest []*cond
	for _, c := range cs {
		if p.Hashes == nil {
			vs, ok, err := hashes(c, schema.Hash, params)
			if err != nil {
				return err
			}
			if ok {
				p.Hashes = vs
				continue
			}
		}
		rest = append(rest, c)
	}
	cs, rest = rest, nil
	for _, c := range cs {
		op, vs, ok := on(c, schema.Range.Name)
		// A condition on the range key chooses what is read only beside a hash key.
		if !ok || p.Hashes == nil || p.Range != nil || rangeOps[op] == "" || op == "begins_with" && schema.Range.Kind == attr.N {
			rest = append(rest, c)
			continue
		}
		k := &ddbexpr.KeyCond{Name: schema.Range.Name, Op: rangeOps[op]}
		for _, o := range vs {
			v, err := o.val.give(params)
			if err != nil {
				return err
			}
			k.Values = append(k.Values, v)
		}
		p.Range = k
	}
	if err := checkKeys(p, schema); err != nil {
		return err
	}
	p.Scan = p.Hashes == nil
	if err := s.order(p, schema); err != nil {
		return err
	}
	if len(p.Hashes) == 1 && (schema.Range.Name == "" || p.Range != nil && p.Range.Op == ddbexpr.EQ) {
		as := []attr.Attribute{{Name: schema.Hash.Name, Value: p.Hashes[0]}}
		if p.Range != nil {
			as = append(as, attr.Attribute{Name: schema.Range.Name, Value: p.Range.Values[0]})
		}
		p.Key = attr.ItemOf(as...)
	}
	var err error
	p.Filter, err = conjunction(ddbexpr.Filter, rest, params, s.lim)
	return err
}

// checkExists says whether the SELECT of EXISTS names one item and a condition beside.
func (s *Statement) checkExists(cs []*cond, schema attr.Schema) error {
	keys, want := 0, 1
	if schema.Range.Name != "" {
		want = 2
	}
	for _, c := range cs {
		for _, k := range []string{schema.Hash.Name, schema.Range.Name} {
			if op, _, ok := on(c, k); ok && op == "=" {
				keys++
			}
		}
	}
	if keys != want || len(cs) <= want {
		return invalid("EXISTS() must contain a single item read with additional condition")
	}
	return nil
}

// checkKeys checks the kinds of what the plan reads by, and puts the hash keys in order, none twice.
func checkKeys(p *Plan, schema attr.Schema) error {
	bad := func(v attr.Value, k attr.Key) bool { return v.Kind() != k.Kind }
	for _, v := range p.Hashes {
		if bad(v, schema.Hash) {
			return invalid("Key attribute's data type should match its data type in table's schema: Key " + schema.Hash.Name)
		}
	}
	if p.Range != nil {
		for _, v := range p.Range.Values {
			if bad(v, schema.Range) {
				return invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
			}
		}
	}
	var kept []attr.Value
	for _, v := range p.Hashes {
		if !slices.ContainsFunc(kept, v.Equal) {
			kept = append(kept, v)
		}
	}
	p.Hashes = kept
	if len(kept) > 50 {
		return invalid("The IN operator is provided with too many operands; number of operands: " + strconv.Itoa(len(kept)))
	}
	return nil
}

// order checks ORDER BY: the hash key where there are several, then the range key.
func (s *Statement) order(p *Plan, schema attr.Schema) error {
	for i, o := range s.OrderBy {
		switch o.Name {
		case schema.Hash.Name:
			if i != 0 {
				return invalid("Variable reference " + o.Name + " in ORDER BY clause must come first")
			}
			slices.SortFunc(p.Hashes, func(a, b attr.Value) int {
				c, _ := attr.Compare(a, b)
				if o.Descending {
					return -c
				}
				return c
			})
		case schema.Range.Name:
			p.Descending = o.Descending
		default:
			return invalid("Variable reference " + o.Name + " in ORDER BY clause must be part of the primary key")
		}
	}
	if len(s.OrderBy) > 0 && p.Hashes == nil {
		return invalid("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
	}
	if len(p.Hashes) > 1 && len(s.OrderBy) > 0 && s.OrderBy[0].Name != schema.Hash.Name {
		return invalid("Must have ORDER BY on the hash key first when several hash keys are read.")
	}
	return nil
}

// Row appends the item that a SELECT gives of one: the whole, or its columns under their names.
func (p *Plan) Row(dst, item attr.Item) attr.Item {
	if p.Columns == nil {
		return append(dst, item...)
	}
	as := make([]attr.Attribute, 0, len(p.Columns))
	for _, c := range p.Columns {
		if v := ddbexpr.Find(item, c.Path); v != nil {
			as = append(as, attr.Attribute{Name: c.Name, Value: v})
		}
	}
	return append(dst, attr.ItemOf(as...)...)
}
