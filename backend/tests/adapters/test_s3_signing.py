"""Our presigned URLs have boto3's query and signature for the same time."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.s3_connection import make_signer
from app.adapters.s3_signing import S3UrlSigner
from tests.contract.engines import s3_connection

NOW = datetime(2026, 1, 15, 12, 34, 56, 789_000, tzinfo=UTC)
OURS = "videos/6f1c/7a2b/3c4d.mp4"
ACCESS_KEY_ID, SECRET_ACCESS_KEY = "AKIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzE+/=session"


class Place:
    """A bucket with our signer and boto3's client."""

    def __init__(self, name: str) -> None:
        bucket, region, endpoint_url, token = PLACES[name]
        self.name = name
        self.bucket = bucket
        connection = s3_connection(
            endpoint_url, ACCESS_KEY_ID, SECRET_ACCESS_KEY, bucket=bucket, region=region
        )
        bucket_url = make_signer(connection).bucket_url
        style: Literal["path", "virtual"] = "path" if endpoint_url or "." in bucket else "virtual"
        self.signer = S3UrlSigner(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY, token), region, bucket_url)
        self.client = boto3.client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
            aws_session_token=token,
            config=Config(signature_version="s3v4", s3={"addressing_style": style}),
        )

    def boto3_url(self, operation: str, params: dict[str, Any], now: datetime, ttl_seconds: int) -> str:
        with patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
            return self.client.generate_presigned_url(
                operation, Params={"Bucket": self.bucket, **params}, ExpiresIn=ttl_seconds
            )


BUCKET_URLS = {
    "embedded": "http://127.0.0.1:9000/slipway/",
    "own-endpoint-https": "https://s3.example.com/my-bucket/",
    "endpoint-with-path": "https://ref.storage.example/storage/v1/s3/my-bucket/",
    "aws-us-east-1": "https://my-bucket.s3.amazonaws.com/",
    "aws-virtual-host": "https://my-bucket.s3.eu-central-1.amazonaws.com/",
    "aws-bucket-with-dots": "https://s3.eu-central-1.amazonaws.com/my.bucket.example/",
    "aws-session-token": "https://my-bucket.s3.eu-central-1.amazonaws.com/",
    "path-session-token": "http://127.0.0.1:9000/slipway/",
}
PLACES = {
    "embedded": ("slipway", "us-east-1", "http://127.0.0.1:9000", None),
    "own-endpoint-https": ("my-bucket", "eu-central-1", "https://s3.example.com", None),
    "endpoint-with-path": ("my-bucket", "eu-central-1", "https://ref.storage.example/storage/v1/s3", TOKEN),
    "aws-us-east-1": ("my-bucket", "us-east-1", None, None),
    "aws-virtual-host": ("my-bucket", "eu-central-1", None, None),
    "aws-bucket-with-dots": ("my.bucket.example", "eu-central-1", None, None),
    "aws-session-token": ("my-bucket", "eu-central-1", None, TOKEN),
    "path-session-token": ("slipway", "us-east-1", "http://127.0.0.1:9000", TOKEN),
}


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


@cache
def embedded_place() -> Place:
    return Place("embedded")


def parsed(url: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path, sorted(parse_qsl(parts.query, strict_parsing=True))


@pytest.mark.parametrize("part_number", [1, 2, 128, 10_000])
@pytest.mark.parametrize("upload_id", ["2~abcDEF123", "a+b/c==~.-_ d", "x" * 200])
@pytest.mark.parametrize("object_key", [OURS, "a key/with spaces+plus&and=ü~.mp4"])
def test_signs_part_like_boto3(place: Place, object_key: str, upload_id: str, part_number: int) -> None:
    size_bytes = 16 * 1024**2 - part_number

    ours = place.signer.presign_part(object_key, upload_id, part_number, size_bytes, NOW, 900)

    params = {
        "Key": object_key,
        "UploadId": upload_id,
        "PartNumber": part_number,
        "ContentLength": size_bytes,
    }
    assert parsed(ours.url) == parsed(place.boto3_url("upload_part", params, NOW, 900))
    assert ours.expires_at == NOW.replace(microsecond=0) + timedelta(seconds=900)


@pytest.mark.parametrize(
    "disposition", ["attachment", "attachment; filename=\"a b.mp4\"; filename*=UTF-8''a%20b.mp4"]
)
def test_signs_download_like_boto3(place: Place, disposition: str) -> None:
    ours = place.signer.presign_get(OURS, {"response-content-disposition": disposition}, NOW, 14400)

    params = {"Key": OURS, "ResponseContentDisposition": disposition}
    assert parsed(ours) == parsed(place.boto3_url("get_object", params, NOW, 14400))


def test_url_has_the_bucket_host(place: Place) -> None:
    """The host of the bucket's region, because AWS's global host may redirect and preflights follow no redirect."""
    assert place.signer.bucket_url == BUCKET_URLS[place.name]


def test_url_has_public_endpoint() -> None:
    connection = s3_connection("http://10.0.0.5:9000", "k", "s", public_endpoint_url="https://store.example")

    assert make_signer(connection).bucket_url == "https://store.example/slipway/"


@given(
    object_key=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40),
    upload_id=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=40),
    part_number=st.integers(1, 10_000),
    size_bytes=st.integers(1, 5 * 1024**3),
    seconds=st.integers(1_600_000_000, 4_000_000_000),
    ttl=st.integers(1, 900),
)
def test_signs_any_part_like_boto3(
    object_key: str, upload_id: str, part_number: int, size_bytes: int, seconds: int, ttl: int
) -> None:
    now = datetime.fromtimestamp(seconds, UTC)

    ours = embedded_place().signer.presign_part(object_key, upload_id, part_number, size_bytes, now, ttl)

    params = {
        "Key": object_key,
        "UploadId": upload_id,
        "PartNumber": part_number,
        "ContentLength": size_bytes,
    }
    assert parsed(ours.url) == parsed(embedded_place().boto3_url("upload_part", params, now, ttl))


def test_time_zone_does_not_matter() -> None:
    elsewhere = NOW.astimezone(ZoneInfo("Asia/Kathmandu"))

    signer = embedded_place().signer
    there = signer.presign_part(OURS, "id", 1, 5, elsewhere, 900)
    here = signer.presign_part(OURS, "id", 1, 5, NOW, 900)

    assert there == here


def test_reads_role_keys_each_time() -> None:
    """A role's keys are renewed while the process runs."""
    credentials = Credentials("first", "secret")
    signer = S3UrlSigner(credentials, "us-east-1", "http://127.0.0.1:9000/slipway/")
    before = signer.presign_part(OURS, "id", 1, 5, NOW, 900).url
    credentials.access_key = "second"

    after = signer.presign_part(OURS, "id", 1, 5, NOW, 900).url

    assert "first" in before
    assert "second" in after
