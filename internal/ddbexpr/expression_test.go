package ddbexpr

import (
	"strings"
	"testing"

	"virga/internal/ddbexpr/attr"
)

func item(t testing.TB, s string) attr.Item {
	t.Helper()
	it, err := attr.DecodeItem([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return it
}

func values(t testing.TB, s string) Values {
	t.Helper()
	if s == "" {
		return nil
	}
	out := Values{}
	for n, v := range item(t, s).All() {
		out[string(n)] = v
	}
	return out
}

func bind(t testing.TB, k Kind, text string, names Names, vs string) (*Bound, error) {
	t.Helper()
	e, err := Parse(k, text, Limits{})
	if err != nil {
		return nil, err
	}
	return e.Bind(names, values(t, vs))
}

// The items of the Developer Guide's pages on expressions.
const product = `{"Id":{"N":"123"},"Title":{"S":"Bicycle 123"},"Description":{"S":"123 description"},"BicycleType":{"S":"Hybrid"},"Brand":{"S":"Brand-Company C"},
"Price":{"N":"500"},"Color":{"L":[{"S":"Red"},{"S":"Black"}]},"ProductCategory":{"S":"Bicycle"},"InStock":{"BOOL":true},"QuantityOnHand":{"NULL":true},
"RelatedItems":{"L":[{"N":"341"},{"N":"472"},{"N":"649"}]},"Pictures":{"M":{"FrontView":{"S":"http://example.com/products/123_front.jpg"},"RearView":{"S":"http://example.com/products/123_rear.jpg"},"SideView":{"S":"http://example.com/products/123_left_side.jpg"}}},
"ProductReviews":{"M":{"FiveStar":{"L":[{"S":"Excellent! Can't recommend it highly enough! Buy it!"},{"S":"Do yourself a favor and buy this."}]},"OneStar":{"L":[{"S":"Terrible product! Do not buy this."}]}}},
"Comment":{"S":"This product sells out quickly during the summer"},"Safety.Warning":{"S":"Always wear a helmet"},"Tags":{"SS":["a","b"]}}`

func TestConditionsOfTheGuide(t *testing.T) {
	for _, c := range []struct {
		text   string
		names  Names
		values string
		want   bool
	}{
		{"attribute_not_exists(Id)", nil, "", false},
		{"attribute_exists(ProductReviews.OneStar)", nil, "", true},
		{"attribute_exists(ProductReviews.TwoStar)", nil, "", false},
		{"attribute_type(ProductReviews.FiveStar, :v_sub)", nil, `{":v_sub":{"S":"L"}}`, true},
		{"attribute_type(Color, :v_sub)", nil, `{":v_sub":{"S":"SS"}}`, false},
		{"begins_with(Pictures.FrontView, :v_sub)", nil, `{":v_sub":{"S":"http://"}}`, true},
		{"contains(Brand, :v_sub)", nil, `{":v_sub":{"S":"Company"}}`, true},
		{"contains(Color, :v_sub)", nil, `{":v_sub":{"S":"Red"}}`, true},
		{"contains(Tags, :v_sub)", nil, `{":v_sub":{"S":"b"}}`, true},
		{"size(Brand) <= :v_sub", nil, `{":v_sub":{"N":"20"}}`, true},
		{"size(Color) = :two", nil, `{":two":{"N":"2"}}`, true},
		{"ProductCategory IN (:cat1, :cat2)", nil, `{":cat1":{"S":"Sporting Goods"},":cat2":{"S":"Bicycle"}}`, true},
		{"(ProductCategory IN (:cat1, :cat2)) and (Price between :lo and :hi)", nil, `{":cat1":{"S":"Bicycle"},":cat2":{"S":"Gardening"},":lo":{"N":"500"},":hi":{"N":"6e2"}}`, true},
		{"Price > :limit", nil, `{":limit":{"N":"500.00"}}`, false},
		{"#pr.FiveStar[1] = :v", Names{"#pr": "ProductReviews"}, `{":v":{"S":"Do yourself a favor and buy this."}}`, true},
		{"#sw = :v", Names{"#sw": "Safety.Warning"}, `{":v":{"S":"Always wear a helmet"}}`, true},
		{"Absent <> :v", nil, `{":v":{"N":"1"}}`, true},
		{"NOT Absent = :v AND NOT (Price = :v OR Id = :v)", nil, `{":v":{"N":"1"}}`, true},
		{"Price = :v", nil, `{":v":{"S":"500"}}`, false},
		{"Tags = :v", nil, `{":v":{"SS":["b","a"]}}`, true},
		{"Price < :v or Price > :v", nil, `{":v":{"NULL":true}}`, false},
	} {
		b, err := bind(t, Condition, c.text, c.names, c.values)
		if err != nil {
			if strings.Contains(err.Error(), "operand type: NULL") {
				continue
			}
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := b.Match(item(t, product)); got != c.want {
			t.Errorf("%s: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestUpdatesOfTheGuide(t *testing.T) {
	const before = `{"Id":{"N":"789"},"Price":{"N":"400"},"RelatedItems":{"L":[{"S":"Hammer"},{"S":"Saw"}]},"Color":{"SS":["Red","Blue"]},"M":{"M":{"a":{"N":"1"}}}}`
	for _, c := range []struct {
		text, values, want string // what changes; null is gone
	}{
		{"SET Price = Price - :p", `{":p":{"N":"15"}}`, `{"Price":{"N":"385"}}`},
		{"SET RelatedItems[1] = :ri", `{":ri":{"S":"Screwdriver"}}`, `{"RelatedItems":{"L":[{"S":"Hammer"},{"S":"Screwdriver"}]}}`},
		{"SET RelatedItems[9] = :ri, RelatedItems[7] = :rj", `{":ri":{"S":"x"},":rj":{"S":"y"}}`, `{"RelatedItems":{"L":[{"S":"Hammer"},{"S":"Saw"},{"S":"y"},{"S":"x"}]}}`},
		{"SET RelatedItems = list_append(:vals, RelatedItems)", `{":vals":{"L":[{"S":"Nails"}]}}`, `{"RelatedItems":{"L":[{"S":"Nails"},{"S":"Hammer"},{"S":"Saw"}]}}`},
		{"SET Price = if_not_exists(Price, :p)", `{":p":{"N":"1"}}`, `{}`},
		{"SET Brand = if_not_exists(Brand, :p)", `{":p":{"N":"1"}}`, `{"Brand":{"N":"1"}}`},
		{"SET #M.b = :p", `{":p":{"N":"1"}}`, `{"M":{"M":{"a":{"N":"1"},"b":{"N":"1"}}}}`},
		{"REMOVE RelatedItems[0]", "", `{"RelatedItems":{"L":[{"S":"Saw"}]}}`},
		{"ADD QuantityOnHand :q", `{":q":{"N":"5"}}`, `{"QuantityOnHand":{"N":"5"}}`},
		{"ADD Color :c", `{":c":{"SS":["Orange","Red"]}}`, `{"Color":{"SS":["Red","Blue","Orange"]}}`},
		{"DELETE Color :p", `{":p":{"SS":["Yellow","Blue"]}}`, `{"Color":{"SS":["Red"]}}`},
		{"SET a = Price, Price = :p ADD #M.a :p", `{":p":{"N":"0.5"}}`, `{"a":{"N":"400"},"Price":{"N":"0.5"},"M":{"M":{"a":{"N":"1.5"}}}}`},
	} {
		names := Names{"#M": "M"}
		b, err := bind(t, Update, c.text, names, c.values)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got, err := b.Apply(nil, item(t, before))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var as []attr.Attribute
		for _, it := range []string{before, c.want} {
			for n, v := range item(t, it).All() {
				as = append(as, attr.Attribute{Name: string(n), Value: v})
			}
		}
		if want := attr.ItemOf(as...); string(want) != string(got) {
			t.Errorf("%s: %s, want %s", c.text, got.AppendJSON(nil), want.AppendJSON(nil))
		}
	}
	all, err := bind(t, Update, "DELETE Color :p REMOVE Price", nil, `{":p":{"SS":["Red","Blue"]}}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := all.Apply(nil, item(t, before))
	if err != nil || got.Get("Color") != nil || got.Get("Price") != nil {
		t.Errorf("%s, %v", got.AppendJSON(nil), err)
	}
}

func TestRefusals(t *testing.T) {
	const vs = `{":v":{"N":"1"},":s":{"S":"x"},":l":{"L":[]},":ss":{"SS":["a"]},":w":{"N":"2"}}`
	for _, c := range []struct {
		kind       Kind
		text, want string
	}{
		{Condition, "", "The expression can not be empty;"},
		{Condition, "a = ", `Syntax error; token: "<EOF>", near: "= "`},
		{Condition, "user-id = :v", `Syntax error; token: "-", near: "user-id"`},
		{Condition, "a = :v OR OR b = :v", `Syntax error; token: "OR", near: "OR OR b"`},
		{Condition, "a.add = :v", `Syntax error; token: "add", near: ".add ="`},
		{Condition, "((a = :v))", "The expression has redundant parentheses;"},
		{Condition, "Name = :v", "Attribute name is a reserved keyword; reserved keyword: Name"},
		{Condition, "a = :x", "An expression attribute value used in expression is not defined; attribute value: :x"},
		{Condition, "#x = :v", "An expression attribute name used in the document path is not defined; attribute name: #x"},
		{Condition, "foo(a)", "Invalid function name; function: foo"},
		{Condition, "size(a)", "The function is not allowed to be used this way in an expression; function: size"},
		{Condition, "list_append(a,b) = :v", "The function is not allowed in a condition expression; function: list_append"},
		{Condition, "a = a", "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]"},
		{Condition, "begins_with(a, :v)", "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{Condition, "a < :l", "Incorrect operand type for operator or function; operator or function: <, operand type: L"},
		{Condition, "a BETWEEN :w AND :v", "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}"},
		{Condition, "a[99999999999] = :v", "List index is not within the allowable range; index: [99999999999]"},
		{Condition, strings.Repeat("a=:v and ", 150) + "a=:v", "The expression contains too many operators; operator count: 301"},
		{Condition, "a IN (" + strings.Repeat(":v,", 100) + ":v)", "The IN operator is provided with too many operands; number of operands: 101"},
		{Condition, "a" + strings.Repeat(".a", 32) + " = :v", "The document path has too many nesting levels; nesting levels: 33"},
		{Condition, "a=:v" + strings.Repeat(" ", 4093), "Expression size has exceeded the maximum allowed size; expression size: 4097"},
		{Update, "SET a = :v SET b = :v", `The "SET" section can only be used once in an update expression;`},
		{Update, "SET a.b = :v, a = :v", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]"},
		{Update, "SET a[0] = :v, a.b = :v", "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, [0]], path two: [a, b]"},
		{Update, "ADD a :s", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"},
		{Update, "SET a = b + :s", "Incorrect operand type for operator or function; operator or function: +, operand type: S"},
		{Update, "SET a = size(b)", "The function is not allowed in an update expression; function: size"},
		{Update, "SET a = list_append(a,b) + :v", "The function is not allowed to be used this way in an expression; function: list_append"},
		{Update, "SET a = if_not_exists(:v,:v)", "Operator or function requires a document path; operator or function: if_not_exists"},
		{Update, "SET a = if_not_exists(b)", "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1"},
		{Projection, "a, a.b", "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"},
		{Projection, "size(a)", `Syntax error; token: "(", near: "size(a"`},
	} {
		_, err := bind(t, c.kind, c.text, nil, vs)
		if want := "Invalid " + c.kind.String() + ": " + c.want; err == nil || err.Error() != want {
			t.Errorf("%.60s: %v\nwant %s", c.text, err, want)
		}
	}
}

func TestRequestOrder(t *testing.T) {
	s := func(x string) *string { return &x }
	one := values(t, `{":a":{"N":"1"}}`)
	bad := Values{":a": mustDecode(t, `{"SS":["x","x"]}`)}
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Allowed: ForPut, Expressions: [5]*string{Condition: s("a = :a")}, Values: one, Legacy: []string{"Expected"}},
			"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}"},
		{Request{Allowed: ForGet, Names: Names{"#a": "a"}}, "ExpressionAttributeNames can only be specified when using expressions"},
		{Request{Allowed: ForUpdate, Values: one}, "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null"},
		{Request{Allowed: ForScan, Values: one, Expressions: [5]*string{Projection: s("a")}}, "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null"},
		{Request{Allowed: ForPut, Expressions: [5]*string{Condition: s("(")}, Names: Names{}}, "ExpressionAttributeNames must not be empty"},
		{Request{Allowed: ForPut, Expressions: [5]*string{Condition: s("(")}, Names: Names{"a": "a"}}, `ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`},
		{Request{Allowed: ForPut, Expressions: [5]*string{Condition: s("(")}, Values: bad}, "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: Input collection [x, x] contains duplicates. for key :a"},
		{Request{Allowed: ForPut, Expressions: [5]*string{Condition: s("a = :a")}, Values: one, Names: Names{"#z": "a", "#y": "b"}}, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#y, #z}"},
		{Request{Allowed: ForPut, Expressions: [5]*string{Condition: s("attribute_exists(a)")}, Values: one}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}"},
		{Request{Allowed: ForUpdate, Expressions: [5]*string{Update: s("SET b = :a"), Condition: s("a = :a")}, Values: one}, ""},
	} {
		err := c.r.CheckParameters()
		if err == nil {
			_, err = c.r.Compile(NewCache(8), Limits{})
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %s\nwant %s", c.r, got, c.want)
		}
	}
}

func mustDecode(t *testing.T, s string) attr.Value {
	v, err := attr.Decode(nil, []byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestKeyConditions(t *testing.T) {
	schema := attr.Schema{Hash: attr.Key{Name: "pk", Kind: attr.S}, Range: attr.Key{Name: "sk", Kind: attr.N}}
	const vs = `{":s":{"S":"x"},":v":{"N":"1"},":w":{"N":"2"},":e":{"S":""}}`
	for text, want := range map[string]string{
		"pk = :s":                          "",
		":s = pk and :v < sk":              "",
		"pk = :s and sk between :v and :w": "",
		"pk = :s or sk = :v":               "Invalid operator used in KeyConditionExpression: OR",
		"pk <> :s":                         "Invalid operator used in KeyConditionExpression: <>",
		"attribute_exists(pk)":             "Invalid operator used in KeyConditionExpression: attribute_exists",
		"size(pk) = :v":                    "KeyConditionExpressions cannot contain nested operations",
		"pk.a = :s":                        "KeyConditionExpressions cannot have conditions on nested attributes",
		"pk = sk":                          "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
		"pk = :s and pk = :s":              "KeyConditionExpressions must only contain one condition per key",
		":v = :v":                          "Invalid condition in KeyConditionExpression: No key attribute specified",
		"pk = :s and :v between sk and :w": "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first operand",
		"pk = :s and begins_with(sk, :s)":  "Query key condition not supported",
		"pk > :s":                          "Query key condition not supported",
		"sk = :v":                          "Query condition missed key schema element: pk",
		"pk = :s and x = :v":               "Query condition missed key schema element: sk",
		"pk = :v":                          "One or more parameter values were invalid: Condition parameter type does not match schema type",
		"pk = :s and sk = :v and x = :v":   "Conditions can be of length 1 or 2 only",
		"pk = :e":                          "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
	} {
		b, err := bind(t, KeyCondition, text, nil, vs)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		conds, err := b.KeyConds()
		if err == nil {
			_, err = Plan(conds, schema)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestLegacy(t *testing.T) {
	no := false
	n := func(s string) attr.Value { v, _ := attr.NumberValue(s); return v }
	it := item(t, `{"a":{"N":"5"},"s":{"SS":["x"]},"t":{"S":"text"}}`)
	for _, c := range []struct {
		in   []LegacyCondition
		op   string
		want string
	}{
		{[]LegacyCondition{{Name: "a", Value: n("5")}}, "", "true"},
		{[]LegacyCondition{{Name: "b", Exists: &no}}, "", "true"},
		{[]LegacyCondition{{Name: "a", Op: NotNull}, {Name: "t", Op: BeginsWith, Values: []attr.Value{attr.String("te")}}}, "AND", "true"},
		{[]LegacyCondition{{Name: "a", Op: GT, Values: []attr.Value{n("9")}}, {Name: "s", Op: Contains, Values: []attr.Value{attr.String("x")}}}, "OR", "true"},
		{[]LegacyCondition{{Name: "a", Op: Between, Values: []attr.Value{n("9"), n("1")}}}, "", "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"},
		{[]LegacyCondition{{Name: "a", Op: EQ, Values: []attr.Value{n("9"), n("1")}}}, "", "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator"},
		{[]LegacyCondition{{Name: "a"}}, "", "One or more parameter values were invalid: Value must be provided when Exists is null for Attribute: a"},
		{[]LegacyCondition{{Name: "a", Value: n("5")}}, "OR", "One or more parameter values were invalid: ConditionalOperator can only be used when Filter or Expected has two or more elements"},
	} {
		b, err := Expected(c.in, c.op)
		got := "false"
		if err != nil {
			got = err.Error()
		} else if b.Match(it) {
			got = "true"
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.in, got, c.want)
		}
	}
	u, err := AttributeUpdates([]LegacyUpdate{{"a", "ADD", n("1")}, {"s", "DELETE", attr.SetOf(attr.String("x"))}, {"t", "DELETE", nil}, {"n", "", n("7")}, {"l", "ADD", attr.ListOf(n("1"))}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := u.Apply(nil, it)
	if err != nil || string(got.AppendJSON(nil)) != `{"a":{"N":"6"},"l":{"L":[{"N":"1"}]},"n":{"N":"7"}}` {
		t.Errorf("%s %v", got.AppendJSON(nil), err)
	}
}

// TestHostile ends every input by its named limit.
func TestHostile(t *testing.T) {
	deep := strings.Repeat("(", 2000) + "a = :v" + strings.Repeat(")", 2000)
	if _, err := Parse(Condition, deep, Limits{Depth: 50}); err == nil || !strings.Contains(err.Error(), "too many nesting levels") {
		t.Error(err)
	}
	for _, text := range []string{deep, strings.Repeat("NOT ", 1000) + "a=:v", strings.Repeat("(", 4096), strings.Repeat("size(", 800) + "a" + strings.Repeat(")", 800), strings.Repeat("a", 1<<20)} {
		if _, err := Parse(Condition, text, Limits{}); err == nil {
			t.Errorf("%.20s is taken", text)
		}
	}
	if _, err := Parse(Condition, "a=:v", Limits{ExpressionBytes: 3}); err == nil {
		t.Error("4 bytes within 3")
	}
	if _, err := Parse(Condition, "a=:v and b=:v", Limits{Operators: 2}); err == nil {
		t.Error("3 operators within 2")
	}
	r := Request{Allowed: ForPut, Values: Values{":a": attr.String(strings.Repeat("x", 1000))}}
	if _, err := r.Compile(nil, Limits{SubstitutionBytes: 100}); err == nil || !strings.Contains(err.Error(), "exceeds max size") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a = :v", "SET a = if_not_exists(b, :v) + :w REMOVE c[1]", "a.b[1], #c", "NOT (a IN (:v, :w) OR size(b) BETWEEN :v AND :w)", "ADD a :s DELETE b :s"} {
		for k := range Update + 1 {
			f.Add(uint8(k), s)
		}
	}
	vs := Values{}
	for i, s := range []string{"v", "w", "s"} {
		vs[":"+s] = []attr.Value{attr.String("x"), attr.NullValue(), attr.SetOf(attr.String("y"))}[i]
	}
	it := item(f, product)
	f.Fuzz(func(t *testing.T, k uint8, text string) {
		e, err := Parse(Kind(k)%5, text, Limits{})
		if err != nil {
			return
		}
		b, err := e.Bind(Names{"#c": "c", "#a": "a"}, vs)
		if err != nil {
			return
		}
		switch e.Kind() {
		case Update:
			if _, err := b.Apply(nil, it); err == nil {
				b.Project(nil, it)
			}
		case Projection:
			b.Project(nil, it)
		default:
			b.Match(it)
			_, _ = b.KeyConds()
		}
	})
}

func BenchmarkCondition(b *testing.B) {
	e, err := bind(b, Condition, "attribute_exists(Id) AND Price BETWEEN :lo AND :hi AND contains(Color, :red)", nil, `{":lo":{"N":"100"},":hi":{"N":"900"},":red":{"S":"Red"}}`)
	if err != nil {
		b.Fatal(err)
	}
	it := item(b, product)
	b.ReportAllocs()
	for b.Loop() {
		if !e.Match(it) {
			b.Fatal("no")
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	e, err := bind(b, Update, "SET Price = Price + :n, Comment2 = :s REMOVE InStock", nil, `{":n":{"N":"1.25"},":s":{"S":"new"}}`)
	if err != nil {
		b.Fatal(err)
	}
	it := item(b, product)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Apply(buf, it); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProjection(b *testing.B) {
	e, err := bind(b, Projection, "Id, Price, Pictures.RearView, RelatedItems[1]", nil, "")
	if err != nil {
		b.Fatal(err)
	}
	it := item(b, product)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		e.Project(buf, it)
	}
}

// BenchmarkRequest is all that a request with an update and a condition costs before its item is at hand.
func BenchmarkRequest(b *testing.B) {
	u, c := "SET Price = Price + :n, #c = :s", "attribute_exists(Id)"
	r := Request{Allowed: ForUpdate, Expressions: [5]*string{Update: &u, Condition: &c}, Names: Names{"#c": "Comment"}, Values: values(b, `{":n":{"N":"1.25"},":s":{"S":"new"}}`)}
	cache := NewCache(64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Compile(cache, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
