"""Parameter Store and STS through boto3."""
import datetime

import botocore.exceptions
import pytest
import urllib3


def fails(code, fn, **kw):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        fn(**kw)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response


@pytest.fixture(scope="module")
def ssm(server):
    return server.client("ssm")


def test_versions_labels_and_history(ssm):
    for i in range(3):
        assert ssm.put_parameter(Name="/app/db/url", Value=f"v{i}", Type="String", Overwrite=i > 0)["Version"] == i + 1
    fails("ParameterAlreadyExists", ssm.put_parameter, Name="/app/db/url", Value="x", Type="String")
    assert ssm.get_parameter(Name="/app/db/url")["Parameter"]["Value"] == "v2"
    assert ssm.get_parameter(Name="/app/db/url:1")["Parameter"]["Selector"] == ":1"
    r = ssm.label_parameter_version(Name="/app/db/url", ParameterVersion=2, Labels=["prod", "1bad"])
    assert r["InvalidLabels"] == ["1bad"]
    assert ssm.get_parameter(Name="/app/db/url:prod")["Parameter"]["Value"] == "v1"
    h = ssm.get_parameter_history(Name="/app/db/url", MaxResults=2)
    assert [x["Version"] for x in h["Parameters"]] == [1, 2] and h["Parameters"][1]["Labels"] == ["prod"]
    h = ssm.get_parameter_history(Name="/app/db/url", MaxResults=2, NextToken=h["NextToken"])
    assert [x["Version"] for x in h["Parameters"]] == [3] and "NextToken" not in h
    assert ssm.unlabel_parameter_version(Name="/app/db/url", ParameterVersion=2, Labels=["prod"])["RemovedLabels"] == ["prod"]
    fails("ParameterVersionNotFound", ssm.get_parameter, Name="/app/db/url:prod")
    fails("ParameterNotFound", ssm.get_parameter, Name="/nowhere")


def test_secure_strings(ssm):
    ssm.put_parameter(Name="/app/secret", Value="hush", Type="SecureString")
    p = ssm.get_parameter(Name="/app/secret")["Parameter"]
    assert p["Type"] == "SecureString" and p["Value"] != "hush"
    assert ssm.get_parameter(Name="/app/secret", WithDecryption=True)["Parameter"]["Value"] == "hush"
    fails("NotImplemented", ssm.put_parameter, Name="/app/secret2", Value="x", Type="SecureString", KeyId="alias/mine")


