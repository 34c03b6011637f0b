package cloudformation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"sort"
	"strings"

	cfnapi "virga/api/cloudformation"
	s3api "virga/api/s3"
	ssmapi "virga/api/ssm"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/template"
	"virga/internal/template/schema"
	"virga/internal/wire"
)

// Limits (AWS CloudFormation User Guide, CloudFormation quotas).
const (
	bodyMax     = 51_200
	urlMax      = 1_048_576
	stackTagMax = 50
)

// request is what an operation was asked to make of a stack.
type request struct {
	body, url    *string
	previous     bool
	parameters   []cfnapi.Parameter
	capabilities []string
	tags         []cfnapi.Tag
	tagsGiven    bool
	role         *string
	topics       []string
	types        []string // ResourceTypes
	reviewed     bool     // a change set shows what transforms make before it is executed: they need no acknowledgement
}

// prepared is a request that may be executed: every check that needs no resource has passed.
type prepared struct {
	want  input
	src   *source // nil where the previous one is used
	bound *template.Bound
}

// text fetches a template's text; an object is read with the caller's own rights.
func (s *Service) text(ctx context.Context, body, link *string) (string, error) {
	switch {
	case body != nil && link != nil:
		return "", invalid("You can specify only TemplateBody or TemplateURL, but not both.")
	case body != nil:
		if len(*body) > bodyMax {
			return "", invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", bodyMax)
		}
		if strings.TrimSpace(*body) == "" {
			return "", invalid("1 validation error detected: Value '' at 'templateBody' failed to satisfy constraint: Member must have length greater than or equal to 1")
		}
		return *body, nil
	case link == nil:
		return "", invalid("Either Template URL or Template Body must be specified.")
	}
	bucket, object, ok := objectOf(*link)
	if !ok {
		return "", invalid("TemplateURL must be a supported URL.")
	}
	out, err := (&s3api.Client{Invoker: s.cfg.Forward}).GetObject(ctx, &s3api.GetObjectInput{Bucket: bucket, Key: object})
	if err != nil {
		if !wire.Known(err) {
			return "", err
		}
		in := wire.Info(s3api.Model.Schema, wire.RESTXML, err)
		return "", invalid("S3 error: %s\nFor more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html", in.Message)
	}
	if cl, ok := out.Body.(io.Closer); ok {
		defer cl.Close()
	}
	if out.Body == nil {
		return "", invalid("Template format error: template is empty")
	}
	b, err := io.ReadAll(io.LimitReader(out.Body, urlMax+1))
	if err != nil {
		return "", err
	}
	if len(b) > urlMax {
		return "", invalid("Template may not exceed %d bytes in size.", urlMax)
	}
	return string(b), nil
}

// objectOf reads bucket and key from an S3 address: path style or with the bucket in the host, on any domain.
func objectOf(link string) (bucket, object string, ok bool) {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", "", false
	}
	host, path := u.Hostname(), strings.TrimPrefix(u.Path, "/")
	for _, mark := range []string{".s3.", ".s3-"} {
		if i := strings.Index(host, mark); i > 0 {
			return host[:i], path, path != ""
		}
	}
	bucket, object, ok = strings.Cut(path, "/")
	return bucket, object, ok && bucket != "" && object != ""
}

// env is the place of a stack as its template sees it.
func (s *Service) env(c *wire.Call, st *stack, topics []string) template.Env {
	domain := c.Domain
	if domain == "" {
		domain = "amazonaws.com"
	}
	return template.Env{AccountID: st.Account, Region: st.Region, Partition: "aws", URLSuffix: domain, StackName: st.Name, StackID: st.arn(), NotificationARNs: topics}
}

// known wraps an error of the language as AWS answers it.
func known(err error) error {
	var te *template.Error
	if errors.As(err, &te) {
		if te.Err != nil && wire.Known(te.Err) {
			return te.Err
		}
		if te.Err != nil && te.Message == "" {
			return te.Err
		}
		return invalid("%s", te.Message)
	}
	return err
}

