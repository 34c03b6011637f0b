// The AWS SDK for JavaScript v3 against a server: AWS_ENDPOINT_URL and keys come from the environment, the SDK from NODE_PATH.
// Every step is checked; the last line is "ok".
const assert = require('node:assert');
const { SQSClient, CreateQueueCommand, SendMessageBatchCommand, ReceiveMessageCommand, DeleteQueueCommand, GetQueueUrlCommand } = require('@aws-sdk/client-sqs');
const s3 = require('@aws-sdk/client-s3');
const { Upload } = require('@aws-sdk/lib-storage');
const { getSignedUrl } = require('@aws-sdk/s3-request-presigner');
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');
const { SSMClient, PutParameterCommand, paginateGetParametersByPath } = require('@aws-sdk/client-ssm');
const { IAMClient, CreateRoleCommand, GetRoleCommand } = require('@aws-sdk/client-iam');
const lambda = require('@aws-sdk/client-lambda');
const logs = require('@aws-sdk/client-cloudwatch-logs');
const cfn = require('@aws-sdk/client-cloudformation');

const zip = Buffer.from(process.env.FUNCTION_ZIP, 'base64');

async function main() {
  const me = await new STSClient().send(new GetCallerIdentityCommand({}));
  assert.strictEqual(me.Account, '000000000000');

  const sqs = new SQSClient();
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'from-js', Attributes: { VisibilityTimeout: '5' } }));
  await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: ['a', 'b', 'c'].map((Id) => ({ Id, MessageBody: `${Id} é` })) }));
  const got = new Set();
  for (let i = 0; i < 10 && got.size < 3; i++) {
    const r = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }));
    for (const m of r.Messages ?? []) got.add(m.Body); // the SDK compares each MD5 itself
  }
  assert.deepStrictEqual([...got].sort(), ['a é', 'b é', 'c é']);
  await sqs.send(new DeleteQueueCommand({ QueueUrl }));
  await assert.rejects(sqs.send(new GetQueueUrlCommand({ QueueName: 'never-made' })), { name: 'QueueDoesNotExist' });

  const c = new s3.S3Client({ forcePathStyle: true });
  const Bucket = 'from-js';
  await c.send(new s3.CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: process.env.AWS_REGION } }));
  const Key = 'a b/é+1';
  await c.send(new s3.PutObjectCommand({ Bucket, Key, Body: 'hello', ContentType: 'text/plain', Metadata: { who: 'js' } }));
  const o = await c.send(new s3.GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
  assert.strictEqual(await o.Body.transformToString(), 'hello');
  assert.strictEqual(o.Metadata.who, 'js');
  const big = Buffer.alloc(12 << 20, 7);
  await new Upload({ client: c, params: { Bucket, Key: 'big', Body: big }, partSize: 5 << 20, queueSize: 3 }).done();
  const part = await c.send(new s3.GetObjectCommand({ Bucket, Key: 'big', Range: 'bytes=5242870-5242889' }));
  assert.strictEqual((await part.Body.transformToByteArray()).length, 20);
  const url = await getSignedUrl(c, new s3.GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
  assert.strictEqual(await (await fetch(url)).text(), 'hello');
  await assert.rejects(c.send(new s3.GetObjectCommand({ Bucket, Key: 'no' })), { name: 'NoSuchKey' });
  const all = await c.send(new s3.ListObjectsV2Command({ Bucket }));
  await c.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: all.Contents.map((x) => ({ Key: x.Key })) } }));
  await c.send(new s3.DeleteBucketCommand({ Bucket }));

  const ssm = new SSMClient();
  for (let i = 0; i < 12; i++) await ssm.send(new PutParameterCommand({ Name: `/js/p${i}`, Value: `${i}`, Type: 'String' }));
  let n = 0;
  for await (const page of paginateGetParametersByPath({ client: ssm, pageSize: 5 }, { Path: '/js' })) n += page.Parameters.length;
  assert.strictEqual(n, 12);

  const iam = new IAMClient({ region: 'us-east-1' });
  const trust = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }] });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: 'from-js', AssumeRolePolicyDocument: trust }));
  assert.strictEqual((await iam.send(new GetRoleCommand({ RoleName: 'from-js' }))).Role.RoleId, Role.RoleId);

  const l = new lambda.LambdaClient();
  await l.send(new lambda.CreateFunctionCommand({ FunctionName: 'from-js', Runtime: 'python3.11', Handler: 'app.handler', Role: Role.Arn, Code: { ZipFile: zip } }));
  await lambda.waitUntilFunctionActiveV2({ client: l, maxWaitTime: 60 }, { FunctionName: 'from-js' });
  const out = await l.send(new lambda.InvokeCommand({ FunctionName: 'from-js', Payload: JSON.stringify({ n: 20 }), LogType: 'Tail' }));
  assert.strictEqual(out.FunctionError, undefined);
  assert.deepStrictEqual(JSON.parse(out.Payload.transformToString()), { n: 21 });
  assert.match(Buffer.from(out.LogResult, 'base64').toString(), /REPORT RequestId/);
  await assert.rejects(l.send(new lambda.GetFunctionCommand({ FunctionName: 'never-made' })), { name: 'ResourceNotFoundException' });

  const cw = new logs.CloudWatchLogsClient();
  await cw.send(new logs.CreateLogGroupCommand({ logGroupName: '/js' }));
  await cw.send(new logs.CreateLogStreamCommand({ logGroupName: '/js', logStreamName: 's' }));
  await cw.send(new logs.PutLogEventsCommand({ logGroupName: '/js', logStreamName: 's', logEvents: [{ timestamp: Date.now(), message: 'ERROR here' }] }));
  const f = await cw.send(new logs.FilterLogEventsCommand({ logGroupName: '/js', filterPattern: 'ERROR' }));
  assert.strictEqual(f.events.length, 1);

  const cf = new cfn.CloudFormationClient();
  const TemplateBody = JSON.stringify({ Resources: { Q: { Type: 'AWS::SQS::Queue' } }, Outputs: { Url: { Value: { Ref: 'Q' } } } });
  await cf.send(new cfn.CreateStackCommand({ StackName: 'from-js', TemplateBody }));
  await cfn.waitUntilStackCreateComplete({ client: cf, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { StackName: 'from-js' });
  const st = await cf.send(new cfn.DescribeStacksCommand({ StackName: 'from-js' }));
  assert.match(st.Stacks[0].Outputs[0].OutputValue, /from-js-Q-/);
  await cf.send(new cfn.DeleteStackCommand({ StackName: 'from-js' }));
  await cfn.waitUntilStackDeleteComplete({ client: cf, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { StackName: 'from-js' });
  console.log('ok');
}
main().catch((e) => { console.error(e); process.exit(1); });
