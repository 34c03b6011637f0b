package actions_test

import (
	"strings"
	"testing"

	"virga/internal/policy/actions"
)

func TestEveryService(t *testing.T) {
	services, n := 0, 0
	for prefix := range actions.Services() {
		s, ok := actions.Of(prefix)
		if !ok || s.Prefix != prefix || s.Name == "" {
			t.Fatalf("%s: %+v", prefix, s)
		}
		services++
		n += len(s.Actions)
		for i := range s.Actions {
			if a, ok := s.Find(strings.ToUpper(s.Actions[i].Name)); !ok || a.Name != s.Actions[i].Name {
				t.Errorf("%s:%s is not found", prefix, s.Actions[i].Name)
			}
		}
		for _, r := range s.Resources {
			if !strings.HasPrefix(r.ARN, "arn:") {
				t.Errorf("%s %s: %q", prefix, r.Type, r.ARN)
			}
		}
	}
	if services < 440 || n < 20000 {
		t.Errorf("%d services, %d actions", services, n)
	}
	t.Logf("%d services, %d actions", services, n)
}

func TestFind(t *testing.T) {
	a, ok := actions.Find("SQS:sendmessage")
	if !ok || a.Name != "SendMessage" || a.Level != actions.Write || !a.NeedsResource() || a.On[0].Type != "queue" || !a.On[0].Required {
		t.Errorf("%+v", a)
	}
	if a, _ := actions.Find("lambda:CreateFunction"); len(a.On) != 2 || a.On[1].Also[0] != "iam:PassRole" {
		t.Errorf("%+v", a)
	}
	for _, s := range []string{"", "sqs", "sqs:", "sqs:Nothing", "nothing:SendMessage"} {
		if _, ok := actions.Find(s); ok {
			t.Errorf("%q is found", s)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		actions.Of("sqs")
	}
}
