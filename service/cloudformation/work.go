package cloudformation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"virga/internal/job"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/template"
	"virga/internal/template/schema"
	"virga/internal/wire"
)

// resourceKind is the job that does one thing to one resource. It first resolves the properties and decides what is to be
// done; name and decision are durable before the service is called (state.md). Then it calls the type until it is ready.
const (
	resourceKind = "cfn.resource"
	workMax      = 2 * time.Hour // after which a resource that is never ready fails
	retryFirst   = 500 * time.Millisecond
)

type resourcePayload struct {
	Region, Stack, ID string
	Operation         int64
	Action            string
}

func (p resourcePayload) bytes() []byte { return jsonOf(p) }

func resourceID(st *stack, id, action string) string {
	return st.ID + "/" + itoa(st.Operation.Number) + "/" + id + "/" + action
}

type worker struct{ s *Service }

// load reads what a job is about; nil where the operation is another one by now.
func (k *worker) load(r store.Reader, j *job.Job) (*resourcePayload, *stack, *row) {
	var p resourcePayload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return nil, nil, nil
	}
	st, ok := store.Load[stack](r, stackKey(j.Account, p.Region, p.Stack))
	if !ok || st.Operation == nil || st.Operation.Number != p.Operation {
		return nil, nil, nil
	}
	x, ok := store.Load[row](r, rowKey(st, p.ID))
	if !ok || x.Work != workRunning || x.Action != p.Action {
		return nil, nil, nil
	}
	return &p, st, x
}

// Step implements job.Kind: the effect is named after the step and how often the type was asked before.
func (k *worker) Step(tx store.Tx, j *job.Job, now time.Time) ([]job.Effect, job.Next, error) {
	_, st, r := k.load(tx, j)
	if r == nil {
		return nil, job.End, nil
	}
	if op := st.Operation; r.Action == actionApply && r.Stage > 0 && (op.Phase != phaseApply || len(op.Failed) > 0 || op.Cancelled) { // a sibling failed: waiting ends
		k.s.cancelled(tx, st, r, now)
		return nil, job.End, nil
	}
	name := r.Step
	if name == "" {
		name = "prepare"
	}
	return []job.Effect{{ID: job.EffectID(j, name+"/"+itoa(r.Try)+"/"+itoa(r.Stage)), Name: name}}, job.Next{}, nil
}

// done is what an effect found or did, as JSON in a job's result.
type done struct {
	Step     string          `json:",omitempty"` // prepare: what is to be done; "" = nothing
	Physical string          `json:",omitempty"`
	Suffix   string          `json:",omitempty"`
	Desired  json.RawMessage `json:",omitempty"`
	Metadata json.RawMessage `json:",omitempty"`
	Ref      string          `json:",omitempty"`
	Attrs    json.RawMessage `json:",omitempty"`
	Pending  bool            `json:",omitempty"`
	After    time.Duration   `json:",omitempty"`
	Context  []byte          `json:",omitempty"`
	Failure  string          `json:",omitempty"` // for the event
	Made     bool            `json:",omitempty"` // something was changed before it failed
	Replaces string          `json:",omitempty"` // type of what is replaced, where the type changes too
}

// Do implements job.Kind.
func (k *worker) Do(ctx context.Context, j job.Job, e job.Effect) job.Result {
	var p *resourcePayload
	var st *stack
	var r *row
	var all map[string]*row
	err := k.s.cfg.Store.View(ctx, func(rd store.Reader) error {
		p, st, r = k.load(rd, &j)
		if r != nil {
			all = byID(rows(rd, st))
		}
		return nil
	})
	if err != nil {
		return job.Result{Err: err.Error()}
	}
	if r == nil {
		return job.Result{Code: "gone"}
	}
	op := st.Operation
	ctx = k.s.as(ctx, st, &op.By)
	d := done{}
	inv, err := k.s.invoker(ctx, op.Role)
	if err == nil {
		if e.Name == "prepare" {
			if d, err = k.s.plan(ctx, st, r, all); err != nil {
				d = done{}
			}
		} else {
			d, err = k.s.act(ctx, st, r, e, inv)
			if k.s.cfg.Twice {
				d, err = k.s.act(ctx, st, r, e, inv)
			}
		}
		if err == nil {
			return job.Result{Data: jsonOf(d)}
		}
	}
	_ = p
	if text, ours := failure(err); ours {
		return job.Result{Data: jsonOf(done{Failure: text, Made: d.Made, Physical: d.Physical})}
	}
	return job.Result{Err: err.Error()}
}

// reason is a failure that CloudFormation itself finds: events show it as it is.
type reason string

