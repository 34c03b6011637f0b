"""CloudFormation as boto3 and the AWS CLI use it."""
import json
import time
import uuid

import botocore.exceptions
import pytest

REGION = "eu-west-1"

TEMPLATE = """
Parameters:
  Delay: {Type: Number, Default: 0}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: !Ref Delay}
  Where:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !GetAtt Queue.Arn, Name: !Sub "/${AWS::StackName}/where"}
Outputs:
  Url: {Value: !Ref Queue, Export: {Name: !Sub "${AWS::StackName}-url"}}
"""

CUSTOM = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code:
        ZipFile: |
          import cfnresponse
          def handler(event, context):
              n = int(event["ResourceProperties"]["N"])
              if n < 0 and event["RequestType"] != "Delete":
                  cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="below zero")
              else:
                  cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Twice": str(2 * n)}, "the-one")
  Custom:
    Type: Custom::Twice
    Properties: {ServiceToken: !GetAtt Function.Arn, N: %d}
Outputs:
  Twice: {Value: !GetAtt Custom.Twice}
"""


NODE = """
          const response = require("cfn-response");
          exports.handler = (event, context) => response.send(event, context, response.SUCCESS, {Twice: String(2 * event.ResourceProperties.N)}, "the-one");
"""


def name(p="stack"):
    return p + uuid.uuid4().hex[:10]


@pytest.fixture(scope="module")
def cfn(server):
    return server.client("cloudformation")


def outputs(cfn, stack):
    return {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])}


def rest(cfn, stack):
    for _ in range(120):
        status = cfn.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.5)
    return "still " + status


def test_life(server, cfn):
    n, sqs, ssm = name(), server.client("sqs"), server.client("ssm")
    arn = cfn.create_stack(StackName=n, TemplateBody=TEMPLATE, Tags=[{"Key": "team", "Value": "red"}])["StackId"]
    cfn.get_waiter("stack_create_complete").wait(StackName=n, WaiterConfig={"Delay": 1})
    url = outputs(cfn, n)["Url"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"]["team"] == "red"
    assert ssm.get_parameter(Name=f"/{n}/where")["Parameter"]["Value"].endswith(url.split("/")[-1])
    assert any(e["Name"] == n + "-url" and e["Value"] == url for e in cfn.list_exports()["Exports"])
    with pytest.raises(cfn.exceptions.AlreadyExistsException):
        cfn.create_stack(StackName=n, TemplateBody=TEMPLATE)
    with pytest.raises(botocore.exceptions.ClientError, match="No updates are to be performed."):
        cfn.update_stack(StackName=n, TemplateBody=TEMPLATE)
    cfn.update_stack(StackName=n, UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Delay", "ParameterValue": "7"}])
    cfn.get_waiter("stack_update_complete").wait(StackName=n, WaiterConfig={"Delay": 1})
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"] == "7"
    cfn.delete_stack(StackName=n)
    cfn.get_waiter("stack_delete_complete").wait(StackName=arn, WaiterConfig={"Delay": 1})
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_attributes(QueueUrl=url)
    events = [e for p in cfn.get_paginator("describe_stack_events").paginate(StackName=arn) for e in p["StackEvents"]]
    assert [e["Timestamp"] for e in events] == sorted((e["Timestamp"] for e in events), reverse=True)
    assert events[0]["ResourceStatus"] == "DELETE_COMPLETE" and events[-1]["ResourceStatus"] == "CREATE_IN_PROGRESS"


def test_queue_of_somebody_else_stays(server, cfn):
    n, sqs = name(), server.client("sqs")
    url = sqs.create_queue(QueueName=n)["QueueUrl"]
    cfn.create_stack(StackName=n, TemplateBody=json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": n}}}}))
    with pytest.raises(botocore.exceptions.WaiterError):
        cfn.get_waiter("stack_create_complete").wait(StackName=n, WaiterConfig={"Delay": 1})
    assert rest(cfn, n) == "ROLLBACK_COMPLETE"
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    assert any("already exists" in e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=n)["StackEvents"])


def test_custom_resource(cfn):
    n = name()
    cfn.create_stack(StackName=n, TemplateBody=CUSTOM % 21, Capabilities=["CAPABILITY_IAM"])
    cfn.get_waiter("stack_create_complete").wait(StackName=n, WaiterConfig={"Delay": 1})
    assert outputs(cfn, n)["Twice"] == "42"
    cfn.update_stack(StackName=n, TemplateBody=CUSTOM % -1, Capabilities=["CAPABILITY_IAM"])
    assert rest(cfn, n) == "UPDATE_ROLLBACK_COMPLETE"
    assert outputs(cfn, n)["Twice"] == "42"
    assert any("below zero" in e.get("ResourceStatusReason", "") for e in cfn.describe_stack_events(StackName=n)["StackEvents"])
    cfn.delete_stack(StackName=n)
    cfn.get_waiter("stack_delete_complete").wait(StackName=n, WaiterConfig={"Delay": 1})


def test_custom_resource_in_node(cfn):
    n, t = name(), CUSTOM % 4
    i, j = t.index("          import cfnresponse"), t.index("  Custom:\n")
    t = (t[:i] + NODE.strip("\n") + "\n" + t[j:]).replace("python3.11", "nodejs20.x")
    cfn.create_stack(StackName=n, TemplateBody=t, Capabilities=["CAPABILITY_IAM"])
    cfn.get_waiter("stack_create_complete").wait(StackName=n, WaiterConfig={"Delay": 1})
    assert outputs(cfn, n)["Twice"] == "8"
    cfn.delete_stack(StackName=n)
    cfn.get_waiter("stack_delete_complete").wait(StackName=n, WaiterConfig={"Delay": 1})


def test_refused_by_name(cfn):
    n = name()
    with pytest.raises(botocore.exceptions.ClientError, match="AWS::MSK::Cluster") as e:
        cfn.create_stack(StackName=n, TemplateBody=json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}, "M": {"Type": "AWS::MSK::Cluster"}}}))
    assert e.value.response["Error"]["Code"] == "NotImplemented"
    with pytest.raises(botocore.exceptions.ClientError, match=f"Stack with id {n} does not exist"):
        cfn.describe_stacks(StackName=n)


def test_deploy(server, tmp_path):
    n = name()
    t = tmp_path / "t.yaml"
    t.write_text(TEMPLATE)
    for expect, *args in (("Successfully created/updated stack - " + n,), ("No changes to deploy. Stack %s is up to date" % n,),
                          ("Successfully created/updated stack - " + n, "--parameter-overrides", "Delay=3")):
        time.sleep(1.1)  # the CLI names a change set by the second; a name that is still there is refused, by AWS too
        r = server.aws("cloudformation", "deploy", "--stack-name", n, "--template-file", str(t), "--no-fail-on-empty-changeset", *args)
        assert r.returncode == 0 and expect in r.stdout + r.stderr, r.stdout + r.stderr
    assert server.aws("cloudformation", "delete-stack", "--stack-name", n).returncode == 0
    assert server.aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", n).returncode == 0
