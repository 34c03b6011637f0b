package wire

import "reflect"

func encodeEventsInto(res *Response, op *Op, p Protocol, v reflect.Value) (*Response, error) {
	return nil, CommonError(UnknownOperationError, "")
}
func encodeEvents(op *Op, p Protocol, v reflect.Value, requestID string) (*Response, error) {
	return nil, CommonError(UnknownOperationError, "")
}
func decodeCBOR(s *Schema, sh *Shape, b []byte, v reflect.Value, at *path) error {
	return CommonError(UnknownOperationError, "")
}

type cborEncoder struct {
	schema *Schema
	buf    []byte
}

func (e *cborEncoder) structure(sh *Shape, v reflect.Value) error {
	return CommonError(UnknownOperationError, "")
}
func cborError(s *Schema, in *ErrorInfo, requestID string) *Response {
	return respond(s, CBOR, in.Status, nil, requestID)
}
