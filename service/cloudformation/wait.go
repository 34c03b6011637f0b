package cloudformation

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	cfnapi "virga/api/cloudformation"
	"virga/internal/job"
	"virga/internal/resource"
	"virga/internal/store"
	"virga/internal/wire"
)

// poke makes the resources that wait look now.
func (s *Service) poke(tx store.Tx, st *stack, now time.Time) {
	if st.Operation == nil {
		return
	}
	for _, r := range rows(tx, st) {
		if r.Work == workRunning && r.Stage > 0 {
			id := resourceID(st, r.ID, r.Action)
			if j, ok := job.Get(tx, st.Account, resourceKind, id); ok {
				job.At(tx, st.Account, st.Region, resourceKind, id, now, j.Payload)
			}
		}
	}
}

// handleType is AWS::CloudFormation::WaitConditionHandle: an address that takes signals.
type handleType struct{ s *Service }

// Name implements resource.Type.
func (handleType) Name() string { return handleName }

// Supports implements resource.Type.
func (handleType) Supports() []string { return nil }

// Create implements resource.Type.
func (t handleType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	_, id, _ := idOf(r.StackID)
	tok, err := t.s.sealLink(r.Call.Account, "wait", strings.Join([]string{r.Call.Region, id, r.LogicalID + "." + r.Suffix}, "/"))
	if err != nil {
		return nil, err
	}
	base := t.s.cfg.ResponseBase
	if base == "" {
		base = r.Call.BaseURL
	}
	base = strings.ReplaceAll(base, "{region}", strings.ReplaceAll(r.Call.Region, "-", ""))
	return &resource.Progress{Physical: base + handlePath + r.Call.Account + "/" + tok}, nil
}

// Update implements resource.Type: there is nothing to change.
func (t handleType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical}, nil
}

// Delete implements resource.Type.
func (t handleType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{}, nil
}

// Read implements resource.Type.
func (t handleType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical}, nil
}

// waitType is AWS::CloudFormation::WaitCondition: it is ready when enough signals have come.
type waitType struct{ s *Service }

// Name implements resource.Type.
func (waitType) Name() string { return waitName }

// Supports implements resource.Type.
func (waitType) Supports() []string { return []string{"Handle", "Timeout", "Count"} }

// PhysicalName implements resource.Namer.
func (waitType) PhysicalName(r *resource.Request) string {
	return strings.Replace(r.StackID, ":stack/", ":waitCondition/", 1) + "/" + r.LogicalID
}

// Create implements resource.Type.
func (t waitType) Create(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	if !r.Properties.Has("Handle") {
		return nil, wire.Unsupported("A WaitCondition without Handle (CreationPolicy)")
	}
	var until time.Time
	if r.Context != nil {
		if err := json.Unmarshal(r.Context, &until); err != nil {
			return nil, err
		}
	} else {
		n := r.Properties.Int("Timeout")
		if n == nil || *n < 0 || *n > 43200 {
			return nil, reasonf("Timeout must be between 0 and 43200")
		}
		until = t.s.cfg.Env.Now().Add(time.Duration(*n) * time.Second)
	}
	want := int64(1)
	if n := r.Properties.Int("Count"); n != nil {
		want = *n
	}
	link := r.Properties.Str("Handle")
	i := strings.LastIndexByte(link, '/')
	parts, ok := t.s.openLink(r.Call.Account, "wait", link[i+1:])
	if !ok || len(parts) != 3 {
		return nil, reasonf("Handle is not a WaitConditionHandle's")
	}
	var good int64
	var bad *signal
	from := ""
	data := map[string]string{}
	if err := t.s.cfg.Store.View(ctx, func(rd store.Reader) error {
		good, bad = 0, nil
		store.Each(rd, store.Prefix(signalsOf(r.Call.Account, parts[0], parts[1], parts[2])), func(k store.Key, x *signal) bool {
			if x.Status == "FAILURE" {
				bad, from = x, k.StrPart(4)
				return false
			}
			good++
			data[k.StrPart(4)] = x.Data
			return true
		})
		return nil
	}); err != nil {
		return nil, err
	}
	switch {
	case bad != nil:
		return nil, reasonf("WaitCondition received failed message: '%s' for uniqueId: %s", bad.Reason, from)
	case good >= want:
		return &resource.Progress{Physical: r.Physical, Attributes: map[string]any{"Data": string(jsonOf(data))}}, nil
	case !t.s.cfg.Env.Now().Before(until):
		return nil, reasonf("WaitCondition timed out. Received %d conditions when expecting %d", good, want)
	}
	return &resource.Progress{Physical: r.Physical, Pending: true, After: min(waitLookAgain, until.Sub(t.s.cfg.Env.Now())), Context: jsonOf(until)}, nil
}

// Update implements resource.Type: AWS does not update a condition.
func (t waitType) Update(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return nil, reasonf("Update to resource type AWS::CloudFormation::WaitCondition is not supported.")
}

// Delete implements resource.Type.
func (t waitType) Delete(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{}, nil
}

// Read implements resource.Type.
func (t waitType) Read(ctx context.Context, r *resource.Request) (*resource.Progress, error) {
	return &resource.Progress{Physical: r.Physical}, nil
}

// SignalResource implements the operation for wait conditions: the signal counts for the condition's handle.
func (s *Service) SignalResource(ctx context.Context, in *cfnapi.SignalResourceInput) (*cfnapi.SignalResourceOutput, error) {
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, invalid("Stack '%s' does not exist", in.StackName)
	}
	l, err := s.rowsOf(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, r := range l {
		if r.ID != in.LogicalResourceId {
			continue
		}
		if r.Type != waitName {
			return nil, wire.Unsupported("SignalResource for " + r.Type + " (CreationPolicy)")
		}
		if r.Status != "CREATE_IN_PROGRESS" {
			return nil, invalid("Resource %s is in %s state", r.ID, r.Status)
		}
		link := resource.Properties(object(r.Desired)).Str("Handle")
		parts, ok := s.openLink(st.Account, "wait", link[strings.LastIndexByte(link, '/')+1:])
		if !ok || len(parts) != 3 {
			return nil, invalid("Resource %s has no handle", r.ID)
		}
		return &cfnapi.SignalResourceOutput{}, s.signalled(ctx, st.Account, "wait", parts, jsonOf(map[string]string{"Status": in.Status, "UniqueId": in.UniqueId, "Data": "", "Reason": ""}))
	}
	return nil, invalid("Resource %s does not exist for stack %s", in.LogicalResourceId, st.Name)
}

// SignalResourceRequires implements the operation's requirements.
func (s *Service) SignalResourceRequires(ctx context.Context, in *cfnapi.SignalResourceInput, r *wire.Requirements) error {
	return s.need(ctx, r, "SignalResource", in.StackName)
}
