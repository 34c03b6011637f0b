"""S3 as boto3, its transfer manager and the AWS CLI use it."""
import base64
import hashlib
import io
import os
import threading
import time
import uuid
import zlib

import pytest
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import REGION


@pytest.fixture
def s3(server):
    return server.client("s3")


@pytest.fixture
def once(server):
    """A client that does not try again: BadDigest is what botocore repeats."""
    return server.client("s3", config=Config(retries={"max_attempts": 0}))


@pytest.fixture
def bucket(s3):
    name = "b-" + uuid.uuid4().hex[:20]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def code(e):
    return e.value.response["Error"]["Code"], e.value.response["ResponseMetadata"]["HTTPStatusCode"]


def refused(want, status, call, **kw):
    with pytest.raises(ClientError) as e:
        call(**kw)
    assert code(e) == (want, status), e.value
    return e.value.response


def raw(url, method="GET", data=None, headers=None):
    r = urllib3.PoolManager(retries=False).request(method, url, body=data, headers=headers or {})
    return r.status, r.data, r.headers


def test_bucket_rules(s3, server, bucket):
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == REGION
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION
    refused("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    refused("IllegalLocationConstraintException", 400, s3.create_bucket, Bucket=bucket + "x")
    other = server.client("s3", key="222222222222")
    refused("BucketAlreadyExists", 409, other.create_bucket, Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    refused("403", 403, other.head_bucket, Bucket=bucket)
    refused("AccessDenied", 403, other.list_objects_v2, Bucket=bucket)
    refused("404", 404, s3.head_bucket, Bucket="nobody-has-" + uuid.uuid4().hex[:12])
    refused("NoSuchBucket", 404, s3.get_object, Bucket="nobody-has-" + uuid.uuid4().hex[:12], Key="k")
    east = server.client("s3", region="us-east-1")
    name = "e-" + uuid.uuid4().hex[:20]
    for _ in range(2):
        assert east.create_bucket(Bucket=name)["Location"] == "/" + name
    assert east.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    # A client of another region is sent on, and follows.
    east.put_object(Bucket=name, Key="k", Body=b"east")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"east"
    for bad in ("Bad_Name", "a..b", "192.168.1.1", "xn--abc", "-abc"):
        refused("InvalidBucketName", 400, s3.create_bucket, Bucket=bad, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    page = s3.list_buckets(MaxBuckets=1)
    assert len(page["Buckets"]) == 1 and page["Buckets"][0]["BucketRegion"] and page["ContinuationToken"]
    assert s3.list_buckets(MaxBuckets=1, ContinuationToken=page["ContinuationToken"])["Buckets"][0]["Name"] != page["Buckets"][0]["Name"]


def test_put_get_head(s3, bucket):
    body = os.urandom(100_000)
    put = s3.put_object(Bucket=bucket, Key="a/b c+d.bin", Body=body, ContentType="text/plain", Metadata={"Some": "value", "other": "x"},
                        CacheControl="max-age=60", ContentDisposition="attachment", ContentLanguage="de", ContentEncoding="gzip", Tagging="k=v&x=")
    assert put["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    assert put["ServerSideEncryption"] == "AES256" and put["ChecksumCRC32"] and put["ChecksumType"] == "FULL_OBJECT"
    assert "VersionId" not in put
    got = s3.get_object(Bucket=bucket, Key="a/b c+d.bin")
    assert got["Body"].read() == body
    assert got["Metadata"] == {"some": "value", "other": "x"} and got["TagCount"] == 2
    assert (got["CacheControl"], got["ContentDisposition"], got["ContentLanguage"], got["ContentEncoding"], got["ContentType"]) == ("max-age=60", "attachment", "de", "gzip", "text/plain")
    head = s3.head_object(Bucket=bucket, Key="a/b c+d.bin")
    assert head["ContentLength"] == 100_000 and head["ETag"] == put["ETag"] and head["AcceptRanges"] == "bytes"
    over = s3.get_object(Bucket=bucket, Key="a/b c+d.bin", ResponseContentType="x/y", ResponseCacheControl="no")
    assert (over["ContentType"], over["CacheControl"]) == ("x/y", "no")
    for rng, want, total in [("bytes=0-8", body[:9], True), ("bytes=99999-", body[-1:], True), ("bytes=-5", body[-5:], True), ("bytes=5-3", body, False),
                             ("bytes=0-1,5-6", body, False), ("bytes=90000-900000", body[90000:], True)]:
        g = s3.get_object(Bucket=bucket, Key="a/b c+d.bin", Range=rng)
        assert g["Body"].read() == want, rng
        assert ("ContentRange" in g) == total
        assert g["ResponseMetadata"]["HTTPStatusCode"] == (206 if total else 200)
    refused("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="a/b c+d.bin", Range="bytes=100000-")
    refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="none")
    refused("404", 404, s3.head_object, Bucket=bucket, Key="none")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""
    attrs = s3.get_object_attributes(Bucket=bucket, Key="a/b c+d.bin", ObjectAttributes=["ETag", "ObjectSize", "Checksum", "StorageClass"])
    assert attrs["ObjectSize"] == 100_000 and attrs["StorageClass"] == "STANDARD" and attrs["ETag"] == put["ETag"].strip('"')
    assert s3.delete_object(Bucket=bucket, Key="a/b c+d.bin")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.delete_object(Bucket=bucket, Key="a/b c+d.bin")["ResponseMetadata"]["HTTPStatusCode"] == 204


@pytest.mark.parametrize("key", ["../../x", "a/../../../x", "%2e%2e/", "a//b", "/lead", "trail/", "./", "ümlaut/日本", "a\x01b", "sp ace+plus&amp;=?#", ".", "..", "x" * 1024])
def test_keys_are_bytes(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [o["Key"] for o in s3.list_objects(Bucket=bucket)["Contents"]] == [key]
    if "\x01" in key:  # XML 1.0 cannot carry it
        s3.delete_object(Bucket=bucket, Key=key)
    else:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_long_key(s3, bucket):
    refused("KeyTooLongError", 400, s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"")


def crc(data, poly, bits):
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (poly if i & 1 else 0)
        table.append(i)
    c = mask = (1 << bits) - 1
    for x in data:
        c = c >> 8 ^ table[(c ^ x) & 255]
    return (c ^ mask).to_bytes(bits // 8, "big")


SUMS = {"CRC32": lambda b: crc(b, 0xEDB88320, 32), "CRC32C": lambda b: crc(b, 0x82F63B78, 32), "CRC64NVME": lambda b: crc(b, 0x9A6C9329AC4BC9B5, 64),
        "SHA1": lambda b: hashlib.sha1(b).digest(), "SHA256": lambda b: hashlib.sha256(b).digest()}


@pytest.mark.parametrize("algo", SUMS)
def test_checksums(s3, once, bucket, algo):
    body = b"hello world" * 1000
    value = base64.b64encode(SUMS[algo](body)).decode()
    put = s3.put_object(Bucket=bucket, Key=algo, Body=body, **{"Checksum" + algo: value})
    assert put["Checksum" + algo] == value
    got = s3.get_object(Bucket=bucket, Key=algo, ChecksumMode="ENABLED")
    assert got["Checksum" + algo] == value and got["ChecksumType"] == "FULL_OBJECT" and got["Body"].read() == body
    refused("BadDigest", 400, once.put_object, Bucket=bucket, Key=algo, Body=body + b"!", **{"Checksum" + algo: value})
    assert s3.head_object(Bucket=bucket, Key=algo)["ContentLength"] == len(body)


def test_checksum_headers(s3, once, bucket):
    body = b"checked"
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumCRC32=crc)
    refused("BadDigest", 400, once.put_object, Bucket=bucket, Key="bad", Body=body + b"!", ChecksumCRC32=crc)
    refused("InvalidRequest", 400, s3.put_object, Bucket=bucket, Key="bad", Body=body, ChecksumSHA256="nonsense")
    refused("InvalidDigest", 400, once.put_object, Bucket=bucket, Key="bad", Body=body, ContentMD5="AAAA")
    refused("BadDigest", 400, once.put_object, Bucket=bucket, Key="bad", Body=body, ContentMD5=base64.b64encode(hashlib.md5(b"x").digest()).decode())
    refused("404", 404, s3.head_object, Bucket=bucket, Key="bad")


def test_trailer_of_a_stream(server, s3, bucket):
    class Stream(io.RawIOBase):  # not seekable: the checksum can only come behind it
        def __init__(self, n):
            self.left = n

        def readable(self):
            return True

        def read(self, n=-1):
            n = self.left if n is None or n < 0 else min(n, self.left)
            self.left -= n
            return b"z" * n
    s3.upload_fileobj(Stream(3_000_000), bucket, "stream", Config=TransferConfig(multipart_threshold=8 << 20))
    got = s3.get_object(Bucket=bucket, Key="stream", ChecksumMode="ENABLED")
    body = got["Body"].read()
    assert body == b"z" * 3_000_000 and "ContentEncoding" not in got
    assert got["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def test_conditions(s3, bucket):
    a = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    b = s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=a["ETag"])
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfMatch=a["ETag"])
    refused("NoSuchKey", 404, s3.put_object, Bucket=bucket, Key="none", Body=b"3", IfMatch=a["ETag"])
    refused("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"3", IfNoneMatch=a["ETag"])
    refused("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="k", IfMatch=a["ETag"])
    refused("304", 304, s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=b["ETag"])
    when = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    refused("304", 304, s3.head_object, Bucket=bucket, Key="k", IfModifiedSince=when)
    assert s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=when, IfMatch=b["ETag"])["Body"].read() == b"2"
    refused("PreconditionFailed", 412, s3.delete_object, Bucket=bucket, Key="k", IfMatch=a["ETag"])
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=b["ETag"])


def test_listing(s3, bucket):
    keys = sorted(["a", "a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c d+e", "z"])
    for k in keys:
        s3.put_object(Bucket=bucket, Key=k, Body=b"x")
    page = s3.get_paginator("list_objects_v2")
    for size in (1, 2, 3, 100):
        assert [o["Key"] for p in page.paginate(Bucket=bucket, PaginationConfig={"PageSize": size}) for o in p.get("Contents", [])] == keys
        got = [x for p in page.paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}) for x in
               [o["Key"] for o in p.get("Contents", [])] + [o["Prefix"] for o in p.get("CommonPrefixes", [])]]
        assert sorted(got) == ["a", "a/", "b/", "c d+e", "z"]
        old = s3.get_paginator("list_objects")
        got = [x for p in old.paginate(Bucket=bucket, Delimiter="/", Prefix="b/", PaginationConfig={"PageSize": size}) for x in
               [o["Key"] for o in p.get("Contents", [])] + [o["Prefix"] for o in p.get("CommonPrefixes", [])]]
        assert sorted(got) == ["b/x/", "b/y"]
    one = s3.list_objects_v2(Bucket=bucket, StartAfter="b/x/1", MaxKeys=2, FetchOwner=True)
    assert [o["Key"] for o in one["Contents"]] == ["b/x/2", "b/y"] and one["IsTruncated"] and one["StartAfter"] == "b/x/1" and one["Contents"][0]["Owner"]["ID"]
    refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=bucket, ContinuationToken="forged")
    refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=bucket, MaxKeys=-1)
    refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=bucket, EncodingType="value")
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["IsTruncated"] is False
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)


