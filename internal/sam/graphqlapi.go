package sam

import (
	"fmt"
	"strings"
)

// graphQL is a GraphQL API on its way into resources.
type graphQL struct {
	*macro
	t         *transform
	m         *Map // the properties, checked
	apiID     *Map
	sources   map[string]any // name of a data source to its Name
	functions map[string]any // name of a function to its id
	none      *resource
}

// graphQLAPI makes an AppSync API with its schema, data sources, functions and resolvers.
func (t *transform) graphQLAPI(x *macro) []*resource {
	g := &graphQL{macro: x, t: t, m: x.model("graphqlapi", false), apiID: getAtt(x.idValue(), "ApiId"), sources: map[string]any{}, functions: map[string]any{}}
	api, role, connectors := g.api()
	made := []*resource{api, g.schemaResource()}
	made = append(made, connectors...)
	if role != nil {
		made = append(made, role)
	}
	for e := range g.member("ApiKeys").entries() {
		k := obj(e.val)
		made = append(made, g.make(g.id+e.key, "ApiKey").with("ApiId", g.apiID, "ApiKeyId", k.get("ApiKeyId"), "Description", k.get("Description"),
			"Expires", k.get("ExpiresOn")))
	}
	if v := g.m.get("Cache"); v != nil {
		c := obj(v)
		r := g.make(g.id+"ApiCache", "ApiCache").with("ApiId", g.apiID)
		for _, k := range [...]string{"ApiCachingBehavior", "Type", "Ttl", "AtRestEncryptionEnabled", "TransitEncryptionEnabled"} {
			r.set(k, c.get(k))
		}
		made = append(made, r)
	}
	made = append(made, g.dataSources()...)
	if v := g.m.get("DomainName"); v != nil {
		d := obj(v)
		r := g.make(g.id+"DomainName", "DomainName").with("CertificateArn", d.get("CertificateArn"), "DomainName", d.get("DomainName"), "Description", d.get("Description"))
		made = append(made, r, g.make(g.id+"DomainNameApiAssociation", "DomainNameApiAssociation").with("ApiId", g.apiID, "DomainName", r.ref()))
	}
	made = append(made, g.functionResources()...)
	made = append(made, g.resolvers()...)
	if g.none != nil {
		made = append(made, g.none)
	}
	return made
}

func (g *graphQL) make(id, kind string) *resource {
	r := newResource(id, "AWS::AppSync::"+kind, g.attrs)
	r.dependsOn = g.dependsOn
	return r
}

// member is a map among the properties, or nothing.
func (g *graphQL) member(key string) *Map {
	m, _ := g.m.get(key).(*Map)
	return m
}

func (g *graphQL) api() (api, role *resource, connectors []*resource) {
	api = newResource(g.idValue(), "AWS::AppSync::GraphQLApi", g.attrs)
	api.dependsOn = g.dependsOn
	name := g.m.get("Name")
	if !truthy(name) {
		name = g.id
	}
	api.set("Name", name)
	api.set("XrayEnabled", g.m.get("XrayEnabled"))
	for _, k := range [...]string{"Visibility", "OwnerContact", "IntrospectionConfig", "QueryDepthLimit", "ResolverCountLimit"} {
		if v := g.m.get(k); truthy(v) {
			api.set(k, v)
		}
	}
	for i, arn := range g.setAuth(api) {
		connectors = append(connectors, g.connect(fmt.Sprintf("%sToLambdaAuthConnector%d", g.id, i+1),
			NewMap("Type", "AWS::AppSync::GraphQLApi", "Arn", ref(g.id), "ResourceId", g.apiID), NewMap("Type", "AWS::Lambda::Function", "Arn", arn), anys("Write"))...)
	}
	tags := NewMap()
	if v := g.m.get("Tags"); truthy(v) {
		tags.update(obj(v))
	}
	tags.Set("graphqlapi:createdBy", "SAM")
	api.set("Tags", tagList(tags))
	logging := g.m.get("Logging")
	if logging == false {
		return api, nil, connectors
	}
	config := NewMap("FieldLogLevel", "ALL")
	if l, ok := logging.(*Map); ok {
		if v := l.get("ExcludeVerboseContent"); truthy(v) {
			config.Set("ExcludeVerboseContent", v)
		}
		if v := l.get("FieldLogLevel"); truthy(v) {
			config.Set("FieldLogLevel", v)
		}
		if v := l.get("CloudWatchLogsRoleArn"); truthy(v) {
			config.Set("CloudWatchLogsRoleArn", v)
			api.set("LogConfig", config)
			return api, nil, connectors
		}
	}
	role = newResource(g.id+"CloudWatchRole", "AWS::IAM::Role", g.attrs).with("AssumeRolePolicyDocument", assumeBy("appsync.amazonaws.com"),
		"ManagedPolicyArns", []any{fnSub("arn:${AWS::Partition}:iam::aws:policy/service-role/AWSAppSyncPushToCloudWatchLogs")})
	role.dependsOn = g.dependsOn
	config.Set("CloudWatchLogsRoleArn", role.arn())
	api.set("LogConfig", config)
	return api, role, connectors
}

