package sam

import (
	"fmt"
	"strings"
)

// pollEvent makes an event source mapping and gives the function's role what reading the source takes.
func (t *transform) pollEvent(e *eventOf) []*resource {
	m := newResource(e.id, "AWS::Lambda::EventSourceMapping", e.target.passThrough())
	m.set("FunctionName", e.target.nameOrArn())
	m.set("EventSourceArn", e.source())
	for _, k := range [...]string{"StartingPosition", "StartingPositionTimestamp", "BatchSize", "Enabled", "MaximumBatchingWindowInSeconds",
		"MaximumRetryAttempts", "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds", "ParallelizationFactor", "Topics", "Queues",
		"SourceAccessConfigurations", "TumblingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria", "KmsKeyArn", "ScalingConfig",
		"ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig"} {
		m.set(k, e.get(k))
	}
	e.checkFilter()
	if v := e.get("KafkaBootstrapServers"); truthy(v) {
		m.set("SelfManagedEventSource", NewMap("Endpoints", NewMap("KafkaBootstrapServers", v)))
	}
	kafka := ""
	switch e.kind {
	case "MSK":
		kafka = "AmazonManagedKafkaEventSourceConfig"
	case "SelfManagedKafka":
		kafka = "SelfManagedKafkaEventSourceConfig"
	}
	if v := e.get("ConsumerGroupId"); truthy(v) {
		if kafka == "" {
			failEvent(e.id, "Property ConsumerGroupId not defined for resource of type %s.", e.kind)
		}
		m.set(kafka, NewMap("ConsumerGroupId", v))
	}
	if v := e.get("SchemaRegistryConfig"); truthy(v) && kafka != "" {
		memberOf(m.props, kafka).Set("SchemaRegistryConfig", v)
	}
	var destination *Map
	if v := e.get("DestinationConfig"); truthy(v) {
		destination = e.failureDestination(obj(v))
		m.set("DestinationConfig", v)
	}
	if e.kind == "DocumentDB" {
		c := NewMap("DatabaseName", e.get("DatabaseName"))
		for _, k := range [...]string{"CollectionName", "FullDocument"} {
			if v := e.get(k); truthy(v) {
				c.Set(k, v)
			}
		}
		m.set("DocumentDBEventSourceConfig", c)
	}
	t.grant(e, destination)
	return []*resource{m}
}

// source is the ARN that the mapping reads from.
func (e *eventOf) source() any {
	switch e.kind {
	case "SQS":
		return e.get("Queue")
	case "MQ":
		return e.get("Broker")
	case "DocumentDB":
		return e.get("Cluster")
	case "SelfManagedKafka":
		return nil
	}
	return e.get("Stream")
}

func (e *eventOf) checkFilter() {
	v := e.get("FilterCriteria")
	if !truthy(v) || isIntrinsic(v) {
		return
	}
	kinds := []string{"DocumentDB", "DynamoDB", "Kinesis", "MQ", "MSK", "SelfManagedKafka", "SQS"}
	if !oneOf(e.kind, kinds...) {
		failEvent(e.rel, "FilterCriteria is only available for %s events.", strings.Join(kinds, ", "))
	}
	if k := obj(v).Keys(); len(k) != 1 || k[0] != "Filters" {
		failEvent(e.rel, "FilterCriteria field has a wrong format")
	}
}

// failureDestination takes the Type out of OnFailure and gives the policy that sending there needs.
func (e *eventOf) failureDestination(c *Map) *Map {
	on := eventOwner(e.id).mustMap(c.get("OnFailure"), "DestinationConfig.OnFailure")
	kind := on.get("Type")
	if !truthy(kind) {
		return nil
	}
	on.Delete("Type")
	arn := on.get("Destination")
	switch text(kind) {
	case "SQS":
		return policySQS(arn, e.id)
	case "SNS":
		return policySNS(arn, e.id)
	case "S3":
		return policyS3(arn, e.id)
	case "Kafka":
		return nil
	}
	failEvent(e.id, "The only valid values for 'Type' are 'SQS', 'SNS', 'S3', and 'Kafka'")
	return nil
}

func (t *transform) grant(e *eventOf, destination *Map) {
	arn := ""
	switch e.kind {
	case "Kinesis", "DynamoDB", "MSK":
		arn = t.awsManaged("service-role/AWSLambda" + e.kind + "ExecutionRole")
	case "SQS":
		arn = t.awsManaged("service-role/AWSLambdaSQSQueueExecutionRole")
	}
	policy := t.sourcePolicy(e)
	if e.role == nil {
		return
	}
	if l, _ := e.role.props.get("ManagedPolicyArns").([]any); arn != "" && !contains(l, arn) {
		e.role.set("ManagedPolicyArns", joined(l, []any{arn}))
	}
	have, _ := e.role.props.get("Policies").([]any)
	given := have != nil
	has := func(p *Map) bool {
		for _, x := range have {
			m := obj(x)
			d, ok := m.Get("PolicyDocument")
			if !ok && p == policy && !contains(have, p) {
				failPy("KeyError: 'PolicyDocument'")
			}
			if equal(d, p.get("PolicyDocument")) || equal(m, p) {
				return true
			}
		}
		return false
	}
	if policy != nil {
		given = true
		if !has(policy) {
			have = joined(have, []any{policy})
		}
	}
	if destination != nil && !has(destination) {
		given = true
		have = joined(have, []any{destination})
	}
	if given {
		e.role.set("Policies", have)
	}
}

