"""The unchanged SAM CLI: the hello world for Python and Node, written here, for `sam init` fetches its templates from GitHub."""
import os
import subprocess
import urllib.request
import uuid

import pytest

REGION = "eu-west-1"
SAM = os.environ.get("VIRGA_SAM")

PYTHON = """import json


def lambda_handler(event, context):
    print("said hello")
    return {"statusCode": 200, "body": json.dumps({"message": "hello world"})}
"""

NODE = """export const lambdaHandler = async (event, context) => {
    console.log('said hello');
    return { statusCode: 200, body: JSON.stringify({ message: 'hello world' }) };
};
"""

TEMPLATE = """AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 10
Resources:
  HelloWorldFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: hello_world/
      Handler: app.%s
      Runtime: %s
      Architectures: [x86_64]
      Events:
        HelloWorld:
          Type: Api
          Properties: {Path: /hello, Method: get}
Outputs:
  HelloWorldApi: {Value: !Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/Prod/hello/"}
  Id: {Value: !Ref ServerlessRestApi}
  HelloWorldFunction: {Value: !GetAtt HelloWorldFunction.Arn}
"""


class Project:
    def __init__(self, server, dir):
        self.server, self.dir = server, dir

    def sam(self, *args, ok=True):
        env = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION=REGION, AWS_ENDPOINT_URL=self.server.endpoint,
                   SAM_CLI_TELEMETRY="0", HOME=str(self.dir.parent), SAM_CLI_POLL_DELAY="0.5")
        env["PATH"] = "/usr/bin:" + env["PATH"]  # the interpreters of the functions
        p = subprocess.run([SAM, *args], env=env, cwd=self.dir, capture_output=True, text=True, timeout=180, input="y\n")
        assert (p.returncode == 0) == ok, " ".join(args) + "\n" + p.stdout + p.stderr
        return p.stdout + p.stderr


@pytest.fixture(params=["python", "node"])
def project(request, server, tmp_path):
    assert SAM, "VIRGA_SAM names the SAM CLI: make clients installs it"
    d = tmp_path / "app"
    (d / "hello_world").mkdir(parents=True)
    if request.param == "python":
        (d / "template.yaml").write_text(TEMPLATE % ("lambda_handler", "python3.11"))
        (d / "hello_world" / "app.py").write_text(PYTHON)
        (d / "hello_world" / "requirements.txt").write_text("")
        file = "app.py"
    else:
        (d / "template.yaml").write_text(TEMPLATE % ("lambdaHandler", "nodejs20.x"))
        (d / "hello_world" / "app.mjs").write_text(NODE)
        (d / "hello_world" / "package.json").write_text('{"name": "hello_world", "version": "1.0.0", "main": "app.mjs"}')
        file = "app.mjs"
    p = Project(server, d)
    p.file = d / "hello_world" / file
    return p


def test_hello_world(project):
    server, stack = project.server, "sam" + uuid.uuid4().hex[:8]
    deploy = ("deploy", "--stack-name", stack, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--region", REGION)
    project.sam("build")
    assert "Successfully created/updated stack - " + stack in project.sam(*deploy)
    cfn = server.client("cloudformation")
    out = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]}
    call = lambda: urllib.request.urlopen(f"{server.endpoint}/_aws/execute-api/{out['Id']}/Prod/hello").read().decode()
    assert "hello world" in call()
    assert "is up to date" in project.sam(*deploy, "--no-fail-on-empty-changeset")
    assert "hello world" in project.sam("remote", "invoke", "--stack-name", stack, "HelloWorldFunction", "--event", "{}", "--region", REGION)
    assert "said hello" in project.sam("logs", "--stack-name", stack, "--region", REGION)
    project.file.write_text(project.file.read_text().replace("hello world", "hello again"))
    # without layers of dependencies, which sync makes by default: Lambda layers are not implemented
    project.sam("sync", "--code", "--no-dependency-layer", "--stack-name", stack, "--region", REGION)
    assert "hello again" in call()
    assert "Deleted successfully" in project.sam("delete", "--stack-name", stack, "--no-prompts", "--region", REGION)
    with pytest.raises(cfn.exceptions.ClientError, match="does not exist"):
        cfn.describe_stacks(StackName=stack)