// prepare reads, expands, binds and checks what an operation would make. before is what the stack is made of, nil for a
// new one.
func (s *Service) prepare(ctx context.Context, st *stack, before *input, beforeSource *source, in request) (*prepared, error) {
	c := wire.CallOf(ctx)
	p := &prepared{}
	if before != nil {
		p.want = *before
	}
	p.want.Resolved = map[string]string{}
	var text string
	var err error
	if in.previous {
		if before == nil {
			return nil, invalid("Stack [%s] does not exist", st.Name)
		}
		if in.body != nil || in.url != nil {
			return nil, invalid("You cannot specify UsePreviousTemplate with TemplateBody or TemplateURL")
		}
		text = beforeSource.Text
	} else if text, err = s.text(ctx, in.body, in.url); err != nil {
		return nil, err
	}
	t, err := template.Parse([]byte(text), template.Limits{})
	if err != nil {
		return nil, known(err)
	}
	given, err := p.parameters(t, before, in.parameters)
	if err != nil {
		return nil, err
	}
	if in.tagsGiven || before == nil {
		p.want.Tags = nil
		for _, g := range in.tags {
			if strings.HasPrefix(strings.ToLower(g.Key), "aws:") {
				return nil, invalid("aws: prefixed tag key names are not allowed for external use.")
			}
			p.want.Tags = append(p.want.Tags, tag{g.Key, g.Value})
		}
	}
	if len(p.want.Tags) > stackTagMax {
		return nil, invalid("A stack may have at most %d tags.", stackTagMax)
	}
	p.want.Capabilities = in.capabilities
	if in.role != nil {
		p.want.Role = *in.role
	}
	if in.topics != nil {
		p.want.Topics = in.topics
	}
	if len(p.want.Topics) > 0 {
		return nil, wire.Unsupported(c.Operation + ": NotificationARNs")
	}
	e := s.env(c, st, nil)
	e.Parameter = s.ssm(ctx, p.want.Resolved)
	need := t.Summary()
	processed := ""
	if t.Pending() {
		if err := capable(need, in); err != nil {
			return nil, err
		}
		t, err = t.Expand(given, e, s.macros(ctx, e))
		if err != nil {
			return nil, known(err)
		}
		processed = t.Root.JSON()
		need2 := t.Summary()
		need.Capabilities, need.CapabilitiesReason = append(need.Capabilities, need2.Capabilities...), need2.CapabilitiesReason
	}
	if err := capable(need, in); err != nil {
		return nil, err
	}
	if err := s.refuseTypes(t, in.types); err != nil {
		return nil, err
	}
	if p.bound, err = t.Bind(given, e); err != nil {
		return nil, known(err)
	}
	if err := s.check(p.bound); err != nil {
		return nil, err
	}
	for i := range p.want.Parameters {
		if r, ok := p.want.Resolved[p.want.Parameters[i].Value]; ok {
			if d, ok := t.Parameter(p.want.Parameters[i].Key); ok && d.SSM() {
				p.want.Parameters[i].Resolved = r
			}
		}
	}
	p.want.Description = t.Description
	if !in.previous || processed != beforeSource.Processed {
		p.src = &source{Text: text, Processed: processed, Extended: t.Extended()}
	}
	return p, nil
}

// parameters joins the values given with those of before.
func (p *prepared) parameters(t *template.Template, before *input, given []cfnapi.Parameter) (map[string]string, error) {
	old := map[string]string{}
	if before != nil {
		for _, x := range before.Parameters {
			old[x.Key] = x.Value
		}
	}
	out := map[string]string{}
	for _, g := range given {
		k := wire.V(g.ParameterKey)
		if _, dup := out[k]; dup {
			return nil, invalid("Duplicate input parameter key [%s]", k)
		}
		if wire.V(g.UsePreviousValue) {
			if g.ParameterValue != nil {
				return nil, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true and non empty value for a parameter", k)
			}
			v, ok := old[k]
			if !ok {
				if _, declared := t.Parameter(k); !declared {
					continue // gone from the template together with its value
				}
				return nil, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", k)
			}
			out[k] = v
			continue
		}
		if g.ParameterValue == nil {
			return nil, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as false and a null value", k)
		}
		out[k] = *g.ParameterValue
	}
	p.want.Parameters = nil
	for _, d := range t.Parameters {
		v, ok := out[d.Name]
		if !ok && d.HasDefault {
			v, ok = d.Default, true
		}
		if ok {
			p.want.Parameters = append(p.want.Parameters, parameter{Key: d.Name, Value: v, NoEcho: d.NoEcho})
		}
	}
	return out, nil
}

// ssm reads Systems Manager parameters with the caller's rights and remembers them for the operation.
func (s *Service) ssm(ctx context.Context, resolved map[string]string) func(name string) (string, error) {
	return func(name string) (string, error) {
		if v, ok := resolved[name]; ok {
			return v, nil
		}
		out, err := (&ssmapi.Client{Invoker: s.cfg.Forward}).GetParameter(ctx, &ssmapi.GetParameterInput{Name: name})
		if err != nil {
			var missing *ssmapi.ParameterNotFound
			if errors.As(err, &missing) {
				return "", invalid("Unable to fetch parameters [%s] from parameter store for this account.", name)
			}
			return "", err
		}
		v := wire.V(out.Parameter.Value)
		resolved[name] = v
		return v, nil
	}
}

