package attr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func number(t testing.TB, s string) Number {
	t.Helper()
	n, err := AppendNumber(nil, []byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return n
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

// numbers draws texts of numbers that DynamoDB takes.
func numbers() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		digits := rapid.StringMatching(`[0-9]{1,38}`).Draw(t, "digits")
		point := rapid.IntRange(0, len(digits)).Draw(t, "point")
		exp := rapid.IntRange(-80, 80).Draw(t, "exp")
		sign := rapid.SampledFrom([]string{"", "-", "+"}).Draw(t, "sign")
		return fmt.Sprintf("%s%s.%se%d", sign, digits[:point], digits[point:], exp)
	})
}

func TestNumbersSortAsTheyCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := numbers().Draw(t, "x"), numbers().Draw(t, "y")
		a, errA := AppendNumber(nil, []byte(x))
		b, errB := AppendNumber(nil, []byte(y))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if !Number(a).valid() {
			t.Fatalf("%s: %x is not valid", x, a)
		}
		if got, want := bytes.Compare(a, b), rat(x).Cmp(rat(y)); got != want {
			t.Fatalf("%s and %s: %d, want %d (%x %x)", x, y, got, want, a, b)
		}
		if rat(Number(a).String()).Cmp(rat(x)) != 0 {
			t.Fatalf("%s became %s", x, Number(a))
		}
		again, err := AppendNumber(nil, []byte(Number(a).String()))
		if err != nil || !bytes.Equal(a, again) {
			t.Fatalf("%s: the text %s reads as %x, %v", x, Number(a), again, err)
		}
	})
}

func TestSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := numbers().Draw(t, "x"), numbers().Draw(t, "y")
		minus := rapid.Bool().Draw(t, "minus")
		a, _ := AppendNumber(nil, []byte(x))
		b, _ := AppendNumber(nil, []byte(y))
		want := new(big.Rat).Add(rat(x), rat(y))
		if minus {
			want.Sub(rat(x), rat(y))
		}
		got, err := AppendSum(nil, a, b, minus)
		_, refused := AppendNumber(nil, []byte(decimal(want)))
		if err != nil {
			if refused == nil {
				t.Fatalf("%s %s (%v): %v, want %s", x, y, minus, err, decimal(want))
			}
			return
		}
		if rat(Number(got).String()).Cmp(want) != 0 {
			t.Fatalf("%s %s (%v): %s, want %s", x, y, minus, Number(got), decimal(want))
		}
	})
}

func decimal(r *big.Rat) string { return r.FloatString(160) }

