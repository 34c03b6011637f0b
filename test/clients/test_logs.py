"""CloudWatch Logs through boto3 and the AWS CLI."""
import json
import os
import signal
import subprocess
import threading
import time

import botocore.exceptions
import pytest
from botocore.config import Config


def fails(code, fn, message=None, **kw):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        fn(**kw)
    assert e.value.response["Error"]["Code"] == code, e.value
    if message:
        assert e.value.response["Error"]["Message"] == message
    return e.value.response


@pytest.fixture(scope="module")
def logs(server):
    return server.client("logs")


def now():
    return int(time.time() * 1000)


def make(logs, group, *streams):
    logs.create_log_group(logGroupName=group)
    for s in streams:
        logs.create_log_stream(logGroupName=group, logStreamName=s)


def put(logs, group, stream, messages, at=None, step=1):
    at = now() if at is None else at
    return logs.put_log_events(logGroupName=group, logStreamName=stream,
                               logEvents=[{"timestamp": at + i * step, "message": m} for i, m in enumerate(messages)])


def test_groups(logs):
    name = "/virga/groups/a"
    logs.create_log_group(logGroupName=name, tags={"env": "testing"})
    fails("ResourceAlreadyExistsException", logs.create_log_group, "The specified log group already exists", logGroupName=name)
    fails("InvalidParameterException", logs.create_log_group, "Invalid LogGroup or LogStream, both must have length less than or equal to 512.", logGroupName="x" * 513)
    fails("InvalidParameterException", logs.create_log_group, logGroupName="no spaces")
    fails("NotImplemented", logs.create_log_group, logGroupName="/x", logGroupClass="INFREQUENT_ACCESS")
    fails("NotImplemented", logs.create_log_group, logGroupName="/x", kmsKeyId="arn:aws:kms:eu-west-1:000000000000:key/x")
    for n in "bcd":
        logs.create_log_group(logGroupName="/virga/groups/" + n)
    g = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    arn = "arn:aws:logs:eu-west-1:000000000000:log-group:" + name
    assert (g["arn"], g["logGroupArn"], g["logGroupClass"], g["storedBytes"], g["metricFilterCount"], g["deletionProtectionEnabled"]) == (arn + ":*", arn, "STANDARD", 0, 0, False)
    assert "retentionInDays" not in g
    pages = list(logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/virga/groups/", PaginationConfig={"PageSize": 3}))
    assert [[x["logGroupName"][-1] for x in p["logGroups"]] for p in pages] == [["a", "b", "c"], ["d"]]
    found = logs.describe_log_groups(logGroupNamePattern="groups/b")["logGroups"]
    assert [x["logGroupName"] for x in found] == ["/virga/groups/b"] and "storedBytes" not in found[0]
    assert len(logs.describe_log_groups(logGroupIdentifiers=[arn, "/virga/groups/d"])["logGroups"]) == 2
    fails("InvalidParameterException", logs.describe_log_groups, "The specified nextToken is invalid.", nextToken="x")
    fails("InvalidParameterException", logs.describe_log_groups, logGroupNamePattern="a", logGroupNamePrefix="b")
    # tags, with the older form too
    logs.tag_resource(resourceArn=arn, tags={"k": "v"})
    logs.tag_log_group(logGroupName=name, tags={"old": "1"})
    fails("InvalidParameterException", logs.list_tags_for_resource, resourceArn=arn + ":*")  # the model's pattern has no asterisk
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"env": "testing", "k": "v", "old": "1"}
    logs.untag_resource(resourceArn=arn, tagKeys=["k"])
    logs.untag_log_group(logGroupName=name, tags=["old"])
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"env": "testing"}
    # retention
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["retentionInDays"] == 7
    fails("InvalidParameterException", logs.put_retention_policy, logGroupName=name, retentionInDays=8)
    logs.delete_retention_policy(logGroupName=name)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    logs.delete_log_group(logGroupName=name)
    fails("ResourceNotFoundException", logs.delete_log_group, "The specified log group does not exist.", logGroupName=name)
    fails("NotImplemented", logs.put_metric_filter, logGroupName=name, filterName="f", filterPattern="", metricTransformations=[{"metricName": "a", "metricNamespace": "b", "metricValue": "1"}])


