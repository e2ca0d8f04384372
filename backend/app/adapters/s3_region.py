"""Find the region of a bucket, because a store refuses URLs that are signed for another one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import ParseError

from botocore.exceptions import BotoCoreError, ClientError

from app.core.storage_causes import region_in, status_and_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEFAULT_REGION: Final = "us-east-1"
"""Every S3 store accepts it."""


def see_redirects(client: "S3Client") -> None:
    """Let `look_up` see what botocore would follow and forget, which is an answer that names another region."""

    def stay(params: dict[str, Any], **_: object) -> None:
        params["context"]["s3_redirect"]["redirected"] = True

    for operation in ("HeadBucket", "GetBucketLocation"):
        client.meta.events.register(f"before-call.s3.{operation}", stay)


def find_region(
    client_in: Callable[[str], "S3Client"], bucket: str, region: str
) -> tuple[str, ClientError | None]:
    """Return the region to sign for, and the store's refusal of a HEAD of the bucket if it refuses.

    It is the region that the store names, if the store also accepts it, else `region`. Some stores name a place that
    is no region of signatures. If the store names none and refuses `region`, it is us-east-1 if the store accepts that.
    Raise BotoCoreError or OSError if the store does not answer.
    """
    named, refusal = look_up(client_in(region), bucket)
    if named and named != region:
        named_there, refusal_there = look_up(client_in(named), bucket)
        # AWS answers 403 with the region if the right s3:ListBucket is missing.
        if refusal_there is None or (status_and_code(refusal_there)[0] == 403 and named_there == named):
            return named, refusal_there
    # AWS_REGION of this machine says nothing about the store of another vendor, which may know few names.
    if refusal and not named and status_and_code(refusal)[0] == 400 and region != DEFAULT_REGION:
        _, refusal_there = look_up(client_in(DEFAULT_REGION), bucket)
        if refusal_there is None:
            return DEFAULT_REGION, None
    return region, refusal


def look_up(client: "S3Client", bucket: str) -> tuple[str | None, ClientError | None]:
    """Return the region that the store names for the bucket, and its refusal of a HEAD if it refuses."""
    try:
        return region_in(client.head_bucket(Bucket=bucket)), None
    except ClientError as error:
        if status_and_code(error)[0] == 404:
            return None, error
        refusal = error
    # The answer of a HEAD has no body with S3's code and region.
    try:
        located = client.get_bucket_location(Bucket=bucket)
    except ClientError as denied:
        is_same = status_and_code(denied)[0] == status_and_code(refusal)[0]
        return region_in(refusal.response) or region_in(denied.response), denied if is_same else refusal
    except (BotoCoreError, ParseError):  # botocore parses this body by itself, also that of an error
        return region_in(refusal.response), refusal
    return region_in(refusal.response) or _region_of(located.get("LocationConstraint")), refusal


def _region_of(location: str | None) -> str:
    """Translate the two locations that are no regions (S3 API reference, GetBucketLocation)."""
    return "eu-west-1" if location == "EU" else location or "us-east-1"
