package eventpattern

import (
	"testing"
)

// What SNS was seen to answer, with the position.
func TestFilterPolicyRefusals(t *testing.T) {
	const at = "\n at [Source: (String)\""
	for _, c := range []struct{ policy, want string }{
		{`{"key":{"not-an-operator":"value"}}`, `"not-an-operator" must be an object or an array` + at + `{"key":{"not-an-operator":"value"}}"; line: 1, column: 28]`},
		{`{"key":[{"numeric":[">=",1,">",2]}]}`, `Bad numeric range operator: >` + at + `{"key":[{"numeric":[">=",1,">",2]}]}"; line: 1, column: 31]`},
		{`{"key":[{"numeric":[">",20,"test"]}]}`, `Bad numeric range operator: test` + at + `{"key":[{"numeric":[">",20,"test"]}]}"; line: 1, column: 34]`},
		{`{"key":[{"numeric":[">",20,30]}]}`, `Bad value in numeric range: 30` + at + `{"key":[{"numeric":[">",20,30]}]}"; line: 1, column: 30]`},
		{`{"key":[{"numeric":[">",3,"<",1]}]}`, `Bottom must be less than top` + at + `{"key":[{"numeric":[">",3,"<",1]}]}"; line: 1, column: 33]`},
		{`{"key":[]}`, `Empty arrays are not allowed` + at + `{"key":[]}"; line: 1, column: 10]`},
		{`{"key":[{"numeric":[1,"<="]}]}`, `Invalid member in numeric match: 1` + at + `{"key":[{"numeric":[1,"<="]}]}"; line: 1, column: 22]`},
		{`{"key":[{"numeric":[]}]}`, `Invalid member in numeric match: ]` + at + `{"key":[{"numeric":[]}]}"; line: 1, column: 22]`},
		{`{"key":[["value"]]}`, `Match value must be String, number, true, false, or null` + at + `{"key":[["value"]]}"; line: 1, column: 10]`},
		{`{"key":[{"cidr":"xx.11.xx/8"}]}`, `Nonstandard IP address: xx.11.xx`},
		{`{"key":[{"suffix":"value","prefix":"value2"}]}`, `Only one key allowed in match expression` + at + `{"key":[{"suffix":"value","prefix":"value2"}]}"; line: 1, column: 37]`},
		{`{"key":[{"numeric":["<",100,">",10]}]}`, `Too many elements in numeric expression` + at + `{"key":[{"numeric":["<",100,">",10]}]}"; line: 1, column: 30]`},
		{`{"key":[{"numeric":[">",20,"<",30,"<",50]}]}`, `Too many terms in numeric range expression` + at + `{"key":[{"numeric":[">",20,"<",30,"<",50]}]}"; line: 1, column: 36]`},
		{`{"key":[{"wrong-operator":true}]}`, `Unrecognized match type wrong-operator` + at + `{"key":[{"wrong-operator":true}]}"; line: 1, column: 31]`},
		{`{"key":[{"numeric":["operator"]}]}`, `Unrecognized numeric range operator: operator` + at + `{"key":[{"numeric":["operator"]}]}"; line: 1, column: 32]`},
		{`{"key":[{"anything-but":{"exists":false}}]}`, `Unsupported anything-but pattern: exists` + at + `{"key":[{"anything-but":{"exists":false}}]}"; line: 1, column: 40]`},
		{`{"key":[{"anything-but":{"suffix":"test"}}]}`, `Unsupported anything-but pattern: suffix` + at + `{"key":[{"anything-but":{"suffix":"test"}}]}"; line: 1, column: 36]`},
		{`{"key":[{"anything-but":{"wrong-operator":null}}]}`, `Unsupported anything-but pattern: wrong-operator` + at + `{"key":[{"anything-but":{"wrong-operator":null}}]}"; line: 1, column: 47]`},
		{`{"key":[{"numeric":[">",20,"<","30"]}]}`, `Value of < must be numeric` + at + `{"key":[{"numeric":[">",20,"<","30"]}]}"; line: 1, column: 33]`},
		{`{"key":[{"numeric":[">",20,"<="]}]}`, `Value of <= must be numeric` + at + `{"key":[{"numeric":[">",20,"<="]}]}"; line: 1, column: 33]`},
		{`{"key":[{"numeric":[">","20","<","30"]}]}`, `Value of > must be numeric` + at + `{"key":[{"numeric":[">","20","<","30"]}]}"; line: 1, column: 26]`},
		{`{"key":[{"numeric":[">="]}]}`, `Value of >= must be numeric` + at + `{"key":[{"numeric":[">="]}]}"; line: 1, column: 26]`},
		{`{"key":[{"numeric":["=","000"]}]}`, `Value of equals must be numeric` + at + `{"key":[{"numeric":["=","000"]}]}"; line: 1, column: 26]`},
		{`{"key":[{"exists":"no"}]}`, `exists match pattern must be either true or false.` + at + `{"key":[{"exists":"no"}]}"; line: 1, column: 20]`},
		{`{"key":[{"exists":null}]}`, `exists match pattern must be either true or false.` + at + `{"key":[{"exists":null}]}"; line: 1, column: 23]`},
		{`{"key":[{"anything-but":{"prefix":false}}]}`, `prefix match pattern must be a string` + at + `{"key":[{"anything-but":{"prefix":false}}]}"; line: 1, column: 40]`},
		{`{"key":[{"cidr":["bad-filter"]}]}`, `prefix match pattern must be a string` + at + `{"key":[{"cidr":["bad-filter"]}]}"; line: 1, column: 18]`},
		{`{"key":[{"suffix":100}]}`, `suffix match pattern must be a string` + at + `{"key":[{"suffix":100}]}"; line: 1, column: 22]`},
		{`{"key":[{"suffix":[]}]}`, `suffix match pattern must be a string` + at + `{"key":[{"suffix":[]}]}"; line: 1, column: 20]`},
		{`{invalid`, "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]"},
		{`{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`, `Filter policy can not have more than 5 keys`},
		{`{"a":[1,2,3,4,5,6],"b":[1,2,3,4,5,6],"c":[1,2,3,4,5]}`, `Filter policy is too complex`},
	} {
		_, err := ParseFilterPolicy(c.policy, "", Limits{})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.policy, err, c.want)
		}
	}
}

