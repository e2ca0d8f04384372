"""Test that the API refuses invalid bodies without effect."""

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.bootstrap import Application
from tests.api.declared import operations
from tests.api.shapes import API, MP4, assert_error, random_path
from tests.api.test_upload_telemetry import REPORT
from tests.conftest import SignedIn
from tests.factories import count_videos

LIMIT = 64 * 1024
JSON = {"Content-Type": "application/json"}

BROKEN = {
    "cut short": b'{"filename": "a.mp4", ',
    "single quotes": b"{'filename': 'a.mp4'}",
    "trailing comma": b'{"filename": "a.mp4",}',
    "two values": b"{} {}",
    "no JSON at all": b"hello",
    "not UTF-8": b'{"filename": "\xff\xfe"}',
    "a bare NUL": b'{"filename": "a\x00.mp4"}',
    "60,000 open brackets": b"[" * 60_000,
    "10,000 nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "20,000 nested arrays": b"[" * 20_000 + b"]" * 20_000,
    "an integer of 5,000 digits": b'{"size_bytes": ' + b"9" * 5_000 + b"}",
}
NOT_WHAT_IS_TAKEN = {
    "empty": b"",
    "null": b"null",
    "an array": b"[]",
    "a string": b'"filename"',
    "a number": b"1",
    "nothing in it": b"{}",
    "a lone surrogate as key": b'{"\\ud800": 1}',
    "a key of 60,000 characters": b'{"' + b"k" * 60_000 + b'": 1}',
    "6,000 unknown keys": b"{" + b",".join(b'"%d":0' % n for n in range(6_000)) + b"}",
    "500 nested arrays": b'{"filename": ' + b"[" * 500 + b"]" * 500 + b"}",
    "500 nested objects": b'{"a":' * 500 + b"1" + b"}" * 500,
    "a key named __proto__": b'{"__proto__": {"filename": "a.mp4"}}',
}


