"""Assert the shapes of errors, users, videos and uploads."""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest

API = "/api/v1"

PRODUCTION: Mapping[str, Any] = {
    "environment": "production",
    "registration": "closed",
    "trusted_proxies": ["10.0.0.5"],
    "s3_public_endpoint_url": "https://objects.example",
    "allow_plain_s3": True,
    "app_origins": ["https://video.example"],
    "metrics_token": "a-token-for-metrics",
}
"""Settings with which an installation may start in production."""

# Besides code, detail and request_id.
FACTS: Mapping[str, frozenset[str]] = {
    "validation_error": frozenset({"errors"}),
    "unsupported_container": frozenset({"accepted"}),
    "wrong_state": frozenset({"status"}),
    "parts_incomplete": frozenset({"missing", "mismatched"}),
    "quota_exceeded": frozenset({"used_bytes", "quota_bytes"}),
    "too_many_uploads": frozenset({"open_video_ids"}),
    "too_many_videos": frozenset({"limit_videos"}),
    "file_too_large": frozenset({"size_bytes", "limit_bytes"}),
}

USER_FIELDS = {"id", "email", "full_name", "reserved_bytes", "quota_bytes", "created_at"}
LIST_FIELDS = {"items", "next_cursor", "count", "count_is_exact", "as_of"}
VIDEO_FIELDS = {
    "id",
    "original_filename",
    "content_type",
    "size_bytes",
    "status",
    "status_reason",
    "container",
    "duration_seconds",
    "width",
    "height",
    "rotation",
    "mirrored",
    "crop",
    "video_codec",
    "audio_codec",
    "audio_channels",
    "frame_rate",
    "bit_rate",
    "hdr",
    "dolby_vision",
    "truncated",
    "available_percent",
    "metadata_complete",
    "created_at",
    "uploaded_at",
    "ready_at",
    "delivery_url",
    "delivery_url_expires_at",
}
UPLOAD_FIELDS = {"part_size_bytes", "part_count", "expires_at", "server_time", "parts"}
PART_FIELDS = {"part_number", "url", "size_bytes", "expires_at"}
POLICY_FIELDS = {
    "max_size_bytes",
    "presign_ttl_seconds",
    "containers",
    "part_plan",
    "max_parts_per_signing",
    "registration_open",
    "password_help",
    "server_time",
}

OBJECT_KEY = re.compile(
    r"^videos/{0}/{0}/{0}\.(mp4|mov|avi|webm|mkv)$".format(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
)

MP4: Mapping[str, Any] = {"filename": "harbour.mp4", "size_bytes": 1024, "content_type": "video/mp4"}
"""A body that POST /videos takes."""


def with_settings(**values: Any) -> pytest.MarkDecorator:
    """Run the test with these settings changed."""
    return pytest.mark.parametrize("settings", [values], indirect=True, ids=["-".join(values)])


def assert_error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert the error shape with exactly the fields of this code. Return the body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert set(body) == {"code", "detail", "request_id"} | FACTS.get(code, frozenset()), body
    assert body["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r".{10,}[.]", body["detail"], re.DOTALL), f"not a sentence: {body['detail']!r}"
    if code == "validation_error":
        assert body["errors"], body
        assert all(set(item) == {"loc", "msg"} for item in body["errors"])
    return body


def assert_retry_later(answer: httpx.Response, code: str) -> None:
    """Assert a 503 with this code and Retry-After."""
    assert_error(answer, 503, code)
    assert int(answer.headers["retry-after"]) > 0


def without_request_id(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body without the request ID."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, headers, answer.text.replace(answer.headers["x-request-id"], "<request id>")


def assert_time(text: object) -> datetime:
    """Assert UTC in ISO 8601 with Z. Return the time."""
    assert isinstance(text, str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text), text
    return datetime.fromisoformat(text)


def assert_video(body: Mapping[str, Any]) -> None:
    assert set(body) == VIDEO_FIELDS
    uuid.UUID(body["id"])
    assert_time(body["created_at"])
    for name in ("uploaded_at", "ready_at", "delivery_url_expires_at"):
        if body[name] is not None:
            assert_time(body[name])
    assert (body["delivery_url"] is not None) == (body["status"] == "ready")


def assert_signed_parts(parts: Iterable[Mapping[str, Any]], numbers: Iterable[int]) -> None:
    listed = list(parts)
    assert [part["part_number"] for part in listed] == list(numbers)
    for part in listed:
        assert set(part) == PART_FIELDS
        assert_time(part["expires_at"])
        assert part["url"].startswith("http")


def random_path(template: str) -> str:
    """Return the template's path with random IDs."""
    return re.sub(r"\{[^}]+\}", lambda _: str(uuid.uuid4()), template)