def test_streams(logs):
    g = "/virga/streams"
    make(logs, g, "a/1", "a/2", "b")
    fails("ResourceAlreadyExistsException", logs.create_log_stream, "The specified log stream already exists", logGroupName=g, logStreamName="b")
    fails("ResourceNotFoundException", logs.create_log_stream, "The specified log group does not exist.", logGroupName="/none", logStreamName="b")
    fails("InvalidParameterException", logs.create_log_stream, logGroupName=g, logStreamName="a:b")
    s = logs.describe_log_streams(logGroupName=g, logStreamNamePrefix="a/")["logStreams"]
    assert [x["logStreamName"] for x in s] == ["a/1", "a/2"] and s[0]["storedBytes"] == 0 and "lastEventTimestamp" not in s[0]
    assert s[0]["arn"] == f"arn:aws:logs:eu-west-1:000000000000:log-group:{g}:log-stream:a/1"
    fails("ValidationException", logs.describe_log_streams, "LogGroup name and LogGroup ARN are mutually exclusive parameters.", logGroupName=g, logGroupIdentifier=g)
    t = now()
    put(logs, g, "b", ["x"], t - 5000)
    put(logs, g, "a/1", ["x"], t)
    order = lambda **kw: [x["logStreamName"] for p in logs.get_paginator("describe_log_streams").paginate(logGroupIdentifier=f"arn:aws:logs:eu-west-1:000000000000:log-group:{g}", PaginationConfig={"PageSize": 1}, **kw) for x in p["logStreams"]]
    assert order(orderBy="LastEventTime", descending=True) == ["a/1", "b", "a/2"]
    assert order(orderBy="LastEventTime") == ["a/2", "b", "a/1"]
    assert order(descending=True) == ["b", "a/2", "a/1"]
    fails("InvalidParameterException", logs.describe_log_streams, logGroupName=g, orderBy="LastEventTime", logStreamNamePrefix="a")
    b = logs.describe_log_streams(logGroupName=g, logStreamNamePrefix="b")["logStreams"][0]
    assert b["firstEventTimestamp"] == b["lastEventTimestamp"] == t - 5000 and b["uploadSequenceToken"]
    logs.delete_log_stream(logGroupName=g, logStreamName="b")
    assert [e["message"] for e in logs.filter_log_events(logGroupName=g)["events"]] == ["x"]
    fails("ResourceNotFoundException", put, "The specified log stream does not exist.", logs=logs, group=g, stream="b", messages=["x"])
    logs.create_log_stream(logGroupName=g, logStreamName="b")
    assert logs.get_log_events(logGroupName=g, logStreamName="b")["events"] == []


