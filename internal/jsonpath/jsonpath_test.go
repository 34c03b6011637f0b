package jsonpath

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const store = `{"store":{"book":[{"c":"ref","t":"A","p":8.95},{"c":"fic","t":"B","p":12.99},{"c":"fic","t":"C","p":8.99,"i":"0-553"},{"c":"fic","t":"D","p":22.99,"i":"0-395"}],"bicycle":{"color":"red","p":19.95}},"a b":1,"n":null,"l":[0,1,2,3,4,5],"max":10}`

func TestRead(t *testing.T) {
	env := environment(t, store)
	for path, want := range map[string]string{
		"$": string(Encode(env.Input)), "$.max": "10", "$['a b']": "1", `$["max"]`: "10", "$.n": "null", "$.l[0]": "0", "$.l[-1]": "5", "$.l[1:3]": "[1,2]", "$.l[:2]": "[0,1]", "$.l[-2:]": "[4,5]", "$.l[0,2]": "[0,2]", "$.l[::2]": "[0,2,4]",
		"$.store.book[*].t": `["A","B","C","D"]`, "$..t": `["A","B","C","D"]`, "$.store..p": `[8.95,12.99,8.99,22.99,19.95]`, "$.store.*": string(Encode(env.Input.(*Object).values[0].(*Object).values))[:0] + `[` + string(Encode(env.Input.(*Object).values[0].(*Object).values[0])) + `,{"color":"red","p":19.95}]`,
		"$..book[2].t": `["C"]`, "$.store.book[?(@.i)].t": `["C","D"]`, "$.store.book[?(!@.i)].t": `["A","B"]`, "$.store.book[?(@.p < 10)].t": `["A","C"]`, "$.store.book[?(@.p < $.max && @.c == 'fic')].t": `["C"]`, "$.store.book[?(@.c == 'ref' || @.p>20)].t": `["A","D"]`,
		"$.store.book[?(@.t =~ /[a-b]/i)].t": `["A","B"]`, "$.store.book[?(@.c != 'fic')]['t','p']": `["A",8.95]`, "$.gone[*]": "[]", "$..gone": "[]", "$$.Execution.Input.a": "1", "$seven": "7",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Error(err)
			continue
		}
		v, err := p.Read(env)
		if got := string(Encode(v)); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", path, got, err, want)
		}
	}
	for path, want := range map[string]string{
		"$.NoSuchInputPath": "No results for path: $['NoSuchInputPath']", "$.l[9]": "No results for path: $['l'][9]", "$.max.x": "No results for path: $['max']['x']", "$none": "variable $none is not defined",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Read(env); err == nil || err.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"", "a", "$.", "$..", "$[", "$['a", "$[?(@.a]", "$[?(1)]", "$.l.length()", "$[1", "$[a]", "$.a b", "$[?(@.a =~ /(/)]", "$[1:2:0]", "$.a]"} {
		if _, err := ParsePath(path); err == nil {
			t.Errorf("%q is no path", path)
		}
	}
}

func TestReference(t *testing.T) {
	for _, c := range []struct{ path, input, want string }{
		{"$", `{"a":1}`, `"v"`}, {"$.b", `{"a":1}`, `{"a":1,"b":"v"}`}, {"$.a", `{"a":1,"c":2}`, `{"a":"v","c":2}`}, {"$.x.y", `{}`, `{"x":{"y":"v"}}`}, {"$.l[1].k", `{"l":[0,{"k":1}]}`, `{"l":[0,{"k":"v"}]}`},
		{"$.l[2]", `{"l":[0]}`, "error"}, {"$.a.b", `{"a":1}`, "error"},
	} {
		r, err := ParseReference(c.path)
		if err != nil {
			t.Fatal(err)
		}
		in, _ := Decode([]byte(c.input))
		v, err := r.Set(in, "v")
		got := "error"
		if err == nil {
			got = string(Encode(v))
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.path, got, c.want)
		}
		if string(Encode(in)) != c.input {
			t.Error("the input was changed")
		}
	}
	for _, path := range []string{"$.a[*]", "$..a", "$.a[0,1]", "$.a[0:1]", "$.a[?(@.b)]", "$.a[-1]"} {
		if _, err := ParseReference(path); err == nil {
			t.Errorf("%s is no reference path", path)
		}
	}
}