def test_paths_and_lists(ssm):
    for n in ["/tree/a", "/tree/b", "/tree/sub/c"]:
        ssm.put_parameter(Name=n, Value=n, Type="String", Tags=[{"Key": "k", "Value": n}])
    names = lambda **kw: [p["Name"] for page in ssm.get_paginator("get_parameters_by_path").paginate(Path="/tree", PaginationConfig={"PageSize": 1}, **kw) for p in page["Parameters"]]
    assert names() == ["/tree/a", "/tree/b"]
    assert names(Recursive=True) == ["/tree/a", "/tree/b", "/tree/sub/c"]
    r = ssm.get_parameters(Names=["/tree/a", "/tree/x"])
    assert [p["Name"] for p in r["Parameters"]] == ["/tree/a"] and r["InvalidParameters"] == ["/tree/x"]
    d = ssm.describe_parameters(ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": ["/tree"]}])
    assert len(d["Parameters"]) == 3
    assert [p["Name"] for p in ssm.describe_parameters(ParameterFilters=[{"Key": "tag:k", "Values": ["/tree/b"]}])["Parameters"]] == ["/tree/b"]
    fails("ValidationException", ssm.describe_parameters, ParameterFilters=[{"Key": "Nonsense", "Values": ["x"]}])
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/tree/a")["TagList"] == [{"Key": "k", "Value": "/tree/a"}]
    r = ssm.delete_parameters(Names=["/tree/a", "/tree/none"])
    assert r["DeletedParameters"] == ["/tree/a"] and r["InvalidParameters"] == ["/tree/none"]


def test_refusals(ssm):
    r = fails("ValidationException", ssm.put_parameter, Name="/x", Value="1", Type="Strange")
    assert "1 validation error detected: Value 'Strange' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [String, StringList, SecureString]" in r["Error"]["Message"]
    fails("ValidationException", ssm.put_parameter, Name="no spaces", Value="1", Type="String")
    fails("ValidationException", ssm.put_parameter, Name="/x", Value="x" * 4097, Type="String")
    fails("AccessDeniedException", ssm.put_parameter, Name="/aws/mine", Value="1", Type="String")
    fails("ParameterPatternMismatchException", ssm.put_parameter, Name="/x", Value="abc", Type="String", AllowedPattern="^[0-9]+$")
    fails("NotImplemented", ssm.put_parameter, Name="/x", Value="1", Type="String", Tier="Intelligent-Tiering")
    fails("NotImplemented", ssm.list_documents)


def test_who_am_i(server):
    r = server.client("sts").get_caller_identity()
    assert (r["Account"], r["Arn"], r["UserId"]) == ("000000000000", "arn:aws:iam::000000000000:root", "000000000000")
    assert server.client("sts", key="123456789012").get_caller_identity()["Account"] == "123456789012"
    fails("SignatureDoesNotMatch", server.client("sts", secret="wrong").get_caller_identity)
    fails("InvalidClientTokenId", server.client("sts", key="AKIAAAAAAAAAAAAAAAAA").get_caller_identity)


def test_sessions(server):
    c = server.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    left = c["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert 880 < left.total_seconds() <= 900
    kw = dict(key=c["AccessKeyId"], secret=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
    assert server.client("sts", **kw).get_caller_identity()["Account"] == "000000000000"
    fails("InvalidClientTokenId", server.client("sts", key=c["AccessKeyId"], secret=c["SecretAccessKey"], aws_session_token=c["SessionToken"][:-8] + "AAAAAAA=").get_caller_identity)
    fails("AccessDenied", server.client("sts").assume_role, RoleArn="arn:aws:iam::000000000000:role/none", RoleSessionName="se")


def test_front(server):
    h = urllib3.PoolManager()
    assert h.request("GET", server.endpoint + "/_virga/health").json()["status"] == "ok"
    assert h.request("GET", server.endpoint + "/", headers={"Host": "evil.example"}).status == 421
    assert h.request("GET", server.endpoint + "/", headers={"Host": "console.localhost"}).status == 200


def test_public_parameters(server):
    ssm = server.client("ssm")
    root = "/aws/service/global-infrastructure"
    p = ssm.get_parameter(Name=root + "/regions/eu-west-1/longName")["Parameter"]
    assert p["Value"] == "Europe (Ireland)" and p["Version"] == 1 and p["Type"] == "String"
    assert p["ARN"] == "arn:aws:ssm:eu-west-1::parameter" + p["Name"]
    assert ssm.get_parameter(Name=p["ARN"])["Parameter"]["Value"] == p["Value"]
    pages = ssm.get_paginator("get_parameters_by_path")
    regions = [p["Value"] for page in pages.paginate(Path=root + "/regions") for p in page["Parameters"]]
    assert len(regions) > 30 and "us-east-1" in regions and regions == sorted(set(regions))
    services = [p["Value"] for page in pages.paginate(Path=root + "/regions/eu-west-1/services") for p in page["Parameters"]]
    assert {"lambda", "sqs", "s3", "stepfunctions"} <= set(services) and services == sorted(set(services))
    where = [p["Value"] for page in pages.paginate(Path=root + "/services/sqs/regions") for p in page["Parameters"]]
    assert "eu-west-1" in where
    got = ssm.get_parameters(Names=[root + "/services/sqs/longName", "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"])
    assert got["Parameters"][0]["Value"] == "Amazon Simple Queue Service"
    assert got["InvalidParameters"] == ["/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"]
    with pytest.raises(ssm.exceptions.ClientError):
        ssm.put_parameter(Name=root + "/regions/eu-west-1", Value="x", Type="String")
