package eventpattern_test

import (
	"fmt"

	"virga/internal/eventpattern"
)

func Example() {
	pattern, err := eventpattern.Parse(`{"source": ["app.orders"], "detail": {"total": [{"numeric": [">", 100]}]}}`, eventpattern.Limits{})
	if err != nil {
		panic(err)
	}
	match, err := pattern.Match([]byte(`{"source": "app.orders", "detail": {"total": 120.5}}`))
	fmt.Println(match, err)
	// Output: true <nil>
}

// A refusal has EventBridge's words and the place.
func ExampleError() {
	_, err := eventpattern.Parse(`{"detail": {"state": "running"}}`, eventpattern.Limits{})
	fmt.Println(err)
	// Output:
	// "state" must be an object or an array
	//  at [Source: (String)"{"detail": {"state": "running"}}"; line: 1, column: 23]
}

// An index finds the rules that an event meets among many.
func ExampleIndex() {
	var rules []*eventpattern.Pattern
	for _, text := range []string{`{"source": ["a"]}`, `{"source": [{"prefix": "a"}]}`, `{"source": ["b"]}`} {
		p, err := eventpattern.Parse(text, eventpattern.Limits{})
		if err != nil {
			panic(err)
		}
		rules = append(rules, p)
	}
	fmt.Println(eventpattern.NewIndex(rules).Match([]byte(`{"source": "a"}`), nil))
	// Output: [0 1] <nil>
}

func ExampleTry() {
	fmt.Printf("%+v\n", eventpattern.Try(`{"source": ["a"], "detail": {"n": [1]}}`, `{"source": "a", "detail": {"n": 2}}`, eventpattern.Limits{}))
	// Output: {Match:false Refused: Line:0 Column:0 Event: Missed:detail.n}
}