func (s *Service) macros(ctx context.Context, e template.Env) template.Macros {
	return func(m template.MacroCall) (template.Value, error) {
		switch m.Name {
		case template.Serverless:
			if s.cfg.Transform == nil {
				return template.Value{}, wire.Unsupported("the transform " + m.Name)
			}
			return s.cfg.Transform(ctx, m, e)
		case template.Include:
			loc := m.Parameters.Get("Location").Text()
			if rest, ok := strings.CutPrefix(loc, "s3://"); ok {
				loc = "https://s3.amazonaws.com/" + rest
			}
			text, err := s.text(ctx, nil, &loc)
			if err != nil {
				return template.Value{}, err
			}
			return template.ParseValue([]byte(text), template.Limits{})
		}
		return template.Value{}, wire.Unsupported("the macro " + m.Name)
	}
}

// capable refuses a template whose effects were not acknowledged.
func capable(need template.Summary, in request) error {
	var missing []string
	given := in.capabilities
	for _, n := range need.Capabilities {
		if n == "CAPABILITY_AUTO_EXPAND" && in.reviewed {
			continue
		}
		if !slices.Contains(given, n) && !(n == "CAPABILITY_IAM" && slices.Contains(given, "CAPABILITY_NAMED_IAM")) && !slices.Contains(missing, n) {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &cfnapi.InsufficientCapabilitiesException{Message: "Requires capabilities : [" + strings.Join(missing, ", ") + "]"}
}

// refuseTypes refuses resource types that no service here implements, all at once and by name.
func (s *Service) refuseTypes(t *template.Template, allowed []string) error {
	var missing []string
	for _, r := range t.Resources {
		if len(allowed) > 0 && !slices.ContainsFunc(allowed, func(a string) bool {
			return a == r.Type || a == "AWS::*" && strings.HasPrefix(r.Type, "AWS::") || strings.HasSuffix(a, "::*") && strings.HasPrefix(r.Type, strings.TrimSuffix(a, "*"))
		}) {
			return invalid("Resource type %s is not allowed by parameter ResourceTypes [%s]", r.Type, strings.Join(allowed, ", "))
		}
		if s.typeOf(r.Type) == nil && !slices.Contains(missing, r.Type) {
			missing = append(missing, r.Type)
		}
	}
	if len(missing) > 0 {
		sort.Strings(missing)
		return wire.Unsupported("Each of the resource types [" + strings.Join(missing, ", ") + "]")
	}
	return nil
}

// check refuses attributes and properties that are not implemented.
func (s *Service) check(b *template.Bound) error {
	for _, r := range b.Resources() {
		t := s.typeOf(r.Type)
		if t.Name() != waitName && r.CreationPolicy.Exists() {
			return wire.Unsupported("CreationPolicy of resource " + r.ID)
		}
		if r.UpdatePolicy.Exists() && r.Type != "AWS::Lambda::Alias" {
			return wire.Unsupported("UpdatePolicy of resource " + r.ID)
		}
		if t.Name() == customName {
			continue
		}
		if errs := s.schema(b, r); len(errs) > 0 { // what AWS refuses is not what is missing here
			return invalid("%s", strings.Join(errs, "\n"))
		}
		if path, pos, bad := unsupported(b, r.Properties, "", t.Supports()); bad {
			return wire.Unsupported(fmt.Sprintf("Property %s of %s (resource %s, line %d)", path, r.Type, r.ID, pos.Line))
		}
		if f, ok := t.(resource.Refuser); ok {
			v, err := b.Resolve(r.ID, guess(b))
			if err != nil {
				continue
			}
			if err := f.Refuses(object([]byte(v.JSON()))); wire.CodeOf(err) == "NotImplemented" {
				return wire.Unsupported(fmt.Sprintf("A value of %s (resource %s, line %d): %s", r.Type, r.ID, r.Pos.Line, strings.TrimSuffix(wire.Info(nil, wire.JSON11, err).Message, " is not implemented.")))
			}
		}
	}
	return nil
}

// guess gives what resources that do not exist may come to be called.
func guess(b *template.Bound) template.Lookup {
	of := func(id string) (template.Value, error) { return template.StringOf("x" + strings.ToLower(id)), nil }
	return template.Lookup{Ref: of, ImportValue: of, GetAtt: func(id, attr string) (template.Value, error) {
		if r, ok := b.Resource(id); ok && strings.HasSuffix(attr, "Arn") {
			kind := ""
			if r.Type == "AWS::Lambda::Function" {
				kind = "function:"
			}
			return template.StringOf("arn:aws:" + strings.ToLower(strings.Split(r.Type+"::", "::")[1]) + ":us-east-1:000000000000:" + kind + id), nil
		}
		return of(id)
	}}
}

// schema checks a resource's properties against the published schema as far as they are known before anything exists.
func (s *Service) schema(b *template.Bound, r *template.Resource) (out []string) {
	t, ok := s.schemas.Find(r.Type)
	if !ok {
		return nil
	}
	for _, p := range t.Validate(r.Properties, schema.Options{Problems: 10}) {
		if p.Keyword == "required" || p.Rule == "E3002" || p.Keyword == "additionalProperties" || p.Keyword == "type" {
			text := p.AWS
			if text == "" {
				text = p.Message
			}
			out = append(out, fmt.Sprintf("%s (resource %s, line %d)", text, r.ID, p.Pos.Line))
		}
	}
	return out
}

// unsupported finds a property that is not among those implemented. An object below a path that is listed is covered by
// it; the branches of Fn::If are looked into.
func unsupported(b *template.Bound, v template.Value, at string, supports []string) (string, template.Pos, bool) {
	if name, arg, ok := v.Call(); ok {
		if name == "Fn::If" && arg.Len() == 3 {
			if path, pos, bad := unsupported(b, arg.Index(1), at, supports); bad {
				return path, pos, bad
			}
			return unsupported(b, arg.Index(2), at, supports)
		}
		return "", template.Pos{}, false
	}
	if !v.IsMap() {
		return "", template.Pos{}, false
	}
	for e := range v.Entries() {
		path := strings.TrimPrefix(at+"/"+e.Key, "/")
		if slices.Contains(supports, path) {
			continue
		}
		if !slices.ContainsFunc(supports, func(p string) bool { return strings.HasPrefix(p, path+"/") }) {
			if n, arg, ok := e.Value.Call(); ok && n == "Ref" && arg.Text() == "AWS::NoValue" {
				continue
			}
			return path, e.KeyPos, true
		}
		if p, pos, bad := unsupported(b, e.Value, path, supports); bad {
			return p, pos, bad
		}
	}
	return "", template.Pos{}, false
}

// boundFor gives a stack's template as an operation made it, from memory where it is still there.
func (s *Service) boundFor(r store.Reader, st *stack, in *input) (*template.Bound, error) {
	k := fmt.Sprintf("%s/%d/%x", st.ID, in.Source, fingerprint(in))
	s.mu.Lock()
	b := s.bound[k]
	s.mu.Unlock()
	if b != nil {
		return b, nil
	}
	src := sourceOf(r, st, in.Source)
	text := src.Processed
	if text == "" {
		text = src.Text
	}
	t, err := template.ParseProcessed([]byte(text), template.Limits{Bytes: 8 << 20}, src.Extended)
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	for _, p := range in.Parameters {
		given[p.Key] = p.Value
	}
	e := s.env(&wire.Call{Domain: st.Domain}, st, in.Topics)
	e.Parameter = func(name string) (string, error) {
		if v, ok := in.Resolved[name]; ok {
			return v, nil
		}
		return "", fmt.Errorf("parameter %s was not resolved when the operation began", name)
	}
	if b, err = t.Bind(given, e); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if len(s.bound) >= boundMax {
		clear(s.bound)
	}
	s.bound[k] = b
	s.mu.Unlock()
	return b, nil
}

// fingerprint tells inputs of one source apart.
func fingerprint(in *input) string {
	var b strings.Builder
	for _, p := range in.Parameters {
		b.WriteString(p.Key + "\x00" + p.Value + "\x00" + p.Resolved + "\x01")
	}
	h := sha256.Sum256([]byte(b.String()))
	return string(h[:])
}

// tagsOf are the tags that a stack gives its resources.
func tagsOf(st *stack, in *input, logical string) map[string]string {
	out := map[string]string{"aws:cloudformation:stack-name": st.Name, "aws:cloudformation:stack-id": st.arn(), "aws:cloudformation:logical-id": logical}
	for _, t := range in.Tags {
		out[t.Key] = t.Value
	}
	return out
}

// requestOf fills in what a resource type is asked.
func requestOf(st *stack, in *input, r *row) *resource.Request {
	return &resource.Request{Type: r.Type, LogicalID: r.ID, StackID: st.arn(), StackName: st.Name, Suffix: r.Suffix, Physical: r.Physical, Properties: object(r.Desired),
		Previous: object(r.Properties), Tags: tagsOf(st, in, r.ID), Context: r.Context}
}
