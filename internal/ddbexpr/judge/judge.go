// Package judge asks a running DynamoDB Local, for the tests that compare with it (make dynamodb-local). Nothing else
// imports it.
package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// Local is where DynamoDB Local listens.
type Local struct{ URL string }

// Call makes one call and gives the answer's members, or the message with which it was refused.
func (l Local) Call(op string, body any) (out map[string]json.RawMessage, message string, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequest("POST", l.URL, bytes.NewReader(raw))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+op)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		return nil, "", fmt.Errorf("%s: %w", op, err)
	}
	if res.StatusCode == http.StatusOK {
		return out, "", nil
	}
	message = res.Status
	for _, k := range []string{"message", "Message"} {
		if m, ok := out[k]; ok {
			if err := json.Unmarshal(m, &message); err != nil {
				return nil, "", err
			}
		}
	}
	return nil, message, nil
}
