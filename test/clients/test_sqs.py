"""Amazon SQS through boto3 (json), the query protocol and the AWS CLI."""
import hashlib
import json
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
import urllib3


@pytest.fixture(scope="module")
def sqs(server):
    return server.client("sqs")


def fails(code, fn, **kw):
    with pytest.raises(botocore.exceptions.ClientError) as e:
        fn(**kw)
    assert e.value.response["Error"]["Code"] == code, e.value
    return e.value.response


def arn(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_create_is_idempotent_and_tells_what_differs(sqs):
    a = sqs.create_queue(QueueName="same", Attributes={"DelaySeconds": "3"})["QueueUrl"]
    assert sqs.create_queue(QueueName="same", Attributes={"DelaySeconds": "3"})["QueueUrl"] == a
    assert sqs.create_queue(QueueName="same")["QueueUrl"] == a
    r = fails("QueueAlreadyExists", sqs.create_queue, QueueName="same", Attributes={"DelaySeconds": "4"})
    assert r["Error"]["Message"] == "A queue already exists with the same name and a different value for attribute DelaySeconds"
    fails("InvalidParameterValue", sqs.create_queue, QueueName="not a name")
    fails("InvalidAttributeName", sqs.create_queue, QueueName="x", Attributes={"Nonsense": "1"})
    fails("InvalidAttributeValue", sqs.create_queue, QueueName="x", Attributes={"DelaySeconds": "901"})
    fails("NotImplemented", sqs.create_queue, QueueName="x.fifo", Attributes={"FifoQueue": "true"})


def test_defaults(sqs):
    u = sqs.create_queue(QueueName="defaults")["QueueUrl"]
    a = sqs.get_queue_attributes(QueueUrl=u, AttributeNames=["All"])["Attributes"]
    assert (a["VisibilityTimeout"], a["MaximumMessageSize"], a["MessageRetentionPeriod"], a["DelaySeconds"]) == ("30", "1048576", "345600", "0")
    assert a["QueueArn"] == "arn:aws:sqs:eu-west-1:000000000000:defaults" and a["SqsManagedSseEnabled"] == "true"
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=u)
    fails("InvalidAttributeName", sqs.get_queue_attributes, QueueUrl=u, AttributeNames=["Bogus"])


