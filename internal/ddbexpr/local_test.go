package ddbexpr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// local is a running DynamoDB Local (make dynamodb-local).
type local struct{ url string }

func (l local) call(t testing.TB, op string, body any) (out map[string]json.RawMessage, message string) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("POST", l.url, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+op)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err = io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s: %s", op, raw)
	}
	if res.StatusCode == 200 {
		return out, ""
	}
	var e struct{ Message, LowerMessage string }
	for _, k := range []string{"message", "Message"} {
		if m, ok := out[k]; ok {
			if err := json.Unmarshal(m, &e.Message); err != nil {
				t.Fatal(err)
			}
		}
	}
	if e.Message == "" {
		e.Message = fmt.Sprint(res.Status)
	}
	return nil, e.Message
}
