// Package lifecycle takes every resource type through its life: create, update without a change, update, update that is
// rolled back in the middle, replace, delete, delete again. Every step is done twice with one token, as after a crash, and
// must come to the same; at the end nothing may be left.
package lifecycle

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	restapi "virga/api/apigateway"
	v2api "virga/api/apigatewayv2"
	cfnapi "virga/api/cloudformation"
	iamapi "virga/api/iam"
	lambdaapi "virga/api/lambda"
	logsapi "virga/api/logs"
	s3api "virga/api/s3"
	sqsapi "virga/api/sqs"
	ssmapi "virga/api/ssm"
	"virga/internal/auth/sigv4"
	"virga/internal/cloud"
	"virga/internal/remote"
	"virga/internal/wire"
)

const (
	role = `R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}, ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"]}}`
	fn   = role + `
  F: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.11, Handler: index.handler, Role: !GetAtt R.Arn, Code: {ZipFile: "def handler(e, c): return e"}}}`
	trust = `AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}`
	allow = `{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sqs:SendMessage", Resource: "*"}]}`
	more  = `{Version: "2012-10-17", Statement: [{Effect: Allow, Action: "sqs:*", Resource: "*"}]}`
	rest  = `A: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}
  B: {Type: AWS::ApiGateway::RestApi, Properties: {Name: b}}
  M: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, HttpMethod: GET, AuthorizationType: NONE, Integration: {Type: MOCK}}}
  M2: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref B, ResourceId: !GetAtt B.RootResourceId, HttpMethod: GET, AuthorizationType: NONE, Integration: {Type: MOCK}}}`
	web = `H: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: h, ProtocolType: HTTP}}
  H2: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: h2, ProtocolType: HTTP}}
  I: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref H, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn, PayloadFormatVersion: "2.0"}}`
)

// life is a resource's properties: as made, changed in place, and so that it is replaced ("" where nothing replaces or
// nothing changes in place).
type life struct {
	with                   string
	create, update, differ string
}

