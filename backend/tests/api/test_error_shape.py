"""Test that errors of the app, FastAPI and Starlette have one shape."""

import json
import re
import uuid
from contextlib import AbstractAsyncContextManager
from io import StringIO
from pathlib import Path
from typing import get_args

import httpx
import pytest

from app.api.errors import PLAIN_ERRORS, STATUSES
from app.bootstrap import Application
from app.domain import errors
from tests.api.declared import operations
from tests.api.shapes import API, assert_error, assert_retry_later, random_path
from tests.conftest import SignedIn

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"
ROW = re.compile(r"^- \*\*(\d+)\*\* (.+)$", re.MULTILINE)
# The names in parentheses are facts.
CODES = {
    int(status): set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", codes)))
    for status, codes in ROW.findall(PAGE.read_text(encoding="utf-8"))
}


def every_error(kind: type[errors.SlipwayError] = errors.SlipwayError) -> list[type[errors.SlipwayError]]:
    return [found for sub in kind.__subclasses__() for found in (sub, *every_error(sub))]


def test_errors_have_documented_status() -> None:
    for kind in every_error():
        code = getattr(kind, "code", None)
        if code is None:
            continue  # a base class
        status = next(STATUSES[parent] for parent in kind.__mro__ if parent in STATUSES)
        assert code in CODES[status], code


def test_documented_codes_exist() -> None:
    ours = {kind.code for kind in every_error() if hasattr(kind, "code")}
    ours |= {code for code, _ in PLAIN_ERRORS.values()}
    # No limit on attempts exists yet, see docs/reference/security.md. The code is reserved.
    ours.add("rate_limited")
    assert ours == set(get_args(errors.ErrorCode))
    assert ours == {code for codes in CODES.values() for code in codes}
    for status, (code, detail) in PLAIN_ERRORS.items():
        assert code in CODES[status]
        assert detail.endswith(".")


