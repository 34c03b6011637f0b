package wire

import (
	"net/http"
	"reflect"
)

// Decode reads a request into a fresh input of h's operation and validates it against the model. Errors are AWS
// errors, to be answered by EncodeError in the same protocol.
func Decode(h *Handler, p Protocol, r *Request) (any, error) {
	in := h.New()
	nulls, err := DecodeInto(h.Op, p, r, in)
	if err != nil {
		return nil, err
	}
	if err := validate(h.Op, in, nulls, false); err != nil {
		return nil, err
	}
	return in, nil
}

// DecodeInto reads a request into in, a pointer to the operation's input struct or to a map[string]any, and does
// not validate it. It gives the paths of required members that were missing and leave no trace in a struct.
func DecodeInto(op *Op, p Protocol, r *Request, in any) (nulls []string, err error) {
	if op.Input < 0 {
		return nil, nil
	}
	v := reflect.ValueOf(in).Elem()
	if v.Kind() == reflect.Map {
		// a dynamic input: the decoders fill an interface
		slot := reflect.New(typeAny).Elem()
		nulls, err = decodeTo(op, p, r, slot)
		if m, ok := slot.Interface().(map[string]any); ok {
			v.Set(reflect.ValueOf(m))
		}
		return nulls, err
	}
	return decodeTo(op, p, r, v)
}

func decodeTo(op *Op, p Protocol, r *Request, v reflect.Value) ([]string, error) {
	s := op.Schema
	sh := &s.Shapes[op.Input]
	var steps [8]step
	at := path{steps: steps[:0]}
	var err error
	switch p {
	case JSON10, JSON11:
		body := r.Body
		if len(body) == 0 {
			body = emptyObject
		}
		err = decodeJSON(s, sh, body, v, &at)
	case Query, EC2:
		var form *formNode
		if form, err = parseForm(string(r.Body), r.RawQuery); err == nil {
			d := formDecoder{schema: s, ec2: p == EC2, path: at}
			err = d.structure(sh, v, form)
			at = d.path
		}
	case RESTJSON, RESTXML:
		err = decodeREST(op, p, r, sh, v, &at)
	case CBOR:
		err = decodeCBOR(s, sh, r.Body, v, &at)
	default:
		err = CommonError(UnknownOperationError, "")
	}
	return at.nulls, err
}

var emptyObject = []byte("{}")

// Encode writes the answer of an operation: out is what Handler.Do gave.
func Encode(op *Op, p Protocol, out any, requestID string) *Response {
	res, err := encode(op, p, out, requestID)
	if err != nil {
		return EncodeError(nil, op, p, err, requestID)
	}
	return res
}

