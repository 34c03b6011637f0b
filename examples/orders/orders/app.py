"""The API's two functions: one takes an order, one shows what became of it."""
import json
import os
import uuid

import boto3
from botocore.exceptions import ClientError

sqs = boto3.client("sqs")
s3 = boto3.client("s3")


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def place(event, context):
    try:
        order = json.loads(event["body"] or "{}")
        quantity = int(order["quantity"])
    except (ValueError, KeyError, TypeError):
        return answer(400, {"error": "an order has an item and a quantity"})
    order = {"id": str(uuid.uuid4()), "item": order.get("item", "coffee"), "quantity": quantity}
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(order))
    print("placed", order["id"])
    return answer(202, order)


def show(event, context):
    key = event["pathParameters"]["id"] + ".json"
    try:
        body = s3.get_object(Bucket=os.environ["RECEIPTS"], Key=key)["Body"].read()
    except ClientError as e:
        if e.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):  # without ListBucket, absent reads as denied
            return answer(404, {"status": "not yet"})
        raise
    return answer(200, json.loads(body))
