package ddbexpr

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"virga/internal/ddbexpr/attr"
	"virga/internal/ddbexpr/judge"
)

// local is a running DynamoDB Local (make dynamodb-local).
type local struct{ judge.Local }

func (l local) call(t testing.TB, op string, body any) (map[string]json.RawMessage, string) {
	t.Helper()
	out, message, err := l.Call(op, body)
	if err != nil {
		t.Fatal(err)
	}
	return out, message
}

func jsonOf(v Values) map[string]json.RawMessage {
	if v == nil {
		return nil
	}
	out := map[string]json.RawMessage{}
	for k, x := range v {
		out[k] = x.AppendJSON(nil)
	}
	return out
}

// TestAgreesWithLocal compares every kind of expression with DynamoDB Local on generated items: what it refuses and
// how, what matches, what updates and projections give.
func TestAgreesWithLocal(t *testing.T) {
	url := os.Getenv("VIRGA_DYNAMODB_LOCAL")
	if url == "" {
		t.Skip("VIRGA_DYNAMODB_LOCAL is not set; run by make dynamodb-local")
	}
	cases, _ := strconv.Atoi(os.Getenv("VIRGA_CASES"))
	seed, _ := strconv.ParseUint(os.Getenv("VIRGA_SEED"), 10, 64)
	l := local{judge.Local{URL: url}}
	l.call(t, "CreateTable", map[string]any{"TableName": "expressions", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []any{map[string]string{"AttributeName": "pk", "AttributeType": "S"}},
		"KeySchema":            []any{map[string]string{"AttributeName": "pk", "KeyType": "HASH"}}})
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	key := json.RawMessage(`{"pk":{"S":"k"}}`)
	var item attr.Item
	differ, refused, others := 0, 0, 0
	for i := range max(cases, 1000) {
		kind := pick(g, Filter, Filter, Update, Update, Projection)
		if item == nil || kind == Update || i%20 == 0 {
			item = g.item()
			if _, m := l.call(t, "PutItem", map[string]any{"TableName": "expressions", "Item": json.RawMessage(item.AppendJSON(nil))}); m != "" {
				t.Fatalf("%s: %s", m, item.AppendJSON(nil))
			}
		}
		var text, op string
		body := map[string]any{"TableName": "expressions"}
		switch kind {
		case Filter:
			text, op = g.broken(g.condition(3)), "Scan"
		case Update:
			text, op = g.broken(g.update()), "UpdateItem"
			body["Key"], body["ReturnValues"] = key, "ALL_NEW"
		default:
			text, op = g.broken(g.projection()), "GetItem"
			body["Key"] = key
		}
		names, values := g.substitutions(text)
		if kind == Projection {
			values = nil
		}
		body[kind.String()] = text
		if names != nil {
			body["ExpressionAttributeNames"] = names
		}
		if values != nil {
			body["ExpressionAttributeValues"] = jsonOf(values)
		}
		answer, theirs := l.call(t, op, body)
		ours, got := "", attr.Item(nil)
		matched := false
		e, err := Parse(kind, text, Limits{})
		var b *Bound
		if err == nil {
			b, err = e.Bind(names, values)
		}
		if err == nil {
			switch kind {
			case Filter:
				matched = b.Match(item)
			case Update:
				got, err = b.Apply(nil, item)
			default:
				got = b.Project(nil, item)
			}
		}
		if err != nil {
			ours = err.Error()
			refused++
		}
		if strings.Contains(ours, "attribute_type, operand type: {") || strings.Contains(ours, "valid types: {") || strings.Contains(theirs, "HeapByteBuffer") || strings.HasSuffix(strings.ToLower(ours), "keyword: size") {
			continue // the order in which a set of kinds is printed, the address of a buffer, a word it misses
		}
		if theirs == "DynamoDB only supports precision up to 38 digits" { // the service words it otherwise
			theirs = "Attempting to store more than 38 significant digits in a Number"
		}
		bad := ours != theirs
		was := item
		if kind == Update {
			item = nil
		}
		if bad && kind != Filter && (e == nil || len(e.actions)+len(e.paths) > 1) && several(ours) && several(theirs) {
			others++
			continue
		}
		if !bad && theirs == "" {
			switch kind {
			case Filter:
				bad = matched != (string(answer["Count"]) == "1")
			default:
				field := answer["Item"]
				if kind == Update {
					field = answer["Attributes"]
				}
				want, err := attr.DecodeItem(field)
				if err != nil {
					t.Fatalf("%v: %s", err, field)
				}
				bad = !bytes.Equal(want, got)
			}
		}
		if bad {
			if differ++; differ <= 40 {
				t.Errorf("case %d %s %q\n item %s\n names %v values %s\n ours   %q %v %s\n theirs %q %s %s", i, kind, text, was.AppendJSON(nil), names, jsonOf(values),
					ours, matched, got.AppendJSON(nil), theirs, answer["Count"], append(answer["Item"], answer["Attributes"]...))
			}
		}
	}
	t.Logf("%d cases, %d of them refused, %d differ, %d updates with several mistakes of which it names another", max(cases, 1000), refused, differ, others)
}

// several tells refusals of which an update may earn more than one: the judge looks at them in the order of a hash.
func several(message string) bool {
	for _, m := range []string{"overlap", "conflict", "Incorrect operand type", "is not defined", "document path", "does not exist in the item", "incorrect data type", "must be distinct", "number of operands", "significant digits", "Number overflow"} {
		if strings.Contains(message, m) {
			return true
		}
	}
	return false
}