// connect makes a connector's resources.
func (g *graphQL) connect(id string, source, destination *Map, permissions any) []*resource {
	const kind = "AWS::Serverless::Connector"
	body := NewMap("Type", kind, "Properties", NewMap("Source", source, "Destination", destination, "Permissions", permissions))
	return g.t.connector(readMacro(id, false, "", body, kind, schema().Resources[kind], false, nil))
}

// setAuth sets the API's authentication and gives the functions that authorize.
func (g *graphQL) setAuth(api *resource) (functions []any) {
	auth := g.member("Auth")
	main := auth.shallow()
	main.Delete("Additional")
	key, config := g.authorizer(main, 0, false)
	api.set("AuthenticationType", auth.get("Type"))
	note := func() {
		if key == "LambdaAuthorizerConfig" {
			functions = append(functions, config.get("AuthorizerUri"))
		}
	}
	if config.Len() > 0 {
		api.set(key, config)
		note()
	}
	var more []any
	l, _ := auth.get("Additional").([]any)
	for i, v := range l {
		a := obj(v)
		key, config = g.authorizer(a, i, true)
		m := NewMap("AuthenticationType", a.get("Type"))
		if config.Len() > 0 {
			m.Set(key, config)
			note()
		}
		more = append(more, m)
	}
	if more != nil {
		api.set("AdditionalAuthenticationProviders", more)
	}
	return functions
}

func (g *graphQL) authorizer(a *Map, index int, additional bool) (key string, config *Map) {
	path := "Auth"
	if index > 0 {
		path = fmt.Sprintf("Auth.Additional.%d", index)
	}
	if a.Len() > 2 {
		g.fail("'%s' has more than one authentication configuration defined.", path)
	}
	name := ""
	kind := text(a.get("Type"))
	switch kind {
	case "AWS_LAMBDA":
		name, key = "LambdaAuthorizer", "LambdaAuthorizerConfig"
	case "OPENID_CONNECT":
		name, key = "OpenIDConnect", "OpenIDConnectConfig"
	case "AMAZON_COGNITO_USER_POOLS":
		name, key = "UserPool", "UserPoolConfig"
	default:
		return "", nil
	}
	v := g.own().mustBe(a.get(name), path+"."+name, fmt.Sprintf("'%s' must be defined if type is '%s'.", name, kind))
	config = withoutNone(obj(v))
	if name == "UserPool" && additional {
		config.Delete("DefaultAction")
	}
	return key, config
}

func withoutNone(m *Map) *Map {
	out := NewMap()
	for k, v := range m.All() {
		if v != nil {
			out.Set(k, v)
		}
	}
	return out
}

func (g *graphQL) schemaResource() *resource {
	inline, uri := g.m.get("SchemaInline"), g.m.get("SchemaUri")
	if !truthy(inline) && !truthy(uri) {
		g.fail("One of 'SchemaInline' or 'SchemaUri' must be set.")
	}
	if truthy(inline) && truthy(uri) {
		g.fail("Both 'SchemaInline' and 'SchemaUri' cannot be defined at the same time.")
	}
	return g.make(g.id+"Schema", "GraphQLSchema").with("ApiId", g.apiID, "Definition", inline, "DefinitionS3Location", uri)
}