def json_operations() -> list[tuple[str, str]]:
    return [
        (method, path)
        for method, path, operation in operations()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


def of_create(**changed: Any) -> dict[str, Any]:
    return {**MP4, **changed}


async def test_refuses_unparsable_json(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    for content in BROKEN.values():
        with subtests.test(content=str(content)[:60]):
            alice = await signed_in()
            for method, path in json_operations():
                answer = await alice.request(method, random_path(path), content=content, headers=JSON)
                assert_error(answer, 400, "malformed_request")


async def test_refuses_json_of_wrong_shape(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    for content in NOT_WHAT_IS_TAKEN.values():
        with subtests.test(content=str(content)[:60]):
            alice = await signed_in()
            for method, path in json_operations():
                answer = await alice.request(method, random_path(path), content=content, headers=JSON)
                body = assert_error(answer, 422, "validation_error")
                assert len(body["errors"]) <= 20
                assert len(answer.content) < 8 * 1024, "the response grows with the request"


async def test_refuses_other_content_types(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    """A form of another site can send these types without a CORS preflight."""
    for content_type in [
        None,
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ]:
        with subtests.test(content_type=str(content_type)[:60]):
            alice = await signed_in()
            headers = {} if content_type is None else {"Content-Type": content_type}
            answer = await alice.post(f"{API}/videos", content=json.dumps(MP4).encode(), headers=headers)
            assert_error(answer, 422, "validation_error")
            assert await count_videos(application) == 0


async def test_size_must_be_integer(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    for number in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e309",
        "-1e309",
        "1e3",
        "1024.0",
        "1024.5",
        "-0.0",
        "true",
        "null",
        '"1024"',
        "[]",
        "{}",
    ]:
        with subtests.test(number=str(number)[:60]):
            alice = await signed_in()
            content = f'{{"filename": "a.mp4", "content_type": "video/mp4", "size_bytes": {number}}}'
            body = assert_error(
                await alice.post(f"{API}/videos", content=content, headers=JSON), 422, "validation_error"
            )
            assert body["errors"][0]["loc"] == ["body", "size_bytes"]
            assert await count_videos(application) == 0


async def test_refuses_huge_integers(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    for number in [2**64 + 1, 2**100, -(2**63) - 1, -(2**100), 10**4000]:
        with subtests.test(number=str(number)[:60]):
            alice = await signed_in()
            assert_error(
                await alice.post(f"{API}/videos", json=of_create(size_bytes=number)), 422, "validation_error"
            )


async def test_create_requires_every_field(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    for name in ["filename", "size_bytes", "content_type"]:
        with subtests.test(name=str(name)[:60]):
            alice = await signed_in()
            body = {key: value for key, value in MP4.items() if key != name}
            found = assert_error(await alice.post(f"{API}/videos", json=body), 422, "validation_error")
            assert found["errors"] == [{"loc": ["body", name], "msg": "Field required"}]


async def test_create_refuses_unknown_fields(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    for extra in [
        "id",
        "user_id",
        "status",
        "object_key",
        "upload_id",
        "part_size_bytes",
        "created_at",
        "Filename",
        "size_bytes ",
        "",
    ]:
        with subtests.test(extra=str(extra)[:60]):
            alice = await signed_in()
            body = assert_error(
                await alice.post(f"{API}/videos", json=of_create(**{extra: "x"})), 422, "validation_error"
            )
            assert body["errors"][0]["loc"] == ["body", extra]
            assert await count_videos(application) == 0


async def test_all_routes_refuse_unknown_fields(signed_in: SignedIn) -> None:
    alice = await signed_in()
    whole: dict[str, dict[str, Any]] = {
        "/auth/register": {"email": "new@example.com", "password": "a quiet harbour"},
        "/auth/login": {"email": "new@example.com", "password": "a quiet harbour"},
        "/auth/me": {"full_name": "Alice"},
        "/auth/me/delete": {"password": "a quiet harbour"},
        "/auth/password": {"current_password": "a quiet harbour", "new_password": "another quiet harbour"},
        "/auth/sessions/{session_id}/end": {"password": "a quiet harbour"},
        "/auth/sessions/end-others": {"password": "a quiet harbour"},
        "/upload-telemetry": dict(REPORT),
        "/videos": dict(MP4),
        "/videos/remove": {"ids": [str(uuid.uuid4())]},
        "/videos/restore": {"ids": [str(uuid.uuid4())]},
        "/videos/{video_id}/parts": {"part_numbers": [1]},
        "/videos/{video_id}/complete": {"parts": [{"part_number": 1, "md5": "0" * 32}]},
    }
    assert {path.removeprefix(API) for _, path in json_operations()} == set(whole)
    for method, path in json_operations():
        body = whole[path.removeprefix(API)] | {"admin": True}
        found = assert_error(
            await alice.request(method, random_path(path), json=body), 422, "validation_error"
        )
        assert found["errors"] == [{"loc": ["body", "admin"], "msg": "Extra inputs are not permitted"}]
    nested = {"parts": [{"part_number": 1, "md5": "0" * 32, "etag": "x"}]}
    answer = await alice.post(random_path(f"{API}/videos/{{id}}/complete"), json=nested)
    assert assert_error(answer, 422, "validation_error")["errors"][0]["loc"] == ["body", "parts", 0, "etag"]


async def test_validates_and_stores_last_duplicate_key(signed_in: SignedIn) -> None:
    alice = await signed_in()
    twice = '"filename": "a.exe", "filename": "b.mp4", "size_bytes": 0, "size_bytes": 7'
    content = f'{{{twice}, "content_type": "video/mp4"}}'
    answer = await alice.post(f"{API}/videos", content=content, headers=JSON)
    assert answer.status_code == 201
    assert answer.json()["video"]["original_filename"] == "b.mp4"
    assert answer.json()["video"]["size_bytes"] == 7
    content = '{"filename": "b.mp4", "filename": "a.exe", "size_bytes": 7, "content_type": "video/mp4"}'
    answer = await alice.post(f"{API}/videos", content=content, headers=JSON)
    assert_error(answer, 422, "unsupported_container")


async def test_create_refuses_lone_surrogates(
    subtests: pytest.Subtests, application: Application, signed_in: SignedIn
) -> None:
    for name in ["filename", "content_type"]:
        with subtests.test(name=str(name)[:60]):
            alice = await signed_in()
            content = json.dumps(of_create(**{name: "a\ud800.mp4"}))
            body = assert_error(
                await alice.post(f"{API}/videos", content=content, headers=JSON), 422, "validation_error"
            )
            assert body["errors"][0]["loc"] == ["body", name]
            assert await count_videos(application) == 0


async def test_accounts_refuse_lone_surrogates(browser: httpx.AsyncClient) -> None:
    for field in ("email", "password", "full_name"):
        body = {"email": "new@example.com", "password": "a quiet harbour", field: "\udfff@example.com"}
        answer = await browser.post(f"{API}/auth/register", content=json.dumps(body), headers=JSON)
        assert_error(answer, 422, "validation_error")


async def test_accepts_body_at_limit(signed_in: SignedIn) -> None:
    alice = await signed_in()
    padded = json.dumps(MP4).encode().ljust(LIMIT)
    assert (await alice.post(f"{API}/videos", content=padded, headers=JSON)).status_code == 201


async def test_refuses_content_length_over_limit(signed_in: SignedIn) -> None:
    alice = await signed_in()

    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"{}"

    for method, path in json_operations():
        answer = await alice.request(
            method,
            random_path(path),
            content=chunks(),
            headers=JSON | {"Content-Length": str(LIMIT + 1)},
        )
        assert_error(answer, 413, "body_too_large")
        assert read == 0


async def test_refuses_chunked_body_over_limit(application: Application, signed_in: SignedIn) -> None:
    """A chunked body has no Content-Length, so the API counts the bytes it reads."""
    alice = await signed_in()
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        yield json.dumps(MP4).encode()
        for _ in range(1024):
            sent += 1024
            yield b" " * 1024

    for method, path in json_operations():
        sent = 0
        answer = await alice.request(method, random_path(path), content=chunks(), headers=JSON)
        assert_error(answer, 413, "body_too_large")
        assert sent <= LIMIT + 1024, "the API read past the limit"
    assert await count_videos(application) == 0


async def test_refuses_form_over_limit(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"username=alice&password="
        for _ in range(128):
            yield b"x" * 1024

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(f"{API}/auth/token", content=chunks(), headers=form)
    assert_error(answer, 413, "body_too_large")


async def test_refuses_invalid_content_length(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for announced in ["-1", "abc", "1e3", "0x10", "1.5", "٣"]:
        with subtests.test(announced=str(announced)[:60]):
            headers = [(b"Content-Length", announced.encode()), (b"Content-Type", b"application/json")]
            answer = await client.post(f"{API}/auth/login", content=b"{}", headers=headers)
            assert answer.status_code in (400, 413)
            assert set(answer.json()) == {"code", "detail", "request_id"}


async def test_errors_omit_submitted_values(client: httpx.AsyncClient) -> None:
    """A user may type the password into the wrong field."""
    for body in (
        {"email": "hunter2-hunter2", "password": "hunter2-hunter2"},
        {"email": 1, "password": ["hunter2-hunter2"]},
        {"email": "a@example.com", "password": "x", "full_name": "hunter2-hunter2\n"},
        {"email": "a@example.com", "password": "hunter2-" * 200},
    ):
        answer = await client.post(f"{API}/auth/register", json=body)
        assert answer.status_code == 422
        assert "hunter2" not in answer.text


async def test_refuses_invalid_uuid(subtests: pytest.Subtests, signed_in: SignedIn) -> None:
    for odd in ["not-a-uuid", "1", "../me", "%00", "00000000-0000-0000-0000-00000000000g", "x" * 3000]:
        with subtests.test(odd=str(odd)[:60]):
            alice = await signed_in()
            for method, path in (
                ("GET", f"/videos/{odd}"),
                ("DELETE", f"/videos/{odd}"),
                ("POST", f"/auth/sessions/{odd}/end"),
            ):
                answer = await alice.request(method, API + path)
                assert answer.status_code in (404, 405, 422)
                assert answer.json()["code"] in ("not_found", "method_not_allowed", "validation_error")
