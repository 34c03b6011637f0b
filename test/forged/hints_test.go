package forged

const iamARN = "arn:aws:iam::" + account + ":"

const (
	sqsARN = "arn:aws:sqs:" + region + ":" + account + ":target"
	logARN = "arn:aws:logs:" + region + ":" + account + ":log-group:target"
)

// hints are values that name the world's targets, so that a call means something that is there.
var hints = map[string]string{
	"QueueUrl": "http://localhost/" + account + "/target", "QueueName": "target",
	"Bucket": bucket, "Key": "key", "CopySource": bucket + "/key", "s3.PartNumber": "1",
	"RoleName": "target-role", "UserName": "target-user", "GroupName": "target-group", "PolicyName": "target",
	"PolicyArn": iamARN + "policy/target", "PolicySourceArn": iamARN + "user/target-user", "PermissionsBoundary": iamARN + "policy/target",
	"AssumeRolePolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`,
	"PolicyDocument":           everything, "RoleArn": iamARN + "role/target-role", "RoleSessionName": "session", "Role": iamARN + "role/target-role",
	"FunctionName": "target", "logGroupName": "target", "logStreamName": "target", "StackName": "target",
	"TemplateBody": `{"Resources":{"H":{"Type":"AWS::CloudFormation::WaitConditionHandle"}}}`, "ChangeSetName": "target",
	"ssm.Name":      "target",
	"sqs.SourceArn": sqsARN, "sqs.StartMessageMoveTask.SourceArn": sqsARN,
	"logs.DescribeLogStreams.logGroupName": "target", "logs.FilterLogEvents.logGroupName": "target", "logs.GetLogEvents.logGroupName": "target",
	"logs.resourceArn": logARN, "LogGroupIdentifier": logARN, "logs.StartLiveTail.logGroupIdentifiers": `["` + logARN + `"]`,
}