def test_delete_objects(s3, bucket):
    for i in range(5):
        s3.put_object(Bucket=bucket, Key=str(i), Body=b"")
    out = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(3)] + [{"Key": "none"}]})
    assert sorted(d["Key"] for d in out["Deleted"]) == ["0", "1", "2", "none"] and "Errors" not in out
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "3"}], "Quiet": True})
    refused("MalformedXML", 400, s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(1001)]})
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["4"]


def test_versions(s3, bucket):
    v0 = s3.put_object(Bucket=bucket, Key="k", Body=b"0")
    assert "VersionId" not in v0 and "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    v1 = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    v2 = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    read = lambda **kw: s3.get_object(Bucket=bucket, Key="k", **kw)["Body"].read()
    assert (read(), read(VersionId=v1), read(VersionId="null"), read(VersionId=v2)) == (b"2", b"1", b"0", b"2")
    mark = s3.delete_object(Bucket=bucket, Key="k")
    assert mark["DeleteMarker"] and mark["VersionId"]
    e = refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="k")
    assert e["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    refused("MethodNotAllowed", 405, s3.get_object, Bucket=bucket, Key="k", VersionId=mark["VersionId"])
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    ls = s3.list_object_versions(Bucket=bucket)
    assert [(v["VersionId"], v["IsLatest"]) for v in ls["Versions"]] == [(v2, False), (v1, False), ("null", False)]
    assert [(m["VersionId"], m["IsLatest"]) for m in ls["DeleteMarkers"]] == [(mark["VersionId"], True)]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [x["VersionId"] for p in pages for x in p.get("Versions", []) + p.get("DeleteMarkers", [])] == [mark["VersionId"], v2, v1, "null"]
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=bucket)
    assert s3.delete_object(Bucket=bucket, Key="k", VersionId=mark["VersionId"])["DeleteMarker"]
    assert read() == b"2"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=v2)
    assert read() == b"1"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"3")["VersionId"] == "null"
    assert (read(), read(VersionId="null"), read(VersionId=v1)) == (b"3", b"3", b"1")
    m2 = s3.delete_object(Bucket=bucket, Key="k")
    assert m2["DeleteMarker"] and m2["VersionId"] == "null"
    ls = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in ls["Versions"]] == [v1] and len(ls["DeleteMarkers"]) == 1
    refused("InvalidArgument", 400, s3.get_object, Bucket=bucket, Key="k", VersionId="bad")
    refused("NoSuchVersion", 404, s3.get_object, Bucket=bucket, Key="k", VersionId=v2)
    assert s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": v1}, {"Key": "k", "VersionId": "null"}]}).get("Errors") is None
    s3.delete_bucket(Bucket=bucket)


