package partiql_test

import (
	"fmt"

	"virga/internal/ddbexpr/attr"
	"virga/internal/ddbexpr/partiql"
)

// What a statement reads by key, and what it filters.
func Example() {
	s, err := partiql.Parse(`SELECT total FROM orders WHERE customer = ? AND day BETWEEN 1 AND 7 AND NOT paid IS MISSING`, partiql.Limits{})
	if err != nil {
		panic(err)
	}
	schema := attr.Schema{Hash: attr.Key{Name: "customer", Kind: attr.S}, Range: attr.Key{Name: "day", Kind: attr.N}}
	p, err := s.Plan(schema, []attr.Value{attr.String("ada")})
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Table, p.Scan, p.Hashes, p.Range.Op, p.Range.Values, p.Filter != nil, p.Columns[0].Name)
	// Output: orders false [{S:ada}] BETWEEN [{N:1} {N:7}] true total
}
