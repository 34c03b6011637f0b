"""Lambda as boto3 and the AWS CLI use it: functions, versions, aliases, permissions, events, mappings, logs."""
import base64
import io
import json
import time
import uuid
import zipfile

import botocore.exceptions
import pytest

REGION = "eu-west-1"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def package(files):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        for name, text in files.items():
            z.writestr(name, text)
    return b.getvalue()


def name(p="f"):
    return p + uuid.uuid4().hex[:10]


class World:
    def __init__(self, server):
        self.server = server
        self.lam, self.iam, self.sqs, self.logs = (server.client(n) for n in ("lambda", "iam", "sqs", "logs"))
        self.role = self.make_role("AWSLambdaSQSQueueExecutionRole")

    def make_role(self, *policies):
        n = name("role")
        arn = self.iam.create_role(RoleName=n, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        for p in policies:
            self.iam.attach_role_policy(RoleName=n, PolicyArn="arn:aws:iam::aws:policy/service-role/" + p)
        return arn

    def function(self, code, runtime="python3.11", handler="app.handler", role=None, **kw):
        n = name()
        file = "app.py" if runtime.startswith("python") else "app.mjs"
        self.lam.create_function(FunctionName=n, Runtime=runtime, Handler=handler, Role=role or self.role, Code={"ZipFile": package({file: code})},
                                 **{"Timeout": 10, "MemorySize": 256, **kw})
        self.lam.get_waiter("function_active_v2").wait(FunctionName=n, WaiterConfig={"Delay": 1})
        return n

    def settled(self, n):
        self.lam.get_waiter("function_updated_v2").wait(FunctionName=n, WaiterConfig={"Delay": 1})

    def invoke(self, n, event=None, **kw):
        r = self.lam.invoke(FunctionName=n, Payload=json.dumps(event if event is not None else {}), **kw)
        body = r["Payload"].read()
        return json.loads(body) if body else None, r


@pytest.fixture(scope="module")
def w(server):
    return World(server)


def refused(code, fn, *a, **kw):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        fn(*a, **kw)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response["Error"].get("Message", "")


def eventually(fn, seconds=20):
    end = time.time() + seconds
    while True:
        v = fn()
        if v or time.time() > end:
            return v
        time.sleep(0.1)


def test_life(w):
    n = name()
    made = w.lam.create_function(FunctionName=n, Runtime="python3.11", Handler="app.handler", Role=w.role, Code={"ZipFile": package({"app.py": "def handler(e, c): return e"})})
    assert made["State"] == "Pending" and made["StateReasonCode"] == "Creating" and "LastUpdateStatus" not in made
    assert made["Timeout"] == 3 and made["MemorySize"] == 128 and made["Version"] == "$LATEST" and made["ResponseMetadata"]["HTTPStatusCode"] == 201
    w.lam.get_waiter("function_active_v2").wait(FunctionName=n, WaiterConfig={"Delay": 1})
    got = w.lam.get_function(FunctionName=n)
    assert got["Configuration"]["LastUpdateStatus"] == "Successful" and got["Configuration"]["CodeSha256"] == made["CodeSha256"]
    import urllib.request
    code = urllib.request.urlopen(got["Code"]["Location"]).read()
    assert zipfile.ZipFile(io.BytesIO(code)).namelist() == ["app.py"]
    refused("ResourceConflictException", w.lam.create_function, FunctionName=n, Runtime="python3.11", Handler="app.handler", Role=w.role, Code={"ZipFile": package({"a": "b"})})
    up = w.lam.update_function_configuration(FunctionName=n, Timeout=7, Environment={"Variables": {"AA": "b"}})
    assert up["LastUpdateStatus"] == "InProgress" and up["Timeout"] == 7
    w.settled(n)
    assert n in [f["FunctionName"] for p in w.lam.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}) for f in p["Functions"]]
    w.lam.delete_function(FunctionName=n)
    assert refused("ResourceNotFoundException", w.lam.get_function, FunctionName=n).startswith("Function not found: arn:aws:lambda:")


