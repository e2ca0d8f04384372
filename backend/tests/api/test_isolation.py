"""Test that a video of another user is indistinguishable from a missing one.

Apart from the request ID, both responses must be equal byte for byte. The row and the store must not change.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.bootstrap import Application
from app.domain.video_status import VideoStatus
from tests.api.shapes import API, assert_error, without_request_id
from tests.conftest import MakeUser, MakeVideo, SignedIn
from tests.factories import APP_URL, ApiClient, read_video
from tests.fakes import FakeClock, InMemoryStorage, md5_hex

OPERATIONS: dict[str, tuple[str, str, Any]] = {
    "read": ("GET", "", None),
    "delete": ("DELETE", "", None),
    "sign": ("POST", "/parts", {"part_numbers": [1]}),
    "sign outside the plan": ("POST", "/parts", {"part_numbers": [10_000]}),
    "sign nonsense": ("POST", "/parts", {"part_numbers": "all"}),
    "complete": ("POST", "/complete", {"parts": []}),
    "complete with MD5s": ("POST", "/complete", {"parts": [{"part_number": 1, "md5": md5_hex(b"")}]}),
    "complete with nonsense": ("POST", "/complete", {"parts": 1}),
    "replace": ("PUT", "", {"status": "ready"}),
    "read headers": ("HEAD", "", None),
}
# The API rejects these before it looks up the video.
NOT_LOOKED_UP = {
    "sign nonsense": (422, "validation_error"),
    "complete with nonsense": (422, "validation_error"),
    "replace": (405, "method_not_allowed"),
    "read headers": (405, "method_not_allowed"),
}


def _tampered(token: str) -> str:
    return ("A" if token[0] != "A" else "B") + token[1:]


@pytest.fixture
async def actors(
    application: Application, clock: FakeClock, client: ApiClient, signed_in: SignedIn, make_user: MakeUser
) -> dict[str, httpx.AsyncClient]:
    """Return clients without access. Most send an ended or altered session of the owner."""
    owner = await make_user(email="owner@example.com")
    expired = await signed_in(owner)
    clock.advance(timedelta(days=8))
    logged_out = await signed_in(owner)
    assert (await logged_out.post(f"{API}/auth/logout")).status_code == 204
    logged_out.cookies.set("slipway_session", "x" * 43)
    tampered_cookie = await signed_in(owner)
    tampered_cookie.cookies.set("slipway_session", _tampered(tampered_cookie.cookies["slipway_session"]))
    tampered_bearer = await signed_in(owner, how="bearer")
    token = tampered_bearer.headers["Authorization"].removeprefix("Bearer ")
    tampered_bearer.headers["Authorization"] = f"Bearer {_tampered(token)}"
    disabled = await signed_in(how="bearer")
    await application.user_admin.disable(disabled.user.id)
    client.headers["Origin"] = APP_URL
    return {
        "another user": await signed_in(),
        "another user's program": await signed_in(how="bearer"),
        "nobody": client,
        "an expired session": expired,
        "a session that signed out": logged_out,
        "a tampered cookie": tampered_cookie,
        "a tampered bearer token": tampered_bearer,
        "a disabled user": disabled,
    }


async def _ask(client: httpx.AsyncClient, video_id: uuid.UUID, operation: str) -> httpx.Response:
    method, path, body = OPERATIONS[operation]
    return await client.request(method, f"{API}/videos/{video_id}{path}", json=body)


@pytest.mark.parametrize("status", list(VideoStatus))
async def test_hides_video_from_other_users(
    subtests: pytest.Subtests,
    application: Application,
    storage: InMemoryStorage,
    actors: dict[str, httpx.AsyncClient],
    make_user: MakeUser,
    make_video: MakeVideo,
    status: VideoStatus,
) -> None:
    owner = await make_user()
    video = await make_video(status, owner=owner, parts_sent=[1])
    row, calls, objects = (
        (await read_video(application, video.id)).model_dump(),
        list(storage.calls),
        dict(storage.objects),
    )
    for actor, client in actors.items():
        for operation in OPERATIONS:
            with subtests.test(f"{actor}: {operation}"):
                theirs = await _ask(client, video.id, operation)
                nobodys = await _ask(client, uuid.uuid4(), operation)
                assert without_request_id(theirs) == without_request_id(nobodys)
                if operation == "read headers":
                    assert theirs.status_code == 405
                elif operation == "replace":
                    assert_error(theirs, 405, "method_not_allowed")
                elif not actor.startswith("another user"):
                    assert_error(theirs, 401, "not_authenticated")
                elif operation in NOT_LOOKED_UP:
                    assert_error(theirs, *NOT_LOOKED_UP[operation])
                else:
                    assert_error(theirs, 404, "video_not_found")
    assert (await read_video(application, video.id)).model_dump() == row
    assert storage.calls == calls
    assert storage.objects == objects


async def test_lists_own_videos_only(
    subtests: pytest.Subtests,
    actors: dict[str, httpx.AsyncClient],
    make_user: MakeUser,
    make_video: MakeVideo,
) -> None:
    owner = await make_user()
    for status in VideoStatus:
        await make_video(status, owner=owner)
    for actor, client in actors.items():
        with subtests.test(actor):
            for query in ({}, {"status": "ready"}, {"limit": 100}):
                answer = await client.get(f"{API}/videos", params=query)
                if actor.startswith("another user"):
                    assert {**answer.json(), "as_of": None} == {
                        "as_of": None,
                        "items": [],
                        "next_cursor": None,
                        "count": 0,
                        "count_is_exact": True,
                    }
                else:
                    assert_error(answer, 401, "not_authenticated")


async def test_create_ignores_other_users_videos(
    signed_in: SignedIn, make_user: MakeUser, make_video: MakeVideo
) -> None:
    """Idempotency keys, open uploads and quota of others have no effect."""
    owner, key = await make_user(), uuid.uuid4()
    for _ in range(5):
        await make_video("uploading", owner=owner)
    video = await make_video("ready", owner=owner, idempotency_key=key)
    bob = await signed_in()
    body = {"filename": video.original_filename, "size_bytes": video.size_bytes, "content_type": "video/mp4"}
    answer = await bob.post(f"{API}/videos", json=body, headers={"Idempotency-Key": str(key)})
    assert answer.status_code == 201
    assert answer.json()["video"]["id"] != str(video.id)


async def test_accepts_same_requests_from_owner(
    subtests: pytest.Subtests, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    """Show that the requests above are valid."""
    alice = await signed_in()
    expected: dict[str, Callable[[], Awaitable[object]]] = {
        "read": lambda: make_video("ready", owner=alice.user),
        "delete": lambda: make_video("ready", owner=alice.user),
        "sign": lambda: make_video("uploading", owner=alice.user),
        "complete": lambda: make_video("uploading", owner=alice.user, parts_sent=[1]),
    }
    for operation, make in expected.items():
        with subtests.test(operation):
            video: Any = await make()
            assert (await _ask(alice, video.id, operation)).status_code in (200, 204)


async def test_ignores_ids_in_body_and_query(
    application: Application, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice, mallory = await signed_in(), await signed_in()
    hers, theirs = await make_video("ready", owner=alice.user), await make_video("ready", owner=mallory.user)
    answer = await mallory.get(
        f"{API}/videos/{theirs.id}", params={"video_id": str(hers.id), "user_id": str(alice.user.id)}
    )
    assert answer.json()["id"] == str(theirs.id)
    answer = await mallory.get(f"{API}/videos", params={"user_id": str(alice.user.id)})
    assert [item["id"] for item in answer.json()["items"]] == [str(theirs.id)]
    assert (await read_video(application, hers.id)).user_id == alice.user.id