func (g *graphQL) dataSources() (made []*resource) {
	all := g.member("DataSources")
	tables, _ := all.get("DynamoDb").(*Map)
	for name, v := range tables.All() {
		d := obj(v)
		r := g.dataSource(name, "DynamoDB", "AMAZON_DYNAMODB", d)
		region := d.get("Region")
		if !truthy(region) {
			region = ref("AWS::Region")
		}
		c := NewMap("AwsRegion", region, "TableName", d.get("TableName"))
		for _, k := range [...]string{"UseCallerCredentials", "Versioned"} {
			if v := d.get(k); truthy(v) {
				c.Set(k, v)
			}
		}
		if s := d.get("DeltaSync"); s != nil {
			c.Set("DeltaSyncConfig", s)
		}
		r.set("DynamoDBConfig", c)
		arn := d.get("TableArn")
		if !truthy(arn) {
			arn = fnSub("arn:${AWS::Partition}:dynamodb:${__Region__}:${AWS::AccountId}:table/${__TableName__}", "__TableName__", d.get("TableName"), "__Region__", region)
		}
		permissions := d.get("Permissions")
		if !truthy(permissions) {
			permissions = anys("Read", "Write")
		}
		made = append(append(made, r), g.sourceRole(r, d, "ToTableConnector", "AWS::DynamoDB::Table", arn, permissions)...)
	}
	lambdas, _ := all.get("Lambda").(*Map)
	for name, v := range lambdas.All() {
		d := obj(v)
		r := g.dataSource(name, "Lambda", "AWS_LAMBDA", d)
		r.set("LambdaConfig", NewMap("LambdaFunctionArn", d.get("FunctionArn")))
		made = append(append(made, r), g.sourceRole(r, d, "ToLambdaConnector", "AWS::Lambda::Function", d.get("FunctionArn"), anys("Write"))...)
	}
	return made
}

func (g *graphQL) dataSource(name, word, kind string, d *Map) *resource {
	r := g.make(g.id+name+word+"DataSource", "DataSource")
	n := d.get("Name")
	if !truthy(n) {
		n = name
	}
	g.sources[name] = getAtt(r.id, "Name")
	return r.with("Name", n, "Type", kind, "ApiId", g.apiID, "Description", d.get("Description"))
}

// sourceRole gives a data source its role: the one given, or one connected to what it reads.
func (g *graphQL) sourceRole(r *resource, d *Map, suffix, kind string, arn, permissions any) []*resource {
	if v := d.get("ServiceRoleArn"); truthy(v) {
		r.set("ServiceRoleArn", v)
		return nil
	}
	role := newResource(r.id+"Role", "AWS::IAM::Role", g.attrs).with("AssumeRolePolicyDocument", assumeBy("appsync.amazonaws.com"))
	role.dependsOn = g.dependsOn
	r.set("ServiceRoleArn", role.arn())
	return append([]*resource{role}, g.connect(r.id+suffix, NewMap("Type", "AWS::AppSync::DataSource", "Arn", r.arn(), "RoleName", role.ref()),
		NewMap("Type", kind, "Arn", arn), permissions)...)
}

