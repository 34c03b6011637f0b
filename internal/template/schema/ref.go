package schema

import (
	"slices"
	"strings"
)

// RefProperties gives the properties whose values Ref gives, joined with "|" where there are several. It is the primary
// identifier but where AWS's Template Reference says otherwise under "Return values". The value is the physical id.
func (t *Type) RefProperties() []string {
	switch t.Name {
	case "AWS::ApiGateway::Deployment", "AWS::ApiGatewayV2::Deployment":
		return []string{"DeploymentId"}
	case "AWS::ApiGateway::Authorizer", "AWS::ApiGatewayV2::Authorizer":
		return []string{"AuthorizerId"}
	case "AWS::ApiGateway::Model":
		return []string{"Name"}
	case "AWS::ApiGateway::RequestValidator":
		return []string{"RequestValidatorId"}
	case "AWS::ApiGateway::Resource":
		return []string{"ResourceId"}
	case "AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage":
		return []string{"StageName"}
	case "AWS::ApiGateway::DocumentationPart":
		return []string{"DocumentationPartId"}
	case "AWS::ApiGateway::DocumentationVersion":
		return []string{"DocumentationVersion"}
	case "AWS::ApiGatewayV2::ApiMapping":
		return []string{"ApiMappingId"}
	case "AWS::ApiGatewayV2::Integration":
		return []string{"IntegrationId"}
	case "AWS::ApiGatewayV2::IntegrationResponse":
		return []string{"IntegrationResponseId"}
	case "AWS::ApiGatewayV2::Model":
		return []string{"ModelId"}
	case "AWS::ApiGatewayV2::Route":
		return []string{"RouteId"}
	case "AWS::ApiGatewayV2::RouteResponse":
		return []string{"RouteResponseId"}
	case "AWS::CodeDeploy::DeploymentGroup":
		return []string{"DeploymentGroupName"}
	case "AWS::Cognito::UserPoolClient":
		return []string{"ClientId"}
	case "AWS::Cognito::UserPoolDomain":
		return []string{"Domain"}
	case "AWS::Cognito::UserPoolGroup":
		return []string{"GroupName"}
	case "AWS::Cognito::UserPoolIdentityProvider":
		return []string{"ProviderName"}
	case "AWS::Cognito::UserPoolResourceServer":
		return []string{"Identifier"}
	case "AWS::Cognito::UserPoolUser":
		return []string{"Username"}
	case "AWS::Events::Rule":
		return []string{"Name"} // <bus>|<name> on a bus of one's own
	case "AWS::Lambda::Permission":
		return []string{"Id"}
	case "AWS::Logs::LogStream":
		return []string{"LogStreamName"}
	case "AWS::Logs::MetricFilter", "AWS::Logs::SubscriptionFilter":
		return []string{"FilterName"}
	case "AWS::ApplicationAutoScaling::ScalingPolicy":
		return []string{"Arn"}
	case "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy":
		return []string{"PolicyName"}
	}
	return slices.Clone(t.PrimaryIdentifier)
}

// Attributes gives the names that Fn::GetAtt knows, sorted: read-only properties and, of some older types, others too.
// Nested ones have dots. open tells that any name may do (custom resources), or any below "Outputs." (nested stacks).
func (t *Type) Attributes() (names []string, open bool) {
	if t.Name == "AWS::CloudFormation::CustomResource" {
		return nil, true
	}
	for _, p := range t.ReadOnly {
		names = append(names, strings.ReplaceAll(p, "/", "."))
	}
	switch more := t.doc.Get("getAtt"); {
	case more.IsList():
		names = append(names, pointers(more)...)
	case more.Text() == "*":
		for k := range t.doc.Get("properties").All() {
			names = t.leaves(names, k, k, 0)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), false
}

// leaves adds the attributes below a property: scalars and lists of them.
func (t *Type) leaves(out []string, path, attr string, depth int) []string {
	s := t.Property(path)
	object := s.Get("type").Text() == "object"
	for _, ty := range s.Get("type").Items() {
		object = object || ty.Text() == "object"
	}
	if depth < 6 && object {
		for k := range s.Get("properties").All() {
			out = t.leaves(out, path+"/"+k, attr+"."+k, depth+1)
		}
		return out
	}
	if it := t.deref(s.Get("items")); s.Get("type").Text() == "array" && !s.Path("items", "$ref").Exists() && (it.Get("type").Text() == "object" || it.Get("type").Text() == "array") {
		return out
	}
	return append(out, attr)
}

// HasAttribute tells whether Fn::GetAtt knows a name.
func (t *Type) HasAttribute(name string) bool {
	names, open := t.Attributes()
	if _, found := slices.BinarySearch(names, name); found || open {
		return true
	}
	if t.Name == "AWS::CloudFormation::Stack" || t.Name == "AWS::ServiceCatalog::CloudFormationProvisionedProduct" {
		return strings.HasPrefix(name, "Outputs.")
	}
	// A member of an attribute that is an object or a map.
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if _, found := slices.BinarySearch(names, name[:i]); found {
			return t.Property(strings.ReplaceAll(name[:i], ".", "/")).Get("type").Text() != "string"
		}
	}
	return false
}
