package servicemodel

import (
	"fmt"
	"math"
	"net/http"
	"sort"
	"strings"

	"virga/internal/wire"
)

// Options say what of a model is built.
type Options struct {
	Package string
	// Implemented names the operations whose shapes are built; nil means all.
	Implemented map[string]bool
	// Extra names more shapes to build.
	Extra []string
	// Custom names shapes whose Go types bring their own codec.
	Custom map[string]bool
}

// Model is a built model with what only the generator needs.
type Model struct {
	wire.Model
	// Index gives a shape's place by its name.
	Index map[string]int32
	// Unchecked are patterns that Go's dialect cannot say.
	Unchecked []string
}

type builder struct {
	doc   *Object
	opt   Options
	out   *Model
	defs  *Object
	pats  map[string]int16
	queue []string
}

// Build makes a model.
func Build(doc *Object, opt Options) (*Model, error) {
	b := &builder{doc: doc, opt: opt, defs: doc.Obj("shapes"), pats: map[string]int16{}}
	b.out = &Model{Index: map[string]int32{}}
	s := &wire.Schema{}
	b.out.Schema = s
	b.metadata(s)

	ops := doc.Obj("operations")
	names := append([]string(nil), ops.Keys...)
	sort.Strings(names)
	implemented := func(n string) bool { return opt.Implemented == nil || opt.Implemented[n] }
	for n := range opt.Implemented {
		if !ops.Has(n) {
			return nil, fmt.Errorf("%s: the model has no operation %s", opt.Package, n)
		}
	}
	// shapes first, in the order of their names, so that output changes little from version to version
	reach := map[string]bool{}
	for _, n := range names {
		if !implemented(n) {
			continue
		}
		o := ops.Obj(n)
		b.reach(reach, o.Obj("input").Str("shape"))
		b.reach(reach, o.Obj("output").Str("shape"))
		for _, e := range list(o, "errors") {
			b.reach(reach, e.Str("shape"))
		}
	}
	for _, n := range opt.Extra {
		if !b.defs.Has(n) {
			return nil, fmt.Errorf("%s: the model has no shape %s", opt.Package, n)
		}
		b.reach(reach, n)
	}
	var shapes []string
	for n := range reach {
		shapes = append(shapes, n)
	}
	sort.Strings(shapes)
	for i, n := range shapes {
		b.out.Index[n] = int32(i)
	}
	for _, n := range shapes {
		sh, err := b.shape(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", opt.Package, n, err)
		}
		s.Shapes = append(s.Shapes, sh)
	}
	for _, n := range names {
		b.out.Ops = append(b.out.Ops, b.op(ops.Obj(n), n, implemented(n)))
	}
	b.needs()
	return b.out, nil
}

// needs notes for operations that share method and path what else tells them apart.
func (b *builder) needs() {
	same := map[string]int{}
	key := func(op *wire.Op) string {
		p, q, _ := strings.Cut(op.Path, "?")
		if strings.HasPrefix(q, "x-id=") && !strings.Contains(q, "&") {
			q = ""
		}
		return op.Method + " " + p + "?" + q
	}
	for i := range b.out.Ops {
		same[key(&b.out.Ops[i])]++
	}
	for i := range b.out.Ops {
		op := &b.out.Ops[i]
		if same[key(op)] < 2 || op.Path == "/" && op.Method == "POST" {
			continue
		}
		d := b.defs.Obj(b.doc.Obj("operations").Obj(op.Name).Obj("input").Str("shape"))
		for _, n := range d.Strings("required") {
			m := d.Obj("members").Obj(n)
			wire := m.Str("locationName")
			switch m.Str("location") {
			case "querystring":
				op.Needs = append(op.Needs, "?"+wire)
			case "header":
				op.Needs = append(op.Needs, http.CanonicalHeaderKey(wire))
			}
		}
	}
}

func list(o *Object, k string) []*Object {
	l, _ := o.M[k].([]any)
	var out []*Object
	for _, x := range l {
		if e, ok := x.(*Object); ok {
			out = append(out, e)
		}
	}
	return out
}

