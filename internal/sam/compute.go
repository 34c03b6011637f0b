package sam

import "strings"

// createdTags adds SAM's tag after the given ones.
func createdTags(v any) []any {
	tags := NewMap()
	if truthy(v) {
		tags.update(obj(v))
	}
	tags.Set("lambda:createdBy", "SAM")
	return tagList(tags)
}

// capacityProvider makes a capacity provider and the role that operates it.
func (t *transform) capacityProvider(x *macro) []*resource {
	m := x.model("capacity_provider", true)
	if r, ok := m.get("InstanceRequirements").(*Map); ok && r.get("AllowedTypes") != nil && r.get("ExcludedTypes") != nil {
		x.fail("Cannot specify 'InstanceRequirements.AllowedTypes' and 'InstanceRequirements.ExcludedTypes' together.")
	}
	var made []*resource
	role := m.get("OperatorRole")
	if !truthy(role) {
		r := t.role(roleSpec{owner: x.id, id: x.id + "OperatorRole", attrs: x.passThrough(), assume: assumeBy("lambda.amazonaws.com"),
			managed: []any{t.awsManaged("AWSLambdaManagedEC2ResourceOperator")}, tags: createdTags(nil)})
		made = append(made, r)
		role = getAtt(r.id, "Arn")
	}
	r := newResource(x.idValue(), "AWS::Lambda::CapacityProvider", x.attrs)
	r.dependsOn = x.dependsOn
	for _, k := range [...]string{"CapacityProviderName", "KmsKeyArn"} {
		if v := m.get(k); truthy(v) {
			r.set(k, v)
		}
	}
	if vpc, ok := m.get("VpcConfig").(*Map); ok {
		c := NewMap("SubnetIds", vpc.get("SubnetIds"))
		if v := vpc.get("SecurityGroupIds"); v != nil {
			c.Set("SecurityGroupIds", v)
		}
		r.set("VpcConfig", c)
	}
	r.with("PermissionsConfig", NewMap("CapacityProviderOperatorRoleArn", role), "Tags", createdTags(m.get("Tags")))
	if in, ok := m.get("InstanceRequirements").(*Map); ok && in.Len() > 0 {
		c := NewMap()
		for _, k := range [...][2]string{{"Architectures", "Architectures"}, {"AllowedTypes", "AllowedInstanceTypes"}, {"ExcludedTypes", "ExcludedInstanceTypes"}} {
			if v := in.get(k[0]); v != nil {
				c.Set(k[1], v)
			}
		}
		r.set("InstanceRequirements", c)
	}
	if s, ok := m.get("ScalingConfig").(*Map); ok && s.Len() > 0 {
		c := NewMap()
		if v := s.get("MaxVCpuCount"); v != nil {
			c.Set("MaxVCpuCount", v)
		}
		if v := s.get("AverageCPUUtilization"); v != nil {
			c.Set("ScalingMode", "Manual")
			c.Set("ScalingPolicies", []any{NewMap("PredefinedMetricType", "LambdaCapacityProviderAverageCPUUtilization", "TargetValue", v)})
		} else {
			c.Set("ScalingMode", "Auto")
		}
		r.set("CapacityProviderScalingConfig", c)
	}
	if v := m.get("LoggingConfig"); truthy(v) {
		r.set("TelemetryConfig", NewMap("LoggingConfig", v))
	}
	if tags, ok := m.get("ManagedResourceTags").(*Map); ok && tags.Len() > 0 {
		c := NewMap()
		if v, ok := tags.Get("Tags"); ok {
			c = NewMap("Mode", "Explicit", "ExplicitTags", tagList(obj(v)))
		}
		r.set("PropagateTags", c)
	}
	made = append(made, r)
	combineTags(made, m.get("Tags"), x.get("PropagateTags"))
	return made
}

