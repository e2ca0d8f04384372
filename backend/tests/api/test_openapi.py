"""Test that the committed openapi.json matches the code and the contract."""

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from tests.api.declared import OPENAPI_FILE, document, operations
from tests.api.shapes import (
    API,
    LIST_FIELDS,
    PART_FIELDS,
    POLICY_FIELDS,
    UPLOAD_FIELDS,
    USER_FIELDS,
    VIDEO_FIELDS,
)

CONTRACT = {
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/token"),
    ("POST", "/auth/logout"),
    ("GET", "/auth/me"),
    ("PATCH", "/auth/me"),
    ("POST", "/auth/password"),
    ("GET", "/auth/sessions"),
    ("POST", "/auth/sessions/{session_id}/end"),
    ("POST", "/auth/sessions/end-others"),
    ("GET", "/upload-policy"),
    ("POST", "/videos"),
    ("POST", "/videos/{video_id}/parts"),
    ("POST", "/videos/{video_id}/complete"),
    ("GET", "/videos"),
    ("GET", "/videos/{video_id}"),
    ("DELETE", "/videos/{video_id}"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
}
OURS = {
    ("GET", "/auth/session"),
    ("POST", "/auth/me/delete"),
    ("POST", "/upload-telemetry"),
    ("POST", "/videos/remove"),
    ("POST", "/videos/restore"),
    ("GET", "/videos/changes"),
}
"""Beyond the contract, whose calls tell no visitor that nobody is signed in, report no upload, refresh no list, and
take no deletion back."""


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["components"]["schemas"][name]
    return found


def test_committed_file_matches_command_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of this machine has no effect on the output."""
    monkeypatch.setenv("ENVIRONMENT", "production")
    result = CliRunner().invoke(cli, ["openapi"])
    assert result.exit_code == 0
    assert json.loads(result.output) == json.loads(OPENAPI_FILE.read_text())
    assert result.output == OPENAPI_FILE.read_text(), "run `make api`"


def test_routes_match_contract() -> None:
    assert {(method, path.removeprefix(API)) for method, path, _ in operations()} == CONTRACT | OURS


def test_responses_require_all_documented_fields() -> None:
    for name, fields in {
        "UserOut": USER_FIELDS,
        "SignedInOut": {"user"},
        "VideoOut": VIDEO_FIELDS,
        "UploadOut": UPLOAD_FIELDS,
        "PresignedPartOut": PART_FIELDS,
        "CreatedUploadOut": {"video", "upload"},
        "VideoListOut": LIST_FIELDS,
        "RemovedVideosOut": {"ids", "undo_seconds"},
        "RestoredVideosOut": {"items"},
        "VideoChangesOut": {"items", "gone", "as_of", "is_complete"},
        "SignedPartsOut": {"parts", "server_time"},
        "TokenOut": {"access_token", "token_type", "expires_at"},
        "StatusReasonOut": {"code", "detail"},
        "ContainerOut": {"container", "extensions", "content_types", "family"},
        "PartPlanOut": {"min_part_bytes", "max_part_bytes", "part_bytes_multiple", "wanted_parts"},
        "UploadPolicyOut": POLICY_FIELDS,
    }.items():
        assert set(schema(name)["properties"]) == fields, name
        assert set(schema(name)["required"]) == fields, (
            f"{name} has a default, which makes the field optional in the page's types"
        )


def test_requests_forbid_extra_fields() -> None:
    for name in (
        "RegisterIn",
        "LoginIn",
        "ProfileIn",
        "PasswordIn",
        "CreateVideoIn",
        "SignPartsIn",
        "CompleteUploadIn",
        "PartMd5In",
        "VideoIdsIn",
    ):
        assert schema(name)["additionalProperties"] is False, name


def test_errors_share_one_schema(subtests: pytest.Subtests) -> None:
    for method, path, operation in operations():
        for status, answer in operation["responses"].items():
            if int(status) < 400:
                continue
            with subtests.test(f"{method} {path} {status}"):
                refs = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(answer)))
                assert refs <= {"ErrorOut", "ValidationErrorOut"}
                assert "ErrorOut" in refs
                assert answer["description"]
    assert schema("ErrorOut")["required"] == ["code", "detail", "request_id"]


def test_operations_have_a_description() -> None:
    assert [path for _, path, operation in operations() if "description" not in operation] == []


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+-[a-z_]+", name) for name in names)


def test_declares_required_statuses(subtests: pytest.Subtests) -> None:
    """See Watch in conftest.py for the statuses that the tests receive."""
    public = {
        "/upload-policy",
        "/health/live",
        "/health/ready",
        "/auth/register",
        "/auth/login",
        "/auth/token",
        "/auth/session",
    }
    for method, path, operation in operations():
        short, statuses = path.removeprefix(API), {int(status) for status in operation["responses"]}
        with subtests.test(f"{method} {short}"):
            if short not in public:
                assert 401 in statuses
            if short not in public and method != "GET":
                assert 403 in statuses
            if "requestBody" in operation:
                assert {400, 413, 422} <= statuses
            if "{" in path:
                assert {404, 422} <= statuses
            if short != "/health/live":
                assert {500, 503} <= statuses


def test_file_contains_no_secrets_or_local_addresses() -> None:
    text = OPENAPI_FILE.read_text()
    assert not re.search(r"127\.0\.0\.1|localhost|/work/|/home/|/root/|AKIA", text)