def test_copy(s3, server, bucket):
    put = s3.put_object(Bucket=bucket, Key="src/ü +", Body=b"x" * 50_000, Metadata={"a": "1"}, ContentType="t/x", Tagging="k=v")
    out = s3.copy_object(Bucket=bucket, Key="dst", CopySource={"Bucket": bucket, "Key": "src/ü +"})
    assert out["CopyObjectResult"]["ETag"] == put["ETag"]
    got = s3.get_object(Bucket=bucket, Key="dst")
    assert got["Metadata"] == {"a": "1"} and got["ContentType"] == "t/x" and got["TagCount"] == 1 and len(got["Body"].read()) == 50_000
    s3.delete_object(Bucket=bucket, Key="src/ü +")
    assert s3.get_object(Bucket=bucket, Key="dst")["Body"].read() == b"x" * 50_000
    s3.copy_object(Bucket=bucket, Key="dst2", CopySource={"Bucket": bucket, "Key": "dst"}, MetadataDirective="REPLACE", Metadata={"b": "2"}, TaggingDirective="REPLACE", Tagging="n=w", ChecksumAlgorithm="SHA256")
    got = s3.get_object(Bucket=bucket, Key="dst2", ChecksumMode="ENABLED")
    assert got["Metadata"] == {"b": "2"} and got["ContentType"] == "binary/octet-stream"
    assert got["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"x" * 50_000).digest()).decode()
    assert s3.get_object_tagging(Bucket=bucket, Key="dst2")["TagSet"] == [{"Key": "n", "Value": "w"}]
    refused("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="dst", CopySource={"Bucket": bucket, "Key": "dst"})
    refused("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "none"})
    refused("PreconditionFailed", 412, s3.copy_object, Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "dst"}, CopySourceIfNoneMatch=put["ETag"])
    other = server.client("s3", key="222222222222")
    theirs = "o-" + uuid.uuid4().hex[:20]
    other.create_bucket(Bucket=theirs, CreateBucketConfiguration={"LocationConstraint": REGION})
    refused("AccessDenied", 403, other.copy_object, Bucket=theirs, Key="d", CopySource={"Bucket": bucket, "Key": "dst"})


def test_multipart(s3, bucket):
    body = os.urandom(20 << 20)
    s3.upload_fileobj(io.BytesIO(body), bucket, "big", ExtraArgs={"Metadata": {"m": "1"}, "ContentType": "a/b"}, Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=6 << 20, max_concurrency=4))
    head = s3.head_object(Bucket=bucket, Key="big")
    md5s = b"".join(hashlib.md5(body[i:i + (6 << 20)]).digest() for i in range(0, len(body), 6 << 20))
    assert head["ETag"] == '"%s-4"' % hashlib.md5(md5s).hexdigest() and head["Metadata"] == {"m": "1"}
    out = io.BytesIO()
    s3.download_fileobj(bucket, "big", out, Config=TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=3 << 20))
    assert out.getvalue() == body
    g = s3.get_object(Bucket=bucket, Key="big", Range="bytes=6291450-6291465")
    assert g["Body"].read() == body[6291450:6291466]
    p = s3.get_object(Bucket=bucket, Key="big", PartNumber=4)
    assert p["Body"].read() == body[18 << 20:] and p["PartsCount"] == 4 and p["ResponseMetadata"]["HTTPStatusCode"] == 206
    refused("InvalidPartNumber", 416, s3.get_object, Bucket=bucket, Key="big", PartNumber=5)
    c = s3.copy_object(Bucket=bucket, Key="one", CopySource={"Bucket": bucket, "Key": "big"})
    assert c["CopyObjectResult"]["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads") is None


