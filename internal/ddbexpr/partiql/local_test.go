package partiql

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"virga/internal/ddbexpr"
	"virga/internal/ddbexpr/attr"
	"virga/internal/ddbexpr/judge"
)

// TestAgreesWithLocal asks DynamoDB Local for the refusals of the table above, then compares generated SELECTs with it.
func TestAgreesWithLocal(t *testing.T) {
	url := os.Getenv("VIRGA_DYNAMODB_LOCAL")
	if url == "" {
		t.Skip("VIRGA_DYNAMODB_LOCAL is not set; run by make dynamodb-local")
	}
	l := judge.Local{URL: url}
	call := func(op string, body any) (map[string]json.RawMessage, string) {
		out, message, err := l.Call(op, body)
		if err != nil {
			t.Fatal(err)
		}
		return out, message
	}
	call("CreateTable", map[string]any{"TableName": "expr", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []any{map[string]string{"AttributeName": "pk", "AttributeType": "S"}, map[string]string{"AttributeName": "sk", "AttributeType": "N"}},
		"KeySchema":            []any{map[string]string{"AttributeName": "pk", "KeyType": "HASH"}, map[string]string{"AttributeName": "sk", "KeyType": "RANGE"}}})
	var items []attr.Item
	for i, rest := range []string{`"a":{"N":"1"}`, `"a":{"S":"x"},"l":{"L":[{"N":"1"},{"S":"x"}]}`, `"b":{"NULL":true}`, `"a":{"N":"2"},"m":{"M":{"x":{"N":"1"}}}`, `"s":{"SS":["x","y"]},"b":{"BOOL":true}`} {
		it, err := attr.DecodeItem(fmt.Appendf(nil, `{"pk":{"S":"%c"},"sk":{"N":"%d"},%s}`, 'a'+i%2, i, rest))
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
		if _, m := call("PutItem", map[string]any{"TableName": "expr", "Item": json.RawMessage(it.AppendJSON(nil))}); m != "" {
			t.Fatal(m)
		}
	}
	for text, want := range refusals {
		if _, m := call("ExecuteStatement", map[string]any{"Statement": text}); m != want && m != "The conditional request failed" {
			t.Errorf("%s:\ntheirs %s\nours   %s", text, m, want)
		}
	}
	cases, _ := strconv.Atoi(os.Getenv("VIRGA_CASES"))
	seed, _ := strconv.ParseUint(os.Getenv("VIRGA_SEED"), 10, 64)
	r := rand.New(rand.NewPCG(seed, 2))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	operand := func() string {
		return pick("a", "a", `"b"`, "l[0]", "m.x", "s", "'a'", "'x'", "1", "2", "3", "-1.5", "true", "null", "<<'x','y'>>", "[1,'x']", "size(l)")
	}
	hash, ranged := false, false
	var condition func(depth int) string
	condition = func(depth int) string {
		if depth > 0 && r.IntN(2) == 0 {
			switch r.IntN(4) {
			case 0:
				ranged = true
				return "NOT " + condition(depth-1)
			case 1:
				return "(" + condition(depth-1) + " OR " + condition(depth-1) + ")"
			}
			return condition(depth-1) + " AND " + condition(depth-1)
		}
		switch r.IntN(9) {
		case 0:
			if hash { // it takes one condition on each key
				return "b = true"
			}
			return pick("pk = 'a'", "pk='b'", "'a' = pk", "pk IN ['a','b']", "pk IN ('b')")
		case 1:
			if !hash || ranged { // without a hash key, and of more than one, it loses conditions on the range key
				return "a = 1"
			}
			ranged = true
			return pick("sk = 1", "sk > 1", "sk < 3", "sk BETWEEN 1 AND 3")
		case 2:
			return pick("a", "b", "l", "m.x", "zz") + " IS " + pick("", "NOT ") + pick("MISSING", "NULL", "STRING", "LIST", "BOOLEAN")
		case 3:
			return "contains(" + pick("s", "l", "a") + ", " + pick("'x'", "1") + ")"
		case 4:
			return "begins_with(" + pick("a", "zz") + ", " + pick("'a'", "'x'") + ")"
		}
		return operand() + pick(" = ", " <> ", " < ", " >= ") + operand()
	}
	differ, refused := 0, 0
	n := max(cases/10, 500)
	for i := range n {
		text := "SELECT * FROM expr WHERE "
		ranged = false
		if hash = r.IntN(2) == 0; hash {
			text += pick("pk = 'a'", "pk='b'", "'a' = pk") + " AND "
		}
		text += condition(2)
		answer, theirs := call("ExecuteStatement", map[string]any{"Statement": text})
		var got []string
		s, err := Parse(text, Limits{})
		var p *Plan
		if err == nil {
			p, err = s.Plan(schema, nil)
		}
		if err != nil {
			refused++
		} else {
			for _, it := range items {
				read := p.Scan || slices.ContainsFunc(p.Hashes, it.Get("pk").Equal)
				if read && inRange(p, it.Get("sk")) && (p.Filter == nil || p.Filter.Match(it)) {
					got = append(got, string(it))
				}
			}
		}
		var list []json.RawMessage
		if theirs == "" {
			if err := json.Unmarshal(answer["Items"], &list); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for _, raw := range list {
			it, err := attr.DecodeItem(raw)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, string(it))
		}
		slices.Sort(got)
		slices.Sort(want)
		if strings.Contains(theirs, "unknown error") { // its own failure
			continue
		}
		if (err != nil) != (theirs != "") || !slices.Equal(got, want) {
			if differ++; differ <= 20 {
				t.Errorf("case %d %s\n ours   %v %d\n theirs %s %d %s", i, text, err, len(got), theirs, len(want), list)
			}
		} else if err != nil && err.Error() != theirs && !strings.Contains(theirs, "operand type") {
			t.Logf("case %d %s\n ours   %v\n theirs %s", i, text, err, theirs)
		}
	}
	t.Logf("%d statements, %d refused, %d differ", n, refused, differ)
}

func inRange(p *Plan, v attr.Value) bool {
	if p.Range == nil {
		return true
	}
	return ddbexpr.KeyRange{Hash: p.Hashes[0], Range: p.Range}.Contains(v)
}