// networkConnector makes a network connector and the role that operates it.
func (t *transform) networkConnector(x *macro) []*resource {
	types := x.get("ComputeTypes")
	if l, ok := types.([]any); ok {
		if len(l) != 1 {
			x.fail("'ComputeTypes' must contain exactly one value, got %d.", len(l))
		}
		if isStr(l[0]) && !oneOf(l[0], "MicroVm", "WebFunction") {
			x.fail("'ComputeTypes' values must be one of ['MicroVm', 'WebFunction'], got '%s'.", text(l[0]))
		}
	}
	x.model("networkconnector", true)
	var made []*resource
	role := x.get("OperatorRole")
	if !truthy(role) {
		r := t.role(roleSpec{owner: x.id, id: x.id + "OperatorRole", attrs: x.passThrough(), assume: assumeBy("lambda.amazonaws.com"),
			managed: []any{t.awsManaged("AWSLambdaNetworkConnectorOperatorPolicy")}, tags: createdTags(nil)})
		made = append(made, r)
		role = getAtt(r.id, "Arn")
	}
	r := newResource(x.idValue(), "AWS::Lambda::NetworkConnector", x.attrs)
	r.dependsOn = x.dependsOn
	if n := x.get("Name"); truthy(n) {
		r.set("Name", n)
	}
	c := obj(x.get("VpcConfig")).shallow()
	if !truthy(types) {
		types = anys("MicroVm")
	}
	c.Set("AssociatedComputeResourceTypes", types)
	made = append(made, r.with("Configuration", NewMap("VpcEgressConfiguration", c), "OperatorRole", role, "Tags", createdTags(x.get("Tags"))))
	combineTags(made, x.get("Tags"), x.get("PropagateTags"))
	return made
}

// microvmImage makes an image for micro VMs and the role that builds it.
func (t *transform) microvmImage(x *macro) []*resource {
	x.model("microvmimage", true)
	var made []*resource
	role := x.get("BuildRoleArn")
	if !truthy(role) {
		r := newResource(x.id+"BuildRole", "AWS::IAM::Role", x.passThrough()).with("AssumeRolePolicyDocument", assumeBy("lambda.amazonaws.com"),
			"Policies", []any{NewMap("PolicyName", "MicrovmImageBuildPolicy", "PolicyDocument", NewMap("Version", "2012-10-17", "Statement", []any{
				allow(anys("s3:GetObject"), t.codeBucket(x)),
				allow(anys("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), "*")}))}, "Tags", createdTags(nil))
		made = append(made, r)
		role = getAtt(r.id, "Arn")
	}
	r := newResource(x.idValue(), "AWS::Lambda::MicrovmImage", x.attrs)
	r.dependsOn = x.dependsOn
	r.with("Name", x.get("Name"), "CodeArtifact", NewMap("Uri", x.get("CodeUri")), "BaseImageArn", x.get("BaseImageArn"), "BuildRoleArn", role,
		"BaseImageVersion", x.get("BaseImageVersion"), "Description", "", "Tags", createdTags(x.get("Tags")), "Logging", NewMap(), "Hooks", NewMap())
	for _, k := range [...]string{"EgressNetworkConnectors", "CpuConfigurations", "Resources", "AdditionalOsCapabilities"} {
		r.set(k, []any{})
	}
	for _, k := range [...]string{"Description", "Logging", "Hooks", "EgressNetworkConnectors", "CpuConfigurations", "Resources", "AdditionalOsCapabilities"} {
		if v := x.get(k); truthy(v) {
			r.set(k, v)
		}
	}
	vars := []any{}
	if v := x.get("EnvironmentVariables"); truthy(v) {
		for k, w := range obj(v).All() {
			vars = append(vars, NewMap("Key", k, "Value", w))
		}
	}
	made = append(made, r.with("EnvironmentVariables", vars))
	combineTags(made, x.get("Tags"), x.get("PropagateTags"))
	return made
}

// codeBucket is the ARN of everything in the bucket that the code is in.
func (t *transform) codeBucket(x *macro) *Map {
	uri := x.get("CodeUri")
	resolved := uri
	if isMap(uri) {
		resolved = t.params.resolve(uri)
	}
	if rest, ok := strings.CutPrefix(text(resolved), "s3://"); ok {
		bucket, _, _ := strings.Cut(rest, "/")
		if bucket == "" {
			x.fail("CodeUri must be a valid S3 URI with a bucket name (e.g. s3://bucket/key.zip).")
		}
		return fnSub("arn:${AWS::Partition}:s3:::" + bucket + "/*")
	}
	return fnSub("arn:${AWS::Partition}:s3:::${Bucket}/*", "Bucket", NewMap("Fn::Select", []any{int64(2), NewMap("Fn::Split", []any{"/", uri})}))
}