var lives = map[string]life{
	"AWS::SQS::Queue":                   {"", "DelaySeconds: 1", "DelaySeconds: 2, Tags: [{Key: k, Value: v}]", "QueueName: other"},
	"AWS::SQS::QueuePolicy":             {"Q: {Type: AWS::SQS::Queue}", "Queues: [!Ref Q], PolicyDocument: " + allowFrom("sqs:SendMessage"), "Queues: [!Ref Q], PolicyDocument: " + allowFrom("sqs:*"), ""},
	"AWS::SSM::Parameter":               {"", "Type: String, Value: a", "Type: String, Value: b", "Type: String, Value: b, Name: /other"},
	"AWS::Logs::LogGroup":               {"", "RetentionInDays: 1", "RetentionInDays: 3", "LogGroupName: other"},
	"AWS::Logs::LogStream":              {"G: {Type: AWS::Logs::LogGroup}", "LogGroupName: !Ref G", "", "LogGroupName: !Ref G, LogStreamName: other"},
	"AWS::S3::Bucket":                   {"", "Tags: [{Key: k, Value: v}]", "VersioningConfiguration: {Status: Enabled}", "BucketName: other-bucket"},
	"AWS::S3::BucketPolicy":             {"Q: {Type: AWS::S3::Bucket}\n  Q2: {Type: AWS::S3::Bucket}", "Bucket: !Ref Q, PolicyDocument: " + bucketPolicy("Q", "s3:GetObject"), "Bucket: !Ref Q, PolicyDocument: " + bucketPolicy("Q", "s3:PutObject"), "Bucket: !Ref Q2, PolicyDocument: " + bucketPolicy("Q2", "s3:GetObject")},
	"AWS::IAM::Role":                    {"", trust, trust + ", Description: d, Policies: [{PolicyName: p, PolicyDocument: " + allow + "}]", trust + ", RoleName: other"},
	"AWS::IAM::Policy":                  {role, "PolicyName: p, Roles: [!Ref R], PolicyDocument: " + allow, "PolicyName: p, Roles: [!Ref R], PolicyDocument: " + more, ""},
	"AWS::IAM::ManagedPolicy":           {role, "PolicyDocument: " + allow, "Roles: [!Ref R], PolicyDocument: " + more, "ManagedPolicyName: other, PolicyDocument: " + allow},
	"AWS::IAM::User":                    {"", "Path: /", "Path: /, Policies: [{PolicyName: p, PolicyDocument: " + allow + "}]", "UserName: other"},
	"AWS::IAM::Group":                   {"", "Path: /", "Path: /, Policies: [{PolicyName: p, PolicyDocument: " + allow + "}]", "GroupName: other"},
	"AWS::IAM::UserPolicy":              {"U: {Type: AWS::IAM::User}\n  U2: {Type: AWS::IAM::User}", "PolicyName: p, UserName: !Ref U, PolicyDocument: " + allow, "PolicyName: p, UserName: !Ref U, PolicyDocument: " + more, "PolicyName: p, UserName: !Ref U2, PolicyDocument: " + allow},
	"AWS::IAM::GroupPolicy":             {"U: {Type: AWS::IAM::Group}\n  U2: {Type: AWS::IAM::Group}", "PolicyName: p, GroupName: !Ref U, PolicyDocument: " + allow, "PolicyName: p, GroupName: !Ref U, PolicyDocument: " + more, "PolicyName: p, GroupName: !Ref U2, PolicyDocument: " + allow},
	"AWS::IAM::RolePolicy":              {role + "\n  R2: {Type: AWS::IAM::Role, Properties: {" + trust + "}}", "PolicyName: p, RoleName: !Ref R, PolicyDocument: " + allow, "PolicyName: p, RoleName: !Ref R, PolicyDocument: " + more, "PolicyName: p, RoleName: !Ref R2, PolicyDocument: " + allow},
	"AWS::IAM::AccessKey":               {"U: {Type: AWS::IAM::User}", "UserName: !Ref U", "UserName: !Ref U, Status: Inactive", "UserName: !Ref U, Serial: 2"},
	"AWS::Lambda::Function":             {role, code("x"), code("y"), code("y") + ", FunctionName: other"},
	"AWS::Lambda::Version":              {fn, "FunctionName: !Ref F", "", "FunctionName: !Ref F, Description: other"},
	"AWS::Lambda::Alias":                {fn + "\n  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F}}", "FunctionName: !Ref F, Name: live, FunctionVersion: !GetAtt V.Version", "FunctionName: !Ref F, Name: live, FunctionVersion: !GetAtt V.Version, Description: d", "FunctionName: !Ref F, Name: other, FunctionVersion: !GetAtt V.Version"},
	"AWS::Lambda::Permission":           {fn, "FunctionName: !Ref F, Action: lambda:InvokeFunction, Principal: s3.amazonaws.com", "", "FunctionName: !Ref F, Action: lambda:InvokeFunction, Principal: sns.amazonaws.com"},
	"AWS::Lambda::EventInvokeConfig":    {fn, "FunctionName: !Ref F, Qualifier: $LATEST, MaximumRetryAttempts: 1", "FunctionName: !Ref F, Qualifier: $LATEST, MaximumRetryAttempts: 0", ""},
	"AWS::Lambda::EventSourceMapping":   {fn + "\n  Q: {Type: AWS::SQS::Queue}\n  Q2: {Type: AWS::SQS::Queue}", "FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn", "FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn, BatchSize: 3", "FunctionName: !Ref F, EventSourceArn: !GetAtt Q2.Arn"},
	"AWS::ApiGateway::RestApi":          {"", "Name: a", "Name: b, Description: d", ""},
	"AWS::ApiGateway::Resource":         {rest, "RestApiId: !Ref A, ParentId: !GetAtt A.RootResourceId, PathPart: p", "", "RestApiId: !Ref A, ParentId: !GetAtt A.RootResourceId, PathPart: other"},
	"AWS::ApiGateway::Method":           {rest, "RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, HttpMethod: POST, AuthorizationType: NONE, Integration: {Type: MOCK}", "RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, HttpMethod: POST, AuthorizationType: NONE, OperationName: o, Integration: {Type: MOCK}", "RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, HttpMethod: PUT, AuthorizationType: NONE, Integration: {Type: MOCK}"},
	"AWS::ApiGateway::Deployment":       {rest, "RestApiId: !Ref A", "RestApiId: !Ref A, Description: d", "RestApiId: !Ref B"},
	"AWS::ApiGateway::Stage":            {rest + "\n  D: {Type: AWS::ApiGateway::Deployment, DependsOn: M, Properties: {RestApiId: !Ref A}}", "RestApiId: !Ref A, DeploymentId: !Ref D, StageName: s", "RestApiId: !Ref A, DeploymentId: !Ref D, StageName: s, Variables: {a: b}", "RestApiId: !Ref A, DeploymentId: !Ref D, StageName: other"},
	"AWS::ApiGateway::Model":            {rest, "RestApiId: !Ref A, ContentType: application/json, Name: M1, Schema: {}", "RestApiId: !Ref A, ContentType: application/json, Name: M1, Schema: {type: object}", "RestApiId: !Ref A, ContentType: application/json, Name: M2, Schema: {}"},
	"AWS::ApiGateway::RequestValidator": {rest, "RestApiId: !Ref A, Name: v, ValidateRequestBody: true", "RestApiId: !Ref A, Name: v, ValidateRequestBody: false", "RestApiId: !Ref A, Name: v2, ValidateRequestBody: false"},
	"AWS::ApiGateway::GatewayResponse":  {rest, "RestApiId: !Ref A, ResponseType: DEFAULT_4XX", "RestApiId: !Ref A, ResponseType: DEFAULT_4XX, StatusCode: '404'", "RestApiId: !Ref A, ResponseType: DEFAULT_5XX"},
	"AWS::ApiGateway::Authorizer":       {fn + "\n  " + rest, authorizer("a"), authorizer("b"), ""},
	"AWS::ApiGateway::Account":          {"", "", "", ""},
	"AWS::ApiGatewayV2::Api":            {"", "Name: a, ProtocolType: HTTP", "Name: b, ProtocolType: HTTP", ""},
	"AWS::ApiGatewayV2::Integration":    {fn + "\n  " + web, "ApiId: !Ref H, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn, PayloadFormatVersion: '1.0'", "ApiId: !Ref H, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn, PayloadFormatVersion: '2.0'", "ApiId: !Ref H2, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt F.Arn, PayloadFormatVersion: '2.0'"},
	"AWS::ApiGatewayV2::Route":          {fn + "\n  " + web, "ApiId: !Ref H, RouteKey: GET /a, Target: !Sub 'integrations/${I}'", "ApiId: !Ref H, RouteKey: GET /b, Target: !Sub 'integrations/${I}'", "ApiId: !Ref H2, RouteKey: GET /a"},
	"AWS::ApiGatewayV2::Stage":          {fn + "\n  " + web, "ApiId: !Ref H, StageName: s, AutoDeploy: true", "ApiId: !Ref H, StageName: s, AutoDeploy: true, Description: d", "ApiId: !Ref H, StageName: other, AutoDeploy: true"},
	"AWS::ApiGatewayV2::Deployment":     {fn + "\n  " + web + "\n  RT: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref H, RouteKey: GET /a, Target: !Sub 'integrations/${I}'}}", "ApiId: !Ref H", "", "ApiId: !Ref H, Description: d"},
	"AWS::ApiGatewayV2::Authorizer":     {fn + "\n  " + web, requestAuthorizer("a"), requestAuthorizer("b"), ""},
}

