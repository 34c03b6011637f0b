"""IAM through boto3: users, groups, roles, policies, keys, the simulator, and that policies decide calls."""
import json

import botocore.exceptions
import pytest

ACCOUNT = "000000000000"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def trust(*aws):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": list(aws)}, "Action": "sts:AssumeRole"}]})


def doc(action="s3:GetObject", resource="*", effect="Allow", **kw):
    return json.dumps({"Version": "2012-10-17", "Statement": [dict({"Effect": effect, "Action": action, "Resource": resource}, **kw)]})


def fails(code, message, fn, **kw):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        fn(**kw)
    err = e.value.response["Error"]
    assert err["Code"] == code, err
    if message is not None:
        assert err["Message"] == message
    return e.value.response


@pytest.fixture(scope="module")
def iam(server):
    return server.client("iam")


def test_role_life(iam):
    r = iam.create_role(RoleName="Life", Path="/app/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="d", Tags=[{"Key": "team", "Value": "a"}])["Role"]
    assert r["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/app/Life" and r["RoleId"].startswith("AROA") and len(r["RoleId"]) == 21
    assert r["AssumeRolePolicyDocument"] == TRUST and r["Tags"] == [{"Key": "team", "Value": "a"}] and "MaxSessionDuration" not in r
    fails("EntityAlreadyExists", "Role with name LIFE already exists.", iam.create_role, RoleName="LIFE", AssumeRolePolicyDocument=json.dumps(TRUST))
    g = iam.get_role(RoleName="Life")["Role"]
    assert g["MaxSessionDuration"] == 3600 and g["RoleLastUsed"] == {} and g["Description"] == "d"
    iam.update_role(RoleName="Life", Description="e", MaxSessionDuration=7200)
    assert iam.get_role(RoleName="Life")["Role"]["MaxSessionDuration"] == 7200
    l = iam.list_roles(PathPrefix="/app/")
    assert [x["RoleName"] for x in l["Roles"]] == ["Life"] and l["IsTruncated"] is False and "Tags" not in l["Roles"][0]
    assert iam.list_instance_profiles_for_role(RoleName="Life")["InstanceProfiles"] == []
    iam.put_role_policy(RoleName="Life", PolicyName="p", PolicyDocument=doc("apigateway:PUT", "arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway"))
    assert iam.get_role_policy(RoleName="Life", PolicyName="p")["PolicyDocument"]["Statement"][0]["Resource"].endswith("arn%3Aaws%3Aapigateway")
    iam.attach_role_policy(RoleName="Life", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    iam.attach_role_policy(RoleName="Life", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    assert [p["PolicyName"] for p in iam.list_attached_role_policies(RoleName="Life")["AttachedPolicies"]] == ["AWSLambdaBasicExecutionRole"]
    fails("DeleteConflict", "Cannot delete entity, must detach all policies first.", iam.delete_role, RoleName="Life")
    iam.detach_role_policy(RoleName="Life", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    fails("DeleteConflict", "Cannot delete entity, must delete policies first.", iam.delete_role, RoleName="Life")
    fails("NoSuchEntity", "The role policy with name q cannot be found.", iam.delete_role_policy, RoleName="Life", PolicyName="q")
    iam.delete_role_policy(RoleName="Life", PolicyName="p")
    iam.delete_role(RoleName="Life")
    r = fails("NoSuchEntity", "The role with name Life cannot be found.", iam.get_role, RoleName="Life")
    assert r["ResponseMetadata"]["HTTPStatusCode"] == 404 and r["Error"]["Type"] == "Sender"


def test_malformed_documents(iam):
    fails("MalformedPolicyDocument", "This policy contains invalid Json", iam.create_role, RoleName="bad", AssumeRolePolicyDocument="{")
    fails("MalformedPolicyDocument", None, iam.create_role, RoleName="bad", AssumeRolePolicyDocument=doc())
    fails("MalformedPolicyDocument", "Syntax errors in policy.", iam.create_policy, PolicyName="bad", PolicyDocument="{")
    fails("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:user/nobody"', iam.create_role, RoleName="bad", AssumeRolePolicyDocument=trust(f"arn:aws:iam::{ACCOUNT}:user/nobody"))
    fails("LimitExceeded", "Cannot exceed quota for PolicySize: 6144", iam.create_policy, PolicyName="bad", PolicyDocument=doc("s3:" + "x" * 6200))
    fails("ValidationError", None, iam.create_role, RoleName="no spaces", AssumeRolePolicyDocument=json.dumps(TRUST))
    fails("ValidationError", None, iam.create_role, RoleName="bad", Path="app", AssumeRolePolicyDocument=json.dumps(TRUST))


def test_users_groups_and_keys(iam, server):
    u = iam.create_user(UserName="ann", Path="/x/")["User"]
    assert u["UserId"].startswith("AIDA") and u["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/x/ann" and "Tags" not in u
    iam.create_group(GroupName="devs")
    for _ in range(2):
        iam.add_user_to_group(GroupName="devs", UserName="ann")
    assert [x["UserName"] for x in iam.get_group(GroupName="devs")["Users"]] == ["ann"]
    assert [x["GroupName"] for x in iam.list_groups_for_user(UserName="ann")["Groups"]] == ["devs"]
    fails("DeleteConflict", "Cannot delete entity, must remove users from group first.", iam.delete_group, GroupName="devs")
    k = iam.create_access_key(UserName="ann")["AccessKey"]
    assert k["AccessKeyId"].startswith("AKIA") and k["Status"] == "Active" and len(k["SecretAccessKey"]) == 40
    k2 = iam.create_access_key(UserName="ann")["AccessKey"]
    fails("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", iam.create_access_key, UserName="ann")
    iam.delete_access_key(UserName="ann", AccessKeyId=k2["AccessKeyId"])
    assert [x["AccessKeyId"] for x in iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]] == [k["AccessKeyId"]]
    used = iam.get_access_key_last_used(AccessKeyId=k["AccessKeyId"])
    assert used["UserName"] == "ann" and used["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    me = dict(key=k["AccessKeyId"], secret=k["SecretAccessKey"])
    assert server.client("sts", **me).get_caller_identity()["Arn"] == u["Arn"]
    mine = server.client("iam", **me)
    fails("AccessDenied", None, mine.get_user)
    iam.put_group_policy(GroupName="devs", PolicyName="self", PolicyDocument=doc("iam:GetUser", "arn:aws:iam::*:user/x/${aws:username}"))
    assert mine.get_user()["User"]["UserName"] == "ann"
    fails("AccessDenied", None, mine.list_users)
    iam.update_user(UserName="ann", NewUserName="Anna")
    assert server.client("sts", **me).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/x/Anna"
    assert mine.get_user()["User"]["UserName"] == "Anna"
    iam.update_access_key(UserName="Anna", AccessKeyId=k["AccessKeyId"], Status="Inactive")
    fails("InvalidClientTokenId", None, mine.get_user)
    fails("DeleteConflict", "Cannot delete entity, must delete access keys first.", iam.delete_user, UserName="Anna")
    iam.delete_access_key(UserName="Anna", AccessKeyId=k["AccessKeyId"])
    iam.remove_user_from_group(GroupName="devs", UserName="Anna")
    iam.delete_group_policy(GroupName="devs", PolicyName="self")
    iam.delete_group(GroupName="devs")
    iam.delete_user(UserName="Anna")
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_managed_policies(iam):
    p = iam.create_policy(PolicyName="Pol", Path="/a/", Description="what", PolicyDocument=doc())["Policy"]
    arn = p["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/a/Pol" and p["PolicyId"].startswith("ANPA") and p["DefaultVersionId"] == "v1" and p["AttachmentCount"] == 0
    fails("EntityAlreadyExists", "A policy called Pol already exists. Duplicate names are not allowed.", iam.create_policy, PolicyName="Pol", PolicyDocument=doc())
    g = iam.get_policy(PolicyArn=arn)["Policy"]
    assert g["Description"] == "what" and g["Tags"] == [] and g["IsAttachable"] is True
    for i in range(4):
        v = iam.create_policy_version(PolicyArn=arn, PolicyDocument=doc(f"s3:Get{i}"), SetAsDefault=i == 3)["PolicyVersion"]
    assert v["VersionId"] == "v5" and v["IsDefaultVersion"]
    fails("LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.", iam.create_policy_version, PolicyArn=arn, PolicyDocument=doc())
    assert [v["VersionId"] for page in iam.get_paginator("list_policy_versions").paginate(PolicyArn=arn, PaginationConfig={"PageSize": 2}) for v in page["Versions"]] == ["v5", "v4", "v3", "v2", "v1"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v5")["PolicyVersion"]["Document"]["Statement"][0]["Action"] == "s3:Get3"
    fails("DeleteConflict", "Cannot delete the default version of a policy.", iam.delete_policy_version, PolicyArn=arn, VersionId="v5")
    fails("NoSuchEntity", f"Policy {arn} version v9 does not exist or is not attachable.", iam.get_policy_version, PolicyArn=arn, VersionId="v9")
    iam.create_role(RoleName="ForPol", AssumeRolePolicyDocument=json.dumps(TRUST), PermissionsBoundary=arn)
    iam.attach_role_policy(RoleName="ForPol", PolicyArn=arn)
    p = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (p["AttachmentCount"], p["PermissionsBoundaryUsageCount"]) == (1, 1)
    assert iam.get_role(RoleName="ForPol")["Role"]["PermissionsBoundary"] == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    e = iam.list_entities_for_policy(PolicyArn=arn)
    assert [r["RoleName"] for r in e["PolicyRoles"]] == ["ForPol"] and e["PolicyUsers"] == []
    fails("DeleteConflict", "Cannot delete a policy attached to entities.", iam.delete_policy, PolicyArn=arn)
    iam.detach_role_policy(RoleName="ForPol", PolicyArn=arn)
    fails("NoSuchEntity", f"Policy {arn} was not found.", iam.detach_role_policy, RoleName="ForPol", PolicyArn=arn)
    iam.delete_role_permissions_boundary(RoleName="ForPol")
    fails("DeleteConflict", None, iam.delete_policy, PolicyArn=arn)
    for v in ["v1", "v2", "v3", "v4"]:
        iam.delete_policy_version(PolicyArn=arn, VersionId=v)
    fails("ValidationError", "Invalid ARN:  Could not be parsed!", iam.attach_role_policy, RoleName="ForPol", PolicyArn="longpolicynamebutnoarn")
    fails("NoSuchEntity", f"Policy {arn}123 does not exist or is not attachable.", iam.attach_role_policy, RoleName="ForPol", PolicyArn=arn + "123")
    fails("NoSuchEntity", "Policy arn:aws:iam::aws:policy/NoSuchThing does not exist or is not attachable.", iam.attach_role_policy, RoleName="ForPol", PolicyArn="arn:aws:iam::aws:policy/NoSuchThing")
    fails("AccessDenied", None, iam.delete_policy, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.delete_role(RoleName="ForPol")
    iam.delete_policy(PolicyArn=arn)
    fails("NoSuchEntity", f"Policy {arn} was not found.", iam.delete_policy, PolicyArn=arn)


def test_lists_of_policies(iam):
    for i in range(3):
        iam.create_policy(PolicyName=f"list{i}", PolicyDocument=doc())
    pages = list(iam.get_paginator("list_policies").paginate(Scope="All", PaginationConfig={"PageSize": 1000}))
    names = [p["Arn"] for page in pages for p in page["Policies"]]
    assert len(names) == len(set(names)) > 1000 and pages[0]["IsTruncated"]
    assert "arn:aws:iam::aws:policy/AdministratorAccess" in names
    local = [p["PolicyName"] for page in iam.get_paginator("list_policies").paginate(Scope="Local", PaginationConfig={"PageSize": 2}) for p in page["Policies"]]
    assert local == ["list0", "list1", "list2"]
    assert iam.list_policies(OnlyAttached=True, Scope="Local")["Policies"] == []
    doc1 = iam.get_policy_version(PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess", VersionId="v1")["PolicyVersion"]["Document"]
    assert doc1["Statement"][0]["Action"] == "*"
    fails("ValidationError", "Invalid Marker.", iam.list_policies, Marker="bogus")


def test_limits(iam):
    iam.create_role(RoleName="limits", AssumeRolePolicyDocument=json.dumps(TRUST))
    arns = [iam.create_policy(PolicyName=f"limit{i}", PolicyDocument=doc())["Policy"]["Arn"] for i in range(11)]
    for a in arns[:10]:
        iam.attach_role_policy(RoleName="limits", PolicyArn=a)
    fails("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10", iam.attach_role_policy, RoleName="limits", PolicyArn=arns[10])
    iam.put_role_policy(RoleName="limits", PolicyName="big", PolicyDocument=doc("s3:" + "x" * 6000))
    fails("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role limits", iam.put_role_policy, RoleName="limits", PolicyName="big2", PolicyDocument=doc("s3:" + "x" * 6000))
    iam.put_role_policy(RoleName="limits", PolicyName="small", PolicyDocument=" " * 100000 + doc())
    assert iam.list_role_policies(RoleName="limits")["PolicyNames"] == ["big", "small"]
    iam.create_user(UserName="joiner")
    for i in range(11):
        iam.create_group(GroupName=f"g{i}")
    for i in range(10):
        iam.add_user_to_group(GroupName=f"g{i}", UserName="joiner")
    fails("LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10", iam.add_user_to_group, GroupName="g10", UserName="joiner")


def test_tags(iam):
    iam.create_user(UserName="tagged", Tags=[{"Key": "b", "Value": "1"}])
    iam.tag_user(UserName="tagged", Tags=[{"Key": "a", "Value": "2"}, {"Key": "B", "Value": "3"}])
    assert iam.list_user_tags(UserName="tagged")["Tags"] == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    iam.untag_user(UserName="tagged", TagKeys=["A"])
    assert iam.get_user(UserName="tagged")["User"]["Tags"] == [{"Key": "b", "Value": "3"}]
    fails("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", iam.tag_user, UserName="tagged", Tags=[{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}])
    iam.tag_user(UserName="tagged", Tags=[{"Key": f"k{i}", "Value": ""} for i in range(49)])
    fails("LimitExceeded", None, iam.tag_user, UserName="tagged", Tags=[{"Key": "one more", "Value": ""}])


def test_trust_by_unique_id(iam, server):
    user = iam.create_user(UserName="trusted")["User"]
    iam.create_role(RoleName="truster", AssumeRolePolicyDocument=trust(user["Arn"]))
    role = f"arn:aws:iam::{ACCOUNT}:role/truster"

    def sts():
        k = iam.create_access_key(UserName="trusted")["AccessKey"]
        return k["AccessKeyId"], server.client("sts", key=k["AccessKeyId"], secret=k["SecretAccessKey"])

    key, c = sts()
    s = c.assume_role(RoleArn=role, RoleSessionName="se")
    assert s["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/truster/se"
    iam.delete_access_key(UserName="trusted", AccessKeyId=key)
    iam.delete_user(UserName="trusted")
    p = iam.get_role(RoleName="truster")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert p == {"AWS": [user["UserId"]]}
    iam.create_user(UserName="trusted")
    _, c = sts()
    fails("AccessDenied", None, c.assume_role, RoleArn=role, RoleSessionName="se")
    iam.update_assume_role_policy(RoleName="truster", PolicyDocument=trust(user["Arn"]))
    c.assume_role(RoleArn=role, RoleSessionName="se")
    fails("ValidationError", None, c.assume_role, RoleArn=role, RoleSessionName="se", DurationSeconds=7200)
    fails("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{user["UserId"]}"', iam.update_assume_role_policy, RoleName="truster", PolicyDocument=trust(user["UserId"]))


def test_role_session_and_boundary(iam, server):
    user = iam.create_user(UserName="boss")["User"]
    k = iam.create_access_key(UserName="boss")["AccessKey"]
    sts = server.client("sts", key=k["AccessKeyId"], secret=k["SecretAccessKey"])
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust(user["Arn"]))
    iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=doc(["ssm:*", "iam:List*"]))

    def session():
        c = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/worker", RoleSessionName="work")["Credentials"]
        return dict(key=c["AccessKeyId"], secret=c["SecretAccessKey"], aws_session_token=c["SessionToken"])

    kw = session()
    server.client("ssm", **kw).put_parameter(Name="/boundary", Value="1", Type="String")
    server.client("iam", **kw).list_users()
    b = iam.create_policy(PolicyName="fence", PolicyDocument=doc("ssm:Get*"))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="worker", PermissionsBoundary=b)
    server.client("ssm", **kw).get_parameter(Name="/boundary")
    fails("AccessDenied", None, server.client("iam", **kw).list_users)
    iam.delete_role_permissions_boundary(RoleName="worker")
    server.client("iam", **kw).list_users()
    iam.delete_role_policy(RoleName="worker", PolicyName="all")
    iam.delete_role(RoleName="worker")
    iam.create_role(RoleName="worker", AssumeRolePolicyDocument=trust(user["Arn"]))
    iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=doc("*"))
    fails("InvalidClientTokenId", None, server.client("iam", **kw).list_users)  # the session is of another role
    server.client("iam", **session()).list_users()


@pytest.mark.parametrize("kind", ["role", "group", "user"])
def test_simulate_principal_policy(iam, kind):
    arn = iam.create_policy(PolicyName="sim-" + kind, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": {"Sid": "", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}))["Policy"]["Arn"]
    name = "simulated-" + kind
    if kind == "role":
        source = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    elif kind == "group":
        source = iam.create_group(GroupName=name)["Group"]["Arn"]
        iam.attach_group_policy(GroupName=name, PolicyArn=arn)
    else:
        source = iam.create_user(UserName=name)["User"]["Arn"]
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
    r = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=["s3:PutObject", "s3:GetObjectVersion"], ResourceArns=["arn:aws:s3:::bucket"])
    statement = {"SourcePolicyId": "sim-" + kind, "SourcePolicyType": "IAM Policy", "StartPosition": {"Line": 1, "Column": 41}, "EndPosition": {"Line": 1, "Column": 113}}
    yes = {"EvalActionName": "s3:PutObject", "EvalDecision": "allowed", "EvalDecisionDetails": {}, "EvalResourceName": "arn:aws:s3:::bucket", "MatchedStatements": [statement],
           "MissingContextValues": [], "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
           "ResourceSpecificResults": [{"EvalResourceDecision": "allowed", "EvalResourceName": "arn:aws:s3:::bucket", "MatchedStatements": [statement], "MissingContextValues": []}]}
    no = {"EvalActionName": "s3:GetObjectVersion", "EvalDecision": "implicitDeny", "EvalDecisionDetails": {}, "EvalResourceName": "arn:aws:s3:::bucket", "MatchedStatements": [],
          "MissingContextValues": [], "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
          "ResourceSpecificResults": [{"EvalResourceDecision": "implicitDeny", "EvalResourceName": "arn:aws:s3:::bucket", "MatchedStatements": [], "MissingContextValues": []}]}
    assert r["EvaluationResults"] == [yes, no] and r["IsTruncated"] is False


def test_simulate_custom_policy(iam):
    def decide(policies, actions=("sqs:SendMessage",), **kw):
        return iam.simulate_custom_policy(PolicyInputList=policies, ActionNames=list(actions), **kw)["EvaluationResults"]

    r = decide([doc("sqs:*"), doc("sqs:SendMessage", effect="Deny")])[0]
    assert r["EvalDecision"] == "explicitDeny" and [m["SourcePolicyId"] for m in r["MatchedStatements"]] == ["PolicyInputList.2"] and r["EvalResourceName"] == "*"
    conditional = doc("sqs:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}})
    r = decide([conditional])[0]
    assert r["EvalDecision"] == "implicitDeny" and r["MissingContextValues"] == ["aws:PrincipalTag/team"]
    r = decide([conditional], ContextEntries=[{"ContextKeyName": "aws:PrincipalTag/team", "ContextKeyValues": ["a"], "ContextKeyType": "string"}])[0]
    assert r["EvalDecision"] == "allowed"
    r = decide([doc("sqs:*")], PermissionsBoundaryPolicyInputList=[doc("s3:*")])[0]
    assert r["EvalDecision"] == "implicitDeny" and r["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    p = iam.get_paginator("simulate_custom_policy").paginate(PolicyInputList=[doc("sqs:*")], ActionNames=["sqs:A", "sqs:B", "sqs:C"], ResourceArns=["arn:aws:sqs:us-east-1:1:q", "arn:aws:sqs:us-east-1:1:r"], PaginationConfig={"PageSize": 4})
    assert [x["EvalActionName"][-1] + x["EvalResourceName"][-1] for page in p for x in page["EvaluationResults"]] == ["Aq", "Ar", "Bq", "Br", "Cq", "Cr"]
    fails("InvalidInput", None, iam.simulate_custom_policy, PolicyInputList=["{"], ActionNames=["sqs:A"])
    fails("NotImplemented", None, iam.simulate_custom_policy, PolicyInputList=[doc()], ActionNames=["ec2:RunInstances"], ResourceHandlingOption="EC2-VPC-InstanceStore")


def test_aliases_and_context_keys(iam, server):
    iam.create_account_alias(AccountAlias="first")
    iam.create_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == ["second"]
    fails("EntityAlreadyExists", None, server.client("iam", key="123456789012").create_account_alias, AccountAlias="second")
    server.client("iam", key="123456789012").create_account_alias(AccountAlias="first")
    fails("NoSuchEntity", None, iam.delete_account_alias, AccountAlias="first")
    iam.delete_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == []
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[doc(Condition={"Bool": {"aws:SecureTransport": "true"}})])["ContextKeyNames"] == ["aws:SecureTransport"]


def test_refusals(iam):
    fails("InvalidInput", None, iam.create_role, RoleName="slr", Path="/aws-service-role/x/", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_role(RoleName="plain", AssumeRolePolicyDocument=json.dumps(TRUST))
    fails("PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.", iam.attach_role_policy, RoleName="plain",
          PolicyArn="arn:aws:iam::aws:policy/aws-service-role/APIGatewayServiceRolePolicy")
    fails("NotImplemented", None, iam.create_access_key)
    fails("NoSuchEntity", "The user with name ghost cannot be found.", iam.create_access_key, UserName="ghost")


def test_command_line(server):
    r = server.aws("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", json.dumps(TRUST))
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["Role"]["AssumeRolePolicyDocument"] == TRUST
    r = server.aws("iam", "wait", "role-exists", "--role-name", "cli")
    assert r.returncode == 0, r.stderr


def test_accounts_are_apart(server, iam):
    other = server.client("iam", key="123456789012")
    other.create_user(UserName="only-there")
    fails("NoSuchEntity", "The user with name only-there cannot be found.", iam.get_user, UserName="only-there")
    iam.create_role(RoleName="across", AssumeRolePolicyDocument=trust("arn:aws:iam::123456789012:user/only-there", "123456789012"))
    fails("NotImplemented", None, iam.create_login_profile, UserName="x", Password="y")