def test_invoke_shapes(w):
    n = w.function("import os\ndef handler(e, c):\n    print('line one')\n    return {'e': e, 'arn': c.invoked_function_arn, 'left': c.get_remaining_time_in_millis() > 0, 'env': os.environ['XX']}", Environment={"Variables": {"XX": "y"}})
    out, r = w.invoke(n, {"k": [1, "ü"]}, LogType="Tail")
    assert out["e"] == {"k": [1, "ü"]} and out["left"] and out["env"] == "y" and out["arn"].endswith(":function:" + n)
    tail = base64.b64decode(r["LogResult"]).decode()
    rid = r["ResponseMetadata"]["RequestId"]
    assert f"START RequestId: {rid} Version: $LATEST\n" in tail and "line one\n" in tail and f"END RequestId: {rid}\n" in tail and "\tBilled Duration: " in tail
    assert r["ExecutedVersion"] == "$LATEST" and r["StatusCode"] == 200
    assert w.invoke(n, InvocationType="DryRun")[1]["StatusCode"] == 204
    assert w.invoke("arn:aws:lambda:%s:000000000000:function:%s" % (REGION, n), {})[0]["e"] == {}
    refused("InvalidRequestContentException", w.lam.invoke, FunctionName=n, Payload=b"{nope")
    refused("ResourceNotFoundException", w.lam.invoke, FunctionName=n, Qualifier="7")
    refused("RequestTooLargeException", w.lam.invoke, FunctionName=n, Payload=b'"' + b"x" * (6 << 20) + b'"')


def test_errors_inside(w):
    n = w.function("import time, os, sys\ndef handler(e, c):\n    if e == 'raise': raise ValueError('no')\n    if e == 'sleep': time.sleep(9)\n    if e == 'exit': os._exit(3)\n    if e == 'big': return 'x' * (7 << 20)\n    return e", Timeout=1)
    out, r = w.invoke(n, "raise")
    assert r["FunctionError"] == "Unhandled" and out["errorType"] == "ValueError" and out["errorMessage"] == "no" and out["stackTrace"]
    t = time.time()
    out, r = w.invoke(n, "sleep")
    assert out["errorType"] == "Sandbox.Timedout" and out["errorMessage"].endswith("Error: Task timed out after 1.00 seconds") and time.time() - t < 5
    out, r = w.invoke(n, "exit")
    assert out["errorType"] == "Runtime.ExitError" and "exit status 3" in out["errorMessage"]
    out, r = w.invoke(n, "big")
    assert out["errorType"] == "Function.ResponseSizeTooLarge"
    assert w.invoke(n, "fine")[0] == "fine"
    bad = w.function("import nothing_like_it\ndef handler(e, c): return 1")
    out, r = w.invoke(bad)
    assert r["FunctionError"] == "Unhandled" and out["errorType"] == "Runtime.ImportModuleError"


def test_node_and_provided(w):
    n = w.function("export const handler = async (e, c) => ({ e, id: c.awsRequestId, v: process.version })", runtime="nodejs20.x")
    out, r = w.invoke(n, {"a": 1})
    assert out["e"] == {"a": 1} and out["id"] == r["ResponseMetadata"]["RequestId"]
    boot = """#!/usr/bin/python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    r = urllib.request.urlopen(api + "next")
    e = json.loads(r.read())
    urllib.request.urlopen(urllib.request.Request(api + r.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", data=json.dumps({"own": e}).encode()))
"""
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        i = zipfile.ZipInfo("bootstrap")
        i.external_attr = 0o755 << 16
        z.writestr(i, boot)
    m = name()
    w.lam.create_function(FunctionName=m, Runtime="provided.al2023", Handler="x", Role=w.role, Code={"ZipFile": b.getvalue()}, MemorySize=256, Timeout=10)
    assert w.invoke(m, {"b": 2})[0] == {"own": {"b": 2}}