func TestFilterPolicyMatch(t *testing.T) {
	attributes := map[string]Attribute{
		"store": {"String", "example_corp"}, "price": {"Number", "100.00"}, "sports": {"String.Array", `["rugby","football",null]`}, "key": {"Binary", "AAEC"},
	}
	for policy, want := range map[string]bool{
		`{}`:                                 true,
		`{"store":["example_corp"]}`:         true,
		`{"store":[{"anything-but":["x"]}]}`: true,
		`{"price":[100]}`:                    true,
		`{"price":["100"]}`:                  false,
		`{"price":[{"numeric":["<",100]}]}`:  false,
		`{"sports":["rugby","tennis"]}`:      true,
		`{"sports":["baseball"]}`:            false,
		`{"key":[{"exists":false}]}`:         true,
		`{"store":[{"exists":false}]}`:       false,
		`{"$or":[{"store":["x"]},{"price":[{"numeric":[">=",100]}]}]}`: true,
	} {
		p, err := ParseFilterPolicy(policy, ScopeMessageAttributes, Limits{})
		if err != nil {
			t.Errorf("%s: %v", policy, err)
			continue
		}
		if got, err := p.MatchAttributes(attributes); got != want || err != nil {
			t.Errorf("%s: %v, %v", policy, got, err)
		}
	}
	p, err := ParseFilterPolicy(`{"a":{"b":["x"]}}`, ScopeMessageBody, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{`{"a":{"b":"x"}}`: true, `{"a":{"b":"y"}}`: false, `hello`: false, `[1]`: false, `{"a":{"b":"x"}} x`: false} {
		if got, err := p.MatchBody([]byte(body)); got != want || err != nil {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
	if _, err := ParseFilterPolicy(`{"a":{"b":["x"]}}`, ScopeMessageAttributes, Limits{}); err == nil {
		t.Error("a nested policy is no policy for attributes")
	}
}

// The table of the Lambda Developer Guide, "Using event filtering with an Amazon SQS event source".
func TestFilters(t *testing.T) {
	record := func(body string) string {
		return `{"messageId":"m","body":` + quote(body) + `,"attributes":{"SentTimestamp":"1"}}`
	}
	for _, c := range []struct {
		pattern, record string
		source          Source
		want            bool
	}{
		{`{"body":{"RequestCode":["BBBB"]}}`, record(`{"RequestCode":"BBBB"}`), SourceSQS, true},
		{`{"body":{"RequestCode":["BBBB"]}}`, record(`{"RequestCode":"AAAA"}`), SourceSQS, false},
		{`{"body":{"RequestCode":["BBBB"]}}`, record(`BBBB`), SourceSQS, false},
		{`{"body":{"x":[{"exists":false}]}}`, record(`BBBB`), SourceSQS, false},
		{`{"body":["BBBB"]}`, record(`BBBB`), SourceSQS, true},
		{`{"body":["BBBB"]}`, record(`{"a":"BBBB"}`), SourceSQS, false},
		{`{"body":[{"exists":false}]}`, record(`{"a":"BBBB"}`), SourceSQS, false},
		{`{"messageId":["m"]}`, record(`BBBB`), SourceSQS, true},
		{`{"messageId":["m"]}`, record(`{"a":1}`), SourceSQS, true},
		{`{"messageId":["n"]}`, record(`{"a":1}`), SourceSQS, false},
		{`{"body":{"n":[{"numeric":[">",3]}]}}`, record(`{"n":4}`), SourceSQS, true},
		{`{"data":{"City":["Seattle"]}}`, `{"partitionKey":"1","data":"eyJDaXR5IjoiU2VhdHRsZSJ9"}`, SourceKinesis, true},
		{`{"data":["hi"]}`, `{"partitionKey":"1","data":"aGk="}`, SourceKinesis, true},
		{`{"value":{"City":["Seattle"]}}`, `{"topic":"t","value":"eyJDaXR5IjoiU2VhdHRsZSJ9"}`, SourceKafka, true},
		{`{"dynamodb":{"NewImage":{"n":{"N":["1"]}}}}`, `{"eventName":"INSERT","dynamodb":{"NewImage":{"n":{"N":"1"}}}}`, SourceDynamoDB, true},
	} {
		f, err := ParseFilters([]string{c.pattern}, c.source, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Match([]byte(c.record)); got != c.want || err != nil {
			t.Errorf("%s, %s: %v, %v", c.pattern, c.record, got, err)
		}
	}
	if f, err := ParseFilters(nil, SourceSQS, Limits{}); err != nil {
		t.Fatal(err)
	} else if ok, err := f.Match([]byte(record("x"))); !ok || err != nil {
		t.Error("without filters every record passes")
	}
}
