package asl

import (
	"testing"
	"time"
)

// benchmark runs a machine to its end again and again and tells states per second.
func benchmark(b *testing.B, definition, input string, states int) {
	m, err := Parse(definition, Options{Type: Express})
	if err != nil {
		b.Fatal(err)
	}
	in, err := ParseInput(input)
	if err != nil {
		b.Fatal(err)
	}
	w := &world{t: b, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	id := w.identity()
	b.ReportAllocs()
	for b.Loop() {
		x := NewExecution(id, in)
		ev := Event{Kind: Start, Now: w.now}
		for x.Status == Running {
			x, _, _ = m.Step(x, ev)
			ev.Kind = Proceed
		}
		if x.Status != Succeeded {
			b.Fatal(*x.Error, *x.Cause)
		}
	}
	b.ReportMetric(float64(states)*float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
}

// A loop of a Pass with a path, a Choice and a Pass: 3 states each of 1,000 rounds.
func BenchmarkJSONPath(b *testing.B) {
	benchmark(b, `{"StartAt":"Begin","States":{
		"Begin":{"Type":"Pass","Assign":{"n":0},"Next":"Count"},
		"Count":{"Type":"Pass","Assign":{"n.$":"States.MathAdd($n, 1)"},"Next":"More"},
		"More":{"Type":"Choice","Choices":[{"Variable":"$n","NumericLessThan":1000,"Next":"Work"}],"Default":"End"},
		"Work":{"Type":"Pass","Parameters":{"name.$":"$.name","items.$":"$.items"},"Next":"Count"},
		"End":{"Type":"Succeed"}}}`, `{"name":"a","items":[1,2,3]}`, 3000)
}

func BenchmarkPass(b *testing.B) {
	benchmark(b, `{"StartAt":"Begin","States":{
		"Begin":{"Type":"Pass","Assign":{"n":0},"Next":"A"},
		"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},"C":{"Type":"Pass","Next":"D"},"D":{"Type":"Pass","Next":"E"},
		"E":{"Type":"Pass","Next":"F"},"F":{"Type":"Pass","Next":"G"},"G":{"Type":"Pass","Next":"H"},"H":{"Type":"Pass","End":true}}}`, `{"name":"a","items":[1,2,3]}`, 9)
}

func BenchmarkJSONata(b *testing.B) {
	benchmark(b, `{"QueryLanguage":"JSONata","StartAt":"Begin","States":{
		"Begin":{"Type":"Pass","Assign":{"n":0},"Next":"Count"},
		"Count":{"Type":"Pass","Assign":{"n":"{% $n + 1 %}"},"Next":"More"},
		"More":{"Type":"Choice","Choices":[{"Condition":"{% $n < 1000 %}","Next":"Work"}],"Default":"End"},
		"Work":{"Type":"Pass","Output":{"name":"{% $states.input.name %}","items":"{% $states.input.items %}"},"Next":"Count"},
		"End":{"Type":"Succeed"}}}`, `{"name":"a","items":[1,2,3]}`, 3000)
}

// A Map over 1,000 items, 40 at once.
func BenchmarkMap(b *testing.B) {
	benchmark(b, `{"StartAt":"All","States":{"All":{"Type":"Map","ItemsPath":"$.items","ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Pass","End":true}}},"End":true}}}`,
		`{"items":[`+list(1000)+`]}`, 1000)
}

func list(n int) string {
	s := make([]byte, 0, 2*n)
	for i := range n {
		if i > 0 {
			s = append(s, ',')
		}
		s = append(s, '0'+byte(i%10))
	}
	return string(s)
}