func (b *builder) reach(set map[string]bool, name string) {
	if name == "" || set[name] {
		return
	}
	set[name] = true
	d := b.defs.Obj(name)
	for _, k := range d.Obj("members").Keys {
		b.reach(set, d.Obj("members").Obj(k).Str("shape"))
	}
	for _, k := range []string{"member", "key", "value"} {
		b.reach(set, d.Obj(k).Str("shape"))
	}
}

func (b *builder) metadata(s *wire.Schema) {
	md := b.doc.Obj("metadata")
	s.Package = b.opt.Package
	s.ServiceID = md.Str("serviceId")
	s.FullName = md.Str("serviceFullName")
	s.Abbreviation = md.Str("serviceAbbreviation")
	s.APIVersion = md.Str("apiVersion")
	s.EndpointPrefix = md.Str("endpointPrefix")
	s.SigningName = md.Str("signingName")
	if s.SigningName == "" {
		s.SigningName = s.EndpointPrefix
	}
	s.TargetPrefix = md.Str("targetPrefix")
	s.Namespace, _ = namespace(md)
	s.Global = md.Has("globalEndpoint")
	if md.Has("awsQueryCompatible") {
		s.Flags |= wire.QueryCompatible
	}
	if s.ServiceID == "S3" {
		s.Flags |= wire.S3
		s.Validation = wire.ValidateBody
	}
	if md.Bool("virgaBodyPath") {
		s.Flags |= wire.BodyPath
	}
	s.BlobType = md.Str("virgaBlobType")
	protocols := md.Strings("protocols")
	if len(protocols) == 0 {
		protocols = []string{md.Str("protocol")}
	}
	for _, p := range protocols {
		switch p {
		case "json":
			if md.Str("jsonVersion") == "1.0" {
				s.Protocols = append(s.Protocols, wire.JSON10)
				s.ErrorNamespace = "com.amazonaws." + b.opt.Package
			} else {
				s.Protocols = append(s.Protocols, wire.JSON11)
			}
		case "query":
			s.Protocols = append(s.Protocols, wire.Query)
		case "ec2":
			s.Protocols = append(s.Protocols, wire.EC2)
		case "rest-json":
			s.Protocols = append(s.Protocols, wire.RESTJSON)
		case "rest-xml":
			s.Protocols = append(s.Protocols, wire.RESTXML)
		case "smithy-rpc-v2-cbor":
			s.Protocols = append(s.Protocols, wire.CBOR)
		}
	}
	switch md.Str("virgaValidation") {
	case "none":
		s.Validation = wire.ValidateNone
	case "required":
		s.Validation = wire.ValidateRequired
	}
	s.ValidationCode = md.Str("virgaValidationCode")
	if n := md.Str("virgaErrorNamespace"); n != "" {
		s.ErrorNamespace = n
	}
}

func namespace(o *Object) (uri, prefix string) {
	if s := o.Str("xmlNamespace"); s != "" {
		return s, ""
	}
	n := o.Obj("xmlNamespace")
	return n.Str("uri"), n.Str("prefix")
}

func timeFormat(o *Object) wire.TimeFormat {
	switch o.Str("timestampFormat") {
	case "iso8601":
		return wire.TimeISO8601
	case "rfc822":
		return wire.TimeHTTP
	case "unixTimestamp":
		return wire.TimeUnix
	}
	return wire.TimeDefault
}

var kinds = map[string]wire.Kind{
	"structure": wire.KindStructure, "list": wire.KindList, "map": wire.KindMap, "string": wire.KindString, "character": wire.KindString,
	"integer": wire.KindInteger, "byte": wire.KindInteger, "short": wire.KindInteger, "long": wire.KindLong, "bigInteger": wire.KindLong,
	"float": wire.KindFloat, "double": wire.KindDouble, "bigDecimal": wire.KindDouble, "boolean": wire.KindBoolean, "blob": wire.KindBlob,
	"timestamp": wire.KindTimestamp,
}

