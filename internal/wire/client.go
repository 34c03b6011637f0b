package wire

import (
	"encoding/json"
	"reflect"
	"strings"
)

// AppendInputJSON writes an operation's input as a client of the json protocols sends it.
func AppendInputJSON(m *Model, op *Op, in any) []byte {
	if op.Input < 0 || in == nil {
		return []byte("{}")
	}
	return appendJSON(nil, m, op.Input, reflect.ValueOf(in), TimeDefault)
}

// DecodeOutputJSON reads an operation's answer as a client of the json protocols gets it.
func DecodeOutputJSON(m *Model, op *Op, body []byte, out any) error {
	if op.Output < 0 {
		return nil
	}
	return decodeJSON(m, op.Output, body, reflect.ValueOf(out).Elem())
}

// DecodeErrorJSON reads an error answer of the json protocols.
func DecodeErrorJSON(status int, body []byte) *Error {
	var b struct {
		Type  string `json:"__type"`
		Lower string `json:"message"`
		Upper string `json:"Message"`
	}
	e := &Error{Status: status, Code: "UnknownError", Message: string(body), Server: status >= 500}
	if json.Unmarshal(body, &b) == nil && b.Type != "" {
		e.Code = b.Type[strings.LastIndexByte(b.Type, '#')+1:]
		e.Message = b.Lower + b.Upper
	}
	return e
}
