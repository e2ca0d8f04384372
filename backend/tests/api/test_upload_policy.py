"""Test GET /upload-policy, which gives the page its limits and accepted types."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import httpx

from tests.api.shapes import API, POLICY_FIELDS, assert_time, with_settings
from tests.conftest import MakeUser
from tests.fakes import FakeClock

# A deliberate copy of the contract's table.
TABLE = [
    ("mp4", [".mp4", ".m4v"], ["video/mp4", "video/x-m4v"], "isobmff"),
    ("mov", [".mov", ".qt"], ["video/quicktime"], "isobmff"),
    ("avi", [".avi"], ["video/x-msvideo", "video/avi", "video/vnd.avi", "video/msvideo"], "riff"),
    ("webm", [".webm"], ["video/webm"], "matroska"),
    ("mkv", [".mkv"], ["video/x-matroska", "video/matroska"], "matroska"),
]


async def test_is_public_and_lists_accepted_types(client: httpx.AsyncClient, clock: FakeClock) -> None:
    answer = await client.get(f"{API}/upload-policy")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == POLICY_FIELDS
    assert body["max_size_bytes"] == 2 * 1024**3
    assert body["presign_ttl_seconds"] == 900
    assert body["containers"] == [
        {"container": name, "extensions": extensions, "content_types": types, "family": family}
        for name, extensions, types, family in TABLE
    ]
    assert body["part_plan"] == {
        "min_part_bytes": 5 * 1024**2,
        "max_part_bytes": 16 * 1024**2,
        "part_bytes_multiple": 1024**2,
        "wanted_parts": 6,
    }
    assert body["max_parts_per_signing"] == 32
    assert assert_time(body["server_time"]) == clock.now()


@with_settings(max_upload_bytes=1000, presign_ttl_seconds=60)
async def test_follows_settings(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"{API}/upload-policy")).json()
    assert (body["max_size_bytes"], body["presign_ttl_seconds"]) == (1000, 60)
    assert body["registration_open"] is True


@with_settings(password_help="Call 1234.")
async def test_has_the_operators_word_on_forgotten_passwords(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/upload-policy")).json()["password_help"] == "Call 1234."


@with_settings(registration="closed")
async def test_says_that_registration_is_closed(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{API}/upload-policy")).json()["registration_open"] is False


@with_settings(max_accounts=1)
async def test_says_that_there_is_no_room_for_another_account(
    client: httpx.AsyncClient, make_user: MakeUser, clock: FakeClock
) -> None:
    assert (await client.get(f"{API}/upload-policy")).json()["registration_open"] is True
    await make_user()
    clock.advance(timedelta(seconds=1))
    assert (await client.get(f"{API}/upload-policy")).json()["registration_open"] is False


@with_settings(max_accounts=1)
async def test_accounts_are_counted_once_a_second(
    client: httpx.AsyncClient, no_database: AbstractAsyncContextManager[None], clock: FakeClock
) -> None:
    await client.get(f"{API}/upload-policy")
    async with no_database:
        assert (await client.get(f"{API}/upload-policy")).status_code == 200
        clock.advance(timedelta(seconds=1))
        assert (await client.get(f"{API}/upload-policy")).status_code == 503
