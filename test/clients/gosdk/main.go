// Command gosdk runs the AWS SDK for Go v2 against a server: endpoint, region and keys come from the environment. It ends
// with "ok" or says which step failed.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func want(what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		panic(fmt.Sprintf("%s: %v, want %v", what, got, want))
	}
}

func main() {
	ctx, end := context.WithTimeout(context.Background(), 2*time.Minute)
	defer end()
	cfg := must(config.LoadDefaultConfig(ctx))
	want("account", *must(sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)).Account, "000000000000")
	queues(ctx, cfg)
	objects(ctx, cfg)
	parameters(ctx, cfg)
	function(ctx, cfg)
	fmt.Println("ok")
}

func queues(ctx context.Context, cfg aws.Config) {
	c := sqs.NewFromConfig(cfg)
	url := must(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("from-go")})).QueueUrl
	must(c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("é"), MessageAttributes: map[string]sqstypes.MessageAttributeValue{
		"n": {DataType: aws.String("Number"), StringValue: aws.String("7")}}}))
	m := must(c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 5, MessageAttributeNames: []string{"All"}})).Messages
	want("messages", len(m), 1)
	want("attribute", *m[0].MessageAttributes["n"].StringValue, "7")
	must(c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m[0].ReceiptHandle}))
	must(c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: url}))
	_, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("never-made")})
	want("typed error", errors.As(err, new(*sqstypes.QueueDoesNotExist)), true)
}

func objects(ctx context.Context, cfg aws.Config) {
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	b := aws.String("from-go")
	must(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
		LocationConstraint: s3types.BucketLocationConstraint(cfg.Region)}}))
	key := aws.String("a b/é//+")
	body := bytes.Repeat([]byte("0123456789"), 50_000)
	must(c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: key, Body: bytes.NewReader(body), ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256}))
	o := must(c.GetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key, ChecksumMode: s3types.ChecksumModeEnabled}))
	want("object", bytes.Equal(must(io.ReadAll(o.Body)), body), true)
	signed := must(s3.NewPresignClient(c).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: b, Key: key}))
	r := must(http.Get(signed.URL))
	defer r.Body.Close()
	want("presigned", bytes.Equal(must(io.ReadAll(r.Body)), body), true)
	for i := range 25 {
		must(c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: aws.String(fmt.Sprintf("n/%02d", i)), Body: strings.NewReader("x")}))
	}
	var keys []string
	for p := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: b, MaxKeys: aws.Int32(10)}); p.HasMorePages(); {
		for _, x := range must(p.NextPage(ctx)).Contents {
			keys = append(keys, *x.Key)
		}
	}
	want("keys in order", len(keys) == 26 && sort.StringsAreSorted(keys), true)
	for _, k := range keys {
		must(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: &k}))
	}
	must(c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: b}))
}

func parameters(ctx context.Context, cfg aws.Config) {
	c := ssm.NewFromConfig(cfg)
	must(c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/go/p"), Value: aws.String("v"), Type: ssmtypes.ParameterTypeString}))
	want("parameter", *must(c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/go/p")})).Parameter.Value, "v")
	_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/go/never")})
	want("typed error", errors.As(err, new(*ssmtypes.ParameterNotFound)), true)
}

func function(ctx context.Context, cfg aws.Config) {
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	role := must(iam.NewFromConfig(cfg).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("from-go"), AssumeRolePolicyDocument: &trust})).Role.Arn
	c := lambda.NewFromConfig(cfg)
	zip := must(base64.StdEncoding.DecodeString(os.Getenv("FUNCTION_ZIP")))
	name := aws.String("from-go")
	must(c.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: name, Runtime: lambdatypes.Runtime("python3.11"), Handler: aws.String("app.handler"),
		Role: role, Code: &lambdatypes.FunctionCode{ZipFile: zip}}))
	if err := lambda.NewFunctionActiveV2Waiter(c).Wait(ctx, &lambda.GetFunctionInput{FunctionName: name}, time.Minute); err != nil {
		panic(err)
	}
	out := must(c.Invoke(ctx, &lambda.InvokeInput{FunctionName: name, Payload: []byte(`{"n":1}`)}))
	want("answer", string(out.Payload), `{"n": 2}`)
	_, err := c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String("never-made")})
	want("typed error", errors.As(err, new(*lambdatypes.ResourceNotFoundException)), true)
}
