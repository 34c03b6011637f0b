package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"virga/internal/wire"
	"virga/tool/apigen/servicemodel"
)

// protocols answers the wire protocol cases: the model comes with each case, so values are dynamic ones.
func protocols(in io.Reader, out io.Writer) error {
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 64<<20)
	w := bufio.NewWriter(out)
	for sc.Scan() {
		answer := protocolCase(sc.Bytes())
		b, err := json.Marshal(answer)
		if err != nil {
			b, _ = json.Marshal(map[string]any{"error": err.Error()})
		}
		w.Write(append(b, '\n'))
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return sc.Err()
}

var protocolByName = map[string]wire.Protocol{
	"query": wire.Query, "ec2": wire.EC2, "rest-json": wire.RESTJSON, "rest-xml": wire.RESTXML, "smithy-rpc-v2-cbor": wire.CBOR, "json": wire.JSON11,
}

func protocolCase(line []byte) (answer map[string]any) {
	fail := func(err error) map[string]any { return map[string]any{"error": err.Error()} }
	defer func() {
		if r := recover(); r != nil {
			answer = map[string]any{"error": fmt.Sprint("panic: ", r)}
		}
	}()
	q, err := servicemodel.Parse(line)
	if err != nil {
		return fail(err)
	}
	operation := q.Obj("operation")
	name := operation.Str("name")
	doc := &servicemodel.Object{M: map[string]any{}}
	ops := &servicemodel.Object{M: map[string]any{}}
	ops.Set(name, operation)
	doc.Set("metadata", q.Obj("metadata"))
	doc.Set("operations", ops)
	doc.Set("shapes", q.Obj("shapes"))
	opt := servicemodel.Options{Package: "case"}
	m, err := servicemodel.Build(doc, opt)
	if err != nil {
		return fail(err)
	}
	op := m.Op(name)
	p := protocolByName[q.Str("protocol")]
	if p == wire.JSON11 && q.Obj("metadata").Str("jsonVersion") == "1.0" {
		p = wire.JSON10
	}
	switch q.Str("op") {
	case "parse":
		r, err := protocolRequest(q)
		if err != nil {
			return fail(err)
		}
		params := map[string]any{}
		if _, err := wire.DecodeInto(op, p, r, &params); err != nil {
			return fail(err)
		}
		var v any = params
		if op.Input >= 0 {
			v = plain(m, op.Input, params)
		}
		return map[string]any{"params": v}
	case "serialize":
		var v any = map[string]any{}
		if op.Output >= 0 {
			if v, err = typed(m, op.Output, nil, q.Obj("result")); err != nil {
				return fail(err)
			}
		}
		return response(wire.Encode(op, p, v, "request-id"))
	case "serialize_error":
		return protocolError(q, m, op, p)
	}
	return map[string]any{"error": "unknown op"}
}

// protocolError looks the error's shape up by its code.
func protocolError(q *servicemodel.Object, m *servicemodel.Model, op *wire.Op, p wire.Protocol) map[string]any {
	code, message := q.Str("code"), q.Str("message")
	for _, i := range op.Errors {
		sh := &m.Shapes[i]
		if sh.Name != code && sh.Code != code && sh.QueryCode != code {
			continue
		}
		v, err := typed(m, i, nil, q.Obj("result"))
		if err != nil {
			return map[string]any{"error": err.Error()}
		}
		return response(wire.EncodeError(nil, op, p, &wire.DynamicError{Schema: m.Schema, Shape: i, Message: message, Members: v.(map[string]any)}, "request-id"))
	}
	return response(wire.EncodeError(nil, op, p, wire.ErrorOf(code, 400, message), "request-id"))
}

func protocolRequest(q *servicemodel.Object) (*wire.Request, error) {
	o := q.Obj("request")
	r := &wire.Request{Method: o.Str("method"), Header: http.Header{}, Host: o.Str("host")}
	body, err := base64.StdEncoding.DecodeString(o.Str("body_b64"))
	if err != nil {
		return nil, err
	}
	r.Body = body
	r.Path, r.RawQuery, _ = strings.Cut(o.Str("uri"), "?")
	if r.Path == "" {
		r.Path = "/"
	}
	// an endpoint's own path is taken off by whoever listens there
	if u, err := url.Parse(q.Str("clientEndpoint")); err == nil && u.Path != "" && u.Path != "/" {
		r.Path = strings.TrimPrefix(r.Path, strings.TrimSuffix(u.Path, "/"))
	}
	h := o.Obj("headers")
	for _, k := range h.Keys {
		switch v := h.M[k].(type) {
		case string:
			r.Header.Add(k, v)
		case []any:
			for _, x := range v {
				r.Header.Add(k, fmt.Sprint(x))
			}
		}
	}
	return r, nil
}