func (r reason) Error() string { return string(r) }

func reasonf(format string, a ...any) error { return reason(fmt.Sprintf(format, a...)) }

// failure words an error for a stack event; it tells whether the error is an answer (and not a fault of the server, which
// is tried again).
func failure(err error) (string, bool) {
	var own reason
	if errors.As(err, &own) {
		return string(own), true
	}
	var te *template.Error
	if errors.As(err, &te) {
		if te.Err != nil {
			return failure(te.Err)
		}
		return te.Message, true
	}
	if !wire.Known(err) {
		return "", false
	}
	in := wire.Info(nil, wire.JSON11, err)
	if in.Server && in.Status != 501 {
		return "", false
	}
	if in.Code == "ThrottlingException" || in.Code == "TooManyRequestsException" {
		return "", false
	}
	msg := in.Message
	if msg == "" {
		msg = in.Code
	}
	return fmt.Sprintf("Resource handler returned message: \"%s (Status Code: %d)\" (HandlerErrorCode: %s)", msg, in.Status, handlerCode(in)), true
}

func handlerCode(in wire.ErrorInfo) string {
	switch {
	case strings.HasPrefix(in.Code, "AccessDenied"):
		return "AccessDenied"
	case in.Status == 404 || strings.Contains(in.Code, "NotFound") || strings.Contains(in.Code, "NoSuch"):
		return "NotFound"
	case in.Status == 409 || strings.Contains(in.Code, "AlreadyExists"):
		return "AlreadyExists"
	case in.Status >= 500:
		return "GeneralServiceException"
	}
	return "InvalidRequest"
}

// lookup gives what other resources of the stack are.
func (s *Service) lookup(ctx context.Context, st *stack, all map[string]*row) template.Lookup {
	return template.Lookup{
		Ref: func(id string) (template.Value, error) {
			r := all[id]
			if r == nil || r.Physical == "" {
				return template.Value{}, reasonf("Resource %s has no physical id", id)
			}
			if r.Ref != "" {
				return template.StringOf(r.Ref), nil
			}
			return template.StringOf(r.Physical), nil
		},
		GetAtt: func(id, attr string) (template.Value, error) {
			r := all[id]
			if r == nil {
				return template.Value{}, reasonf("Resource %s does not exist", id)
			}
			var v any = object(r.Attributes)
			if direct, ok := object(r.Attributes)[attr]; ok {
				return template.FromAny(direct), nil
			}
			for _, part := range strings.Split(attr, ".") {
				m, ok := v.(map[string]any)
				if !ok || m[part] == nil {
					return template.Value{}, reasonf("Requested attribute %s does not exist in schema for %s", attr, r.Type)
				}
				v = m[part]
			}
			return template.FromAny(v), nil
		},
		ImportValue: func(name string) (template.Value, error) {
			return s.importValue(ctx, st, name)
		},
		Dynamic: s.dynamic(ctx),
	}
}

// plan resolves a resource's properties and decides what is to be done with it.
func (s *Service) plan(ctx context.Context, st *stack, r *row, all map[string]*row) (done, error) {
	d := done{Physical: r.Physical, Suffix: r.Suffix}
	switch r.Action {
	case actionDelete, actionClean:
		d.Step = "delete"
		return d, nil
	case actionRevert:
		d.Step, d.Desired = "revert", r.Before.Properties
		return d, nil
	}
	var b *template.Bound
	if err := s.cfg.Store.View(ctx, func(rd store.Reader) error {
		var err error
		b, err = s.boundFor(rd, st, &st.Operation.Want)
		return err
	}); err != nil {
		return d, err
	}
	def, ok := b.Resource(r.ID)
	if !ok {
		return d, reasonf("Resource %s does not exist in the template", r.ID)
	}
	look := s.lookup(ctx, st, all)
	v, err := b.Resolve(r.ID, look)
	if err != nil {
		return d, err
	}
	d.Desired = json.RawMessage(v.JSON())
	if def.Metadata.Exists() {
		if m, err := b.ResolveValue(def.Metadata, look); err == nil {
			d.Metadata = json.RawMessage(m.JSON())
		}
	}
	t := s.typeOf(def.Type)
	if t == nil {
		return d, wire.Unsupported("Resource type " + def.Type)
	}
	fresh := func() {
		d.Suffix, d.Physical = s.newSuffix(), ""
		if n, ok := t.(resource.Namer); ok {
			x := *r
			x.Suffix, x.Desired, x.Physical, x.Type = d.Suffix, d.Desired, "", def.Type
			d.Physical = n.PhysicalName(requestOf(st, &st.Operation.Want, &x))
		}
	}
	if r.Physical == "" {
		d.Step = "create"
		fresh()
		return d, nil
	}
	if def.Type != r.Type {
		d.Step, d.Replaces = "replace", def.Type
		fresh()
		return d, nil
	}
	x := *r
	x.Desired = d.Desired
	q := requestOf(st, &st.Operation.Want, &x)
	change := s.changes(def.Type, r.Properties, d.Desired)
	if !change.any && !tagsChange(st) {
		return d, nil
	}
	if x, ok := t.(resource.Replacer); change.replace || ok && x.Replaces(q) {
		d.Step = "replace"
		fresh()
		if d.Physical != "" && d.Physical == r.Physical && t.Name() != customName {
			return d, reasonf("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", r.Physical)
		}
		return d, nil
	}
	d.Step = "update"
	return d, nil
}