func (b *builder) shape(name string) (wire.Shape, error) {
	d := b.defs.Obj(name)
	k, ok := kinds[d.Str("type")]
	if !ok {
		return wire.Shape{}, fmt.Errorf("unknown type %q", d.Str("type"))
	}
	sh := wire.Shape{Name: name, Kind: k, Payload: -1, Pattern: -1, Time: timeFormat(d), WireName: d.Str("locationName")}
	sh.Namespace, sh.Prefix = namespace(d)
	flag := func(key string, f wire.ShapeFlags) {
		if d.Bool(key) {
			sh.Flags |= f
		}
	}
	if d.Bool("document") {
		sh.Kind = wire.KindDocument
	}
	flag("streaming", wire.Streaming)
	flag("flattened", wire.Flattened)
	flag("sensitive", wire.Sensitive)
	flag("union", wire.Union)
	flag("eventstream", wire.EventStream)
	flag("event", wire.Event)
	flag("exception", wire.Exception)
	flag("fault", wire.Fault)
	flag("sparse", wire.Sparse)
	flag("wrapper", wire.Wrapper)
	if b.opt.Custom[name] {
		sh.Flags |= wire.Custom
	}
	if f, ok := d.Float("min"); ok && !math.IsInf(f, 0) {
		sh.Min = f
		sh.Flags |= wire.HasMin
	}
	if f, ok := d.Float("max"); ok && !math.IsInf(f, 0) {
		sh.Max = f
		sh.Flags |= wire.HasMax
	}
	if p := d.Str("pattern"); p != "" && k == wire.KindString {
		sh.Pattern = b.pattern(p)
	}
	sh.Enum = d.Strings("enum")
	if er := d.Obj("error"); len(er.Keys) > 0 {
		sh.Flags |= wire.Exception
		if er.Bool("senderFault") {
			sh.Flags |= wire.Sender
		}
		if er.Bool("fault") {
			sh.Flags |= wire.Fault
		}
		if f, ok := er.Float("httpStatusCode"); ok {
			sh.Status = int16(f)
			if b.out.Flags&wire.QueryCompatible != 0 && er.Str("code") != "" {
				// such a model gives the query protocol's status; the others' is 400 unless a patch says it
				sh.QueryStatus, sh.Status = sh.Status, 0
			}
		}
		if f, ok := er.Float("virgaStatus"); ok {
			sh.Status = int16(f)
		}
		if c := er.Str("code"); c != "" && c != name {
			// with two spellings the old one belongs to the query protocol
			if b.out.Flags&wire.QueryCompatible != 0 {
				sh.QueryCode = c
			} else {
				sh.Code = c
			}
		}
		if c := er.Str("queryCode"); c != "" && c != name {
			sh.QueryCode = c
		}
	}
	if sh.Flags&wire.Fault != 0 && sh.Status == 0 {
		sh.Status = 500
	}
	if sh.Kind == wire.KindDocument {
		return sh, nil
	}
	switch k {
	case wire.KindStructure:
		required := map[string]bool{}
		for _, r := range d.Strings("required") {
			required[r] = true
		}
		ms := d.Obj("members")
		for i, n := range ms.Keys {
			m := b.member(n, ms.Obj(n))
			if required[n] {
				m.Flags |= wire.Required
			}
			if d.Str("payload") == n {
				sh.Payload = int16(i)
			}
			sh.Members = append(sh.Members, m)
		}
	case wire.KindList:
		sh.Members = []wire.Member{b.member("", d.Obj("member"))}
	case wire.KindMap:
		sh.Members = []wire.Member{b.member("", d.Obj("key")), b.member("", d.Obj("value"))}
	}
	return sh, nil
}

func (b *builder) member(name string, o *Object) wire.Member {
	target := b.defs.Obj(o.Str("shape"))
	m := wire.Member{Name: name, Shape: b.out.Index[o.Str("shape")], WireName: o.Str("locationName"), QueryName: o.Str("queryName"), Time: timeFormat(o)}
	if m.WireName == name {
		m.WireName = ""
	}
	m.Namespace, m.Prefix = namespace(o)
	loc := o.Str("location")
	if loc == "" {
		loc = target.Str("location")
	}
	switch loc {
	case "uri":
		m.Location = wire.InURI
	case "querystring":
		m.Location = wire.InQuery
	case "header":
		m.Location = wire.InHeader
		if m.WireName = http.CanonicalHeaderKey(m.Key()); m.WireName == name {
			m.WireName = ""
		}
	case "headers":
		m.Location = wire.InHeaders
	case "statusCode":
		m.Location = wire.InStatus
	}
	flag := func(key string, f wire.MemberFlags) {
		if o.Bool(key) || target.Bool(key) {
			m.Flags |= f
		}
	}
	flag("flattened", wire.MemberFlattened)
	flag("xmlAttribute", wire.XMLAttribute)
	flag("idempotencyToken", wire.IdempotencyToken)
	flag("jsonvalue", wire.JSONValue)
	flag("eventpayload", wire.EventPayload)
	flag("eventheader", wire.EventHeader)
	flag("hostLabel", wire.HostLabel)
	flag("streaming", wire.MemberStreaming)
	return m
}