def test_refusals(w):
    base = dict(Runtime="python3.11", Handler="app.handler", Role=w.role, Code={"ZipFile": package({"app.py": "x = 1"})})
    assert "cannot be assumed by Lambda" in refused("InvalidParameterValueException", w.lam.create_function, FunctionName=name(), **{**base, "Role": w.role + "x"})
    refused("InvalidParameterValueException", w.lam.create_function, FunctionName=name(), **{**base, "Code": {"ZipFile": b"no zip"}})
    assert "reserved keys" in refused("InvalidParameterValueException", w.lam.create_function, FunctionName=name(), **base, Environment={"Variables": {"AWS_REGION": "x"}})
    assert "4KB" in refused("InvalidParameterValueException", w.lam.create_function, FunctionName=name(), **base, Environment={"Variables": {"BIG": "x" * 5000}})
    unchecked = w.server.client("lambda", config=__import__("botocore.config").config.Config(parameter_validation=False))
    refused("ValidationException", unchecked.create_function, FunctionName=name(), **base, MemorySize=127)
    refused("ValidationException", w.lam.create_function, FunctionName=name(), **base, Environment={"Variables": {"X": "a name has two characters"}})
    for k, v in (("Layers", ["arn:aws:lambda:eu-west-1:000000000000:layer:l:1"]), ("TracingConfig", {"Mode": "Active"}), ("VpcConfig", {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}),
                 ("SnapStart", {"ApplyOn": "PublishedVersions"}), ("LoggingConfig", {"LogFormat": "JSON"})):
        assert k in refused("NotImplemented", w.lam.create_function, FunctionName=name(), **base, **{k: v})
    refused("NotImplemented", w.lam.list_layers)
    for bad in ("../../x", "/etc/x"):
        refused("InvalidParameterValueException", w.lam.create_function, FunctionName=name(), **{**base, "Code": {"ZipFile": package({bad: "x"})}})


