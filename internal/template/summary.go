package template

import (
	"fmt"
	"slices"
	"strings"
)

// Summary is what GetTemplateSummary and ValidateTemplate tell of a template.
type Summary struct {
	Version            string
	Description        string
	Metadata           Value
	Parameters         []*Parameter
	ResourceTypes      []string            // in the order of their first use
	ResourceIDs        map[string][]string // logical ids by type
	DeclaredTransforms []string
	Capabilities       []string
	CapabilitiesReason string
}

// Summary reads what a template declares and which capabilities it needs. Transforms are not processed.
//
// Guide: AWS CloudFormation User Guide, "Acknowledging IAM resources in CloudFormation templates".
func (t *Template) Summary() Summary {
	s := Summary{Version: t.Version, Description: t.Description, Metadata: t.Metadata, Parameters: t.Parameters, ResourceIDs: map[string][]string{}}
	var needing []string
	iam, named := false, false
	for _, r := range t.Resources {
		if s.ResourceIDs[r.Type] == nil {
			s.ResourceTypes = append(s.ResourceTypes, r.Type)
		}
		s.ResourceIDs[r.Type] = append(s.ResourceIDs[r.Type], r.ID)
		is, hasName := identity(r)
		if is && !slices.Contains(needing, r.Type) {
			needing = append(needing, r.Type)
		}
		iam, named = iam || is, named || hasName
	}
	for _, m := range t.Transforms {
		s.DeclaredTransforms = append(s.DeclaredTransforms, m.Name)
	}
	if inner := innerMacros(t.Root, nil); len(inner) > 0 {
		s.DeclaredTransforms = append(s.DeclaredTransforms, inner...)
	}
	switch {
	case named:
		s.Capabilities = []string{"CAPABILITY_NAMED_IAM"}
	case iam:
		s.Capabilities = []string{"CAPABILITY_IAM"}
	}
	if len(needing) > 0 {
		s.CapabilitiesReason = fmt.Sprintf("The following resource(s) require capabilities: [%s]", strings.Join(needing, ", "))
	}
	if len(s.DeclaredTransforms) > 0 {
		s.Capabilities = append(s.Capabilities, "CAPABILITY_AUTO_EXPAND")
	}
	return s
}

// identity tells whether a resource changes permissions, and whether it has a name of its own.
func identity(r *Resource) (is, named bool) {
	name := ""
	switch r.Type {
	case "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy":
		return true, false
	case "AWS::IAM::Group":
		name = "GroupName"
	case "AWS::IAM::InstanceProfile":
		name = "InstanceProfileName"
	case "AWS::IAM::ManagedPolicy":
		name = "ManagedPolicyName"
	case "AWS::IAM::Role":
		name = "RoleName"
	case "AWS::IAM::User":
		name = "UserName"
	default:
		return false, false
	}
	v := r.Properties.Get(name)
	_, arg, _ := v.Call()
	return true, v.Exists() && arg.Text() != "AWS::NoValue"
}

func innerMacros(v Value, out []string) []string {
	if !v.Exists() || !v.n.live {
		return out
	}
	for e := range v.Entries() {
		if e.Key == "Fn::Transform" {
			if n := e.Value.Get("Name"); n.IsString() && !slices.Contains(out, n.Text()) {
				out = append(out, n.Text())
			}
		}
		out = innerMacros(e.Value, out)
	}
	for _, e := range v.Items() {
		out = innerMacros(e, out)
	}
	return out
}
