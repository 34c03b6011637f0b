// Package control tests the server's own paths: reset and why.
package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	cfnapi "virga/api/cloudformation"
	iamapi "virga/api/iam"
	s3api "virga/api/s3"
	sqsapi "virga/api/sqs"
	ssmapi "virga/api/ssm"
	"virga/internal/auth/sigv4"
	"virga/internal/remote"
	"virga/internal/wire"
	"virga/virgatest"
)

func invoker(c *virgatest.Cloud, key, secret string) *remote.Invoker {
	return &remote.Invoker{Endpoint: c.Endpoint, Region: c.Region, Credentials: sigv4.Credentials{AccessKeyID: key, SecretAccessKey: secret}, Now: time.Now}
}

func reset(t *testing.T, v *remote.Invoker, query string) (status int, ms float64, body string) {
	t.Helper()
	began := time.Now()
	r, b, err := v.Do(context.Background(), "virga", "POST", "/_virga/reset"+query, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, float64(time.Since(began).Microseconds()) / 1000, string(b)
}

// fill makes resources of several services and counts them.
func fill(t *testing.T, v *remote.Invoker, n int) {
	t.Helper()
	ctx := context.Background()
	sqs, ssm, s3, iam := &sqsapi.Client{Invoker: v}, &ssmapi.Client{Invoker: v}, &s3api.Client{Invoker: v}, &iamapi.Client{Invoker: v}
	for i := range n / 4 {
		q, err := sqs.CreateQueue(ctx, &sqsapi.CreateQueueInput{QueueName: fmt.Sprintf("q%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sqs.SendMessage(ctx, &sqsapi.SendMessageInput{QueueUrl: wire.V(q.QueueUrl), MessageBody: "old"}); err != nil {
			t.Fatal(err)
		}
		if _, err := ssm.PutParameter(ctx, &ssmapi.PutParameterInput{Name: fmt.Sprintf("/p/%d", i), Value: "v", Type: wire.P("String")}); err != nil {
			t.Fatal(err)
		}
		if _, err := s3.CreateBucket(ctx, &s3api.CreateBucketInput{Bucket: fmt.Sprintf("b-%s-%d", strings.ToLower(v.Credentials.AccessKeyID), i)}); err != nil {
			t.Fatal(err)
		}
		if _, err := iam.CreateRole(ctx, &iamapi.CreateRoleInput{RoleName: fmt.Sprintf("r%d", i), AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s3.PutObject(ctx, &s3api.PutObjectInput{Bucket: "b-" + strings.ToLower(v.Credentials.AccessKeyID) + "-0", Key: "large", Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20)))}); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, v *remote.Invoker) int {
	t.Helper()
	ctx := context.Background()
	q, err := (&sqsapi.Client{Invoker: v}).ListQueues(ctx, &sqsapi.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&ssmapi.Client{Invoker: v}).DescribeParameters(ctx, &ssmapi.DescribeParametersInput{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := (&s3api.Client{Invoker: v}).ListBuckets(ctx, &s3api.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := (&iamapi.Client{Invoker: v}).ListRoles(ctx, &iamapi.ListRolesInput{})
	if err != nil {
		t.Fatal(err)
	}
	return len(q.QueueUrls) + len(p.Parameters) + len(b.Buckets) + len(r.Roles)
}

func TestReset(t *testing.T) {
	for _, engine := range []string{"mem", "pebble"} {
		t.Run(engine, func(t *testing.T) {
			var opts []virgatest.Option
			if engine == "pebble" {
				opts = append(opts, virgatest.Data(t.TempDir()))
			}
			c := virgatest.New(t, opts...)
			v, other := invoker(c, "test", "test"), invoker(c, "111122223333", "test")
			fill(t, v, 1000)
			fill(t, other, 40)

			// A long poll from before must not take a message from afterwards.
			sqs := &sqsapi.Client{Invoker: v}
			empty, err := sqs.CreateQueue(context.Background(), &sqsapi.CreateQueueInput{QueueName: "polled"})
			if err != nil {
				t.Fatal(err)
			}
			polled := make(chan int, 1)
			go func() {
				out, err := sqs.ReceiveMessage(context.Background(), &sqsapi.ReceiveMessageInput{QueueUrl: wire.V(empty.QueueUrl), WaitTimeSeconds: wire.P(int32(20))})
				if err != nil {
					polled <- 0
					return
				}
				polled <- len(out.Messages)
			}()
			time.Sleep(50 * time.Millisecond)

			status, ms, body := reset(t, v, "?account="+c.Account)
			t.Logf("%s: 1,000 resources: %.1f ms as the client sees it: %s", engine, ms, strings.TrimSpace(body))
			if status != http.StatusOK {
				t.Fatalf("reset: %d %s", status, body)
			}
			if n := count(t, v); n != 0 {
				t.Errorf("%d resources are left", n)
			}
			if n := count(t, other); n != 40 {
				t.Errorf("the other account has %d of 40 resources", n)
			}
			again, err := sqs.CreateQueue(context.Background(), &sqsapi.CreateQueueInput{QueueName: "polled"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sqs.SendMessage(context.Background(), &sqsapi.SendMessageInput{QueueUrl: wire.V(again.QueueUrl), MessageBody: "new"}); err != nil {
				t.Fatal(err)
			}
			select {
			case n := <-polled:
				if n != 0 {
					t.Error("a long poll from before took a message of afterwards")
				}
			case <-time.After(3 * time.Second):
				t.Error("a long poll from before still waits")
			}
			got, err := sqs.ReceiveMessage(context.Background(), &sqsapi.ReceiveMessageInput{QueueUrl: wire.V(again.QueueUrl)})
			if err != nil || len(got.Messages) != 1 || wire.V(got.Messages[0].Body) != "new" {
				t.Errorf("the new queue: %+v %v", got, err)
			}
			fill(t, v, 40) // the names are free again, and nothing old is behind them
			if n := count(t, v); n != 41 {
				t.Errorf("%d resources after the second time, want 41", n)
			}
			if status, ms, body := reset(t, v, ""); status != http.StatusOK || count(t, v)+count(t, other) != 0 {
				t.Errorf("reset of all: %d %s, %d left", status, body, count(t, v)+count(t, other))
			} else {
				t.Logf("%s: all accounts: %.1f ms", engine, ms)
			}
		})
	}
}

// TestResetStopsStack resets while a stack is being made, at many moments: nothing of it appears afterwards.
func TestResetStopsStack(t *testing.T) {
	c := virgatest.New(t)
	v := invoker(c, "test", "test")
	ctx := context.Background()
	cfn := &cfnapi.Client{Invoker: v}
	var b strings.Builder
	b.WriteString(`{"Resources":{`)
	for i := range 30 {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `"Q%d":{"Type":"AWS::SQS::Queue"`, i)
		if i%5 > 0 {
			fmt.Fprintf(&b, `,"DependsOn":"Q%d"`, i-1)
		}
		b.WriteString("}")
	}
	b.WriteString("}}")
	for i := range 12 {
		if _, err := cfn.CreateStack(ctx, &cfnapi.CreateStackInput{StackName: "again", TemplateBody: wire.P(b.String())}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 4 * time.Millisecond)
		if status, _, body := reset(t, v, ""); status != http.StatusOK {
			t.Fatalf("reset: %d %s", status, body)
		}
		time.Sleep(60 * time.Millisecond)
		if n := count(t, v); n != 0 {
			t.Fatalf("round %d: %d resources came after the reset", i, n)
		}
		if _, err := cfn.DescribeStacks(ctx, &cfnapi.DescribeStacksInput{StackName: wire.P("again")}); err == nil {
			t.Fatalf("round %d: the stack is there after the reset", i)
		}
	}
}

func TestResetIsRefused(t *testing.T) {
	c := virgatest.New(t)
	v := invoker(c, "test", "test")
	r, err := http.Post(c.Endpoint+"/_virga/reset", "", nil)
	if err != nil || r.StatusCode != http.StatusForbidden {
		t.Errorf("unsigned: %v %v", r.StatusCode, err)
	}
	r.Body.Close()
	for _, k := range [][2]string{{"test", "wrong"}, {"AKIAUNKNOWNUNKNOWN00", "test"}} {
		if status, _, body := reset(t, invoker(c, k[0], k[1]), ""); status != http.StatusForbidden {
			t.Errorf("%v: %d %s", k, status, body)
		}
	}
	ctx := context.Background()
	iam := &iamapi.Client{Invoker: v}
	if _, err := iam.CreateUser(ctx, &iamapi.CreateUserInput{UserName: "u"}); err != nil {
		t.Fatal(err)
	}
	if _, err := iam.AttachUserPolicy(ctx, &iamapi.AttachUserPolicyInput{UserName: "u", PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess"}); err != nil {
		t.Fatal(err)
	}
	k, err := iam.CreateAccessKey(ctx, &iamapi.CreateAccessKeyInput{UserName: wire.P("u")})
	if err != nil {
		t.Fatal(err)
	}
	user := invoker(c, k.AccessKey.AccessKeyId, k.AccessKey.SecretAccessKey)
	if status, _, body := reset(t, user, ""); status != http.StatusForbidden {
		t.Errorf("a user: %d %s", status, body)
	}
	root := invoker(c, c.AccessKeyID, c.SecretAccessKey)
	if status, _, body := reset(t, root, "?account=111122223333"); status != http.StatusForbidden {
		t.Errorf("another account's root: %d %s", status, body)
	}
	if status, _, body := reset(t, root, "?account=x"); status != http.StatusBadRequest {
		t.Errorf("a wrong account: %d %s", status, body)
	}
	if status, _, body := reset(t, root, ""); status != http.StatusOK || !strings.Contains(body, c.Account) {
		t.Errorf("the account's root: %d %s", status, body)
	}
	if status, _, _ := reset(t, user, ""); status != http.StatusForbidden {
		t.Error("a user's key works after the reset")
	}
}

func TestWhy(t *testing.T) {
	c := virgatest.New(t)
	ctx := context.Background()
	v := invoker(c, "test", "test")
	iam := &iamapi.Client{Invoker: v}
	if _, err := iam.CreateUser(ctx, &iamapi.CreateUserInput{UserName: "u"}); err != nil {
		t.Fatal(err)
	}
	k, err := iam.CreateAccessKey(ctx, &iamapi.CreateAccessKeyInput{UserName: wire.P("u")})
	if err != nil {
		t.Fatal(err)
	}
	user := invoker(c, k.AccessKey.AccessKeyId, k.AccessKey.SecretAccessKey)
	r, body, err := user.Do(ctx, "sqs", "POST", "/", http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"AmazonSQS.CreateQueue"}}, []byte(`{"QueueName":"q"}`))
	if err != nil || r.StatusCode == http.StatusOK {
		t.Fatalf("%v %s %v", r.Status, body, err)
	}
	id := r.Header.Get("X-Amzn-Requestid")
	r, body, err = v.Do(ctx, "virga", "GET", "/_virga/why?request="+id, nil, nil)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("why: %v %s %v", r.Status, body, err)
	}
	var out struct {
		Decision struct{ Action, Verdict, WouldAllow string }
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Decision.Action != "sqs:CreateQueue" || out.Decision.Verdict != "implicitDeny" || !strings.Contains(out.Decision.WouldAllow, `"sqs:CreateQueue"`) {
		t.Errorf("why: %s %v", body, err)
	}
	if r, body, _ = user.Do(ctx, "virga", "GET", "/_virga/why?request="+id, nil, nil); r.StatusCode != http.StatusForbidden {
		t.Errorf("a user without the right reads why: %d %s", r.StatusCode, body)
	}
	if r, body, _ = v.Do(ctx, "virga", "GET", "/_virga/why?request=nothing", nil, nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown id: %d %s", r.StatusCode, body)
	}
}
