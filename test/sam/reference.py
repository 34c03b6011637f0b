"""Answers the sam suite's questions with the reference package, so that it can be compared with ours.

One JSON object per line in ({"template": path, "region", "partition", "parameters", "managed_policies", "feature_toggle"}), one out
({"output": ...} or {"errorMessage": ...}).  It needs aws-sam-translator of the version in tool/samgen and a template is read as
internal/sam reads it: dates stay text.
"""
import copy
import datetime
import json
import os
import sys
import time
from unittest import mock

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
import boto3  # noqa: E402
import yaml  # noqa: E402
from samtranslator.feature_toggle.feature_toggle import FeatureToggle  # noqa: E402
from samtranslator.model.exceptions import InvalidDocumentException  # noqa: E402
from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.plugins.application.serverless_app_plugin import ServerlessAppPlugin  # noqa: E402
from samtranslator.translator import arn_generator  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402
from samtranslator.utils.py27hash_fix import to_py27_compatible_template, undo_mark_unicode_str_in_template  # noqa: E402
from samtranslator.yaml_helper import intrinsics_multi_constructor  # noqa: E402


class Loader(yaml.SafeLoader):
    pass


Loader.add_multi_constructor("!", intrinsics_multi_constructor)
Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda l, n: n.value)


class Toggles(FeatureToggle):
    def __init__(self, on):
        self.on = on

    def is_enabled(self, feature_name):
        return self.on


class Repository:
    """The suite's imaginary Serverless Application Repository."""

    def create_cloud_formation_template(self, ApplicationId, SemanticVersion):
        if ApplicationId in ("no-access", "non-existent", "invalid-semver"):
            from botocore.exceptions import ClientError
            code = "AccessDeniedException" if ApplicationId == "no-access" else "NotFoundException"
            raise ClientError({"Error": {"Code": code, "Message": f"Cannot access application: {ApplicationId}."}}, "CreateCloudFormationTemplate")
        return {"ApplicationId": ApplicationId, "SemanticVersion": SemanticVersion, "TemplateId": "id-xxx-xxx", "Status": "ACTIVE",
                "TemplateUrl": "https://awsserverlessrepo-changesets-xxx.s3.amazonaws.com/signed-url"}


def key(e):
    return e._logical_id if hasattr(e, "_logical_id") else e.message


def answer(q):
    with open(q["template"], encoding="utf-8") as f:
        template = yaml.load(f, Loader)
    boto3.setup_default_session(region_name=q["region"])
    arn_generator._get_region_from_session.cache_clear()
    arn_generator._region_to_partition.cache_clear()
    parameters = copy.deepcopy(q["parameters"])
    try:
        to_py27_compatible_template(template, parameters)
        with mock.patch.object(ServerlessAppPlugin, "_sar_client", Repository()), \
                mock.patch.object(time, "time", return_value=int(q.get("always_deploy") or 0)):
            out = Translator(q["managed_policies"], Parser(), [], boto3.session.Session(region_name=q["region"])).translate(
                template, parameter_values=parameters, feature_toggle=Toggles(q["feature_toggle"]))
        return {"output": undo_mark_unicode_str_in_template(out)}
    except InvalidDocumentException as e:
        return {"errorMessage": " ".join([e.message] + [c.message for c in sorted(e.causes, key=key)])}
    except Exception as e:  # the reference stumbles
        return {"errorMessage": f"internal: {type(e).__name__}: {e}"}


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), default=str), flush=True)


main()
