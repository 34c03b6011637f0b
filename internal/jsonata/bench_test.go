package jsonata

import (
	"fmt"
	"strings"
	"testing"
)

func bench(b *testing.B, expr, input string) {
	b.Helper()
	p, err := Compile(expr, Options{StepFunctions: true})
	if err != nil {
		b.Fatal(err)
	}
	c := Call{Vars: map[string]Value{"states": mustParse(b, input)}, Input: mustParse(b, input)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Eval(c); err != nil {
			b.Fatal(err)
		}
	}
}

func items(n int) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `,{"id":%d,"price":%d.5,"name":"item %d","kind":"k%d"}`, i, i, i, i%7)
	}
	return `{"input":{"order":{"price":12.5,"quantity":3}},"items":[` + s.String()[1:] + `]}`
}

func BenchmarkPathArithmetic(b *testing.B) {
	bench(b, `$states.input.order.price * $states.input.order.quantity + 1`, items(1))
}

func BenchmarkMap1000(b *testing.B) {
	bench(b, `$map(items, function($v){$v.price * 2})`, items(1000))
}

func BenchmarkPathOver1000(b *testing.B) { bench(b, `items.(price * 2)`, items(1000)) }

func BenchmarkFilter1000(b *testing.B) { bench(b, `items[price > 500].name`, items(1000)) }

func BenchmarkGroup1000(b *testing.B) { bench(b, `items{kind: $sum(price)}`, items(1000)) }

func BenchmarkSort1000(b *testing.B) { bench(b, `items^(>price).id`, items(1000)) }

func BenchmarkObject(b *testing.B) {
	bench(b, `{"total": input.order.price * input.order.quantity, "name": items[0].name, "kind": "k" & items[0].id}`, items(3))
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(`$states.input.items[price > 500 and kind = "k1"]{kind: $sum(price)}`, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSON(b *testing.B) {
	doc := []byte(items(1000))
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJSON(doc); err != nil {
			b.Fatal(err)
		}
	}
}