func encode(op *Op, p Protocol, out any, requestID string) (*Response, error) {
	s := op.Schema
	v := structOf(out)
	switch p {
	case JSON10, JSON11:
		if op.Has(EventStreamOutput) {
			return encodeEvents(op, p, v, requestID)
		}
		e := jsonEncoder{schema: s}
		if op.Output >= 0 && v.IsValid() {
			e.buf = make([]byte, 0, 256)
			if err := e.structure(&s.Shapes[op.Output], v); err != nil {
				return nil, err
			}
		} else {
			e.buf = emptyObject
			if op.Output < 0 {
				e.buf = nil
			}
		}
		return respond(s, p, http.StatusOK, e.buf, requestID), nil
	case Query:
		e := xmlEncoder{schema: s, proto: p, buf: make([]byte, 0, 512)}
		root := op.Name + "Response"
		e.open(root, s.Namespace, "", nil)
		if op.Output >= 0 {
			wrapper := op.ResultWrapper
			if wrapper == "" {
				wrapper = op.Name + "Result"
			}
			e.open(wrapper, "", "", nil)
			if v.IsValid() {
				if err := e.members(&s.Shapes[op.Output], v); err != nil {
					return nil, err
				}
			}
			e.close(wrapper)
		}
		e.open("ResponseMetadata", "", "", nil)
		e.text("RequestId", requestID)
		e.close("ResponseMetadata")
		e.close(root)
		return respond(s, p, http.StatusOK, e.buf, requestID), nil
	case EC2:
		e := xmlEncoder{schema: s, proto: p, buf: append(make([]byte, 0, 512), xmlHead...)}
		root := op.Name + "Response"
		e.open(root, s.Namespace, "", nil)
		e.text("requestId", requestID)
		if op.Output >= 0 && v.IsValid() {
			if err := e.members(&s.Shapes[op.Output], v); err != nil {
				return nil, err
			}
		}
		e.close(root)
		return respond(s, p, http.StatusOK, e.buf, requestID), nil
	case RESTJSON, RESTXML:
		return encodeREST(op, p, v, requestID)
	case CBOR:
		if op.Has(EventStreamOutput) {
			return encodeEvents(op, p, v, requestID)
		}
		var b []byte
		if op.Output >= 0 {
			e := cborEncoder{schema: s}
			if v.IsValid() {
				if err := e.structure(&s.Shapes[op.Output], v); err != nil {
					return nil, err
				}
			} else {
				e.buf = append(e.buf, 0xA0)
			}
			b = e.buf
		}
		return respond(s, p, http.StatusOK, b, requestID), nil
	}
	return nil, CommonError(UnknownOperationError, "")
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func contentType(p Protocol) string {
	switch p {
	case JSON10:
		return "application/x-amz-json-1.0"
	case JSON11:
		return "application/x-amz-json-1.1"
	case Query:
		return "text/xml"
	case EC2:
		return "text/xml;charset=UTF-8"
	case RESTXML:
		return "application/xml"
	case CBOR:
		return "application/cbor"
	}
	return "application/json"
}

// respond makes a response with the headers that every answer of a protocol has.
func respond(s *Schema, p Protocol, status int, body []byte, requestID string) *Response {
	vals := make([]string, 0, 4)
	h := make(http.Header, 4)
	set := func(k, v string) {
		vals = append(vals, v)
		n := len(vals)
		h[k] = vals[n-1 : n : n]
	}
	if body != nil {
		set("Content-Type", contentType(p))
	}
	if s != nil && s.Flags&S3 != 0 {
		set("X-Amz-Request-Id", requestID)
		set("X-Amz-Id-2", requestID)
	} else {
		set("X-Amzn-Requestid", requestID)
	}
	if p == CBOR {
		set("Smithy-Protocol", "rpc-v2-cbor")
	}
	return &Response{Status: status, Header: h, Body: body}
}

// EncodeError writes an error. m or op may be nil, op where no operation was found; err that is no AWS error is
// answered as InternalFailure without a word of it, and the caller logs it (Known tells).
func EncodeError(m *Model, op *Op, p Protocol, err error, requestID string) *Response {
	var s *Schema
	switch {
	case op != nil:
		s = op.Schema
	case m != nil:
		s = m.Schema
	}
	in := Info(s, p, err)
	switch p {
	case Query, EC2, RESTXML:
		return xmlError(s, op, p, &in, requestID)
	case CBOR:
		return cborError(s, &in, requestID)
	}
	if p == Unknown {
		p = JSON11
	}
	return jsonError(s, p, &in, requestID)
}

// queryError sets the header by which query-compatible services tell the code of old.
func queryError(s *Schema, in *ErrorInfo, res *Response) {
	if s != nil && s.Flags&QueryCompatible != 0 {
		res.Header["X-Amzn-Query-Error"] = []string{in.QueryCode + ";" + senderReceiver(in, "Sender", "Receiver")}
	}
}

func senderReceiver(in *ErrorInfo, sender, receiver string) string {
	if in.Server {
		return receiver
	}
	return sender
}

// messageKey gives the name of an error's message member on the wire, and its index, -1 = none.
func messageKey(in *ErrorInfo, def string) (string, int) {
	if in.Shape != nil {
		for i := range in.Shape.Members {
			if m := &in.Shape.Members[i]; IsMessage(m.Name) {
				return m.Key(), i
			}
		}
	}
	return def, -1
}

// IsMessage tells whether an error's member is its message: generated types call that field Message.
func IsMessage(name string) bool {
	return len(name) == 7 && (name == "Message" || name == "message")
}

func jsonError(s *Schema, p Protocol, in *ErrorInfo, requestID string) *Response {
	code := in.Code
	if p != RESTJSON && s != nil && s.ErrorNamespace != "" {
		if in.Shape != nil {
			code = s.ErrorNamespace + "#" + code
		} else if p == JSON10 {
			code = "com.amazon.coral.service#" + code
		}
	}
	def := "message"
	if in.Err != nil && in.Err.Common == AccessDeniedError && p != RESTJSON {
		def = "Message"
	}
	key, msg := messageKey(in, def)
	e := jsonEncoder{buf: append(make([]byte, 0, 256), '{')}
	comma := false
	if p != RESTJSON {
		e.buf = append(e.buf, `"__type":`...)
		e.buf = appendJSONString(e.buf, code)
		comma = true
	}
	if in.Message != "" || in.Shape == nil {
		if comma {
			e.buf = append(e.buf, ',')
		}
		comma = true
		e.buf = appendJSONString(e.buf, key)
		e.buf = append(e.buf, ':')
		e.buf = appendJSONString(e.buf, in.Message)
	}
	res := respond(s, p, in.Status, emptyObject, requestID)
	if in.Modeled != nil {
		e.schema = in.Schema
		if err := e.errorMembers(in.Shape, valueOfError(in.Modeled), msg, comma); err != nil {
			e.buf = append(e.buf[:0], '{')
		}
		if p == RESTJSON {
			errorHeaders(in, res.Header)
		}
	}
	e.buf = append(e.buf, '}')
	res.Body = e.buf
	if p == RESTJSON {
		res.Header["X-Amzn-Errortype"] = []string{code}
	}
	queryError(s, in, res)
	return res
}

// errorMembers writes an error's members but its message.
func (e *jsonEncoder) errorMembers(sh *Shape, v reflect.Value, msg int, comma bool) error {
	for i := range sh.Members {
		m := &sh.Members[i]
		x, ok := member(sh, v, i)
		if !ok || i == msg || m.Location != InBody || x.Kind() == reflect.String && m.Flags&Required == 0 && x.Len() == 0 {
			continue
		}
		if comma {
			e.buf = append(e.buf, ',')
		}
		comma = true
		e.buf = appendJSONString(e.buf, m.Key())
		e.buf = append(e.buf, ':')
		if err := e.value(&e.schema.Shapes[m.Shape], m, x); err != nil {
			return err
		}
	}
	return nil
}

func errorHeaders(in *ErrorInfo, h http.Header) {
	v := valueOfError(in.Modeled)
	for i := range in.Shape.Members {
		m := &in.Shape.Members[i]
		if m.Location != InHeader {
			continue
		}
		if x, ok := member(in.Shape, v, i); ok {
			h[http.CanonicalHeaderKey(m.Key())] = []string{string(appendScalar(nil, &in.Schema.Shapes[m.Shape], m, x, TimeHTTP, false))}
		}
	}
}

func xmlError(s *Schema, op *Op, p Protocol, in *ErrorInfo, requestID string) *Response {
	e := xmlEncoder{proto: p, buf: make([]byte, 0, 512)}
	code := in.QueryCode
	if p == RESTXML {
		code = in.Code
	}
	body := func(typ bool) {
		if typ {
			e.text("Type", senderReceiver(in, "Sender", "Receiver"))
		}
		e.text("Code", code)
		key, msg := "Message", -1
		if in.Shape != nil {
			_, msg = messageKey(in, key)
		}
		e.text(key, in.Message)
		if in.Modeled != nil {
			e.schema = in.Schema
			v := valueOfError(in.Modeled)
			for i := range in.Shape.Members {
				m := &in.Shape.Members[i]
				if i == msg || m.Location != InBody {
					continue
				}
				if x, ok := member(in.Shape, v, i); ok {
					if err := e.element(e.name(m), m, x); err != nil {
						return
					}
				}
			}
		}
		if in.Err != nil {
			if in.Err.Resource != "" {
				e.text("Resource", in.Err.Resource)
			}
			for _, x := range in.Err.Extra {
				e.text(x[0], x[1])
			}
		}
	}
	switch {
	case p == EC2:
		e.buf = append(e.buf, xmlHead...)
		e.buf = append(e.buf, "<Response><Errors><Error>"...)
		body(false)
		e.buf = append(e.buf, "</Error></Errors>"...)
		e.text("RequestID", requestID)
		e.buf = append(e.buf, "</Response>"...)
	case s != nil && s.Flags&S3 != 0:
		e.buf = append(e.buf, xmlHead...)
		e.buf = append(e.buf, "<Error>"...)
		body(false)
		e.text("RequestId", requestID)
		e.text("HostId", requestID)
		e.buf = append(e.buf, "</Error>"...)
	default:
		ns := ""
		if s != nil {
			ns = s.Namespace
		}
		e.open("ErrorResponse", ns, "", nil)
		e.open("Error", "", "", nil)
		body(true)
		e.close("Error")
		e.text("RequestId", requestID)
		e.close("ErrorResponse")
	}
	if op != nil && op.Method == http.MethodHead {
		e.buf = nil // a HEAD's error is its status
	}
	res := respond(s, p, in.Status, e.buf, requestID)
	if p == RESTXML && in.Modeled != nil {
		errorHeaders(in, res.Header)
	}
	if p == RESTXML && in.Err != nil {
		for _, h := range in.Err.Headers {
			res.Header[http.CanonicalHeaderKey(h[0])] = []string{headerSafe(h[1])}
		}
	}
	if in.Status == http.StatusNotModified {
		res.Body = nil
		delete(res.Header, "Content-Type")
	}
	return res
}