def test_update_code_and_versions(w):
    n = w.function("def handler(e, c): return 1")
    v1 = w.lam.publish_version(FunctionName=n)
    assert v1["Version"] == "1" and w.lam.publish_version(FunctionName=n)["Version"] == "1"
    up = w.lam.update_function_code(FunctionName=n, ZipFile=package({"app.py": "def handler(e, c): return 2"}))
    refused("PreconditionFailedException", w.lam.update_function_code, FunctionName=n, ZipFile=package({"app.py": "x"}), RevisionId=v1["RevisionId"]) if up["LastUpdateStatus"] == "Successful" else None
    w.settled(n)
    assert w.invoke(n)[0] == 2 and w.invoke(n, Qualifier="1")[0] == 1
    v2 = w.lam.publish_version(FunctionName=n, Description="two")
    assert v2["Version"] == "2" and v2["FunctionArn"].endswith(":2")
    a = w.lam.create_alias(FunctionName=n, Name="live", FunctionVersion="1")
    assert w.invoke(n, Qualifier="live")[1]["ExecutedVersion"] == "1"
    w.lam.update_alias(FunctionName=n, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
    assert {w.invoke(n, Qualifier="live")[1]["ExecutedVersion"] for _ in range(40)} == {"1", "2"}
    refused("ResourceConflictException", w.lam.delete_function, FunctionName=n, Qualifier="1")
    assert [v["Version"] for v in w.lam.list_versions_by_function(FunctionName=n)["Versions"]] == ["$LATEST", "1", "2"]
    assert w.lam.get_alias(FunctionName=n, Name="live")["AliasArn"] == a["AliasArn"]
    refused("ResourceNotFoundException", w.lam.get_alias, FunctionName=n, Name="none")
    w.lam.delete_alias(FunctionName=n, Name="live")
    w.lam.delete_function(FunctionName=n, Qualifier="1")
    refused("ResourceNotFoundException", w.lam.invoke, FunctionName=n, Qualifier="1")


def test_permissions(w):
    n = w.function("def handler(e, c): return 'in'")
    other = w.server.client("lambda", key="111111111111", secret="test")
    arn = w.lam.get_function_configuration(FunctionName=n)["FunctionArn"]
    refused("AccessDeniedException", other.invoke, FunctionName=arn)
    st = json.loads(w.lam.add_permission(FunctionName=n, StatementId="s1", Action="lambda:InvokeFunction", Principal="111111111111")["Statement"])
    assert st["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"} and st["Resource"] == arn
    assert other.invoke(FunctionName=arn)["Payload"].read() == b'"in"'
    refused("ResourceConflictException", w.lam.add_permission, FunctionName=n, StatementId="s1", Action="lambda:InvokeFunction", Principal="111111111111")
    w.lam.add_permission(FunctionName=n, StatementId="s2", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::b")
    assert [s["Sid"] for s in json.loads(w.lam.get_policy(FunctionName=n)["Policy"])["Statement"]] == ["s1", "s2"]
    w.lam.remove_permission(FunctionName=n, StatementId="s1")
    refused("AccessDeniedException", other.invoke, FunctionName=arn)
    refused("ResourceNotFoundException", w.lam.remove_permission, FunctionName=n, StatementId="s1")


def test_role_is_all_it_has(w):
    n = w.function("import json, os, urllib.request\ndef handler(e, c):\n    return {k: os.environ.get(k, '')[:4] for k in ('AWS_ACCESS_KEY_ID', 'AWS_SESSION_TOKEN')} | {'ids': [os.getuid(), os.geteuid()], 'root': sorted(os.listdir('/'))}")
    out, _ = w.invoke(n)
    assert out["AWS_ACCESS_KEY_ID"] == "ASIA" and out["AWS_SESSION_TOKEN"] and 0 not in out["ids"] and "root" not in out["root"]


def test_asynchronous(w):
    q = w.sqs.create_queue(QueueName=name("q"))["QueueUrl"]
    arn = w.sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    n = w.function("def handler(e, c):\n    if e.get('bad'): raise Exception('bad')\n    return {'done': e}")
    w.lam.put_function_event_invoke_config(FunctionName=n, MaximumRetryAttempts=0, DestinationConfig={"OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}})
    w.iam.put_role_policy(RoleName=w.role.rsplit("/", 1)[1], PolicyName="send", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}]}))
    assert w.invoke(n, {"a": 1}, InvocationType="Event")[1]["StatusCode"] == 202
    m = eventually(lambda: w.sqs.receive_message(QueueUrl=q, WaitTimeSeconds=5).get("Messages"))
    rec = json.loads(m[0]["Body"])
    assert rec["requestContext"]["condition"] == "Success" and rec["responsePayload"] == {"done": {"a": 1}} and rec["requestPayload"] == {"a": 1}
    w.invoke(n, {"bad": 1}, InvocationType="Event")
    rec = eventually(lambda: [json.loads(x["Body"]) for x in w.sqs.receive_message(QueueUrl=q, WaitTimeSeconds=5).get("Messages", []) if "bad" in x["Body"]])[0]
    assert rec["requestContext"]["condition"] == "RetriesExhausted" and rec["responseContext"]["functionError"] == "Unhandled" and rec["requestContext"]["approximateInvokeCount"] == 1