func allowFrom(action string) string {
	return `{Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: s3.amazonaws.com}, Action: "` + action + `", Resource: !GetAtt Q.Arn}]}`
}

func bucketPolicy(bucket, action string) string {
	return `{Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: !Ref AWS::AccountId}, Action: "` + action + `", Resource: !Sub "${` + bucket + `.Arn}/*"}]}`
}

func code(answer string) string {
	return `Runtime: python3.11, Handler: index.handler, Role: !GetAtt R.Arn, Code: {ZipFile: "def handler(e, c): return '` + answer + `'"}`
}

func authorizer(name string) string {
	return "RestApiId: !Ref A, Name: " + name + ", Type: TOKEN, IdentitySource: method.request.header.Authorization, AuthorizerUri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'"
}

func requestAuthorizer(name string) string {
	return "ApiId: !Ref H, AuthorizerType: REQUEST, Name: " + name + ", AuthorizerPayloadFormatVersion: '2.0', IdentitySource: ['$request.header.Authorization'], AuthorizerUri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations'"
}

type world struct {
	cfn cfnapi.Client
	ssm ssmapi.Client
}

func start(t *testing.T) *world {
	bin := filepath.Join(t.TempDir(), "virga")
	if out, err := exec.Command("go", "build", "-o", bin, "virga/cmd/virga").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cfg := cloud.Config{Ephemeral: true, Dev: true, StepsTwice: true, Functions: cloud.Functions{Run: t.TempDir(), Exe: bin}}
	if err := cfg.Functions.Prepare(true, "localhost"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c, err := cloud.New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, x := range c.Gate.Types() {
		if _, ok := lives[x.Name()]; !ok && !strings.HasPrefix(x.Name(), "AWS::CloudFormation::") {
			t.Errorf("%s has no life here", x.Name())
		}
	}
	inv := &remote.Invoker{Endpoint: "http://" + l.Addr().String(), Region: "us-east-1", Credentials: sigv4.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, Now: time.Now}
	w := &world{cfnapi.Client{Invoker: inv}, ssmapi.Client{Invoker: inv}}
	if _, err := w.ssm.PutParameter(ctx, &ssmapi.PutParameterInput{Name: "/taken", Value: "x", Type: wire.P("String")}); err != nil {
		t.Fatal(err)
	}
	return w
}

var caps = []string{"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}

func body(typ, with, props string, broken bool) *string {
	b := "Resources:\n"
	if with != "" {
		b += "  " + with + "\n"
	}
	deps := ""
	if strings.Contains(with, "  M: {") && (typ == "AWS::ApiGateway::Deployment" || typ == "AWS::ApiGateway::Stage") {
		deps = ", DependsOn: [M, M2]"
	}
	if strings.Contains(with, "RT: {") {
		deps = ", DependsOn: RT"
	}
	b += fmt.Sprintf("  X: {Type: %s, Properties: {%s}%s}\n", typ, props, deps)
	if broken {
		b += "  Z: {Type: AWS::SSM::Parameter, DependsOn: X, Properties: {Name: /taken, Type: String, Value: x}}\n"
	}
	return &b
}

func (w *world) rest(t *testing.T, arn, want string) {
	t.Helper()
	status := ""
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		o, err := w.cfn.DescribeStacks(context.Background(), &cfnapi.DescribeStacksInput{StackName: &arn})
		if err != nil {
			t.Fatal(err)
		}
		if status = o.Stacks[0].StackStatus; !strings.HasSuffix(status, "_IN_PROGRESS") {
			break
		}
	}
	if status == want {
		return
	}
	o, err := w.cfn.DescribeStackEvents(context.Background(), &cfnapi.DescribeStackEventsInput{StackName: arn})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range o.StackEvents {
		t.Log(*e.LogicalResourceId, *e.ResourceStatus, wire.V(e.ResourceStatusReason))
	}
	t.Fatalf("it is %s, not %s", status, want)
}

func (w *world) physical(t *testing.T, arn string) string {
	t.Helper()
	o, err := w.cfn.DescribeStackResource(context.Background(), &cfnapi.DescribeStackResourceInput{StackName: arn, LogicalResourceId: "X"})
	if err != nil {
		t.Fatal(err)
	}
	return *o.StackResourceDetail.PhysicalResourceId
}

// nothingLeft looks for what deleted stacks left behind: a step that was repeated may have made two.
func (w *world) nothingLeft(t *testing.T) {
	ctx, inv := context.Background(), w.cfn.Invoker
	left := func(what string, n int, err error) {
		t.Helper()
		if n != 0 || err != nil {
			t.Errorf("%d %s are left (%v)", n, what, err)
		}
	}
	rest, err := (&restapi.Client{Invoker: inv}).GetRestApis(ctx, &restapi.GetRestApisInput{})
	left("REST APIs", len(rest.Items), err)
	apis, err := (&v2api.Client{Invoker: inv}).GetApis(ctx, &v2api.GetApisInput{})
	left("HTTP APIs", len(apis.Items), err)
	queues, err := (&sqsapi.Client{Invoker: inv}).ListQueues(ctx, &sqsapi.ListQueuesInput{})
	left("queues", len(queues.QueueUrls), err)
	f := lambdaapi.Client{Invoker: inv}
	functions, err := f.ListFunctions(ctx, &lambdaapi.ListFunctionsInput{})
	left("functions", len(functions.Functions), err)
	var mappings *lambdaapi.ListEventSourceMappingsOutput
	for range 50 { // they go when their poller has ended
		if mappings, err = f.ListEventSourceMappings(ctx, &lambdaapi.ListEventSourceMappingsInput{}); err != nil || len(mappings.EventSourceMappings) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	left("event source mappings", len(mappings.EventSourceMappings), err)
	i := iamapi.Client{Invoker: inv}
	roles, err := i.ListRoles(ctx, &iamapi.ListRolesInput{})
	left("roles", len(roles.Roles), err)
	users, err := i.ListUsers(ctx, &iamapi.ListUsersInput{})
	left("users", len(users.Users), err)
	groups, err := i.ListGroups(ctx, &iamapi.ListGroupsInput{})
	left("groups", len(groups.Groups), err)
	policies, err := i.ListPolicies(ctx, &iamapi.ListPoliciesInput{Scope: wire.P("Local")})
	left("policies", len(policies.Policies), err)
	buckets, err := (&s3api.Client{Invoker: inv}).ListBuckets(ctx, &s3api.ListBucketsInput{})
	left("buckets", len(buckets.Buckets), err)
	logs, err := (&logsapi.Client{Invoker: inv}).DescribeLogGroups(ctx, &logsapi.DescribeLogGroupsInput{})
	left("log groups", len(logs.LogGroups), err)
	parameters, err := w.ssm.DescribeParameters(ctx, &ssmapi.DescribeParametersInput{})
	left("parameters beside the one that was there", len(parameters.Parameters)-1, err)
}

func TestLives(t *testing.T) {
	w := start(t)
	ctx := context.Background()
	defer w.nothingLeft(t)
	for typ, l := range lives {
		t.Run(strings.ReplaceAll(typ[5:], "::", "-"), func(t *testing.T) {
			name := "life-" + strings.ReplaceAll(typ[5:], "::", "-")
			update := func(props string, broken bool, want string) {
				t.Helper()
				if _, err := w.cfn.UpdateStack(ctx, &cfnapi.UpdateStackInput{StackName: name, TemplateBody: body(typ, l.with, props, broken), Capabilities: caps}); err != nil {
					t.Fatal(err)
				}
				w.rest(t, name, want)
			}
			// rolled back while it is made: nothing is left that the second creation meets
			o, err := w.cfn.CreateStack(ctx, &cfnapi.CreateStackInput{StackName: name, TemplateBody: body(typ, l.with, l.create, true), Capabilities: caps})
			if err != nil {
				t.Fatal(err)
			}
			w.rest(t, *o.StackId, "ROLLBACK_COMPLETE")
			if _, err := w.cfn.DeleteStack(ctx, &cfnapi.DeleteStackInput{StackName: name}); err != nil {
				t.Fatal(err)
			}
			w.rest(t, *o.StackId, "DELETE_COMPLETE")
			if o, err = w.cfn.CreateStack(ctx, &cfnapi.CreateStackInput{StackName: name, TemplateBody: body(typ, l.with, l.create, false), Capabilities: caps}); err != nil {
				t.Fatal(err)
			}
			w.rest(t, *o.StackId, "CREATE_COMPLETE")
			if _, err := w.cfn.UpdateStack(ctx, &cfnapi.UpdateStackInput{StackName: name, TemplateBody: body(typ, l.with, l.create, false), Capabilities: caps}); err == nil || !strings.Contains(err.Error(), "No updates are to be performed.") {
				t.Fatalf("an update without a change: %v", err)
			}
			id := w.physical(t, name)
			if l.update != "" {
				update(l.update, true, "UPDATE_ROLLBACK_COMPLETE")
				if got := w.physical(t, name); got != id {
					t.Fatalf("after the rollback it is %s, not %s", got, id)
				}
				update(l.update, false, "UPDATE_COMPLETE")
				if got := w.physical(t, name); got != id {
					t.Fatalf("an update in place made %s of %s", got, id)
				}
			}
			if l.differ != "" {
				update(l.differ, true, "UPDATE_ROLLBACK_COMPLETE")
				if got := w.physical(t, name); got != id {
					t.Fatalf("after the rollback of a replacement it is %s, not %s", got, id)
				}
				update(l.differ, false, "UPDATE_COMPLETE")
				if got := w.physical(t, name); got == id {
					t.Fatalf("it was not replaced: %s", got)
				}
			}
			for range 2 {
				if _, err := w.cfn.DeleteStack(ctx, &cfnapi.DeleteStackInput{StackName: name}); err != nil {
					t.Fatal(err)
				}
				w.rest(t, *o.StackId, "DELETE_COMPLETE")
			}
		})
	}
}