func (b *builder) pattern(p string) int16 {
	if i, ok := b.pats[p]; ok {
		return i
	}
	expr, not := Translate(p)
	if expr == "" {
		b.out.Unchecked = append(b.out.Unchecked, p)
	}
	i := int16(len(b.out.Patterns))
	b.out.Patterns = append(b.out.Patterns, wire.Pattern{Text: p, Expr: expr, Not: not})
	b.pats[p] = i
	return i
}

func (b *builder) op(o *Object, name string, implemented bool) wire.Op {
	s := b.out.Schema
	op := wire.Op{Schema: s, Name: name, Input: -1, Output: -1, Status: 200}
	h := o.Obj("http")
	op.Method, op.Path = h.Str("method"), h.Str("requestUri")
	if op.Method == "" {
		op.Method = "POST"
	}
	if f, ok := h.Float("responseCode"); ok {
		op.Status = int16(f)
	}
	flag := func(on bool, f wire.OpFlags) {
		if on {
			op.Flags |= f
		}
	}
	auth := o.Strings("auth")
	flag(o.Str("authtype") == "none" || len(auth) == 1 && auth[0] == "smithy.api#noAuth", wire.NoAuth)
	flag(o.Bool("unsignedPayload") || o.Str("authtype") == "v4-unsigned-body", wire.UnsignedPayload)
	flag(o.Bool("readonly"), wire.ReadOnly)
	flag(o.Bool("idempotent"), wire.Idempotent)
	ck := o.Obj("httpChecksum")
	flag(o.Bool("httpChecksumRequired") || ck.Bool("requestChecksumRequired"), wire.ChecksumRequired)
	op.ChecksumMember = ck.Str("requestAlgorithmMember")
	op.ResponseChecksums = ck.Strings("responseAlgorithms")
	op.HostPrefix = o.Obj("endpoint").Str("hostPrefix")
	in, out := o.Obj("input"), o.Obj("output")
	op.ResultWrapper = out.Str("resultWrapper")
	op.OutputRoot = out.Str("locationName")
	flag(out.Bool("virgaRootIsMember"), wire.RootIsMember)
	op.InputRoot = in.Str("locationName")
	op.InputNamespace, _ = namespace(in)
	b.streams(&op, in.Str("shape"), wire.StreamingInput, wire.EventStreamInput)
	b.streams(&op, out.Str("shape"), wire.StreamingOutput, wire.EventStreamOutput)
	if !implemented {
		return op
	}
	op.Flags |= wire.Implemented
	if n := in.Str("shape"); n != "" {
		op.Input = b.out.Index[n]
	}
	if n := out.Str("shape"); n != "" {
		op.Output = b.out.Index[n]
	}
	for _, e := range list(o, "errors") {
		op.Errors = append(op.Errors, b.out.Index[e.Str("shape")])
	}
	return op
}

// streams marks operations whose body is a stream or an event stream.
func (b *builder) streams(op *wire.Op, shape string, stream, events wire.OpFlags) {
	if shape == "" {
		return
	}
	d := b.defs.Obj(shape)
	ms := d.Obj("members")
	for _, n := range ms.Keys {
		m := ms.Obj(n)
		t := b.defs.Obj(m.Str("shape"))
		if t.Bool("eventstream") {
			op.Flags |= events
		} else if t.Str("type") == "blob" && (t.Bool("streaming") || m.Bool("streaming")) && d.Str("payload") == n {
			op.Flags |= stream
		}
	}
}

// PackageName gives the Go package of a service folder: the CLI's name without hyphens.
func PackageName(folder string) string { return strings.ReplaceAll(folder, "-", "") }