def test_put_limits(logs):
    g, t, day = "/virga/limits", now(), 86400000
    make(logs, g, "s")
    p = lambda *ev, **kw: logs.put_log_events(logGroupName=g, logStreamName="s", logEvents=[{"timestamp": a, "message": m} for a, m in ev], **kw)
    r = p((t - 15 * day, "old"), (t - 14 * day - 5000, "old"), (t, "good"), (t + 1000, "good"), (t + 7300000, "new"), sequenceToken="49xyz")
    assert r["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 4, "tooOldLogEventEndIndex": 2} and r["nextSequenceToken"]
    assert [e["message"] for e in logs.get_log_events(logGroupName=g, logStreamName="s")["events"]] == ["good", "good"]
    assert "rejectedLogEventsInfo" not in p((t, "fine"))
    logs.put_retention_policy(logGroupName=g, retentionInDays=3)
    assert p((t - 4 * day, "x"), (t, "y"))["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    fails("InvalidParameterException", lambda: p((t, "b"), (t - 1, "a")), "Log events in a single PutLogEvents request must be in chronological order.")
    fails("InvalidParameterException", lambda: p((t - 2 * day, "a"), (t, "a")), "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    big = "x" * (1048576 // 2 - 26)
    p((t, big), (t, big))
    fails("InvalidParameterException", lambda: p((t, big), (t, big + "x")), "Upload too large: 1048577 bytes exceeds limit of 1048576")
    fails("InvalidParameterException", lambda: p(*[(t, "x")] * 10001))
    p(*[(t, "x")] * 10000)
    r = logs.put_log_events(logGroupName=g, logStreamName="s", logEvents=[{"timestamp": t, "message": "e"}], entity={"keyAttributes": {"Type": "Service", "Name": "n"}})
    assert r["rejectedEntityInfo"]["errorType"] == "UnsupportedLogGroupType"
    fails("InvalidParameterException", logs.get_log_events, "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000", logGroupName=g, logStreamName="s", limit=10001)


def test_get_pages(logs):
    g, t = "/virga/get", now() - 60000
    make(logs, g, "s")
    for i in range(5):
        put(logs, g, "s", [f"{i * 10 + k}" for k in range(10)], t + i * 1000)
    ev = lambda r: [int(e["message"]) for e in r["events"]]
    get = lambda **kw: logs.get_log_events(logGroupName=g, logStreamName="s", **kw)
    assert ev(get()) == ev(get(startFromHead=True)) == list(range(50))
    r = get(limit=20)
    assert ev(r) == list(range(30, 50))
    end = get(nextToken=r["nextForwardToken"], startFromHead=True)
    assert ev(end) == [] and end["nextForwardToken"] == r["nextForwardToken"]
    r = get(nextToken=r["nextBackwardToken"], limit=25)
    assert ev(r) == list(range(5, 30))
    r = get(nextToken=r["nextBackwardToken"], limit=25)
    assert ev(r) == list(range(5))
    r2 = get(nextToken=r["nextBackwardToken"])
    assert ev(r2) == [] and r2["nextBackwardToken"] == r["nextBackwardToken"]
    seen, token = [], None
    while True:
        r = get(startFromHead=True, limit=7, **({"nextToken": token} if token else {}))
        seen += ev(r)
        if r["nextForwardToken"] == token:
            break
        token = r["nextForwardToken"]
    assert seen == list(range(50))
    put(logs, g, "s", ["50"], t + 30000)
    assert ev(get(nextToken=token, startFromHead=True)) == [50]
    assert ev(get(startTime=t + 1000, endTime=t + 2000)) == list(range(10, 20))
    assert ev(logs.get_log_events(logGroupIdentifier=f"arn:aws:logs:eu-west-1:000000000000:log-group:{g}", logStreamName="s", limit=1)) == [50]
    fails("InvalidParameterException", get, "The specified nextToken is invalid.", nextToken="f/3784")
    fails("ResourceNotFoundException", logs.get_log_events, "The specified log stream does not exist.", logGroupName=g, logStreamName="none")
    fails("ResourceNotFoundException", logs.get_log_events, "The specified log group does not exist.", logGroupName="/none", logStreamName="none")


def test_filter(logs):
    g, t = "/virga/filter", now() - 100000
    make(logs, g, "web/1", "web/2", "db")
    for i in range(30):  # three streams, out of order between puts
        s = ["web/1", "web/2", "db"][i % 3]
        put(logs, g, s, [json.dumps({"n": i, "level": "ERROR" if i % 10 == 0 else "INFO"})], t + i * 2000)
    n = lambda **kw: [json.loads(e["message"])["n"] for p in logs.get_paginator("filter_log_events").paginate(logGroupName=g, **kw) for e in p["events"]]
    assert n() == n(interleaved=True) == list(range(30))
    assert n(PaginationConfig={"PageSize": 4}) == list(range(30))
    assert n(filterPattern='{ $.level = "ERROR" }') == [0, 10, 20]
    assert n(filterPattern='ERROR', startTime=t + 1) == [10, 20]
    assert n(startTime=t + 2000, endTime=t + 6000) == [1, 2, 3]
    assert n(logStreamNames=["db", "web/2"]) == [i for i in range(30) if i % 3]
    assert n(logStreamNamePrefix="web/") == [i for i in range(30) if i % 3 < 2]
    ids = [e["eventId"] for e in logs.filter_log_events(logGroupName=g)["events"]]
    assert len(set(ids)) == 30 and sorted(ids) == ids and all(len(i) == 56 for i in ids)
    assert logs.filter_log_events(logGroupName=g)["searchedLogStreams"] == []
    fails("InvalidParameterException", logs.filter_log_events, "The specified nextToken is invalid.", logGroupName=g, nextToken="zzz")
    fails("InvalidParameterException", logs.filter_log_events, logGroupName=g, filterPattern="{ $.x = ")
    fails("InvalidParameterException", logs.filter_log_events, logGroupName=g, logStreamNames=["db"], logStreamNamePrefix="d")
    fails("ResourceNotFoundException", logs.filter_log_events, logGroupName=g, logStreamNames=["none"])
    r = logs.filter_log_events(logGroupName=g, limit=3)
    fails("InvalidParameterException", logs.filter_log_events, logGroupName=g, nextToken=r["nextToken"], filterPattern="other")


def test_live_tail(server, logs):
    g = "/virga/tail"
    make(logs, g, "a", "b")
    arn = f"arn:aws:logs:eu-west-1:000000000000:log-group:{g}"
    c = server.client("logs", config=Config(inject_host_prefix=False))
    fails("InvalidParameterException", c.start_live_tail, logGroupIdentifiers=[arn + ":*"])
    fails("ResourceNotFoundException", c.start_live_tail, logGroupIdentifiers=[arn + "x"])
    stream = c.start_live_tail(logGroupIdentifiers=[arn], logStreamNames=["a"], logEventFilterPattern="hello")["responseStream"]
    it = iter(stream)
    start = next(it)["sessionStart"]
    assert start["logGroupIdentifiers"] == [arn] and start["logStreamNames"] == ["a"] and start["sessionId"]
    put(logs, g, "a", ["hello 1", "bye", "hello 2"])
    put(logs, g, "b", ["hello 3"])
    got, deadline = [], time.time() + 10
    while len(got) < 2 and time.time() < deadline:
        u = next(it)["sessionUpdate"]
        assert u["sessionMetadata"]["sampled"] is False
        got += u["sessionResults"]
    assert [(e["message"], e["logStreamName"], e["logGroupIdentifier"]) for e in got] == [("hello 1", "a", "000000000000:" + g), ("hello 2", "a", "000000000000:" + g)]
    put(logs, g, "a", [f"hello {i}" for i in range(900)])
    while not (u := next(it)["sessionUpdate"])["sessionResults"]:
        assert time.time() < deadline + 10
    assert u["sessionMetadata"]["sampled"] is True and len(u["sessionResults"]) == 500
    stream.close()


def test_live_tail_of_the_cli(server, logs):
    g = "/virga/clitail"
    make(logs, g, "a")
    env = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-west-1", AWS_DISABLE_HOST_PREFIX_INJECTION="true", PYTHONUNBUFFERED="1")
    p = subprocess.Popen(["aws", "--endpoint-url", server.endpoint, "logs", "start-live-tail", "--log-group-identifiers", f"arn:aws:logs:eu-west-1:000000000000:log-group:{g}"],
                         env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killer = threading.Timer(30, p.kill)
    killer.start()
    try:
        for i in range(20):
            time.sleep(0.5)
            put(logs, g, "a", [f"line {i} of the tail"])
            if i > 8:
                break
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=20)
    finally:
        killer.cancel()
        p.kill()
    assert "of the tail" in out, (out, err)


def test_cli(server, logs):
    g = "/virga/cli"
    assert server.aws("logs", "create-log-group", "--log-group-name", g).returncode == 0
    assert server.aws("logs", "create-log-stream", "--log-group-name", g, "--log-stream-name", "s").returncode == 0
    r = server.aws("logs", "put-log-events", "--log-group-name", g, "--log-stream-name", "s", "--log-events", f"timestamp={now()},message=from the command line")
    assert r.returncode == 0, r.stderr
    r = server.aws("logs", "filter-log-events", "--log-group-name", g, "--filter-pattern", "command", "--query", "events[].message", "--output", "text")
    assert r.stdout.strip() == "from the command line", r.stderr
    r = server.aws("logs", "get-log-events", "--log-group-name", g, "--log-stream-name", "s", "--query", "events[].message", "--output", "text")
    assert r.stdout.strip() == "from the command line", r.stderr


def test_deletion_protection(server, logs):
    logs.create_log_group(logGroupName="/virga/kept", deletionProtectionEnabled=True)
    fails("ValidationException", logs.delete_log_group, logGroupName="/virga/kept")
    if hasattr(logs, "put_log_group_deletion_protection"):
        logs.put_log_group_deletion_protection(logGroupIdentifier="/virga/kept", deletionProtectionEnabled=False)
        logs.delete_log_group(logGroupName="/virga/kept")


def test_rights(server, logs):
    """Policies name a group with :* behind it, as AWS's guides do; a role without rights loses its lines."""
    g, other = "/virga/rights/mine", "/virga/rights/other"
    make(logs, g, "s")
    make(logs, other, "s")
    iam = server.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName="logs-writer", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="logs-writer", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:FilterLogEvents"],
         "Resource": f"arn:aws:logs:eu-west-1:000000000000:log-group:{g}:*"}]}))
    iam.create_user(UserName="logs-root")
    iam.put_user_policy(UserName="logs-root", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}]}))
    k = iam.create_access_key(UserName="logs-root")["AccessKey"]
    c = server.client("sts", key=k["AccessKeyId"], secret=k["SecretAccessKey"]).assume_role(RoleArn=arn, RoleSessionName="fn")["Credentials"]
    mine = server.client("logs", key=c["AccessKeyId"], secret=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
    mine.create_log_stream(logGroupName=g, logStreamName="new")
    put(mine, g, "new", ["a line"])
    assert [e["message"] for e in mine.filter_log_events(logGroupName=g)["events"]] == ["a line"]
    fails("AccessDeniedException", put, logs=mine, group=other, stream="s", messages=["lost"])
    fails("AccessDeniedException", mine.get_log_events, logGroupName=g, logStreamName="new")
    fails("AccessDeniedException", mine.create_log_group, logGroupName="/elsewhere")
    assert logs.filter_log_events(logGroupName=other)["events"] == []


def test_host_prefix(server):
    """StartLiveTail's host prefix stands before any host of the server, old and new spelling; no other word does."""
    import urllib3
    h = urllib3.PoolManager()
    get = lambda host: h.request("GET", server.endpoint + "/_virga/health", headers={"Host": host}).status
    assert [get(x) for x in ("streaming-127.0.0.1", "stream-localhost", "streaming-logs.localhost:4566")] == [200] * 3
    assert [get(x) for x in ("streaming-evil.example", "stream-", "other-127.0.0.1", "stream-stream-localhost")] == [421] * 4