def test_message_with_attributes(sqs):
    u = sqs.create_queue(QueueName="attrs")["QueueUrl"]
    body = "grüße & <xml>"
    sent = sqs.send_message(QueueUrl=u, MessageBody=body, MessageAttributes={
        "n": {"DataType": "Number", "StringValue": "3.5"}, "b": {"DataType": "Binary.gif", "BinaryValue": b"\x00\x01"}, "s": {"DataType": "String", "StringValue": "x"}})
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()  # botocore checks the attributes' sum itself
    assert "Messages" not in sqs.receive_message(QueueUrl=sqs.create_queue(QueueName="empty")["QueueUrl"])
    m = sqs.receive_message(QueueUrl=u, MessageAttributeNames=["All"], AttributeNames=["All"])["Messages"][0]
    assert m["Body"] == body and m["MessageId"] == sent["MessageId"] and m["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\x01"
    assert m["Attributes"]["ApproximateReceiveCount"] == "1" and m["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert "Messages" not in sqs.receive_message(QueueUrl=u)  # in flight
    sqs.change_message_visibility(QueueUrl=u, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=u)["Messages"][0]
    assert again["MessageId"] == m["MessageId"]
    sqs.delete_message(QueueUrl=u, ReceiptHandle=m["ReceiptHandle"])  # an old standard handle deletes
    sqs.delete_message(QueueUrl=u, ReceiptHandle=m["ReceiptHandle"])
    fails("AWS.SimpleQueueService.MessageNotInflight", sqs.change_message_visibility, QueueUrl=u, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=5)
    fails("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=u, ReceiptHandle="bogus")
    other = sqs.create_queue(QueueName="other")["QueueUrl"]
    fails("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=other, ReceiptHandle=m["ReceiptHandle"])


def test_refusals(sqs):
    u = sqs.create_queue(QueueName="refusals", Attributes={"MaximumMessageSize": "1024"})["QueueUrl"]
    fails("MissingParameter", sqs.send_message, QueueUrl=u, MessageBody="")
    r = fails("InvalidParameterValue", sqs.send_message, QueueUrl=u, MessageBody="x" * 1025)
    assert r["Error"]["Message"] == "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    fails("InvalidMessageContents", sqs.send_message, QueueUrl=u, MessageBody="\x01")
    fails("InvalidParameterValue", sqs.send_message, QueueUrl=u, MessageBody="x", DelaySeconds=901)
    fails("InvalidParameterValue", sqs.receive_message, QueueUrl=u, WaitTimeSeconds=21)
    r = fails("InvalidParameterValue", sqs.receive_message, QueueUrl=u, MaxNumberOfMessages=11)
    assert r["Error"]["Message"] == "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
    fails("InvalidParameterValue", sqs.send_message, QueueUrl=u, MessageBody="x", MessageAttributes={str(i): {"DataType": "String", "StringValue": "x"} for i in range(11)})
    fails("AWS.SimpleQueueService.NonExistentQueue", sqs.send_message, QueueUrl=u + "x", MessageBody="x")
    fails("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="nowhere")
    fails("AWS.SimpleQueueService.EmptyBatchRequest", sqs.send_message_batch, QueueUrl=u, Entries=[])
    fails("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", sqs.send_message_batch, QueueUrl=u, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(11)])
    fails("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", sqs.send_message_batch, QueueUrl=u, Entries=[{"Id": "a", "MessageBody": "x"}] * 2)
    fails("AWS.SimpleQueueService.InvalidBatchEntryId", sqs.send_message_batch, QueueUrl=u, Entries=[{"Id": "a b", "MessageBody": "x"}])
    r = fails("AWS.SimpleQueueService.BatchRequestTooLong", sqs.send_message_batch, QueueUrl=u, Entries=[{"Id": str(i), "MessageBody": "x" * 524289} for i in range(2)])
    assert r["Error"]["Message"] == "Batch requests cannot be longer than 1048576 bytes. You have sent 1048578 bytes."


def test_batches_answer_entry_by_entry(sqs):
    u = sqs.create_queue(QueueName="batch")["QueueUrl"]
    r = sqs.send_message_batch(QueueUrl=u, Entries=[{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "x", "DelaySeconds": 1000}])
    assert [x["Id"] for x in r["Successful"]] == ["good"] and r["Failed"][0]["Code"] == "InvalidParameterValue" and r["Failed"][0]["SenderFault"]
    m = sqs.receive_message(QueueUrl=u, MaxNumberOfMessages=10)["Messages"]
    r = sqs.change_message_visibility_batch(QueueUrl=u, Entries=[{"Id": "a", "ReceiptHandle": m[0]["ReceiptHandle"], "VisibilityTimeout": 60}, {"Id": "b", "ReceiptHandle": "?", "VisibilityTimeout": 1}])
    assert r["Successful"][0]["Id"] == "a" and r["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"
    r = sqs.delete_message_batch(QueueUrl=u, Entries=[{"Id": "a", "ReceiptHandle": m[0]["ReceiptHandle"]}, {"Id": "b", "ReceiptHandle": "?"}])
    assert r["Successful"][0]["Id"] == "a" and r["Failed"][0]["Id"] == "b"


def test_long_poll_wakes_at_once(sqs):
    u = sqs.create_queue(QueueName="poll")["QueueUrl"]
    got = {}

    def wait():
        got["m"] = sqs.receive_message(QueueUrl=u, WaitTimeSeconds=20).get("Messages")
        got["at"] = time.monotonic()
    t = threading.Thread(target=wait)
    t.start()
    time.sleep(0.5)
    sent = time.monotonic()
    sqs.send_message(QueueUrl=u, MessageBody="wake")
    t.join(15)
    assert got["m"][0]["Body"] == "wake" and got["at"] - sent < 5
    began = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=u, WaitTimeSeconds=1)
    assert time.monotonic() - began >= 0.9


def test_delay_and_visibility(sqs):
    u = sqs.create_queue(QueueName="delay", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    sqs.send_message(QueueUrl=u, MessageBody="late", DelaySeconds=1)
    a = sqs.get_queue_attributes(QueueUrl=u, AttributeNames=["All"])["Attributes"]
    assert a["ApproximateNumberOfMessagesDelayed"] == "1" and a["ApproximateNumberOfMessages"] == "0"
    assert "Messages" not in sqs.receive_message(QueueUrl=u)
    assert sqs.receive_message(QueueUrl=u, WaitTimeSeconds=5)["Messages"][0]["Body"] == "late"
    assert sqs.get_queue_attributes(QueueUrl=u, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert sqs.receive_message(QueueUrl=u, WaitTimeSeconds=5)["Messages"][0]["Body"] == "late"


def test_dead_letters_and_move(sqs):
    d = sqs.create_queue(QueueName="dead")["QueueUrl"]
    u = sqs.create_queue(QueueName="source", Attributes={"VisibilityTimeout": "0", "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn(sqs, d), "maxReceiveCount": 2})})["QueueUrl"]
    sent = sqs.send_message(QueueUrl=u, MessageBody="poison")
    for _ in range(2):
        assert sqs.receive_message(QueueUrl=u)["Messages"][0]["MessageId"] == sent["MessageId"]
    assert "Messages" not in sqs.receive_message(QueueUrl=u)
    m = sqs.receive_message(QueueUrl=d, AttributeNames=["All"], VisibilityTimeout=0)["Messages"][0]
    assert m["MessageId"] == sent["MessageId"] and m["Attributes"]["DeadLetterQueueSourceArn"] == arn(sqs, u)
    assert sqs.list_dead_letter_source_queues(QueueUrl=d)["queueUrls"] == [u]
    fails("InvalidParameterValue", sqs.start_message_move_task, SourceArn=arn(sqs, u))
    sqs.start_message_move_task(SourceArn=arn(sqs, d))
    for _ in range(100):
        task = sqs.list_message_move_tasks(SourceArn=arn(sqs, d))["Results"][0]
        if task["Status"] == "COMPLETED":
            break
        time.sleep(0.1)
    assert task["Status"] == "COMPLETED" and task["ApproximateNumberOfMessagesMoved"] == 1
    back = sqs.receive_message(QueueUrl=u, AttributeNames=["All"])["Messages"][0]
    # A redriven message is a new one (Amazon SQS Developer Guide, Dead-letter queue redrive).
    assert back["Body"] == "poison" and back["MessageId"] != sent["MessageId"] and back["Attributes"]["ApproximateReceiveCount"] == "1"


def test_purge_and_delete(sqs):
    u = sqs.create_queue(QueueName="purge")["QueueUrl"]
    for i in range(3):
        sqs.send_message_batch(QueueUrl=u, Entries=[{"Id": str(j), "MessageBody": "x"} for j in range(10)])
    sqs.purge_queue(QueueUrl=u)
    assert "Messages" not in sqs.receive_message(QueueUrl=u)
    fails("AWS.SimpleQueueService.PurgeQueueInProgress", sqs.purge_queue, QueueUrl=u)
    sqs.send_message(QueueUrl=u, MessageBody="after")
    assert sqs.receive_message(QueueUrl=u)["Messages"][0]["Body"] == "after"
    sqs.delete_queue(QueueUrl=u)
    fails("AWS.SimpleQueueService.NonExistentQueue", sqs.receive_message, QueueUrl=u)
    u = sqs.create_queue(QueueName="purge")["QueueUrl"]
    assert "Messages" not in sqs.receive_message(QueueUrl=u)


def test_lists_tags_and_permissions(sqs):
    urls = [sqs.create_queue(QueueName=f"list-{i}")["QueueUrl"] for i in range(5)]
    p = sqs.get_paginator("list_queues").paginate(QueueNamePrefix="list-", PaginationConfig={"PageSize": 2})
    assert [u for page in p for u in page["QueueUrls"]] == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="none-")
    token = sqs.list_queues(QueueNamePrefix="list-", MaxResults=2)["NextToken"]
    fails("InvalidParameterValue", sqs.list_queues, QueueNamePrefix="other", MaxResults=2, NextToken=token)
    sqs.tag_queue(QueueUrl=urls[0], Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=urls[0], TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=urls[0])["Tags"] == {"b": "2"}
    sqs.add_permission(QueueUrl=urls[0], Label="l", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    fails("InvalidParameterValue", sqs.add_permission, QueueUrl=urls[0], Label="l", AWSAccountIds=["111122223333"], Actions=["SendMessage"])
    doc = json.loads(sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=["Policy"])["Attributes"]["Policy"])
    assert doc["Statement"][0]["Action"] == "SQS:SendMessage" and doc["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    sqs.remove_permission(QueueUrl=urls[0], Label="l")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=["Policy"]) or "Policy" not in sqs.get_queue_attributes(QueueUrl=urls[0], AttributeNames=["Policy"])["Attributes"]


def test_accounts_are_apart(server, sqs):
    u = sqs.create_queue(QueueName="mine")["QueueUrl"]
    other = server.client("sqs", key="123456789012")
    assert "QueueUrls" not in other.list_queues()
    fails("AccessDenied", other.send_message, QueueUrl=u, MessageBody="x")
    fails("AccessDenied", other.delete_queue, QueueUrl=u)


def query(server, body, sign=True):
    h = {"Content-Type": "application/x-www-form-urlencoded"}
    r = botocore.awsrequest.AWSRequest("POST", server.endpoint + "/", data=body, headers=h)
    if sign:
        botocore.auth.SigV4Auth(botocore.credentials.Credentials("test", "test"), "sqs", "eu-west-1").add_auth(r)
    return urllib3.PoolManager().request("POST", server.endpoint + "/", body=body, headers=dict(r.headers))


def test_query_protocol(server):
    r = query(server, "Action=CreateQueue&Version=2012-11-05&QueueName=old&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0&Tag.1.Key=k&Tag.1.Value=v")
    assert r.status == 200, r.data
    text = r.data.decode()
    assert text.startswith('<CreateQueueResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><CreateQueueResult><QueueUrl>'), text
    url = urllib.parse.quote(text.split("<QueueUrl>")[1].split("<")[0])
    r = query(server, f"Action=SendMessage&Version=2012-11-05&QueueUrl={url}&MessageBody=hi%20you&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=b")
    assert "<MD5OfMessageBody>" + hashlib.md5(b"hi you").hexdigest() in r.data.decode(), r.data
    r = query(server, f"Action=ReceiveMessage&Version=2012-11-05&QueueUrl={url}&AttributeName.1=All&MessageAttributeName.1=All")
    text = r.data.decode()
    assert "<ReceiveMessageResult><Message><MessageId>" in text and "<Body>hi you</Body>" in text, text
    assert "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>" in text, text
    assert "<MessageAttribute><Name>a</Name><Value>" in text, text
    r = query(server, "Action=GetQueueUrl&Version=2012-11-05&QueueName=nope")
    assert r.status == 400 and "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in r.data.decode(), r.data
    assert query(server, "Action=Nonsense&Version=2012-11-05").status == 400
    assert query(server, "Action=ListQueues&Version=2012-11-05", sign=False).status == 403


def test_cli(server):
    r = server.aws("sqs", "create-queue", "--queue-name", "cli", "--attributes", "VisibilityTimeout=5")
    assert r.returncode == 0, r.stderr
    url = json.loads(r.stdout)["QueueUrl"]
    assert server.aws("sqs", "send-message", "--queue-url", url, "--message-body", "from the cli").returncode == 0
    r = server.aws("sqs", "receive-message", "--queue-url", url)
    assert json.loads(r.stdout)["Messages"][0]["Body"] == "from the cli", r.stderr
    r = server.aws("sqs", "get-queue-url", "--queue-name", "nope")
    assert r.returncode != 0 and "NonExistentQueue" in r.stderr
