"""API Gateway: boto3 makes APIs and a SAM application, plain HTTP calls them."""
import json
import urllib.error
import urllib.request

import boto3
import botocore.awsrequest
import botocore.auth
import botocore.exceptions
import pytest

from conftest import REGION

CODE = """
import json
def handler(event, context):
    if event.get("version") == "2.0":
        return {"statusCode": 200, "headers": {"x-route": event["routeKey"]}, "cookies": ["a=1", "b=2"], "body": json.dumps(event.get("pathParameters"))}
    return {"statusCode": 200, "headers": {"X-Resource": event["resource"]}, "body": json.dumps(event["pathParameters"])}
"""

TEMPLATE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Hello": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": "python3.%d" % __import__("sys").version_info[1], "Handler": "index.handler", "InlineCode": CODE,
                "Events": {
                    "Rest": {"Type": "Api", "Properties": {"Path": "/hello/{name}", "Method": "get"}},
                    "Http": {"Type": "HttpApi", "Properties": {"Path": "/pets/{id}", "Method": "get"}},
                },
            },
        },
    },
    "Outputs": {"Rest": {"Value": {"Ref": "ServerlessRestApi"}}, "Http": {"Value": {"Ref": "ServerlessHttpApi"}},
                "Root": {"Value": {"Fn::GetAtt": ["ServerlessRestApi", "RootResourceId"]}}},
}


def call(server, api, path, method="GET", headers=None, body=None):
    """Calls an API by its host name, without asking a resolver for it."""
    host = f"{api}.execute-api.{REGION}.localhost"
    req = urllib.request.Request(server.endpoint + path, method=method, data=body, headers={"Host": host, **(headers or {})})
    try:
        with urllib.request.urlopen(req, timeout=30) as r:
            return r.status, r.headers, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


@pytest.fixture(scope="module")
def application(server):
    cfn = server.client("cloudformation")
    cfn.create_stack(StackName="apigw", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    cfn.get_waiter("stack_create_complete").wait(StackName="apigw", WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    yield {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName="apigw")["Stacks"][0]["Outputs"]}
    cfn.delete_stack(StackName="apigw")
    cfn.get_waiter("stack_delete_complete").wait(StackName="apigw", WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    assert server.client("apigateway").get_rest_apis()["items"] == []


def test_sam_rest(server, application):
    status, headers, body = call(server, application["Rest"], "/Prod/hello/you")
    assert (status, json.loads(body)) == (200, {"name": "you"}), body
    assert headers["X-Resource"] == "/hello/{name}"
    status, headers, body = call(server, application["Rest"], "/Prod/nothing")
    assert (status, json.loads(body)) == (403, {"message": "Missing Authentication Token"})
    client = server.client("apigateway")
    assert client.get_rest_api(restApiId=application["Rest"])["rootResourceId"] == application["Root"]
    assert {r["path"] for r in client.get_resources(restApiId=application["Rest"])["items"]} == {"/", "/hello", "/hello/{name}"}
    export = client.get_export(restApiId=application["Rest"], stageName="Prod", exportType="oas30", parameters={"extensions": "integrations"})
    assert "/hello/{name}" in json.loads(export["body"].read())["paths"]


def test_sam_http(server, application):
    status, headers, body = call(server, application["Http"], "/pets/7")
    assert (status, json.loads(body)) == (200, {"id": "7"}), body
    assert headers["x-route"] == "GET /pets/{id}" and headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert call(server, application["Http"], "/nothing")[0] == 404
    routes = server.client("apigatewayv2").get_routes(ApiId=application["Http"])["Items"]
    assert [r["RouteKey"] for r in routes] == ["GET /pets/{id}"]


def test_path_form(server, application):
    with urllib.request.urlopen(f"{server.endpoint}/_aws/execute-api/{application['Rest']}/Prod/hello/path") as r:
        assert json.loads(r.read()) == {"name": "path"}
    with urllib.request.urlopen(f"{server.endpoint}/restapis/{application['Rest']}/Prod/_user_request_/hello/old") as r:
        assert json.loads(r.read()) == {"name": "old"}


def test_update(server, application):
    """Another route of each kind; the deployment is replaced, the APIs and their ids stay, and a second time nothing changes."""
    cfn = server.client("cloudformation")
    changed = json.loads(json.dumps(TEMPLATE))
    events = changed["Resources"]["Hello"]["Properties"]["Events"]
    events["Rest2"] = {"Type": "Api", "Properties": {"Path": "/more/{name}", "Method": "post"}}
    events["Http2"] = {"Type": "HttpApi", "Properties": {"Path": "/more/{id}", "Method": "post"}}
    update = dict(StackName="apigw", TemplateBody=json.dumps(changed), Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    cfn.update_stack(**update)
    cfn.get_waiter("stack_update_complete").wait(StackName="apigw", WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    assert {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName="apigw")["Stacks"][0]["Outputs"]} == application
    assert json.loads(call(server, application["Rest"], "/Prod/more/x", method="POST")[2]) == {"name": "x"}
    assert json.loads(call(server, application["Http"], "/more/y", method="POST")[2]) == {"id": "y"}
    assert json.loads(call(server, application["Rest"], "/Prod/hello/you")[2]) == {"name": "you"}
    with pytest.raises(botocore.exceptions.ClientError, match="No updates are to be performed"):
        cfn.update_stack(**update)


def test_iam_authorization(server, application):
    fn = next(f for f in server.client("lambda").list_functions()["Functions"])
    client = server.client("apigatewayv2")
    api = client.create_api(Name="signed", ProtocolType="HTTP")["ApiId"]
    ig = client.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=fn["FunctionArn"], PayloadFormatVersion="2.0")["IntegrationId"]
    client.create_route(ApiId=api, RouteKey="GET /x/{id}", Target="integrations/" + ig, AuthorizationType="AWS_IAM")
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    server.client("lambda").add_permission(FunctionName=fn["FunctionName"], StatementId="signed", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
                                           SourceArn=f"arn:aws:execute-api:{REGION}:{fn['FunctionArn'].split(':')[4]}:{api}/*/GET/x/*")
    assert call(server, api, "/x/1")[0] == 403
    host = f"{api}.execute-api.{REGION}.localhost"
    req = botocore.awsrequest.AWSRequest("GET", f"http://{host}/x/1")
    botocore.auth.SigV4Auth(boto3.Session("test", "test").get_credentials(), "execute-api", REGION).add_auth(req)
    status, _, body = call(server, api, "/x/1", headers=dict(req.headers.items()))
    assert (status, json.loads(body)) == (200, {"id": "1"}), body
    client.delete_api(ApiId=api)


def test_refused_by_name(server):
    client = server.client("apigatewayv2")
    with pytest.raises(botocore.exceptions.ClientError) as e:
        client.create_api(Name="ws", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    assert e.value.response["Error"]["Code"] == "NotImplemented" and "WEBSOCKET" in e.value.response["Error"]["Message"]
    with pytest.raises(botocore.exceptions.ClientError) as e:
        server.client("apigateway").create_usage_plan(name="x")
    assert e.value.response["Error"]["Code"] == "NotImplemented"
