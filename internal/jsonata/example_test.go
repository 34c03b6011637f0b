package jsonata_test

import (
	"errors"
	"fmt"

	"virga/internal/jsonata"
)

func Example() {
	// An expression is compiled once …
	program, err := jsonata.Compile(`$states.input.items[price > $limit].{"name": name, "total": price * quantity}`, jsonata.Options{StepFunctions: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	// … and evaluated for each input, with the variables that it may use.
	states, _ := jsonata.ParseJSON([]byte(`{"input": {"items": [
		{"name": "pen", "price": 2, "quantity": 10},
		{"name": "desk", "price": 120.5, "quantity": 2}]}}`))
	result, err := program.Eval(jsonata.Call{Vars: map[string]jsonata.Value{"states": states, "limit": jsonata.Num(100)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.JSON())
	// Output: {"name":"desk","total":241}
}

func ExampleError() {
	_, err := jsonata.Compile(`$sum(items`, jsonata.Options{})
	var e *jsonata.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Position, e)
	}
	// Output: S0203 10 Expected ")" before end of expression
}

func ExampleLimits() {
	program, _ := jsonata.Compile(`($f := function($x){ $f($x + 1) }; $f(0))`, jsonata.Options{})
	_, err := program.Eval(jsonata.Call{Limits: jsonata.Limits{Steps: 10_000}})
	var e *jsonata.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Limit, e)
	}
	// Output: U1001 Steps Evaluation exceeded the limit Steps of 10000
}

func ExampleEvaluationCause() {
	program, _ := jsonata.Compile(`$randomSeeded($states.input)`, jsonata.Options{StepFunctions: true})
	_, err := program.Eval(jsonata.Call{})
	fmt.Println(jsonata.EvaluationCause(program.String(), "Output/Result", err))
	// Output: The JSONata expression '$randomSeeded($states.input)' specified for the field 'Output/Result' threw an error during evaluation. T1006: Attempted to invoke a non-function
}

func ExampleRun() {
	out, err := jsonata.Run(`Account.Order.Product.{"id": id, "price": price}`, []byte(`{"Account":{"Order":[{"Product":{"id":7,"price":1.50}}]}}`), jsonata.RunOptions{})
	fmt.Println(out, err)
	// Output: {
	//   "id": 7,
	//   "price": 1.5
	// } <nil>
}