func response(res *wire.Response) map[string]any {
	body := res.Body
	if res.Stream != nil {
		body, _ = io.ReadAll(res.Stream)
	}
	h := map[string]string{}
	for k, v := range res.Header {
		h[k] = strings.Join(v, ", ")
	}
	return map[string]any{"status": res.Status, "headers": h, "body_b64": base64.StdEncoding.EncodeToString(body)}
}

// plain turns a dynamic value into what JSON can say: blobs as base64, times as seconds.
func plain(m *servicemodel.Model, shape int32, v any) any {
	sh := &m.Shapes[shape]
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		if sh.Kind == wire.KindStructure {
			for i := range sh.Members {
				if y, ok := x[sh.Members[i].Name]; ok {
					out[sh.Members[i].Name] = plain(m, sh.Members[i].Shape, y)
				}
			}
			return out
		}
		for k, y := range x {
			out[k] = plain(m, sh.Members[1].Shape, y)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = plain(m, sh.Members[0].Shape, x[i])
		}
		return out
	case wire.Document:
		var d any
		if err := json.Unmarshal(x, &d); err != nil {
			return string(x)
		}
		return d
	case []byte:
		if sh.Flags&wire.Streaming != 0 {
			return string(x)
		}
		return base64.StdEncoding.EncodeToString(x)
	case time.Time:
		return float64(x.UnixMilli()) / 1000
	case float64:
		switch {
		case math.IsNaN(x):
			return "NaN"
		case math.IsInf(x, 1):
			return "Infinity"
		case math.IsInf(x, -1):
			return "-Infinity"
		}
	}
	return v
}

// typed turns a case's result into a dynamic value.
func typed(m *servicemodel.Model, shape int32, mem *wire.Member, v any) (any, error) {
	sh := &m.Shapes[shape]
	if sh.Kind == wire.KindDocument {
		b, err := marshal(v)
		return wire.Document(b), err
	}
	if mem != nil && mem.Has(wire.JSONValue) {
		b, err := marshal(v)
		return string(b), err
	}
	switch x := v.(type) {
	case nil:
		return nil, nil
	case *servicemodel.Object:
		out := map[string]any{}
		for _, k := range x.Keys {
			var next *wire.Member
			switch sh.Kind {
			case wire.KindMap:
				next = &sh.Members[1]
			case wire.KindStructure:
				for i := range sh.Members {
					if sh.Members[i].Name == k {
						next = &sh.Members[i]
					}
				}
			}
			if next == nil {
				continue
			}
			y, err := typed(m, next.Shape, next, x.M[k])
			if err != nil {
				return nil, err
			}
			out[k] = y
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i := range x {
			y, err := typed(m, sh.Members[0].Shape, &sh.Members[0], x[i])
			if err != nil {
				return nil, err
			}
			out[i] = y
		}
		return out, nil
	case json.Number:
		f, err := x.Float64()
		if err != nil {
			return nil, err
		}
		switch sh.Kind {
		case wire.KindInteger, wire.KindLong:
			return x.Int64()
		case wire.KindTimestamp:
			sec, frac := math.Modf(f)
			return time.Unix(int64(sec), int64(math.Round(frac*1000))*int64(time.Millisecond)).UTC(), nil
		}
		return f, nil
	case string:
		switch sh.Kind {
		case wire.KindBlob:
			return []byte(x), nil
		case wire.KindFloat, wire.KindDouble:
			switch x {
			case "NaN":
				return math.NaN(), nil
			case "Infinity":
				return math.Inf(1), nil
			case "-Infinity":
				return math.Inf(-1), nil
			}
		}
		return x, nil
	}
	return v, nil
}

// marshal writes a parsed value back as JSON.
func marshal(v any) ([]byte, error) {
	o, ok := v.(*servicemodel.Object)
	if ok {
		b := []byte{'{'}
		for i, k := range o.Keys {
			if i > 0 {
				b = append(b, ',')
			}
			kb, err := json.Marshal(k)
			if err != nil {
				return nil, err
			}
			x, err := marshal(o.M[k])
			if err != nil {
				return nil, err
			}
			b = append(append(append(b, kb...), ':'), x...)
		}
		return append(b, '}'), nil
	}
	if l, ok := v.([]any); ok {
		b := []byte{'['}
		for i := range l {
			if i > 0 {
				b = append(b, ',')
			}
			x, err := marshal(l[i])
			if err != nil {
				return nil, err
			}
			b = append(b, x...)
		}
		return append(b, ']'), nil
	}
	return json.Marshal(v)
}
