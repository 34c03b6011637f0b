package template

import (
	"strings"
	"testing"
)

func TestParseValue(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a: 012345678901\nb: 2012-10-17\nc: 1.50\nd: yes\ne: \"yes\"\nf: ~\ng: 0x1F\nh: 1_000", `{"a":"012345678901","b":"2012-10-17","c":1.50,"d":true,"e":"yes","f":null,"g":"0x1F","h":"1_000"}`},
		{"a: !Ref B\nb: !GetAtt C.D.E\nc: !Sub\n  - x\n  - {y: 1}\nd: !GetAtt [A, B]\ne: !Condition X", `{"a":{"Ref":"B"},"b":{"Fn::GetAtt":["C","D.E"]},"c":{"Fn::Sub":["x",{"y":1}]},"d":{"Fn::GetAtt":["A","B"]},"e":{"Condition":"X"}}`},
		{"a: &x {p: 1, q: 2}\nb: *x\nc:\n  <<: *x\n  q: 3", `{"a":{"p":1,"q":2},"b":{"p":1,"q":2},"c":{"q":3,"p":1}}`},
		{"a: !Base64 |\n  x\n  y\n", `{"a":{"Fn::Base64":"x\ny\n"}}`},
		{"a: !Join ['', [a, !Ref B]]", `{"a":{"Fn::Join":["",["a",{"Ref":"B"}]]}}`},
		{`{"z": 1e3, "a": [true, null, "\u00e9\ud83d\ude00\n"]}`, "{\"z\":1e3,\"a\":[true,null,\"é😀\\n\"]}"},
		{"a: !!str 12\nb: ''", `{"a":"12","b":""}`},
	} {
		v, err := ParseValue([]byte(c.in), Limits{})
		if err != nil {
			t.Errorf("%q: %v", c.in, err.(*Error).Long())
			continue
		}
		if got := v.JSON(); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestParseValueErrors(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	for _, c := range []struct{ in, want, limit string }{
		{`{"this is invalid JSON"}`, "Template format error: JSON not well-formed. (line 1, column 25)", ""},
		{"a: 1\nb: [", "Template format error: YAML not well-formed. (line 3, column 1)", ""},
		{"a: 1\na: 2", "Template format error: YAML not well-formed. (line 2, column 1)", ""},
		{`{"a":1,"a":2}`, "Template format error: JSON not well-formed. (line 1, column 12)", ""},
		{"a: !Nope x", "Template format error: YAML not well-formed. (line 1, column 4)", ""},
		{"a: &x [*x]", "Template format error: YAML not well-formed. (line 1, column 8)", ""},
		{bomb, "", "Nodes"},
		{strings.Repeat("[", 1000), "", "Depth"},
		{"a: " + strings.Repeat("[", 1000), "", "Depth"},
		{strings.Repeat("- ", 1000), "", "Depth"},
		{strings.Repeat("x", 1_000_001), "Template may not exceed 1000000 bytes in size.", "Bytes"},
		{"a: 1\n---\nb: 2", "", ""},
		{"", "Template format error: YAML not well-formed.", ""},
	} {
		_, err := ParseValue([]byte(c.in), Limits{})
		if err == nil {
			t.Errorf("%.40q: no error", c.in)
			continue
		}
		e := err.(*Error)
		if c.want != "" && e.Message != c.want || e.Limit != c.limit {
			t.Errorf("%.40q: %s (limit %q)", c.in, e.Long(), e.Limit)
		}
	}
}

func TestPositions(t *testing.T) {
	for _, in := range []string{"Resources:\n  Q:\n    Type: AWS::SQS::Queue\n", "{\"Resources\":\n {\"Q\":\n    {\"Type\": \"AWS::SQS::Queue\"}}}"} {
		v, err := ParseValue([]byte(in), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ty := v.Path("Resources", "Q", "Type")
		if p := ty.Pos(); p.Line != 3 || p.Column < 10 || p.Column > 14 {
			t.Errorf("%q: %v", in, p)
		}
		if e, _ := v.Path("Resources", "Q").Entry("Type"); e.KeyPos.Line != 3 || e.KeyPos.Column < 5 || e.KeyPos.Column > 6 {
			t.Errorf("%q: key at %v", in, e.KeyPos)
		}
	}
}
