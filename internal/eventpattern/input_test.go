package eventpattern

import "testing"

const instanceEvent = `{"version":"0","id":"7bf7","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","time":"2015-11-11T21:29:54Z","resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],"detail":{"instance-id":"i-0123456789","state":"RUNNING","n":3,"payload":{"acc_id":"0a","l":[{"x":1},{"x":"q\"t"}]}}}`

// The examples of the EventBridge User Guide, "Amazon EventBridge input transformation", and what was recorded.
func TestTransform(t *testing.T) {
	paths := map[string]string{"instance": "$.detail.instance-id", "state": "$.detail.state", "n": "$.detail.n", "payload": "$.detail.payload", "resource": "$.resources[0]", "gone": "$.detail.gone", "xs": "$.detail.payload.l[*].x", "q": "$.detail.payload.l[1].x"}
	rule := Rule{ARN: "arn:aws:events:us-east-1:123456789012:rule/r", Name: "r", IngestionTime: "2015-11-11T21:29:55Z"}
	for _, c := range []struct{ template, want string }{
		{`"instance <instance> is in <state>"`, `"instance i-0123456789 is in RUNNING"`},
		{`instance <instance> is in <state>`, `instance i-0123456789 is in RUNNING`},
		{`"instance <instance> is in \"<state>\""`, `"instance i-0123456789 is in \"RUNNING\""`},
		{`{"instance" : <instance>, "state": "<state>", "n": <n>}`, `{"instance" : "i-0123456789", "state": "RUNNING", "n": 3}`},
		{`{"a": "users/<instance>/second/<state>"}`, `{"a": "users/i-0123456789/second/RUNNING"}`},
		{`{"p": <payload>, "r": <resource>}`, `{"p": {"acc_id":"0a","l":[{"x":1},{"x":"q\"t"}]}, "r": "arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"}`},
		{`{"g": <gone>, "x": <xs>, "q": "<q>"}`, `{"g": "", "x": [1,"q\"t"], "q": "q\"t"}`},
		{`"info extracted from detail <gone>"`, `"info extracted from detail "`},
		{`<state>`, `"RUNNING"`},
		{`<n> < 4 and <state>`, `3 < 4 and RUNNING`},
		{`{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}`, `{"arn": "arn:aws:events:us-east-1:123456789012:rule/r", "name": "r", "at": "2015-11-11T21:29:55Z"}`},
		{`{"e": <aws.events.event>}`, `{"e": {"version":"0","id":"7bf7","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","time":"2015-11-11T21:29:54Z","resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"]}}`},
		{`{"e": <aws.events.event.json>}`, `{"e": ` + instanceEvent + `}`},
	} {
		tr, err := ParseTransformer(paths, c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		if got, err := tr.Transform([]byte(instanceEvent), rule); string(got) != c.want || err != nil {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.template, got, err, c.want)
		}
	}
	if _, err := ParseTransformer(paths, `"<nowhere>"`); err == nil || err.Error() != "contains invalid placeholder nowhere" {
		t.Error(err)
	}
	if tr, err := ParseTransformer(paths, `{"a": <state> x}`); err != nil {
		t.Error(err)
	} else if _, err := tr.Transform([]byte(instanceEvent), rule); err != ErrTemplate {
		t.Error(err)
	}
}

func TestPath(t *testing.T) {
	for path, want := range map[string]string{
		"$": instanceEvent, "$.detail.state": `"RUNNING"`, "$.detail['instance-id']": `"i-0123456789"`, "$.resources": `["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"]`,
		"$.detail.payload.l[1]": `{"x":"q\"t"}`, "$.detail.payload.*": `["0a",[{"x":1},{"x":"q\"t"}]]`, "$.detail.gone": "", "$.resources[7]": "", "$.version.x": "",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, ok := p.Find([]byte(instanceEvent)); string(got) != want || ok != (want != "") {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"", "detail", "$detail", "$..a", "$.", "$.a[", "$.a[-1]", "$.a[?(@.b)]", "$.a b"} {
		if _, err := ParsePath(path); err == nil {
			t.Errorf("%q is no path", path)
		}
	}
}
