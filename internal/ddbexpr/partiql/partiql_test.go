package partiql

import (
	"fmt"
	"strings"
	"testing"

	"virga/internal/ddbexpr/attr"
)

var schema = attr.Schema{Hash: attr.Key{Name: "pk", Kind: attr.S}, Range: attr.Key{Name: "sk", Kind: attr.N}}

// show prints what matters of a plan.
func show(p *Plan) string {
	var out []string
	switch {
	case p.Scan:
		out = append(out, "scan")
	case p.Key != nil && p.Verb != Insert:
		out = append(out, "key "+string(p.Key.AppendJSON(nil)))
	case p.Hashes != nil:
		out = append(out, "query")
		for _, h := range p.Hashes {
			out = append(out, string(h.Bytes()))
		}
		if p.Range != nil {
			out = append(out, string(p.Range.Op))
			for _, v := range p.Range.Values {
				out = append(out, v.Number().String())
			}
		}
	}
	if p.Descending {
		out = append(out, "descending")
	}
	if p.Filter != nil {
		out = append(out, "filter")
	}
	if p.Update != nil {
		out = append(out, "update")
	}
	if p.Item != nil {
		out = append(out, "put "+string(p.Item.AppendJSON(nil)))
	}
	if p.Returning != Nothing {
		out = append(out, string(p.Returning))
	}
	return strings.Join(out, " ")
}

