"""docs/how-to/s3.md asks for the rights that the code's calls need, and for no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import botocore.session
from botocore import xform_name

BACKEND = Path(__file__).parents[2]
PAGE = BACKEND.parent / "docs" / "how-to" / "s3.md"

# Actions with other names than their calls (AWS, Service Authorization Reference, S3).
ACTIONS = {
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "CreateMultipartUpload": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
}


def calls() -> Iterator[str]:
    """Yield S3's operations that the adapters name, as methods of a client."""
    operations = botocore.session.get_session().get_service_model("s3").operation_names
    methods = {xform_name(operation): operation for operation in operations}
    for file in (BACKEND / "app" / "adapters").glob("s3*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and re.search(r"client(\(\))?$", ast.unparse(node.value)):
                if node.attr in methods:
                    yield methods[node.attr]


def test_documented_rights_are_those_of_the_calls() -> None:
    needed = {ACTIONS.get(call, call) for call in calls()}
    # Parts are sent by presigned URLs. A DELETE of a version has a right of its own.
    needed |= {"PutObject", "DeleteObjectVersion"}

    documented = set(re.findall(r"`s3:(\w+)`", PAGE.read_text(encoding="utf-8")))

    assert documented == needed
