package cloudformation

import (
	"context"
	"slices"

	cfnapi "virga/api/cloudformation"
	"virga/internal/store"
	"virga/internal/template"
	"virga/internal/wire"
)

func shownParameters(in *input) []cfnapi.Parameter {
	out := make([]cfnapi.Parameter, 0, len(in.Parameters))
	for _, p := range in.Parameters {
		v := p.Value
		if p.NoEcho {
			v = "****"
		}
		x := cfnapi.Parameter{ParameterKey: wire.P(p.Key), ParameterValue: &v}
		if p.Resolved != "" {
			x.ResolvedValue = wire.P(p.Resolved)
		}
		out = append(out, x)
	}
	return out
}

func shownTags(l []tag) []cfnapi.Tag {
	out := make([]cfnapi.Tag, 0, len(l))
	for _, t := range l {
		out = append(out, cfnapi.Tag{Key: t.Key, Value: t.Value})
	}
	return out
}

func show(st *stack) cfnapi.Stack {
	o := cfnapi.Stack{StackId: wire.P(st.arn()), StackName: st.Name, CreationTime: st.Created, StackStatus: st.Status, DisableRollback: wire.P(st.NoRollback),
		EnableTerminationProtection: wire.P(st.Protected), Parameters: shownParameters(&st.Now), Tags: shownTags(st.Now.Tags), Capabilities: st.Now.Capabilities,
		NotificationARNs: st.Now.Topics, RollbackConfiguration: &cfnapi.RollbackConfiguration{}, DriftInformation: &cfnapi.StackDriftInformation{StackDriftStatus: "NOT_CHECKED"}}
	if !st.Deleted.IsZero() {
		o.DeletionTime = &st.Deleted
	}
	if st.Status == "DELETE_COMPLETE" {
		o.EnableTerminationProtection = nil
	}
	if st.Description != "" {
		o.Description = &st.Description
	}
	if st.Reason != "" {
		o.StackStatusReason = &st.Reason
	}
	if !st.Updated.IsZero() {
		o.LastUpdatedTime = &st.Updated
	}
	if st.ChangeSet != "" && st.Status != "DELETE_COMPLETE" {
		o.ChangeSetId = &st.ChangeSet
	}
	if st.Now.Role != "" {
		o.RoleARN = wire.P(st.Now.Role)
	}
	if st.TimeoutAfter > 0 {
		o.TimeoutInMinutes = wire.P(int32(st.TimeoutAfter))
	}
	if st.Parent != "" {
		o.ParentId, o.RootId = &st.Parent, &st.Root
	}
	for _, x := range st.Outputs {
		p := cfnapi.Output{OutputKey: wire.P(x.Key), OutputValue: wire.P(x.Value)}
		if x.Description != "" {
			p.Description = wire.P(x.Description)
		}
		if x.Export != "" {
			p.ExportName = wire.P(x.Export)
		}
		o.Outputs = append(o.Outputs, p)
	}
	return o
}

