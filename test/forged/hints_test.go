package forged

const iamARN = "arn:aws:iam::" + account + ":"

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
	"ssm.Name": "target",
}