def test_multipart_rules(s3, bucket):
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    five = os.urandom(5 << 20)
    e = {}

    def send(n, b):
        e[n] = s3.upload_part(Bucket=bucket, Key="k", UploadId=up, PartNumber=n, Body=b)["ETag"]
    threads = [threading.Thread(target=send, args=(n, b)) for n, b in ((1, five), (2, five), (3, b"small"), (7, b"unused"))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    ls = s3.list_parts(Bucket=bucket, Key="k", UploadId=up)
    assert [p["PartNumber"] for p in ls["Parts"]] == [1, 2, 3, 7] and ls["NextPartNumberMarker"] == 7
    assert [p["PartNumber"] for p in s3.list_parts(Bucket=bucket, Key="k", UploadId=up, PartNumberMarker=2, MaxParts=1)["Parts"]] == [3]
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [up]
    done = lambda *ps, **kw: s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=up, MultipartUpload={"Parts": [{"PartNumber": n, "ETag": t} for n, t in ps]}, **kw)
    for want, parts in [("InvalidPartOrder", [(2, e[2]), (1, e[1])]), ("InvalidPart", [(1, e[1]), (5, e[1])]), ("InvalidPart", [(1, e[3])]), ("EntityTooSmall", [(1, e[1]), (3, e[3]), (7, e[7])])]:
        with pytest.raises(ClientError) as x:
            done(*parts)
        assert code(x) == (want, 400)
    refused("InvalidArgument", 400, s3.upload_part, Bucket=bucket, Key="k", UploadId=up, PartNumber=10001, Body=b"")
    refused("NoSuchUpload", 404, s3.upload_part, Bucket=bucket, Key="k", UploadId="fakeid", PartNumber=1, Body=b"")
    refused("NoSuchUpload", 404, s3.complete_multipart_upload, Bucket=bucket, Key="k", UploadId="fakeid", MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": e[1]}]})
    first = done((1, e[1]), (2, e[2]), (3, e[3]))
    again = done((1, e[1]), (2, e[2]), (3, e[3]))
    assert first["ETag"] == again["ETag"] and first["ETag"].endswith('-3"') and first["ChecksumType"] == "FULL_OBJECT" and first["ChecksumCRC64NVME"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == five + five + b"small"
    refused("NoSuchUpload", 404, s3.abort_multipart_upload, Bucket=bucket, Key="k", UploadId=up)
    up2 = s3.create_multipart_upload(Bucket=bucket, Key="c", ChecksumAlgorithm="SHA256")["UploadId"]
    a = s3.upload_part_copy(Bucket=bucket, Key="c", UploadId=up2, PartNumber=1, CopySource={"Bucket": bucket, "Key": "k"}, CopySourceRange="bytes=100-5242979")["CopyPartResult"]
    b = s3.upload_part(Bucket=bucket, Key="c", UploadId=up2, PartNumber=2, Body=b"end", ChecksumAlgorithm="SHA256")
    parts = [{"PartNumber": 1, "ETag": a["ETag"], "ChecksumSHA256": a["ChecksumSHA256"]}, {"PartNumber": 2, "ETag": b["ETag"]}]
    refused("InvalidRequest", 400, s3.complete_multipart_upload, Bucket=bucket, Key="c", UploadId=up2, MultipartUpload={"Parts": parts})
    parts[1]["ChecksumSHA256"] = b["ChecksumSHA256"]
    out = s3.complete_multipart_upload(Bucket=bucket, Key="c", UploadId=up2, MultipartUpload={"Parts": parts})
    assert out["ChecksumType"] == "COMPOSITE" and out["ChecksumSHA256"].endswith("-2")
    assert s3.get_object(Bucket=bucket, Key="c")["Body"].read() == (five + five)[100:5242980] + b"end"
    at = s3.get_object_attributes(Bucket=bucket, Key="c", ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert at["TotalPartsCount"] == 2 and [p["PartNumber"] for p in at["Parts"]] == [1, 2]
    up3 = s3.create_multipart_upload(Bucket=bucket, Key="d")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="d", UploadId=up3, PartNumber=1, Body=five)
    s3.abort_multipart_upload(Bucket=bucket, Key="d", UploadId=up3)
    refused("NoSuchUpload", 404, s3.list_parts, Bucket=bucket, Key="d", UploadId=up3)


def test_presigned(server, s3, bucket):
    for cfg in (Config(signature_version="s3v4"), Config(signature_version="s3")):
        c = server.client("s3", config=cfg)
        url = c.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "p q"}, ExpiresIn=60)
        status, _, _ = raw(url, "PUT", b"presigned")
        assert status == 200
        url = c.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p q", "ResponseContentType": "x/y"}, ExpiresIn=60)
        status, body, headers = raw(url)
        assert (status, body, headers["Content-Type"]) == (200, b"presigned", "x/y")
        assert raw(url, "PUT", b"replayed")[0] == 403
    url = server.client("s3", config=Config(signature_version="s3v4")).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "p q"}, ExpiresIn=1)
    time.sleep(2.1)
    status, body, _ = raw(url)
    assert status == 403 and b"Request has expired" in body
    status, body, _ = raw(server.endpoint + "/" + bucket + "/p%20q")
    assert status == 403 and b"AccessDenied" in body
    status, body, _ = raw(server.endpoint + "/" + bucket + "/p%20q", "PUT", b"x")
    assert status == 403