// DescribeStacks implements the operation: one stack, or all that are not deleted.
func (s *Service) DescribeStacks(ctx context.Context, in *cfnapi.DescribeStacksInput) (*cfnapi.DescribeStacksOutput, error) {
	c := wire.CallOf(ctx)
	out := &cfnapi.DescribeStacksOutput{Stacks: []cfnapi.Stack{}}
	if in.StackName != nil {
		st, err := s.find(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		out.Stacks = append(out.Stacks, show(st))
		return out, nil
	}
	l, next, err := page[stack](ctx, s, key(c.Account, "s", c.Region), "stacks", in.NextToken, stacksPerPage, false, func(st *stack) bool { return st.Status != "DELETE_COMPLETE" })
	if err != nil {
		return nil, err
	}
	for i := range l {
		out.Stacks = append(out.Stacks, show(&l[i]))
	}
	out.NextToken = next
	return out, nil
}

// DescribeStacksRequires implements the operation's requirements.
func (s *Service) DescribeStacksRequires(ctx context.Context, in *cfnapi.DescribeStacksInput, r *wire.Requirements) error {
	if in.StackName == nil {
		r.Need("cloudformation:DescribeStacks", "*")
		return nil
	}
	return s.need(ctx, r, "DescribeStacks", *in.StackName)
}

// ListStacks implements the operation; deleted ones are shown too.
func (s *Service) ListStacks(ctx context.Context, in *cfnapi.ListStacksInput) (*cfnapi.ListStacksOutput, error) {
	c := wire.CallOf(ctx)
	l, next, err := page[stack](ctx, s, key(c.Account, "s", c.Region), "list", in.NextToken, stacksPerPage, false, func(st *stack) bool {
		return len(in.StackStatusFilter) == 0 || slices.Contains(in.StackStatusFilter, st.Status)
	})
	if err != nil {
		return nil, err
	}
	out := &cfnapi.ListStacksOutput{StackSummaries: []cfnapi.StackSummary{}, NextToken: next}
	for i := range l {
		st := &l[i]
		o := cfnapi.StackSummary{StackId: wire.P(st.arn()), StackName: st.Name, CreationTime: st.Created, StackStatus: st.Status, DriftInformation: &cfnapi.StackDriftInformationSummary{StackDriftStatus: "NOT_CHECKED"}}
		if st.Description != "" {
			o.TemplateDescription = &st.Description
		}
		if st.Reason != "" {
			o.StackStatusReason = &st.Reason
		}
		if !st.Updated.IsZero() {
			o.LastUpdatedTime = &st.Updated
		}
		if !st.Deleted.IsZero() {
			o.DeletionTime = &st.Deleted
		}
		out.StackSummaries = append(out.StackSummaries, o)
	}
	return out, nil
}

// ListStacksRequires implements the operation's requirements.
func (s *Service) ListStacksRequires(ctx context.Context, in *cfnapi.ListStacksInput, r *wire.Requirements) error {
	r.Need("cloudformation:ListStacks", "*")
	return nil
}

func (s *Service) rowsOf(ctx context.Context, st *stack) (out []*row, err error) {
	err = s.cfg.Store.View(ctx, func(r store.Reader) error {
		out = slices.DeleteFunc(rows(r, st), func(x *row) bool { return x.Status == "" })
		return nil
	})
	return out, err
}

func reasonOf(r *row) *string {
	if r.Reason == "" {
		return nil
	}
	return &r.Reason
}

// DescribeStackResource implements the operation.
func (s *Service) DescribeStackResource(ctx context.Context, in *cfnapi.DescribeStackResourceInput) (*cfnapi.DescribeStackResourceOutput, error) {
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, invalid("Stack '%s' does not exist", in.StackName)
	}
	l, err := s.rowsOf(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, r := range l {
		if r.ID == in.LogicalResourceId {
			d := &cfnapi.StackResourceDetail{StackName: &st.Name, StackId: wire.P(st.arn()), LogicalResourceId: r.ID, PhysicalResourceId: &r.Physical, ResourceType: r.Type,
				LastUpdatedTimestamp: r.At, ResourceStatus: r.Status, ResourceStatusReason: reasonOf(r), DriftInformation: &cfnapi.StackResourceDriftInformation{StackResourceDriftStatus: "NOT_CHECKED"}}
			if len(r.Metadata) > 0 {
				d.Metadata = wire.P(string(r.Metadata))
			} else {
				d.Metadata = wire.P("{}")
			}
			return &cfnapi.DescribeStackResourceOutput{StackResourceDetail: d}, nil
		}
	}
	return nil, invalid("Resource %s does not exist for stack %s", in.LogicalResourceId, in.StackName)
}

// DescribeStackResourceRequires implements the operation's requirements.
func (s *Service) DescribeStackResourceRequires(ctx context.Context, in *cfnapi.DescribeStackResourceInput, r *wire.Requirements) error {
	return s.need(ctx, r, "DescribeStackResource", in.StackName)
}

// DescribeStackResources implements the operation: those of a stack, or of the stack that has a physical id.
func (s *Service) DescribeStackResources(ctx context.Context, in *cfnapi.DescribeStackResourcesInput) (*cfnapi.DescribeStackResourcesOutput, error) {
	c := wire.CallOf(ctx)
	var st *stack
	var err error
	switch {
	case in.StackName != nil:
		if st, err = s.find(ctx, *in.StackName); err != nil {
			return nil, err
		}
	case in.PhysicalResourceId != nil:
		err = s.cfg.Store.View(ctx, func(r store.Reader) error {
			st = nil
			id := ""
			store.Each(r, store.Prefix(key(c.Account, "r", c.Region)), func(k store.Key, x *row) bool {
				if x.Physical == *in.PhysicalResourceId {
					id = k.StrPart(2)
				}
				return id == ""
			})
			if id != "" {
				st, _ = store.Load[stack](r, stackKey(c.Account, c.Region, id))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if st == nil {
			return nil, invalid("Stack for %s does not exist", *in.PhysicalResourceId)
		}
	default:
		return nil, invalid("At least one of StackName and PhysicalResourceId must be specified")
	}
	l, err := s.rowsOf(ctx, st)
	if err != nil {
		return nil, err
	}
	out := &cfnapi.DescribeStackResourcesOutput{StackResources: []cfnapi.StackResource{}}
	for _, r := range l {
		if in.LogicalResourceId != nil && r.ID != *in.LogicalResourceId {
			continue
		}
		out.StackResources = append(out.StackResources, cfnapi.StackResource{StackName: &st.Name, StackId: wire.P(st.arn()), LogicalResourceId: r.ID, PhysicalResourceId: &r.Physical,
			ResourceType: r.Type, Timestamp: r.At, ResourceStatus: r.Status, ResourceStatusReason: reasonOf(r), DriftInformation: &cfnapi.StackResourceDriftInformation{StackResourceDriftStatus: "NOT_CHECKED"}})
	}
	if in.LogicalResourceId != nil && len(out.StackResources) == 0 {
		return nil, invalid("Resource %s does not exist for stack %s", *in.LogicalResourceId, st.Name)
	}
	return out, nil
}

// DescribeStackResourcesRequires implements the operation's requirements.
func (s *Service) DescribeStackResourcesRequires(ctx context.Context, in *cfnapi.DescribeStackResourcesInput, r *wire.Requirements) error {
	if in.StackName == nil {
		r.Need("cloudformation:DescribeStackResources", "*")
		return nil
	}
	return s.need(ctx, r, "DescribeStackResources", *in.StackName)
}

// ListStackResources implements the operation.
func (s *Service) ListStackResources(ctx context.Context, in *cfnapi.ListStackResourcesInput) (*cfnapi.ListStackResourcesOutput, error) {
	st, err := s.find(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	l, next, err := page[row](ctx, s, rowsOf(st), st.ID, in.NextToken, listPage, false, func(r *row) bool { return r.Status != "" })
	if err != nil {
		return nil, err
	}
	out := &cfnapi.ListStackResourcesOutput{StackResourceSummaries: []cfnapi.StackResourceSummary{}, NextToken: next}
	for i := range l {
		r := &l[i]
		out.StackResourceSummaries = append(out.StackResourceSummaries, cfnapi.StackResourceSummary{LogicalResourceId: r.ID, PhysicalResourceId: &r.Physical, ResourceType: r.Type,
			LastUpdatedTimestamp: r.At, ResourceStatus: r.Status, ResourceStatusReason: reasonOf(r), DriftInformation: &cfnapi.StackResourceDriftInformationSummary{StackResourceDriftStatus: "NOT_CHECKED"}})
	}
	return out, nil
}

// ListStackResourcesRequires implements the operation's requirements.
func (s *Service) ListStackResourcesRequires(ctx context.Context, in *cfnapi.ListStackResourcesInput, r *wire.Requirements) error {
	return s.need(ctx, r, "ListStackResources", in.StackName)
}

// GetTemplate implements the operation.
func (s *Service) GetTemplate(ctx context.Context, in *cfnapi.GetTemplateInput) (*cfnapi.GetTemplateOutput, error) {
	var st *stack
	var number int64
	if in.ChangeSetName != nil {
		x, cs, err := s.findChangeSet(ctx, *in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		st, number = x, cs.Want.Source
	} else {
		if in.StackName == nil {
			return nil, invalid("StackName is required if ChangeSetName is not specified.")
		}
		x, err := s.find(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		st, number = x, x.Now.Source
	}
	var src *source
	if err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		src = sourceOf(r, st, number)
		return nil
	}); err != nil {
		return nil, err
	}
	out := &cfnapi.GetTemplateOutput{TemplateBody: &src.Text, StagesAvailable: []string{"Original", "Processed"}}
	if wire.Or(in.TemplateStage, "Original") == "Processed" && src.Processed != "" {
		out.TemplateBody = &src.Processed
	}
	return out, nil
}

// GetTemplateRequires implements the operation's requirements.
func (s *Service) GetTemplateRequires(ctx context.Context, in *cfnapi.GetTemplateInput, r *wire.Requirements) error {
	name := wire.V(in.StackName)
	if in.ChangeSetName != nil && name == "" {
		if st, _, err := s.findChangeSet(ctx, *in.ChangeSetName, nil); err == nil {
			name = st.arn()
		}
	}
	return s.need(ctx, r, "GetTemplate", name)
}

func declared(ps []*template.Parameter) []cfnapi.ParameterDeclaration {
	out := make([]cfnapi.ParameterDeclaration, 0, len(ps))
	for _, p := range ps {
		d := cfnapi.ParameterDeclaration{ParameterKey: wire.P(p.Name), ParameterType: wire.P(p.Type), NoEcho: wire.P(p.NoEcho), ParameterConstraints: &cfnapi.ParameterConstraints{}}
		if p.HasDefault {
			d.DefaultValue = wire.P(p.Default)
		}
		if p.Description != "" {
			d.Description = wire.P(p.Description)
		}
		if len(p.AllowedValues) > 0 {
			d.ParameterConstraints.AllowedValues = p.AllowedValues
		}
		out = append(out, d)
	}
	return out
}

// GetTemplateSummary implements the operation.
func (s *Service) GetTemplateSummary(ctx context.Context, in *cfnapi.GetTemplateSummaryInput) (*cfnapi.GetTemplateSummaryOutput, error) {
	if in.StackSetName != nil {
		return nil, wire.Unsupported("GetTemplateSummary: StackSetName")
	}
	var text string
	var err error
	if in.StackName != nil {
		st, err := s.find(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		if st.Status == "REVIEW_IN_PROGRESS" {
			return nil, invalid("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
		}
		src, err := s.source(ctx, st)
		if err != nil {
			return nil, err
		}
		text = src.Text
	} else if text, err = s.text(ctx, in.TemplateBody, in.TemplateURL); err != nil {
		return nil, err
	}
	t, err := template.Parse([]byte(text), template.Limits{})
	if err != nil {
		return nil, known(err)
	}
	sum := t.Summary()
	out := &cfnapi.GetTemplateSummaryOutput{Parameters: declared(sum.Parameters), ResourceTypes: sum.ResourceTypes, DeclaredTransforms: sum.DeclaredTransforms, Capabilities: sum.Capabilities,
		ResourceIdentifierSummaries: []cfnapi.ResourceIdentifierSummary{}}
	if sum.CapabilitiesReason != "" {
		out.CapabilitiesReason = &sum.CapabilitiesReason
	}
	if sum.Version != "" {
		out.Version = &sum.Version
	}
	if sum.Description != "" {
		out.Description = &sum.Description
	}
	if sum.Metadata.Exists() {
		out.Metadata = wire.P(sum.Metadata.JSON())
	}
	for _, typ := range sum.ResourceTypes {
		if sc, ok := s.schemas.Find(typ); ok {
			out.ResourceIdentifierSummaries = append(out.ResourceIdentifierSummaries, cfnapi.ResourceIdentifierSummary{ResourceType: wire.P(typ), LogicalResourceIds: sum.ResourceIDs[typ], ResourceIdentifiers: sc.PrimaryIdentifier})
		}
	}
	return out, nil
}

// GetTemplateSummaryRequires implements the operation's requirements.
func (s *Service) GetTemplateSummaryRequires(ctx context.Context, in *cfnapi.GetTemplateSummaryInput, r *wire.Requirements) error {
	if in.StackName == nil {
		r.Need("cloudformation:GetTemplateSummary", "*")
		return nil
	}
	return s.need(ctx, r, "GetTemplateSummary", *in.StackName)
}

// ValidateTemplate implements the operation.
func (s *Service) ValidateTemplate(ctx context.Context, in *cfnapi.ValidateTemplateInput) (*cfnapi.ValidateTemplateOutput, error) {
	text, err := s.text(ctx, in.TemplateBody, in.TemplateURL)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse([]byte(text), template.Limits{})
	if err != nil {
		return nil, known(err)
	}
	sum := t.Summary()
	out := &cfnapi.ValidateTemplateOutput{Parameters: []cfnapi.TemplateParameter{}, Capabilities: sum.Capabilities, DeclaredTransforms: sum.DeclaredTransforms, Description: &sum.Description}
	if sum.CapabilitiesReason != "" {
		out.CapabilitiesReason = &sum.CapabilitiesReason
	}
	for _, p := range sum.Parameters {
		x := cfnapi.TemplateParameter{ParameterKey: wire.P(p.Name), NoEcho: wire.P(p.NoEcho)}
		if p.HasDefault {
			x.DefaultValue = wire.P(p.Default)
		}
		if p.Description != "" {
			x.Description = wire.P(p.Description)
		}
		out.Parameters = append(out.Parameters, x)
	}
	return out, nil
}

// ValidateTemplateRequires implements the operation's requirements.
func (s *Service) ValidateTemplateRequires(ctx context.Context, in *cfnapi.ValidateTemplateInput, r *wire.Requirements) error {
	r.Need("cloudformation:ValidateTemplate", "*")
	return nil
}
