package ddbexpr_test

import (
	"fmt"

	"virga/internal/ddbexpr"
	"virga/internal/ddbexpr/attr"
)

// A conditional update, as UpdateItem makes it.
func Example() {
	item, err := attr.DecodeItem([]byte(`{"pk": {"S": "cart#1"}, "items": {"L": [{"S": "bread"}]}, "price": {"N": "12.50"}}`))
	if err != nil {
		panic(err)
	}
	update, condition := "SET price = price + :more, #i = list_append(#i, :new)", "price < :limit"
	more, _ := attr.NumberValue("7.5")
	limit, _ := attr.NumberValue("100")
	r := ddbexpr.Request{
		Allowed:     ddbexpr.ForUpdate,
		Expressions: [5]*string{ddbexpr.Update: &update, ddbexpr.Condition: &condition},
		Names:       ddbexpr.Names{"#i": "items"},
		Values:      ddbexpr.Values{":more": more, ":limit": limit, ":new": attr.ListOf(attr.String("milk"))},
	}
	if err := r.CheckParameters(); err != nil {
		panic(err)
	}
	c, err := r.Compile(ddbexpr.NewCache(100), ddbexpr.Limits{})
	if err != nil {
		panic(err)
	}
	if c[ddbexpr.Condition].Match(item) {
		item, err = c[ddbexpr.Update].Apply(nil, item)
	}
	fmt.Println(string(item.AppendJSON(nil)), err)
	// Output: {"items":{"L":[{"S":"bread"},{"S":"milk"}]},"pk":{"S":"cart#1"},"price":{"N":"20"}} <nil>
}

// A key condition becomes the range of keys to read.
func ExamplePlan() {
	e, err := ddbexpr.Parse(ddbexpr.KeyCondition, "pk = :p AND sk > :s", ddbexpr.Limits{})
	if err != nil {
		panic(err)
	}
	ten, _ := attr.NumberValue("10")
	b, err := e.Bind(nil, ddbexpr.Values{":p": attr.String("a"), ":s": ten})
	if err != nil {
		panic(err)
	}
	conds, err := b.KeyConds()
	if err != nil {
		panic(err)
	}
	r, err := ddbexpr.Plan(conds, attr.Schema{Hash: attr.Key{Name: "pk", Kind: attr.S}, Range: attr.Key{Name: "sk", Kind: attr.N}})
	if err != nil {
		panic(err)
	}
	low, high := r.Bounds()
	fmt.Println(r.Hash, r.Range.Op, fmt.Sprintf("%x %x", low, high), r.Contains(ten))
	// Output: {S:a} GT c10b00  false
}

func ExampleParse() {
	_, err := ddbexpr.Parse(ddbexpr.Condition, "user-id = :v", ddbexpr.Limits{})
	fmt.Println(err)
	_, err = ddbexpr.Parse(ddbexpr.Filter, "status = :v", ddbexpr.Limits{})
	fmt.Println(err)
	// Output:
	// Invalid ConditionExpression: Syntax error; token: "-", near: "user-id"
	// Invalid FilterExpression: Attribute name is a reserved keyword; reserved keyword: status
}
