"""A server of one's own for the client tests: VIRGA names the binary."""
import os
import re
import subprocess

import boto3
import pytest

REGION = "eu-west-1"


class Server:
    def __init__(self, endpoint):
        self.endpoint = endpoint

    def client(self, name, key="test", secret="test", region=REGION, **kw):
        return boto3.client(name, endpoint_url=self.endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
                            region_name=region, **kw)

    def aws(self, *args, region=REGION):
        env = dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION=region,
                   AWS_ENDPOINT_URL=self.endpoint, AWS_PAGER="")
        return subprocess.run(["aws", "--endpoint-url", self.endpoint, *args], env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    for d in (data, *data.parents):  # started by root, the server works under a uid of its own and must get to its folder
        if d.owner() == data.owner() and "pytest" in str(d):
            d.chmod(0o711)
    log = open(data / "log", "w")
    p = subprocess.Popen([os.environ["VIRGA"], "serve", "--dev", "--data", str(data / "d"), "--listen", "127.0.0.1:0"],
                         stdout=subprocess.PIPE, stderr=log, text=True)
    endpoint = None
    for line in p.stdout:
        m = re.search(r"endpoint (http://\S+)", line)
        if m:
            endpoint = m.group(1)
        if line.strip() == "Ready.":
            break
    assert endpoint, (data / "log").read_text()
    yield Server(endpoint)
    p.terminate()
    assert p.wait(30) == 0, "SIGTERM must end the server with 0: " + (data / "log").read_text()
