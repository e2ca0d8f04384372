"""Test that a user deletes the own account, with its videos, and nobody else's."""

import httpx

from app.bootstrap import Application
from app.domain.video_status import VideoStatus
from tests.api.shapes import API, assert_error
from tests.conftest import MakeVideo, SignedIn
from tests.factories import PASSWORD

DELETE = f"{API}/auth/me/delete"
CONFIRMED = {"password": PASSWORD}


async def test_account_and_its_sessions_end_at_once(signed_in: SignedIn, client: httpx.AsyncClient) -> None:
    here = await signed_in()
    elsewhere = await signed_in(here.user, how="bearer")
    answer = await here.post(DELETE, json=CONFIRMED)
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]

    for session in (here, elsewhere):
        assert_error(await session.get(f"{API}/auth/me"), 401, "not_authenticated")
    again = await client.post(f"{API}/auth/login", json={"email": here.user.email, "password": PASSWORD})
    assert_error(again, 401, "invalid_credentials")


async def test_videos_go_before_the_account(
    signed_in: SignedIn, make_video: MakeVideo, application: Application
) -> None:
    alice, bob = await signed_in(), await signed_in()
    ready, open_upload = [await make_video(status, owner=alice.user) for status in ("ready", "uploading")]
    others = await make_video("ready", owner=bob.user)
    await alice.post(DELETE, json=CONFIRMED)
    async with application.database.reading() as session:
        stopped = await session.get(type(open_upload), open_upload.id)
        assert stopped is not None
        assert stopped.status == VideoStatus.DELETING

    await application.deletion.finish_all()
    async with application.database.reading() as session:
        going = await session.get(type(ready), ready.id)
        assert going is not None
        assert going.status == VideoStatus.DELETING
        # The store still has its bytes.
        assert await session.get(type(alice.user), alice.user.id) is not None
    assert (await bob.get(f"{API}/videos/{others.id}")).json()["status"] == "ready"


async def test_account_without_videos_is_gone_after_the_next_round(
    signed_in: SignedIn, application: Application
) -> None:
    alice = await signed_in()
    await alice.post(DELETE, json=CONFIRMED)
    await application.deletion.finish_all()
    async with application.database.reading() as session:
        assert await session.get(type(alice.user), alice.user.id) is None


async def test_wrong_password_deletes_nothing(signed_in: SignedIn) -> None:
    alice = await signed_in()
    assert_error(await alice.post(DELETE, json={"password": "not this one"}), 401, "invalid_credentials")
    assert (await alice.get(f"{API}/auth/me")).status_code == 200
