package asl

import (
	"encoding/json"
	"errors"
	"time"
)

func number(v float64) *float64 { return &v }

// answers are shapes of what actions answer, of which the recorded mocks are: those members alone. A service has them
// from the models of the APIs.
func answers(service, action string) *Shape {
	object := func(members map[string]*Shape) *Shape { return &Shape{Kind: StructureShape, Members: members} }
	str, num := &Shape{Kind: StringShape}, &Shape{Kind: NumberShape}
	switch service + ":" + action {
	case "lambda:invoke":
		return object(map[string]*Shape{"StatusCode": num, "ExecutedVersion": str})
	case "events:putEvents":
		return object(map[string]*Shape{"FailedEntryCount": num, "Entries": {Kind: ListShape, Element: object(map[string]*Shape{"EventId": str, "ErrorCode": str, "ErrorMessage": str})}})
	case "dynamodb:putItem":
		return object(map[string]*Shape{"ConsumedCapacity": object(map[string]*Shape{"TableName": str, "CapacityUnits": num})})
	case "aws-sdk:s3:getObject":
		return object(map[string]*Shape{"ContentLength": num, "StorageClass": {Kind: StringShape, Enum: []string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA",
			"INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "OUTPOSTS", "GLACIER_IR", "SNOW", "EXPRESS_ONEZONE"}}})
	case "aws-sdk:kms:encrypt":
		return object(map[string]*Shape{"CiphertextBlob": {Kind: StringShape, Min: number(1), Max: number(6144)}, "KeyId": str})
	case "aws-sdk:lambda:getFunction":
		return object(map[string]*Shape{"Configuration": object(map[string]*Shape{"MemorySize": {Kind: NumberShape, Min: number(128), Max: number(10240)}})})
	}
	return nil
}

func testRequest(c recorded) TestRequest {
	str := func(name string) string { s, _ := c.Params[name].(string); return s }
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	q := TestRequest{Definition: str("definition"), StateName: str("stateName"), Input: str("input"), Variables: str("variables"), Context: str("context"),
		HasRole: str("roleArn") != "", Now: now, Shapes: answers,
		Identity: Identity{ID: "arn:aws:states:us-east-1:111111111111:express:a:b", Name: "b", RoleArn: "arn:aws:iam::111111111111:role/r",
			StateMachineID: "arn:aws:states:us-east-1:111111111111:stateMachine:a", StateMachineName: "a", StartTime: now}}
	q.RevealSecrets, _ = c.Params["revealSecrets"].(bool)
	if m, ok := c.Params["mock"].(map[string]any); ok {
		q.Mock = &Mock{}
		if s, ok := m["result"].(string); ok {
			q.Mock.Result = &s
		}
		if e, ok := m["errorOutput"].(map[string]any); ok {
			q.Mock.Error = &MockError{}
			if s, ok := e["error"].(string); ok {
				q.Mock.Error.Error = &s
			}
			if s, ok := e["cause"].(string); ok {
				q.Mock.Error.Cause = &s
			}
		}
		q.Mock.Mode, _ = m["fieldValidationMode"].(string)
	}
	b, _ := json.Marshal(c.Params["stateConfiguration"])
	_ = json.Unmarshal(b, &q.Config)
	return q
}

func members(list []Member) map[string]any {
	o := map[string]any{}
	for _, m := range list {
		switch v := m.Value.(type) {
		case int64:
			o[m.Name] = float64(v)
		case []Member:
			o[m.Name] = members(v)
		default:
			o[m.Name] = v
		}
	}
	return o
}

func judgeTest(c recorded, want any) verdict {
	x, effect, err := Test(testRequest(c))
	w := want.(map[string]any)
	if err != nil {
		var e *TestError
		if !errors.As(err, &e) || w["Error"] == nil {
			no := false
			return verdict{false, &no, "got " + err.Error() + " want " + text(want)}
		}
		v := judgeError(want, e.Code, e.Message)
		v.outcome = v.outcome && e.Message != ""
		return v
	}
	if effect != nil {
		no := false
		return verdict{false, &no, "a task"}
	}
	got := map[string]any{"status": x.Status}
	for name, v := range map[string]*string{"output": x.Output, "error": x.Error, "cause": x.Cause} {
		if v != nil {
			got[name] = *v
		}
	}
	if x.NextState != "" {
		got["nextState"] = x.NextState
	}
	if level, _ := c.Params["inspectionLevel"].(string); level == "DEBUG" || level == "TRACE" {
		got["inspectionData"] = members(x.Inspection)
	}
	g := plain(renamed(plain(got), c))
	h := same(g, want)
	keys := []string{"status", "output", "error", "cause", "nextState"}
	return verdict{same(pick(g, keys...), pick(want, keys...)), &h, "got " + text(g) + " want " + text(want)}
}
