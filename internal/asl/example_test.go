package asl_test

import (
	"fmt"
	"time"

	"virga/internal/asl"
)

// A machine calls a function, waits a minute, and ends. The service keeps the execution after each step, brings about
// the effects, and comes back with what happened.
func Example() {
	m, err := asl.Parse(`{"StartAt": "Charge", "States": {
		"Charge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
			"Parameters": {"FunctionName": "charge", "Payload": {"order.$": "$.order"}},
			"ResultSelector": {"paid.$": "$.Payload.paid"}, "ResultPath": "$.charge", "Next": "Rest"},
		"Rest": {"Type": "Wait", "Seconds": 60, "End": true}}}`, asl.Options{})
	if err != nil {
		panic(err)
	}
	input, err := asl.ParseInput(`{"order": 7}`)
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	x := asl.NewExecution(asl.Identity{Name: "first"}, input)

	tell := func(history []asl.HistoryEvent, effects []asl.Effect) {
		for _, e := range history {
			fmt.Println(e.ID, e.Type)
		}
		for _, e := range effects {
			fmt.Println("call", e.Service, e.Action, e.Parameters)
		}
	}
	x, history, effects := m.Step(x, asl.Event{Kind: asl.Start, Now: now})
	tell(history, effects)

	x, history, effects = m.Step(x, asl.Event{Kind: asl.TaskSucceeded, Now: now, Task: effects[0].Task, Output: `{"Payload": {"paid": true}}`})
	tell(history, effects)

	due, _ := x.Wake()
	fmt.Println("due in", due.Sub(now))
	x, history, effects = m.Step(x, asl.Event{Kind: asl.Wake, Now: due})
	tell(history, effects)
	fmt.Println(x.Status, x.Output.Text())
	// Output:
	// 1 ExecutionStarted
	// 2 TaskStateEntered
	// 3 TaskScheduled
	// call lambda invoke {"FunctionName":"charge","Payload":{"order":7}}
	// 4 TaskSucceeded
	// 5 TaskStateExited
	// 6 WaitStateEntered
	// due in 1m0s
	// 7 WaitStateExited
	// 8 ExecutionSucceeded
	// SUCCEEDED {"order":7,"charge":{"paid":true}}
}

func ExampleParse() {
	_, err := asl.Parse(`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Succeed"}}}`, asl.Options{})
	fmt.Println(err)
	// Output:
	// Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next, MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C'
}

func ExampleTest() {
	result := `{"Payload": "done"}`
	x, _, err := asl.Test(asl.TestRequest{
		Definition: `{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "OutputPath": "$.Payload", "Next": "After"}`,
		Mock:       &asl.Mock{Result: &result},
	})
	fmt.Println(x.Status, *x.Output, x.NextState, err)
	// Output:
	// SUCCEEDED "done" After <nil>
}