func TestPlans(t *testing.T) {
	one, _ := attr.NumberValue("1")
	params := []attr.Value{attr.String("a"), one}
	for _, c := range []struct{ text, want string }{
		{`SELECT * FROM tab`, "scan"},
		{`SELECT * FROM "tab" WHERE pk = 'a'`, "query a"},
		{`SELECT * FROM tab.ix WHERE 'a' = pk AND sk > 1`, "query a GT 1"},
		{`SELECT * FROM tab WHERE pk = ? AND sk = ?`, `key {"pk":{"S":"a"},"sk":{"N":"1"}}`},
		{`SELECT * FROM tab WHERE pk IN ['b', 'a', 'b'] AND 1 < sk ORDER BY pk DESC, sk DESC`, "query b a GT 1 descending"},
		{`SELECT * FROM tab WHERE pk = 'a' OR pk = 'b'`, "query a b"},
		{`SELECT * FROM tab WHERE pk = 'a' OR sk = 1`, "scan filter"},
		{`SELECT * FROM tab WHERE (pk = 'a' AND (sk BETWEEN 1 AND 2 AND x.y[0] IS NOT MISSING))`, "query a BETWEEN 1 2 filter"},
		{`SELECT * FROM tab WHERE NOT pk = 'a'`, "scan filter"},
		{`SELECT * FROM tab WHERE begins_with("pk", 'a') AND size(l) > 2 AND contains(s, 'x')`, "scan filter"},
		{`SELECT * FROM tab WHERE pk = 'a' AND sk = 1 AND sk = 2`, `key {"pk":{"S":"a"},"sk":{"N":"1"}} filter`},
		{`INSERT INTO tab VALUE {'pk': ?, 'sk': ?, 'l': [1, {'m': <<'x', 'y'>>}], 'it''s': null}`, `put {"it's":{"NULL":true},"l":{"L":[{"N":"1"},{"M":{"m":{"SS":["x","y"]}}}]},"pk":{"S":"a"},"sk":{"N":"1"}}`},
		{`UPDATE tab SET a = a + 1, b.c = [?] SET s = set_add(s, <<1>>) REMOVE d WHERE pk='a' AND sk=1 RETURNING ALL NEW *`, `key {"pk":{"S":"a"},"sk":{"N":"1"}} update ALL_NEW`},
		{`UPDATE tab SET a = list_append(a, [1]) WHERE pk='a' AND sk=1 AND a IS LIST RETURNING MODIFIED OLD *`, `key {"pk":{"S":"a"},"sk":{"N":"1"}} filter update UPDATED_OLD`},
		{`DELETE FROM tab WHERE pk='a' AND sk=-1.50 AND g <> 'x' RETURNING ALL OLD *;`, `key {"pk":{"S":"a"},"sk":{"N":"-1.5"}} filter ALL_OLD`},
		{`EXISTS(SELECT * FROM tab WHERE pk='a' AND sk=1 AND d=1)`, `key {"pk":{"S":"a"},"sk":{"N":"1"}} filter`},
		{"SELECT * FROM tab -- all\n", "scan"},
	} {
		s, err := Parse(c.text, Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		p, err := s.Plan(schema, params)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := show(p); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}

// refusals are DynamoDB Local's, word for word; TestAgreesWithLocal asks it again.
var refusals = map[string]string{
	"SELECT * FROM":                                                "Statement wasn't well formed, can't be processed: SELECT * FROM",
	"SELECT * FROM expr.a.b":                                       "A path may contain at most 2 components in the FROM clause",
	"SELECT pk AS p FROM expr":                                     "Aliasing is not supported",
	"SELECT * FROM expr t":                                         "Aliasing is not supported",
	"SELECT * FROM expr, tab":                                      "Only select from a single table or index is supported.",
	"SELECT pk,pk FROM expr":                                       "Duplicate identifiers in select clause: pk",
	"SELECT sum(sk) FROM expr":                                     "Unexpected path component at 1:8:3",
	"SELECT * FROM expr WHERE pk":                                  "WHERE clause must contain an expression that resolves to a boolean",
	"SELECT * FROM expr WHERE pk=?":                                "Number of parameters in request and statement don't match.",
	"SELECT * FROM expr WHERE sk=1+1":                              "Unsupported operator in Condition Expression. Operator: +",
	"SELECT * FROM expr WHERE pk LIKE 'a'":                         "Unsupported operator in Condition Expression. Operator: like",
	"SELECT * FROM expr WHERE foo(sk,1)":                           "Unrecognized function: foo",
	"SELECT * FROM expr ORDER BY sk":                               "Must have WHERE clause in the statement when using ORDER BY clause.",
	"SELECT * FROM expr WHERE pk='a' ORDER BY foo":                 "Variable reference foo in ORDER BY clause must be part of the primary key",
	"SELECT DISTINCT pk FROM expr":                                 "Unsupported token in expression: DISTINCT",
	"SELECT VALUE pk FROM expr":                                    "Select projection doesn't support value or pivot keywords",
	"SELECT * FROM expr GROUP BY pk":                               "Unsupported clause: GROUP BY",
	"SELECT size FROM expr":                                        "Statement wasn't well formed, can't be processed: SELECT size FROM expr",
	"SELECT * FROM expr WHERE MISSING = sk":                        "MISSING must be compared using IS operator",
	"CREATE TABLE x":                                               "Unsupported operation: CreateTable",
	"INSERT INTO expr VALUES ('a')":                                "Unsupported operation: InsertOp",
	"INSERT INTO expr VALUE {'pk':'a'}":                            "Key attribute should be present in the item: Key sk",
	"INSERT INTO expr VALUE {'pk':'c','sk':1} RETURNING ALL OLD *": "RETURNING is not supported in INSERT",
	"INSERT INTO expr VALUE {\"pk\":'c','sk':1}":                   "Tuple keys must be of type String. Actual type: VariableReference under root at 1:25:4",
	"INSERT INTO expr VALUE {'pk':'b','sk':1,'e':<<>>}":            "Empty bags are not supported at 1:45:2",
	"UPDATE expr SET s=set_add(x,<<'r'>>) WHERE pk='a' AND sk=1":   "The first argument to SET_ADD must equal the assignment value",
	"UPDATE expr SET d=1 WHERE pk='a'":                             "Where clause does not contain a mandatory equality on all key attributes",
	"UPDATE expr SET d=1 WHERE pk='a' AND sk>1":                    "Where clause does not contain a mandatory equality on all key attributes",
	"UPDATE expr SET pk='q' WHERE pk='a' AND sk=1":                 "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key",
	"DELETE FROM expr":                                             "Where clause does not contain a mandatory equality on all key attributes",
}

func refusal(text string) string {
	s, err := Parse(text, Limits{})
	if err == nil {
		_, err = s.Plan(schema, nil)
	}
	return fmt.Sprint(err)
}

func TestRefusals(t *testing.T) {
	for text, want := range refusals {
		if got := refusal(text); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
	for _, text := range []string{strings.Repeat("x", 9000), "SELECT * FROM t WHERE " + strings.Repeat("(", 4000), "INSERT INTO t VALUE " + strings.Repeat("[", 4000), "SELECT * FROM t WHERE " + strings.Repeat("NOT ", 2000) + "a=1", "SELECT * FROM t WHERE a='"} {
		if _, err := Parse(text, Limits{}); err == nil {
			t.Errorf("%.40s is taken", text)
		}
	}
}

func TestRows(t *testing.T) {
	it, err := attr.DecodeItem([]byte(`{"pk":{"S":"a"},"l":{"L":[{"N":"1"}]},"m":{"M":{"x":{"M":{"y":{"N":"5"}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse("select l[0], m.x.y, zz from t", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Row(nil, it).AppendJSON(nil)); got != `{"l[0]":{"N":"1"},"y":{"N":"5"}}` {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for text := range refusals {
		f.Add(text)
	}
	f.Add(`UPDATE t SET a = a + 1, b.c = [?] SET s = set_add(s, <<1>>) REMOVE d WHERE pk='a' AND sk=1 RETURNING ALL NEW *`)
	f.Add(`SELECT a.b[1] FROM t WHERE pk IN ('a') AND (NOT a BETWEEN 1 AND 2 OR b IS NULL) ORDER BY pk`)
	one := attr.String("a")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, Limits{})
		if err != nil {
			return
		}
		params := make([]attr.Value, s.Parameters)
		for i := range params {
			params[i] = one
		}
		p, err := s.Plan(schema, params)
		if err != nil {
			return
		}
		if p.Filter != nil {
			p.Filter.Match(attr.ItemOf())
		}
		if p.Update != nil {
			_, _ = p.Update.Apply(nil, attr.ItemOf())
		}
		p.Row(nil, attr.ItemOf())
	})
}

func BenchmarkPlan(b *testing.B) {
	s, err := Parse("SELECT * FROM tab WHERE pk = ? AND sk BETWEEN ? AND ? AND price > 5", Limits{})
	if err != nil {
		b.Fatal(err)
	}
	one, _ := attr.NumberValue("1")
	params := []attr.Value{attr.String("a"), one, one}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Plan(schema, params); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("SELECT * FROM tab WHERE pk = ? AND sk BETWEEN ? AND ? AND price > 5", Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
