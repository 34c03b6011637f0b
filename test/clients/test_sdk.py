"""The SDKs for JavaScript and Go, unchanged, with nothing but the endpoint and keys in the environment."""
import base64
import io
import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest

from conftest import REGION

HERE = pathlib.Path(__file__).parent


def environment(server):
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w") as z:
        z.writestr("app.py", "def handler(event, context):\n    return {'n': event['n'] + 1}\n")
    return dict(os.environ, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION=REGION, AWS_ENDPOINT_URL=server.endpoint,
                FUNCTION_ZIP=base64.b64encode(buf.getvalue()).decode())


def need(tool):
    if not shutil.which(tool):
        if os.environ.get("CI") == "true":
            pytest.fail(tool + " is not installed")
        pytest.skip(tool + " is not installed")


def test_javascript_sdk(server):
    need("node")
    modules = pathlib.Path(os.environ.get("VIRGA_RUNTIMES", HERE.parent.parent / ".build/runtimes")) / "nodejs/node_modules"
    if not modules.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("make runtimes first")
        pytest.skip("make runtimes first")
    p = subprocess.run(["node", HERE / "jssdk/sdk.cjs"], env=environment(server) | {"NODE_PATH": str(modules)}, capture_output=True, text=True, timeout=120)
    assert p.returncode == 0 and p.stdout.strip().endswith("ok"), p.stdout + p.stderr


def test_go_sdk(server, tmp_path):
    need("go")
    subprocess.run(["go", "build", "-o", tmp_path / "gosdk", "."], cwd=HERE / "gosdk", check=True, timeout=900)
    p = subprocess.run([tmp_path / "gosdk"], env=environment(server), capture_output=True, text=True, timeout=150)
    assert p.returncode == 0 and p.stdout.strip().endswith("ok"), p.stdout + p.stderr