func secret(uri any) *Map { return allow(anys("secretsmanager:GetSecretValue"), uri) }

func networkInterfaces() *Map {
	return allow(anys("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface", "ec2:DescribeVpcs",
		"ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"), "*")
}

// keyPolicy allows decryption with the key that the event's secret is under.
func (e *eventOf) keyPolicy(action any) []any {
	k := e.get("SecretsManagerKmsKeyId")
	if !truthy(k) {
		return nil
	}
	id := eventOwner(e.rel).mustString(k, "SecretsManagerKmsKeyId")
	return []any{allow(action, fnSub("arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/"+id))}
}

// sourcePolicy is the inline policy for a source that AWS has no managed one for.
func (t *transform) sourcePolicy(e *eventOf) *Map {
	var statements []any
	name := ""
	switch e.kind {
	case "MSK":
		name = "MSKExecutionRolePolicy"
		statements = t.schemaRegistry(e)
		l, _ := e.get("SourceAccessConfigurations").([]any)
		for _, x := range l {
			if c, ok := x.(*Map); ok && is(c.get("Type"), "CLIENT_CERTIFICATE_TLS_AUTH") && truthy(c.get("URI")) {
				statements = append(statements, secret(c.get("URI")))
			}
		}
	case "MQ":
		name = "SamAutoGeneratedAMQPolicy"
		if truthy(e.get("DynamicPolicyName")) {
			name = e.id + "AMQPolicy"
		}
		statements = []any{secret(e.basicAuth("BASIC_AUTH", "VIRTUAL_HOST")), allow(anys("mq:DescribeBroker"), e.get("Broker"))}
		statements = append(statements, e.keyPolicy("kms:Decrypt")...)
	case "DocumentDB":
		name = "SamAutoGeneratedDocumentDBPolicy"
		rds := func(resource string) any {
			return fnSub("arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:" + resource)
		}
		statements = []any{secret(e.basicAuth("BASIC_AUTH")), allow(anys("rds:DescribeDBClusterParameters"), rds("cluster-pg:*")),
			allow(anys("rds:DescribeDBSubnetGroups"), rds("subgrp:*")), allow(anys("rds:DescribeDBClusters"), e.get("Cluster")), networkInterfaces()}
		statements = append(statements, e.keyPolicy(anys("kms:Decrypt"))...)
	case "SelfManagedKafka":
		name = "SelfManagedKafkaExecutionRolePolicy"
		statements = t.kafkaStatements(e)
	}
	if statements == nil {
		return nil
	}
	doc := NewMap("Statement", statements)
	if e.kind == "SelfManagedKafka" {
		doc.Set("Version", "2012-10-17")
	}
	return NewMap("PolicyName", name, "PolicyDocument", doc)
}

// basicAuth gives the address of the secret with user and password.
func (e *eventOf) basicAuth(supported ...string) any {
	v := e.get("SourceAccessConfigurations")
	if !truthy(v) {
		failEvent(e.rel, "No SourceAccessConfigurations for Amazon %s event provided.", e.kind)
	}
	l, ok := v.([]any)
	if !ok {
		failEvent(e.rel, "Provided SourceAccessConfigurations cannot be parsed into a list.")
	}
	var uri any
	for i, x := range l {
		at := fmt.Sprintf("SourceAccessConfigurations[%d]", i)
		c := eventOwner(e.rel).mustMap(x, at)
		kind := eventOwner(e.rel).mustString(c.get("Type"), at+".Type")
		if !oneOf(kind, supported...) {
			failEvent(e.rel, "Invalid property Type specified in SourceAccessConfigurations. The supported values are: %s.", words(supported))
		}
		if kind == "BASIC_AUTH" {
			if truthy(uri) {
				failEvent(e.rel, "Multiple BASIC_AUTH properties specified in SourceAccessConfigurations.")
			}
			if uri = c.get("URI"); !truthy(uri) {
				failEvent(e.rel, "No BASIC_AUTH URI property specified in SourceAccessConfigurations.")
			}
		}
	}
	if !truthy(uri) {
		failEvent(e.rel, "No BASIC_AUTH property specified in SourceAccessConfigurations.")
	}
	return uri
}

