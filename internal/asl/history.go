package asl

import (
	"slices"
	"time"
)

// HistoryEvent is one event of an execution's history.
type HistoryEvent struct {
	ID, Previous int64
	Timestamp    time.Time
	Type         string

	Name          string
	Input, Output string
	Error, Cause  *string
	Index, Length int
	Assigned      []Assigned
	*Particulars  // nil where an event has none
}

// Particulars are what few types of events tell.
type Particulars struct {
	Resource, ResourceType string
	Region, Parameters     string
	RoleArn                string
	Location, State        string
	WorkerName, MapRunArn  string
	TimeoutSeconds         int64
	HeartbeatSeconds       int64
	Credentials            string
	RedriveCount           int
}

// Assigned is a variable that a state assigned, its value as JSON.
type Assigned struct{ Name, Value string }

// Member is one member of an event's details.
type Member struct {
	Name  string
	Value any // string, int64, []Assigned
}

// Details are the member of the HistoryEvent shape that this type of event has, "" for none, and what is in it.
func (e *HistoryEvent) Details() (string, []Member) {
	if e.Particulars == nil {
		e = &HistoryEvent{Type: e.Type, Name: e.Name, Input: e.Input, Output: e.Output, Error: e.Error, Cause: e.Cause, Index: e.Index, Length: e.Length,
			Assigned: e.Assigned, Particulars: &Particulars{}}
	}
	var d []Member
	text := func(name, v string) { d = append(d, Member{name, v}) }
	maybe := func(name, v string) {
		if v != "" {
			text(name, v)
		}
	}
	number := func(name string, v int64) {
		if v != 0 {
			d = append(d, Member{name, v})
		}
	}
	failure := func() {
		if e.Error != nil {
			text("error", *e.Error)
		}
		if e.Cause != nil {
			text("cause", *e.Cause)
		}
	}
	task := func() {
		text("resourceType", e.ResourceType)
		text("resource", e.Resource)
	}
	switch e.Type {
	case "ExecutionStarted":
		text("input", e.Input)
		text("roleArn", e.RoleArn)
		return "executionStartedEventDetails", d
	case "ExecutionSucceeded":
		text("output", e.Output)
		return "executionSucceededEventDetails", d
	case "ExecutionFailed":
		failure()
		return "executionFailedEventDetails", d
	case "ExecutionTimedOut":
		failure()
		return "executionTimedOutEventDetails", d
	case "ExecutionAborted":
		failure()
		return "executionAbortedEventDetails", d
	case "ExecutionRedriven":
		d = append(d, Member{"redriveCount", int64(e.RedriveCount)})
		return "executionRedrivenEventDetails", d
	case "EvaluationFailed":
		failure()
		maybe("location", e.Location)
		text("state", e.State)
		return "evaluationFailedEventDetails", d
	case "MapStateStarted":
		d = append(d, Member{"length", int64(e.Length)})
		return "mapStateStartedEventDetails", d
	case "MapIterationStarted", "MapIterationSucceeded", "MapIterationFailed", "MapIterationAborted":
		text("name", e.Name)
		d = append(d, Member{"index", int64(e.Index)})
		return "mapI" + e.Type[4:] + "EventDetails", d
	case "MapRunStarted":
		text("mapRunArn", e.MapRunArn)
		return "mapRunStartedEventDetails", d
	case "MapRunFailed":
		failure()
		return "mapRunFailedEventDetails", d
	case "MapRunRedriven":
		text("mapRunArn", e.MapRunArn)
		d = append(d, Member{"redriveCount", int64(e.RedriveCount)})
		return "mapRunRedrivenEventDetails", d
	case "TaskScheduled":
		task()
		text("region", e.Region)
		text("parameters", e.Parameters)
		number("timeoutInSeconds", e.TimeoutSeconds)
		number("heartbeatInSeconds", e.HeartbeatSeconds)
		maybe("taskCredentials", e.Credentials)
		return "taskScheduledEventDetails", d
	case "TaskStarted":
		task()
		return "taskStartedEventDetails", d
	case "TaskSubmitted", "TaskSucceeded":
		task()
		text("output", e.Output)
		return "t" + e.Type[1:] + "EventDetails", d
	case "TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed":
		task()
		failure()
		return "t" + e.Type[1:] + "EventDetails", d
	case "LambdaFunctionScheduled":
		text("resource", e.Resource)
		text("input", e.Input)
		number("timeoutInSeconds", e.TimeoutSeconds)
		maybe("taskCredentials", e.Credentials)
		return "lambdaFunctionScheduledEventDetails", d
	case "LambdaFunctionSucceeded":
		text("output", e.Output)
		return "lambdaFunctionSucceededEventDetails", d
	case "LambdaFunctionFailed", "LambdaFunctionTimedOut":
		failure()
		return "l" + e.Type[1:] + "EventDetails", d
	case "ActivityScheduled":
		text("resource", e.Resource)
		text("input", e.Input)
		number("timeoutInSeconds", e.TimeoutSeconds)
		number("heartbeatInSeconds", e.HeartbeatSeconds)
		return "activityScheduledEventDetails", d
	case "ActivityStarted":
		maybe("workerName", e.WorkerName)
		return "activityStartedEventDetails", d
	case "ActivitySucceeded":
		text("output", e.Output)
		return "activitySucceededEventDetails", d
	case "ActivityFailed", "ActivityTimedOut":
		failure()
		return "a" + e.Type[1:] + "EventDetails", d
	}
	switch {
	case hasSuffix(e.Type, "StateEntered"):
		text("name", e.Name)
		text("input", e.Input)
		return "stateEnteredEventDetails", d
	case hasSuffix(e.Type, "StateExited"):
		text("name", e.Name)
		text("output", e.Output)
		if e.Assigned != nil {
			d = append(d, Member{"assignedVariables", e.Assigned})
		}
		return "stateExitedEventDetails", d
	}
	return "", nil
}

func hasSuffix(s, suffix string) bool {
	return len(s) > len(suffix) && s[len(s)-len(suffix):] == suffix
}

func sortAssigned(list []Assigned) {
	slices.SortFunc(list, func(a, b Assigned) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
}