func TestNumbersRefused(t *testing.T) {
	for in, want := range map[string]string{
		"":                             msgNotNumeric,
		"abc":                          msgNotNumeric + ": abc",
		" 1":                           msgNotNumeric + ":  1",
		"1e":                           msgNotNumeric + ": 1e",
		".":                            msgNotNumeric + ": .",
		"1.2.3":                        msgNotNumeric + ": 1.2.3",
		"NaN":                          msgNotNumeric + ": NaN",
		"1E126":                        msgOverflow,
		"-1E126":                       msgOverflow,
		"1e99999999999":                msgOverflow,
		"1E-131":                       msgUnderflow,
		"1e-99999999999":               msgUnderflow,
		strings.Repeat("1", 39):        msgTooManyDigs,
		"0." + strings.Repeat("1", 39): msgTooManyDigs,
		strings.Repeat("1", 1<<17):     msgTooManyDigs,
	} {
		_, err := AppendNumber(nil, []byte(in))
		if err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, want %s", in, err, want)
		}
	}
	for in, want := range map[string]string{"-0": "0", "+1": "1", "00012.500": "12.5", ".5": "0.5", "5.": "5", "1E+5": "100000", "1e-3": "0.001",
		strings.Repeat("1", 38) + "0": strings.Repeat("1", 38) + "0", "0e999": "0", "-0.10": "-0.1"} {
		if got := number(t, in).String(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int{
		`{"S":"é"}`: 2, `{"N":"0"}`: 1, `{"N":"1"}`: 2, `{"N":"12"}`: 2, `{"N":"123"}`: 3, `{"N":"-1"}`: 3, `{"N":"1200"}`: 2, `{"N":"0.1"}`: 2, `{"N":"0.01"}`: 2,
		`{"N":"12345678901234567890123456789012345678"}`: 20, `{"NULL":true}`: 1, `{"BOOL":false}`: 1, `{"B":"AAAA"}`: 3,
		`{"SS":["a","bc"]}`: 3, `{"L":[]}`: 3, `{"M":{}}`: 3, `{"L":[{"S":"a"},{"N":"1"}]}`: 8, `{"M":{"ab":{"S":"c"}}}`: 7,
	} {
		v, err := Decode(nil, []byte(in))
		if err != nil || v.Err() != nil {
			t.Fatal(in, err, v.Err())
		}
		if got := v.Size(); got != want {
			t.Errorf("%s: %d, want %d", in, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                            msgEmptyValue,
		`{"S":"a","N":"1"}`:             msgManyTypes,
		`{"SS":[]}`:                     msgParameter + "An string set  may not be empty",
		`{"NS":[]}`:                     msgParameter + "An number set  may not be empty",
		`{"BS":[]}`:                     msgParameter + "Binary sets should not be empty",
		`{"SS":["a","b","a"]}`:          msgParameter + "Input collection [a, b, a] contains duplicates.",
		`{"NS":["1","1.0"]}`:            "Input collection contains duplicates",
		`{"BS":["AAAA","AAAA"]}`:        msgParameter + "Input collection [AAAA, AAAA]of type BS contains duplicates.",
		`{"NULL":false}`:                msgParameter + "Null attribute value types must have the value of true",
		`{"L":[{"M":{"a":{"N":"x"}}}]}`: msgNotNumeric + ": x",
		`{"M":{"a":{}}}`:                msgEmptyValue,
	} {
		v, err := Decode(nil, []byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if v.Err() == nil || v.Err().Error() != want {
			t.Errorf("%s: %v, want %s", in, v.Err(), want)
		}
	}
	for _, in := range []string{``, `{`, `{"S":1}`, `{"N":1}`, `{"S":null`, `[]`, `1`, `{"B":"a"}`, `{"B":"a==="}`, `{"BOOL":1}`, `{"L":{}}`, `{"M":[]}`, `{"S":"\x"}`, `{"S":"a"} x`, "{\"S\":\"\xff\"}",
		strings.Repeat(`{"L":[`, 1e5)} {
		if v, err := Decode(nil, []byte(in)); err == nil {
			t.Errorf("%.50s is %s", in, v)
		}
	}
	deep := strings.Repeat(`{"L":[`, 33) + strings.Repeat(`]}`, 33)
	if v, err := Decode(nil, []byte(deep)); err != nil || v.Err() == nil || v.Err().Error() != msgNesting {
		t.Errorf("33 levels: %v %v", err, v.Err())
	}
}

// trees draws values as DynamoDB's JSON in a tree.
func trees(depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		k := rapid.SampledFrom([]string{"S", "N", "BOOL", "NULL", "SS", "NS", "L", "M"}).Draw(t, "kind")
		if depth == 0 && (k == "L" || k == "M") {
			k = "S"
		}
		text := rapid.SampledFrom([]string{"", "a", "é\n\"\\", "\u2028<", strings.Repeat("long", 50)})
		num := rapid.Map(numbers(), func(s string) string { n, _ := AppendNumber(nil, []byte(s)); return Number(n).String() })
		switch k {
		case "S":
			return map[string]any{k: text.Draw(t, "s")}
		case "N":
			return map[string]any{k: num.Draw(t, "n")}
		case "BOOL":
			return map[string]any{k: rapid.Bool().Draw(t, "b")}
		case "NULL":
			return map[string]any{k: true}
		case "SS", "NS":
			g := text
			if k == "NS" {
				g = rapid.Custom(func(t *rapid.T) string { return num.Draw(t, "n") })
			}
			var out []any
			for _, s := range rapid.SliceOfNDistinct(g, 1, 4, rapid.ID[string]).Draw(t, "set") {
				out = append(out, s)
			}
			return map[string]any{k: out}
		case "L":
			out := []any{}
			for _, v := range rapid.SliceOfN(trees(depth-1), 0, 3).Draw(t, "list") {
				out = append(out, v)
			}
			return map[string]any{k: out}
		}
		out := map[string]any{}
		for n, v := range rapid.MapOfN(text, trees(depth-1), 0, 3).Draw(t, "map") {
			out[n] = v
		}
		return map[string]any{k: out}
	})
}

// unordered makes sets comparable.
func unordered(v any) any {
	m := v.(map[string]any)
	for k, x := range m {
		switch k {
		case "SS", "NS":
			list := slices.Clone(x.([]any))
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			m[k] = list
		case "L":
			for i, e := range x.([]any) {
				x.([]any)[i] = unordered(e)
			}
		case "M":
			for n, e := range x.(map[string]any) {
				x.(map[string]any)[n] = unordered(e)
			}
		}
	}
	return m
}

func TestJSONThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := trees(3).Draw(t, "tree")
		raw, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Decode(nil, raw)
		if err != nil || v.Err() != nil {
			t.Fatalf("%s: %v %v", raw, err, v.Err())
		}
		out := v.AppendJSON(nil)
		var back any
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if !reflect.DeepEqual(unordered(back), unordered(tree)) {
			t.Fatalf("%s came back as %s", raw, out)
		}
		again, err := Decode(nil, out)
		if err != nil || !again.Equal(v) {
			t.Fatalf("%s: %x, then %x", out, v, again)
		}
		r := reader(v)
		if one := r.value(); !bytes.Equal(one, v) || len(r) != 0 {
			t.Fatalf("%x is not one value", v)
		}
	})
}

func TestKeysSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.SliceOf(rapid.Byte()).Draw(t, "x"), rapid.SliceOf(rapid.Byte()).Draw(t, "y")
		p, q := rapid.SliceOf(rapid.Byte()).Draw(t, "p"), rapid.SliceOf(rapid.Byte()).Draw(t, "q")
		a := append(AppendKeyPart(nil, Binary(x)), p...)
		b := append(AppendKeyPart(nil, Binary(y)), q...)
		want := bytes.Compare(x, y)
		if want == 0 {
			want = bytes.Compare(p, q)
		}
		if got := bytes.Compare(a, b); got != want {
			t.Fatalf("%x|%x and %x|%x: %d, want %d", x, p, y, q, got, want)
		}
	})
}

func TestKeyChecks(t *testing.T) {
	s := Schema{Hash: Key{"pk", S}, Range: Key{"sk", N}}
	for in, want := range map[string]string{
		`{"pk":{"S":"a"}}`:                                                "Missing the key sk in the item",
		`{"pk":{"N":"1"},"sk":{"N":"1"}}`:                                 "Type mismatch for key pk expected: S actual: N",
		`{"pk":{"S":""},"sk":{"N":"1"}}`:                                  "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk",
		`{"pk":{"S":"` + strings.Repeat("k", 2049) + `"},"sk":{"N":"1"}}`: "Size of hashkey has exceeded the maximum size limit of2048 bytes",
	} {
		it, err := DecodeItem([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CheckItem(it); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", in, err, want)
		}
		if s.CheckKey(it) == nil {
			t.Errorf("%.60s is a key", in)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"S":"a"}`, `{"M":{"a":{"L":[{"NS":["1","2"]}]},"a":{"NULL":true}}}`, `{"B":"AAA="}`, `{"S":"\ud83d\ude00\ud800"}`, `{"X":[{}],"N":"1e5"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := Decode(nil, raw)
		if err != nil || v.Err() != nil {
			return
		}
		out := v.AppendJSON(nil)
		again, err := Decode(nil, out)
		if err != nil || !again.Equal(v) {
			t.Fatalf("%q became %s, then %x for %x: %v", raw, out, again, v, err)
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-1.5e10", "9.99e125", "1e-130"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := AppendNumber(nil, []byte(s))
		if err != nil {
			return
		}
		if !Number(n).valid() {
			t.Fatalf("%q: %x", s, n)
		}
		again, err := AppendNumber(nil, Number(n).AppendText(nil))
		if err != nil || !bytes.Equal(n, again) {
			t.Fatalf("%q: %s", s, Number(n))
		}
	})
}

var document = []byte(`{"pk":{"S":"user#1234567890"},"sk":{"N":"1700000000000"},"name":{"S":"Ada Lovelace"},"email":{"S":"ada@example.com"},"tags":{"SS":["a","b","c"]},
"address":{"M":{"street":{"S":"1 Main Street"},"city":{"S":"London"},"zip":{"N":"12345"}}},"active":{"BOOL":true},"scores":{"L":[{"N":"1"},{"N":"2.5"},{"N":"-3"}]},"note":{"NULL":true},"blob":{"B":"AAECAwQFBgcICQ=="}}`)

func BenchmarkDecodeItem(b *testing.B) {
	var buf [2048]byte
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		d := decoder{in: document}
		if _, err := d.members(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	it, err := DecodeItem(document)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = it.AppendJSON(buf[:0])
	}
}
