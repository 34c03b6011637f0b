package pagetoken

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	"virga/internal/wire"
)

// marked writes the context in front of the text.
type marked struct{}

func (marked) SealToken(account, context string, plain []byte) ([]byte, error) {
	return append([]byte(account+" "+context+"\n"), plain...), nil
}

func (marked) OpenToken(account, context string, sealed []byte) ([]byte, error) {
	head := account + " " + context + "\n"
	if len(sealed) < len(head) || string(sealed[:len(head)]) != head {
		return nil, errors.New("another list's")
	}
	return sealed[len(head):], nil
}

// TestCut: pages follow one another without a gap, and a token opens the list it was made for alone.
func TestCut(t *testing.T) {
	p := Tokens{Sealer: marked{}, Service: "sqs", Encoding: base64.RawURLEncoding}
	c := &wire.Call{Account: "111122223333", Region: "eu-west-1", Operation: "ListQueues"}
	list := []string{"a", "b", "c", "d", "e"}
	id := func(s *string) string { return *s }
	var got []string
	var token *string
	for pages := 0; ; pages++ {
		out, next, ok, err := Cut(p, c, "q", token, list, id, 2)
		if err != nil || !ok || pages > 2 {
			t.Fatal(out, ok, err, pages)
		}
		got = append(got, out...)
		if next == nil {
			break
		}
		token = next
	}
	if !slices.Equal(got, list) {
		t.Fatalf("%v", got)
	}
	if out, _, ok, err := Cut(p, c, "q", wire.P(""), list, id, 9); !ok || err != nil || len(out) != 5 {
		t.Errorf("an empty token: %v %v %v", out, ok, err)
	}
	for what, x := range map[string]struct {
		t Tokens
		c wire.Call
		q string
	}{
		"query":     {p, *c, "other"},
		"account":   {p, wire.Call{Account: "222222222222", Region: c.Region, Operation: c.Operation}, "q"},
		"region":    {p, wire.Call{Account: c.Account, Region: "us-east-1", Operation: c.Operation}, "q"},
		"operation": {p, wire.Call{Account: c.Account, Region: c.Region, Operation: "ListDeadLetterSourceQueues"}, "q"},
		"service":   {Tokens{Sealer: marked{}, Service: "iam", Encoding: p.Encoding}, *c, "q"},
	} {
		if _, ok := x.t.Open(&x.c, x.q, token); ok {
			t.Errorf("a token of another %s opens", what)
		}
	}
	if _, ok := p.Open(c, "q", wire.P("%%%")); ok {
		t.Error("what is no base64 opens")
	}
}