// difference is what changes between two property objects.
type difference struct {
	any, replace bool
	list         []schema.Change
}

// changes compares two property objects as the type's published schema does: "30" is 30, and lists without order are
// compared without it.
func (s *Service) changes(name string, before, after []byte) difference {
	x, y := template.FromAny(object(before)), template.FromAny(object(after))
	sc, ok := s.schemas.Find(name)
	if !ok {
		return difference{any: !template.Equal(x, y)}
	}
	l := sc.Diff(x, y)
	return difference{len(l) > 0, schema.Overall(l) == schema.Always, l}
}

// tagsChange tells whether an update gives the resources other tags.
func tagsChange(st *stack) bool {
	a, b := st.Operation.Want.Tags, st.Operation.Before.Tags
	if len(a) != len(b) {
		return true
	}
	m := map[string]string{}
	for _, t := range b {
		m[t.Key] = t.Value
	}
	for _, t := range a {
		if v, ok := m[t.Key]; !ok || v != t.Value {
			return true
		}
	}
	return false
}

// act calls the type.
func (s *Service) act(ctx context.Context, st *stack, r *row, e job.Effect, inv wire.Invoker) (done, error) {
	in := &st.Operation.Want
	if r.Action == actionRevert {
		in = &st.Operation.Before
	}
	q := requestOf(st, in, r)
	q.Token = e.ID
	calls := &counted{inv: inv, token: e.ID, n: map[string]int{}}
	q.Invoker = calls
	q.Call = wire.CallOf(ctx)
	t := s.typeOf(r.Type)
	if r.Action == actionClean {
		o := r.Old[0]
		q.Physical, q.Properties, q.Type, q.Suffix = o.Physical, object(o.Properties), o.Type, o.Suffix
		t = s.typeOf(o.Type)
	}
	if t == nil {
		return done{}, wire.Unsupported("Resource type " + r.Type)
	}
	var p *resource.Progress
	var err error
	switch e.Name {
	case "create", "replace":
		p, err = t.Create(ctx, q)
	case "update", "revert":
		p, err = t.Update(ctx, q)
	case "delete":
		if r.Action == actionDelete && r.Properties != nil { // else its creation failed: as it was to be
			q.Properties = object(r.Properties)
		}
		if q.Physical == "" {
			return done{}, nil
		}
		p, err = t.Delete(ctx, q)
	}
	if err != nil {
		d := done{Made: calls.made}
		if p != nil {
			d.Physical = p.Physical
		}
		return d, err
	}
	if p == nil {
		p = &resource.Progress{}
	}
	d := done{Physical: p.Physical, Ref: p.Ref, Pending: p.Pending, After: p.After, Context: p.Context}
	if p.Attributes != nil {
		d.Attrs = jsonOf(p.Attributes)
	}
	return d, nil
}

// counted gives every call of one effect an effect id of its own, the same when the effect is repeated.
type counted struct {
	inv   wire.Invoker
	token string
	n     map[string]int
	made  bool // a call that changes something was answered
}

// reads tells whether an operation only looks.
func reads(name string) bool {
	for _, p := range []string{"Get", "List", "Describe", "Head", "Search", "Query"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// Invoke implements wire.Invoker.
func (c *counted) Invoke(ctx context.Context, op *wire.Op, in any) (any, error) {
	call := *wire.CallOf(ctx)
	name := op.Schema.Package + ":" + op.Name
	call.EffectID = fmt.Sprintf("%s/%s/%d", c.token, name, c.n[name])
	c.n[name]++
	out, err := c.inv.Invoke(wire.WithCall(ctx, &call), op, in)
	if err == nil && !reads(op.Name) {
		c.made = true
	}
	return out, err
}