func (t *transform) kafkaStatements(e *eventOf) []any {
	if !truthy(e.get("KafkaBootstrapServers")) {
		failEvent(e.rel, "No KafkaBootstrapServers provided for self managed kafka as an event source")
	}
	topics := e.get("Topics")
	if !truthy(topics) {
		failEvent(e.rel, "No Topics provided for self managed kafka as an event source")
	}
	if n, ok := topics.([]any); ok && len(n) != 1 {
		failEvent(e.rel, "Topics for self managed kafka only supports single configuration entry.")
	}
	configs := e.get("SourceAccessConfigurations")
	if !truthy(configs) {
		failEvent(e.rel, "No SourceAccessConfigurations for self managed kafka event provided.")
	}
	l, ok := configs.([]any)
	if !ok {
		failEvent(e.rel, "SourceAccessConfigurations for self managed kafka event should be a list.")
	}
	var auth, ca any
	subnet, group, mechanism := false, false, false
	uri := func(c *Map, what string) any {
		v := c.get("URI")
		if !truthy(v) {
			failEvent(e.rel, "No %s URI property specified in SourceAccessConfigurations for self managed kafka event.", what)
		}
		if !isStr(v) && !isIntrinsic(v) {
			failEvent(e.rel, "Wrong Type for %s URI property specified in SourceAccessConfigurations for self managed kafka event.", what)
		}
		return v
	}
	for _, x := range l {
		c := (owner{id: e.rel}).mustMap(x, "SourceAccessConfigurations")
		switch kind := text(c.get("Type")); kind {
		case "VPC_SUBNET":
			uri(c, kind)
			subnet = true
		case "VPC_SECURITY_GROUP":
			uri(c, kind)
			group = true
		case "SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH", "BASIC_AUTH", "CLIENT_CERTIFICATE_TLS_AUTH", "OAUTHBEARER_AUTH", "IAM_AUTH", "IAM_OAUTHBEARER_AUTH":
			if mechanism {
				failEvent(e.rel, "Multiple auth mechanism properties specified in SourceAccessConfigurations for self managed kafka event.")
			}
			mechanism = true
			if kind != "IAM_AUTH" && kind != "IAM_OAUTHBEARER_AUTH" {
				auth = uri(c, "auth mechanism")
			}
		case "SERVER_ROOT_CA_CERTIFICATE":
			ca = uri(c, kind)
		case "OAUTHBEARER_SCOPE", "OAUTHBEARER_AUDIENCE", "OAUTHBEARER_LOGICAL_CLUSTER", "OAUTHBEARER_IDENTITY_POOL":
			uri(c, kind)
		default:
			failEvent(e.rel, "Invalid SourceAccessConfigurations Type provided for self managed kafka event.")
		}
	}
	if subnet != group {
		failEvent(e.rel, "VPC_SUBNET and VPC_SECURITY_GROUP in SourceAccessConfigurations for SelfManagedKafka must be both provided.")
	}
	var out []any
	if auth != nil {
		out = append(out, secret(auth))
	}
	if ca != nil {
		out = append(out, secret(ca))
	}
	if subnet {
		out = append(out, networkInterfaces())
	}
	out = append(out, e.keyPolicy(anys("kms:Decrypt"))...)
	return append(out, t.schemaRegistry(e)...)
}

// schemaRegistry allows reading the registry that a topic's schemas are in.
func (t *transform) schemaRegistry(e *eventOf) []any {
	v := e.get("SchemaRegistryConfig")
	if !truthy(v) {
		return nil
	}
	c := eventOwner(e.rel).mustMap(v, "SchemaRegistryConfig")
	for _, k := range [...]string{"SchemaRegistryURI", "EventRecordFormat", "SchemaValidationConfigs"} {
		if !c.Has(k) {
			failEvent(e.rel, "Missing required field %s in SchemaRegistryConfig", k)
		}
	}
	if !oneOf(c.get("EventRecordFormat"), "JSON", "SOURCE") {
		failEvent(e.rel, "EventRecordFormat in SchemaRegistryConfig must be either 'JSON' or 'SOURCE'")
	}
	if !isList(c.get("SchemaValidationConfigs")) {
		failEvent(e.rel, "SchemaValidationConfigs must be a list")
	}
	var out []any
	if access := c.get("AccessConfigs"); truthy(access) {
		l, ok := access.([]any)
		if !ok {
			failEvent(e.rel, "AccessConfigs in SchemaRegistryConfig must be a list")
		}
		for _, x := range l {
			m, ok := x.(*Map)
			if !ok || !m.Has("Type") || !m.Has("URI") {
				failEvent(e.rel, "Each AccessConfig must be a dict with 'Type' and 'URI' fields")
			}
			out = append(out, secret(m.get("URI")))
		}
	}
	uri := c.get("SchemaRegistryURI")
	arn := pyStr(uri)
	if m, ok := uri.(*Map); ok {
		r, _ := t.params.resolve(m.shallow()).(*Map)
		arn = pyStr(r.get("Fn::Sub"))
	}
	if p := strings.Split(arn, ":"); strings.HasPrefix(arn, "arn") && len(p) >= 6 {
		if name, ok := strings.CutPrefix(p[5], "registry/"); ok {
			out = append(out, allow(anys("glue:GetRegistry"), uri), allow(anys("glue:GetSchemaVersion"),
				[]any{fnSub("arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:schema/" + name + "/*")}))
		}
	}
	return out
}