def test_mapping_from_a_queue(w):
    q = w.sqs.create_queue(QueueName=name("q"), Attributes={"VisibilityTimeout": "10"})["QueueUrl"]
    done = w.sqs.create_queue(QueueName=name("q"))["QueueUrl"]
    arn = w.sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    n = w.function("""
def handler(e, c):
    print("batch", [r["body"] for r in e["Records"]])
    r = e["Records"][0]
    assert r["eventSource"] == "aws:sqs" and r["eventSourceARN"].startswith("arn:aws:sqs:") and r["attributes"]["SentTimestamp"]
    return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in e["Records"] if r["body"] == '{"t": "poison"}' and int(r["attributes"]["ApproximateReceiveCount"]) < 2]}
""", Timeout=5)
    m = w.lam.create_event_source_mapping(FunctionName=n, EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"], FilterCriteria={"Filters": [{"Pattern": '{"body": {"t": ["good", "poison"]}}'}]})
    assert m["State"] == "Creating"
    assert eventually(lambda: w.lam.get_event_source_mapping(UUID=m["UUID"])["State"] == "Enabled")
    assert m["UUID"] in refused("ResourceConflictException", w.lam.create_event_source_mapping, FunctionName=n, EventSourceArn=arn)
    for t in ["good"] * 20 + ["poison", "other"]:
        w.sqs.send_message(QueueUrl=q, MessageBody=json.dumps({"t": t}))

    def empty():
        a = w.sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["All"])["Attributes"]
        return a["ApproximateNumberOfMessages"] == a["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert eventually(empty, 30)
    lines = eventually(lambda: [e["message"] for e in w.logs.filter_log_events(logGroupName="/aws/lambda/" + n, filterPattern="batch")["events"]])
    time.sleep(1)
    lines = "".join(e["message"] for e in w.logs.filter_log_events(logGroupName="/aws/lambda/" + n, filterPattern="batch")["events"])
    assert lines.count("poison") == 2 and lines.count("good") == 20 and "other" not in lines
    w.lam.update_event_source_mapping(UUID=m["UUID"], Enabled=False)
    assert eventually(lambda: w.lam.get_event_source_mapping(UUID=m["UUID"])["State"] == "Disabled")
    w.lam.delete_event_source_mapping(UUID=m["UUID"])
    assert eventually(lambda: not w.lam.list_event_source_mappings(FunctionName=n)["EventSourceMappings"])
    assert done


def test_mapping_refused(w):
    q = w.sqs.create_queue(QueueName=name("q"), Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    arn = w.sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    n = w.function("def handler(e, c): pass", Timeout=5)
    msg = refused("InvalidParameterValueException", w.lam.create_event_source_mapping, FunctionName=n, EventSourceArn=arn)
    assert msg == "Queue visibility timeout: 2 seconds is less than Function timeout: 5 seconds"
    poor = w.function("def handler(e, c): pass", role=w.make_role("AWSLambdaBasicExecutionRole"))
    assert "does not have permissions to call ReceiveMessage" in refused("InvalidParameterValueException", w.lam.create_event_source_mapping, FunctionName=poor, EventSourceArn=arn)
    refused("InvalidParameterValueException", w.lam.create_event_source_mapping, FunctionName=n, EventSourceArn=arn, BatchSize=100)


def test_concurrency(w):
    n = w.function("import time\ndef handler(e, c): time.sleep(2); return 1")
    w.lam.put_function_concurrency(FunctionName=n, ReservedConcurrentExecutions=1)
    import threading
    out = []
    t = threading.Thread(target=lambda: out.append(w.invoke(n)[0]))
    t.start()
    time.sleep(1)
    no_retry = w.server.client("lambda", config=__import__("botocore.config").config.Config(retries={"max_attempts": 0}))
    with pytest.raises(botocore.exceptions.ClientError) as e:
        no_retry.invoke(FunctionName=n)
    assert e.value.response["Error"]["Code"] == "TooManyRequestsException" and e.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    t.join()
    assert out == [1] and w.lam.get_function_concurrency(FunctionName=n)["ReservedConcurrentExecutions"] == 1
    refused("InvalidParameterValueException", w.lam.put_function_concurrency, FunctionName=n, ReservedConcurrentExecutions=950)


def test_logs_need_rights(w):
    n = w.function("def handler(e, c): print('unseen'); return 1", role=w.make_role())
    assert w.invoke(n)[0] == 1
    time.sleep(1)
    assert w.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/" + n)["logGroups"] == []


def test_cli(w):
    n = w.function("def handler(e, c): return {'cli': e}")
    r = w.server.aws("lambda", "invoke", "--function-name", n, "--payload", '{"x": 1}', "/dev/stdout")
    assert r.returncode == 0 and '{"cli": {"x": 1}}' in r.stdout, r.stderr
