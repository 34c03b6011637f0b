package wire

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
)

// Remote is an invoker that reads answers into a value of the caller's: one that calls over HTTP.
type Remote interface {
	InvokeInto(ctx context.Context, op *Op, in, out any) error
}

// InputJSON writes an operation's input as a client of the JSON protocols sends it.
func InputJSON(op *Op, in any) ([]byte, error) {
	v := structOf(in)
	if op.Input < 0 || !v.IsValid() {
		return emptyObject, nil
	}
	e := jsonEncoder{schema: op.Schema}
	err := e.structure(&op.Schema.Shapes[op.Input], v)
	return e.buf, err
}

// OutputJSON reads an answer as a client of the JSON protocols gets it into out, a pointer to the output's struct.
func OutputJSON(op *Op, body []byte, out any) error {
	if op.Output < 0 || len(body) == 0 {
		return nil
	}
	var at path
	return decodeJSON(op.Schema, &op.Schema.Shapes[op.Output], body, reflect.ValueOf(out).Elem(), &at)
}

// ErrorJSON reads an error answer of the JSON protocols.
func ErrorJSON(status int, body []byte) *Error {
	var b struct {
		Type  string `json:"__type"`
		Lower string `json:"message"`
		Upper string `json:"Message"`
	}
	e := &Error{Status: status, Code: "UnknownError", Message: string(body), Server: status >= 500}
	if json.Unmarshal(body, &b) == nil {
		if b.Type != "" {
			e.Code = b.Type[strings.LastIndexByte(b.Type, '#')+1:]
		}
		if m := b.Lower + b.Upper; m != "" || b.Type != "" {
			e.Message = m
		}
	}
	return e
}