// The examples of the guide, "Intrinsic functions for JSONPath states".
func TestIntrinsics(t *testing.T) {
	env := environment(t, `{"Id":123456,"inputArray":[1,2,3,3,3,3,3,3,4],"lookingFor":5,"index":2,"name":"Arnav","template":"Hello, my name is {}.","escapedJsonString":"{\"foo\": \"bar\"}","unescapedJson":{"foo":"bar"},"Data":"input data","json1":{"a":{"a1":1,"a2":2},"b":2},"json2":{"a":{"a3":1,"a4":2},"c":3},"inputString":"This.is+a,test=string","value1":111,"step":-1}`)
	for expression, want := range map[string]string{
		`States.Array($.Id)`: `[123456]`, `States.Array()`: `[]`, `States.ArrayPartition($.inputArray,4)`: `[[1,2,3,3],[3,3,3,3],[4]]`, `States.ArrayContains($.inputArray, $.lookingFor)`: `false`, `States.ArrayRange(1, 9, 2)`: `[1,3,5,7,9]`, `States.ArrayRange(3, 1, -1)`: `[3,2,1]`,
		`States.ArrayGetItem($.inputArray, $.index)`: `3`, `States.ArrayLength($.inputArray)`: `9`, `States.ArrayUnique($.inputArray)`: `[1,2,3,4]`, `States.Base64Encode('Data to encode')`: `"RGF0YSB0byBlbmNvZGU="`, `States.Hash($.Data, 'SHA-1')`: `"aaff4a450a104cd177d28d18d74485e8cae074b7"`,
		`States.JsonMerge($.json1, $.json2, false)`: `{"a":{"a3":1,"a4":2},"b":2,"c":3}`, `States.StringToJson($.escapedJsonString)`: `{"foo":"bar"}`, `States.JsonToString($.unescapedJson)`: `"{\"foo\":\"bar\"}"`, `States.MathAdd($.value1, $.step)`: `110`, `States.StringSplit($.inputString, '.+,=')`: `["This","is","a","test","string"]`,
		`States.UUID()`: `"id"`, `States.Format('Hello, my name is {}.', $.name)`: `"Hello, my name is Arnav."`, `States.Format($.template, $.name)`: `"Hello, my name is Arnav."`, `States.Format('it\'s \{\} {} \\', 1.50)`: `"it's {} 1.50 \\"`, `States.Format('{}', States.Array(1, 'a', null))`: `"[1, a, null]"`, `$.index`: `2`,
	} {
		e, err := ParseExpression(expression)
		if err != nil {
			t.Error(err)
			continue
		}
		v, err := e.Eval(env)
		if got := string(Encode(v)); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", expression, got, err, want)
		}
	}
	for _, expression := range []string{`States.ArrayRange(0, 1000, 1)`, `States.ArrayRange(0, 5, 0)`, `States.ArrayPartition($.inputArray, 0)`, `States.ArrayGetItem($.inputArray, 9)`, `States.Format('{}')`, `States.Format('', 1)`, `States.Format('{')`, `States.JsonMerge($.json1, $.json2, true)`, `States.Hash('a', 'CRC')`, `States.MathRandom(3, 3, 1)`, `States.MathRandom(1, 3)`, `States.Base64Decode('%')`, `States.StringToJson('{')`} {
		e, err := ParseExpression(expression)
		if err != nil {
			t.Error(err)
			continue
		}
		var failure *IntrinsicFailure
		if v, err := e.Eval(env); !errors.As(err, &failure) {
			t.Errorf("%s: %v, %v", expression, v, err)
		}
	}
	for _, expression := range []string{`States.Nothing()`, `States.Array(1`, `States.Array(1,)`, `States.Array("a")`, `States.UUID(1)`, `States.MathAdd('1', 2)`, `States.ArrayLength('a')`, `States.JsonMerge($.a, $.b, 1)`, `Array()`, `States.Array() x`, `States.Format()`, strings.Repeat(`States.Array(`, 11) + strings.Repeat(`)`, 11)} {
		if _, err := ParseExpression(expression); err == nil {
			t.Errorf("%s is no expression", expression)
		}
	}
}

