"""A server and a browser for the console's test: VIRGA names the binary, VIRGA_SHOTS a folder for screenshots."""
import os
import re
import subprocess

import boto3
import pytest

from browser import Browser


class Server:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.port = endpoint.rsplit(":", 1)[1]
        self.console = f"http://console.localhost:{self.port}"

    def client(self, name):
        return boto3.client(name, endpoint_url=self.endpoint, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    log = open(tmp_path_factory.mktemp("server") / "log", "w")
    p = subprocess.Popen([os.environ["VIRGA"], "serve", "--dev", "--ephemeral", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log, text=True)
    endpoint = None
    for line in p.stdout:
        m = re.search(r"endpoint (http://\S+)", line)
        if m:
            endpoint = m.group(1)
        if line.strip() == "Ready.":
            break
    assert endpoint, open(log.name).read()
    yield Server(endpoint)
    p.terminate()
    assert p.wait(30) == 0, "SIGTERM must end the server with 0: " + open(log.name).read()


@pytest.fixture(scope="session")
def browser():
    b = Browser()
    yield b
    b.close()


@pytest.fixture(scope="session")
def shot(browser):
    folder = os.environ.get("VIRGA_SHOTS")

    def take(name, whole=False):
        if folder:
            os.makedirs(folder, exist_ok=True)
            browser.shot(os.path.join(folder, name + ".png"), whole)
    return take
