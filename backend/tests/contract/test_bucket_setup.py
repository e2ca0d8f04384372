"""`slipway storage apply` on engines with CORS rules."""

import uuid

import pytest

from app.adapters.s3_bucket import BucketSetup
from tests.contract.engines import REGION, S3Engine, request

ORIGIN = "https://video.example"


@pytest.fixture
def setup(s3_engine: S3Engine) -> BucketSetup:
    return BucketSetup(s3_engine.client, f"test-{uuid.uuid4()}", REGION, [ORIGIN])


def test_page_may_send_parts_beside_another_applications_rule(
    setup: BucketSetup, s3_engine: S3Engine
) -> None:
    """Ceph takes the first rule whose origin matches, also if it forbids the method."""
    assert "missing" in setup.create(dry_run=True)
    assert "created" in setup.create(dry_run=False)
    if s3_engine.name == "embedded":
        assert "has APP_ORIGINS already" in setup.set_cors(pytest.fail, dry_run=False)
        return
    assert "would change" in setup.set_cors(lambda _: None, dry_run=True)
    others = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}
    setup.client.put_bucket_cors(Bucket=setup.bucket, CORSConfiguration={"CORSRules": [others]})  # type: ignore[list-item]
    shown: list[str] = []

    setup.set_cors(shown.append, dry_run=False)
    assert [line[0] for line in shown] == ["+", " "]
    setup.set_cors(pytest.fail, dry_run=False)

    assert _allowed(setup, ORIGIN, "PUT") == ORIGIN
    assert _allowed(setup, "https://other.example", "GET") in ("*", "https://other.example")


def _allowed(setup: BucketSetup, origin: str, method: str) -> str | None:
    """Return the origin that the answer to a preflight allows."""
    url = f"{setup.client.meta.endpoint_url}/{setup.bucket}/videos/a.mp4"
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    _, answer, _ = request("OPTIONS", url, headers=headers)
    return answer.get("access-control-allow-origin")