func TestTemplate(t *testing.T) {
	got := evaluate(t, `{"a":1,"b.$":"$.x","c":{"d.$":"States.Array($.x, $seven)"},"e":[{"f.$":"$$.Execution.Id"}]}`, `{"x":{"y":1.0}}`)
	if want := `{"a":1,"b":{"y":1.0},"c":{"d":[{"y":1.0},7]},"e":[{"f":"e"}]}`; got != want {
		t.Error(got)
	}
	if got, want := evaluate(t, `{"value.$":"$.no_such_jsonpath"}`, `{"x":1}`), `The JSONPath '$.no_such_jsonpath' specified for the field 'value.$' could not be found in the input '{"x":1}'`; got != want {
		t.Error(got)
	}
	for _, template := range []string{`{"a.$":1}`, `{"a.$":"x"}`, `{"a":1,"a.$":"$"}`} {
		v, err := Decode([]byte(template))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseTemplate(v); err == nil {
			t.Errorf("%s is no template", template)
		}
	}
}

// Every hostile input ends at a limit.
func TestHostile(t *testing.T) {
	list := `{"l":[` + strings.TrimSuffix(strings.Repeat(`[1,2,3,4,5,6,7,8,9,0],`, 200), ",") + `],"s":"` + strings.Repeat("x", 100000) + `"}`
	env := environment(t, list)
	for expression, want := range map[string]error{
		`$..[?(@ == $..l || @ == $..s)]`:                                 ErrSteps,
		`$.l[*][?(@ == $.l[*][*])]`:                                      ErrSteps,
		`$.l[?($.l[?($.s =~ /x*y/)])]`:                                   ErrSteps,
		`States.Format('{}{}{}', $.s, $.s, $.s)`:                         ErrResultBytes,
		`States.Array($.s, $.s, $.s)`:                                    ErrResultBytes,
		`States.JsonToString(States.Array(States.Array($.s, $.s), $.s))`: ErrResultBytes,
	} {
		e, err := ParseExpression(expression)
		if err != nil {
			t.Error(err)
			continue
		}
		start := time.Now()
		_, err = e.Eval(env)
		t.Logf("%s: %s", expression, time.Since(start))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", expression, err)
		}
	}
	for _, text := range []string{"$" + strings.Repeat(".a", 3000), "$[?(" + strings.Repeat("(", 1000), "$[?(" + strings.Repeat("!", 1000) + "@)]"} {
		if _, err := ParsePath(text); err == nil {
			t.Errorf("%.40s is taken", text)
		}
	}
	if _, err := Decode([]byte(strings.Repeat("[", 100000))); err == nil {
		t.Error("depth")
	}
}

func Example() {
	input, err := Decode([]byte(`{"order": {"id": 7, "items": ["a", "b"]}}`))
	if err != nil {
		panic(err)
	}
	template, err := Decode([]byte(`{"text.$": "States.Format('order {} has {} items', $.order.id, States.ArrayLength($.order.items))"}`))
	if err != nil {
		panic(err)
	}
	t, err := ParseTemplate(template)
	if err != nil {
		panic(err)
	}
	v, err := t.Eval(&Env{Input: input})
	fmt.Println(string(Encode(v)), err)
	// Output: {"text":"order 7 has 2 items"} <nil>
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{`$.a[0]['b']..c[?(@.d > 1 && @.e =~ /x/)]`, `States.Format('{}', $.a)`, `States.ArrayRange(1, 5, 2)`, `$$.a`, `$v[1:2,3]`} {
		f.Add(s, `{"a":[{"b":{"c":[{"d":2,"e":"x"}]}}]}`)
	}
	f.Fuzz(func(t *testing.T, expression, input string) {
		e, err := ParseExpression(expression)
		if err != nil {
			return
		}
		in, err := Decode([]byte(input))
		if err != nil {
			return
		}
		v, err := e.Eval(&Env{Input: in, Context: in})
		if err == nil {
			Encode(v)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	env := environment(b, store)
	p, err := ParsePath("$.store.bicycle.color")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Read(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	env := environment(b, store)
	v, _ := Decode([]byte(`{"a.$":"$.max","b":{"c.$":"States.Format('{} is {}', $.store.bicycle.color, $.max)"}}`))
	t, err := ParseTemplate(v)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.Eval(env); err != nil {
			b.Fatal(err)
		}
	}
}