async def test_unknown_path_returns_404(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path in [
        f"{API}/nothing",
        f"{API}",
        "/api",
        "/nothing",
        "/",
        f"{API}/videos/",
        f"{API}/auth/me/",
        "/metrics/",
    ]:
        with subtests.test(path=str(path)[:60]):
            assert_error(await client.get(path), 404, "not_found")


async def test_wrong_method_lists_allowed_methods(
    subtests: pytest.Subtests, client: httpx.AsyncClient
) -> None:
    for method, path, allowed in [
        ("PUT", f"{API}/videos", "GET, POST"),
        ("DELETE", f"{API}/auth/me", "GET, PATCH"),
        ("POST", f"{API}/videos/2cf6a5ea-8b1d-4f32-9b6e-1b8ee8a0e6f0", "GET, DELETE"),
        ("GET", f"{API}/auth/login", "POST"),
        ("GET", f"{API}/videos/2cf6a5ea-8b1d-4f32-9b6e-1b8ee8a0e6f0/complete", "POST"),
        ("OPTIONS", f"{API}/videos", "GET, POST"),
        ("TRACE", f"{API}/health/live", "GET"),
        ("BREW", f"{API}/upload-policy", "GET"),
        ("POST", "/metrics", "GET"),
    ]:
        with subtests.test(method=str(method)[:60], path=str(path)[:60], allowed=str(allowed)[:60]):
            answer = await client.request(method, path)
            assert_error(answer, 405, "method_not_allowed")
            assert answer.headers["allow"] == allowed


async def test_paths_refuse_undeclared_methods(client: httpx.AsyncClient) -> None:
    declared: dict[str, set[str]] = {}
    for method, path, _ in operations():
        declared.setdefault(path, set()).add(method)
    for path in declared:
        # `/videos/remove` is a `/videos/{video_id}` too.
        same = [other for other in declared if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", other), path)]
        methods = set().union(*(declared[other] for other in same))
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = await client.request(method, random_path(path))
            assert_error(answer, 405, "method_not_allowed")
            assert set(answer.headers["allow"].split(", ")) == methods, path


async def test_request_ids_are_unique(client: httpx.AsyncClient) -> None:
    answers = [await client.get(f"{API}/health/live") for _ in range(3)] + [await client.get("/nothing")]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 4
    assert all(re.fullmatch(r"[0-9a-f]{32}", request_id) for request_id in ids)


async def test_logs_request_id_of_client_beside_ours(client: httpx.AsyncClient, log: StringIO) -> None:
    answer = await client.get(f"{API}/nothing", headers={"X-Request-Id": "proxy-7f.3A_1"})

    ours = assert_error(answer, 404, "not_found")["request_id"]
    assert ours == answer.headers["x-request-id"] != "proxy-7f.3A_1"
    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["request_id"], line["client_request_id"]) == (ours, "proxy-7f.3A_1")


async def test_logs_no_odd_request_id(
    subtests: pytest.Subtests, client: httpx.AsyncClient, log: StringIO
) -> None:
    for odd in ["", "x" * 129, "a b c d e f", "ünïcödé-id", "a\tbcdefgh", "line\u2028break"]:
        with subtests.test(odd=str(odd)[:60]):
            answer = await client.get(f"{API}/nothing", headers=[(b"X-Request-Id", odd.encode())])
            assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert "client_request_id" not in log.getvalue()


async def test_hides_message_of_unexpected_exception(
    application: Application, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    async def break_down(*_: object) -> None:
        raise RuntimeError("password hunter2 in /etc/slipway.conf")

    monkeypatch.setattr(application.videos, "list_page", break_down)
    alice = await signed_in()

    answer = await alice.get(f"{API}/videos")

    body = assert_error(answer, 500, "internal_error")
    for secret in ("hunter2", "RuntimeError", "Traceback", "/etc", "break_down"):
        assert secret not in answer.text
        assert secret not in str(answer.headers)
    # The request ID of the response leads to the exception in the log.
    written = [line for line in log.getvalue().splitlines() if "request.failed" in line]
    assert len(written) == 1
    assert str(body["request_id"]) in written[0]
    assert "RuntimeError" in written[0]


@pytest.mark.usefixtures("log")
async def test_serves_after_unexpected_exception(
    application: Application, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: object) -> None:
        raise RuntimeError

    alice = await signed_in()
    with monkeypatch.context() as patch:
        patch.setattr(application.videos, "list_page", break_down)
        assert_error(await alice.get(f"{API}/videos"), 500, "internal_error")
    assert (await alice.get(f"{API}/videos")).status_code == 200


async def test_routes_return_503_without_database(
    signed_in: SignedIn, no_database: AbstractAsyncContextManager[None]
) -> None:
    alice = await signed_in(how="bearer")
    bodies = {
        "auth/register": {"email": "new@example.com", "password": "a quiet harbour"},
        "auth/login": {"email": "user@example.com", "password": "a quiet harbour"},
        "auth/password": {"current_password": "a quiet harbour", "new_password": "another quiet harbour"},
        "videos": {"filename": "a.mp4", "size_bytes": 1, "content_type": "video/mp4"},
        "videos/remove": {"ids": [str(uuid.uuid4())]},
        "videos/restore": {"ids": [str(uuid.uuid4())]},
        "videos/{video_id}/parts": {"part_numbers": [1]},
        "videos/{video_id}/complete": {"parts": []},
        "auth/me": {"full_name": "Alice"},
    }
    without_database = {"health/live", "upload-policy"}
    async with no_database:
        for method, template, _ in operations():
            name = template.removeprefix(f"{API}/")
            form = {"username": "user@example.com", "password": "x"} if name == "auth/token" else None
            body = bodies.get(name) if method in ("POST", "PATCH") else None
            answer = await alice.request(method, random_path(template), json=body, data=form)
            if name in without_database:
                assert answer.status_code == 200, template
            else:
                assert_retry_later(answer, "database_unavailable")
    assert (await alice.get(f"{API}/auth/me")).status_code == 200