def test_chunked_forms(server, s3, bucket):
    """An unsigned trailer with a false signature, and a chunked body without its last chunk."""
    url = server.client("s3", config=Config(signature_version="s3v4")).generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "t"}, ExpiresIn=60)
    chunked = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    h = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32", "Content-Encoding": "aws-chunked"}
    assert raw(url[:-4] + "0000", "PUT", chunked, h)[0] == 403
    refused("404", 404, s3.head_object, Bucket=bucket, Key="t")


def test_sub_resources(s3, bucket):
    b = {"Bucket": bucket}
    for call, want in [(s3.get_bucket_policy, "NoSuchBucketPolicy"), (s3.get_bucket_cors, "NoSuchCORSConfiguration"), (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
                       (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"), (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
                       (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"), (s3.get_bucket_tagging, "NoSuchTagSet")]:
        refused(want, 404, call, **b)
    assert s3.get_public_access_block(**b)["PublicAccessBlockConfiguration"] == {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    s3.delete_public_access_block(**b)
    refused("NoSuchPublicAccessBlockConfiguration", 404, s3.get_public_access_block, **b)
    assert s3.get_bucket_ownership_controls(**b)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.delete_bucket_ownership_controls(**b)
    refused("OwnershipControlsNotFoundError", 404, s3.get_bucket_ownership_controls, **b)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    rule = s3.get_bucket_encryption(**b)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": True}]})
    refused("NotImplemented", 501, s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "11111111-2222-3333-4444-555555555555"}}]})
    assert s3.get_bucket_logging(**b).get("LoggingEnabled") is None and s3.get_bucket_request_payment(**b)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(**b)
    assert [k for k in s3.get_bucket_notification_configuration(**b) if k != "ResponseMetadata"] == []
    acl = s3.get_bucket_acl(**b)
    assert acl["Grants"][0]["Permission"] == "FULL_CONTROL" and acl["Owner"]["ID"] == acl["Grants"][0]["Grantee"]["ID"]
    refused("AccessControlListNotSupported", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ACL="bucket-owner-full-control")
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"][0]["Permission"] == "FULL_CONTROL"
    refused("NotImplemented", 501, s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]})
    assert s3.get_bucket_cors(**b)["CORSRules"] == [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]
    s3.delete_bucket_cors(**b)
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    refused("AccessControlListNotSupported", 400, s3.put_bucket_acl, Bucket=bucket, ACL="public-read")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    assert s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_tagging(**b)["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.delete_bucket_tagging(**b)
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "x", "Value": "y"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    refused("InvalidTag", 400, s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": [{"Key": "aws:x", "Value": "y"}]})
    refused("InvalidArgument", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"", Tagging="a=1&a=2")


def test_policy(s3, bucket):
    arn = "arn:aws:s3:::" + bucket
    import json
    for text in ("", "not json", "[]"):
        if text:
            refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket, Policy=text)
    refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket, Policy="{}")
    st = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": arn + "/*"}
    doc = lambda s: json.dumps({"Version": "2012-10-17", "Statement": [s]})
    refused("AccessDenied", 403, s3.put_bucket_policy, Bucket=bucket, Policy=doc(st))
    for bad in ({"Resource": "arn:aws:s3:::other/*"}, {"Action": "sqs:SendMessage"}, {"Principal": {"AWS": "nobody"}}, {"Effect": "Maybe"}):
        refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket, Policy=doc({**st, **bad}))
    s3.put_bucket_policy(Bucket=bucket, Policy=doc({**st, "Principal": {"AWS": "arn:aws:iam::222222222222:root"}}))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=doc(st))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Principal"] == "*"
    s3.delete_bucket_policy(Bucket=bucket)


def test_cli(server, tmp_path):
    name = "c-" + uuid.uuid4().hex[:20]
    ok = lambda *a: (lambda r: (r.returncode == 0 or pytest.fail(r.stdout + r.stderr)) and r.stdout)(server.aws(*a))
    ok("s3", "mb", "s3://" + name)
    d = tmp_path / "d"
    (d / "sub").mkdir(parents=True)
    (d / "one.txt").write_text("one")
    (d / "sub" / "two.bin").write_bytes(os.urandom(9 << 20))
    for f in (d / "one.txt", d / "sub" / "two.bin"):
        os.utime(f, (1_700_000_000, 1_700_000_000))
    ok("s3", "sync", str(d), "s3://" + name + "/p")
    assert "p/one.txt" in ok("s3", "ls", "--recursive", "s3://" + name)
    assert ok("s3", "sync", str(d), "s3://" + name + "/p") == ""
    ok("s3", "cp", "s3://" + name + "/p/sub/two.bin", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == (d / "sub" / "two.bin").read_bytes()
    ok("s3", "cp", "s3://" + name + "/p/sub/two.bin", "s3://" + name + "/q")
    ok("s3", "mv", "s3://" + name + "/q", "s3://" + name + "/r")
    assert "PRE p/" in ok("s3", "ls", "s3://" + name)
    ok("s3", "rb", "--force", "s3://" + name)
    assert "NoSuchBucket" in server.aws("s3", "ls", "s3://" + name).stderr