func (g *graphQL) functionResources() (made []*resource) {
	for name, v := range g.member("Functions").All() {
		f := obj(v)
		if id := f.get("Id"); truthy(id) {
			if withoutNone(f).Len() != 1 {
				failResource(name, "'Id' cannot be defined with other properties in Function.")
			}
			g.functions[name] = id
			continue
		}
		r := g.make(g.id+name, "FunctionConfiguration")
		n := f.get("Name")
		if !truthy(n) {
			n = name
		}
		inline, uri := f.get("InlineCode"), f.get("CodeUri")
		switch {
		case truthy(inline) && truthy(uri):
			failResource(name, "Both 'InlineCode' and 'CodeUri' cannot be defined at the same time.")
		case truthy(inline):
			r.set("Code", inline)
		case truthy(uri):
			r.set("CodeS3Location", uri)
		default:
			failResource(name, "One of 'InlineCode' or 'CodeUri' must be set.")
		}
		r.with("ApiId", g.apiID, "Name", n, "DataSourceName", g.sourceName(name, f.get("DataSource")), "MaxBatchSize", f.get("MaxBatchSize"),
			"Description", f.get("Description"), "Runtime", appSyncRuntime(name, f))
		if s, ok := f.get("Sync").(*Map); ok {
			r.set("SyncConfig", withoutNone(s))
		}
		g.functions[name] = getAtt(r.id, "FunctionId")
		made = append(made, r)
	}
	return made
}

func (g *graphQL) sourceName(function string, v any) any {
	if !truthy(v) {
		failResource(function, "'DataSource' must be set.")
	}
	s, ok := str(v)
	if !ok {
		return v
	}
	if strings.EqualFold(s, "none") {
		if g.none == nil {
			id := g.id + "NoneDataSource"
			g.none = g.make(id, "DataSource").with("ApiId", g.apiID, "Name", id, "Type", "NONE")
		}
		return getAtt(g.none.id, "Name")
	}
	name, ok := g.sources[s]
	if !ok {
		failResource(function, "Either define DataSource '%s' in 'DataSources' or use intrinsic function like GetAtt, ImportValue, Sub or another one to reference a DataSource defined outside of this GraphQLApi resource.", s)
	}
	return name
}

func appSyncRuntime(name string, m *Map) *Map {
	r, ok := m.get("Runtime").(*Map)
	if !ok {
		failResource(name, "'Runtime' must be defined as a property in %s.", name)
	}
	return NewMap("Name", r.get("Name"), "RuntimeVersion", r.get("Version"))
}

// passOn is the code of a resolver that only runs its functions.
const passOn = "\nexport function request(ctx) {\n    return {};\n}\n\nexport function response(ctx) {\n    return ctx.prev.result;\n}\n"

func (g *graphQL) resolvers() (made []*resource) {
	for kind, byName := range g.member("Resolvers").All() {
		for name, v := range obj(byName).All() {
			m := obj(v)
			r := newResource(g.id+kind+name, "AWS::AppSync::Resolver", g.attrs)
			r.dependsOn = []any{g.id + "Schema"}
			inline, uri := m.get("InlineCode"), m.get("CodeUri")
			if truthy(inline) && truthy(uri) {
				failResource(name, "Both 'InlineCode' and 'CodeUri' cannot be defined at the same time.")
			}
			if !truthy(inline) && !truthy(uri) {
				inline = passOn
				r.set("Runtime", NewMap("Name", "APPSYNC_JS", "RuntimeVersion", "1.0.0"))
			} else {
				r.set("Runtime", appSyncRuntime(name, m))
			}
			field := m.get("FieldName")
			if !truthy(field) {
				field = name
			}
			r.with("Code", inline, "CodeS3Location", uri, "ApiId", g.apiID, "FieldName", field, "TypeName", kind)
			pipeline, _ := m.get("Pipeline").([]any)
			if len(pipeline) == 0 {
				failResource(name, "Resolver '%s' must have Pipeline defined. Unit resolvers are not supported. If you need a Unit resolver you can use AppSync resource.", name)
			}
			var ids []any
			for _, f := range pipeline {
				id, ok := g.functions[text(f)]
				if !ok {
					failResource(name, "Function '%s' does not exist.", pyStr(f))
				}
				ids = append(ids, id)
			}
			r.with("Kind", "PIPELINE", "PipelineConfig", NewMap("Functions", ids))
			if c, ok := m.get("Caching").(*Map); ok {
				r.set("CachingConfig", withoutNone(c))
			}
			if b := m.get("MaxBatchSize"); truthy(b) {
				r.set("MaxBatchSize", b)
			}
			made = append(made, r)
		}
	}
	return made
}
