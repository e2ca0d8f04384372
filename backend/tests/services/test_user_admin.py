"""What the operator may do to accounts: list, enable, disable, delete, set a quota."""

import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlmodel import col, select

from app.bootstrap import Application
from app.domain.errors import (
    InvalidCredentials,
    InvalidRequest,
    NotAuthenticated,
    QuotaExceeded,
    StorageUnavailable,
    VideoNotFound,
    WrongState,
)
from app.domain.recheck import RECHECK_AFTER
from app.models import Session, User
from app.services import account_deletion
from app.services.user_admin import AccountLeaving, NoSuchAccount
from tests.conftest import MakeUser, MakeVideo
from tests.factories import (
    PASSWORD,
    SMALL_VIDEO,
    count_videos,
    find_video,
    read_video,
    reserved_bytes,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import Create, part_md5s_of, send
from tests.waiting import TIMEOUT_SECONDS


async def disable(application: Application, user: User) -> int | None:
    """Do what the command does, and return how many uploads the store still has, or None if it did not answer."""
    stopped = await application.user_admin.disable(user.id)
    return await application.user_admin.clear(stopped)


async def count_sessions(application: Application, user: User) -> int:
    async with application.database.reading() as session:
        return len((await session.scalars(select(Session).where(col(Session.user_id) == user.id))).all())


async def exists(application: Application, user: User) -> bool:
    async with application.database.reading() as session:
        return await session.get(User, user.id) is not None


async def let_removals_end(application: Application, clock: FakeClock) -> None:
    """Run the reconciler and the deletion until the store has confirmed every removal twice."""
    for _ in range(2):
        while await application.reconciler.reconcile_due():
            pass
        clock.advance(RECHECK_AFTER)
    await application.deletion.finish_all()


# --- looking ----------------------------------------------------------------------------------------------------


async def test_lists_accounts_with_state_videos_and_space(
    application: Application, clock: FakeClock, user: User, make_user: MakeUser, make_video: MakeVideo
) -> None:
    clock.advance(seconds=1)
    second = await make_user(full_name="Ada", is_active=False, quota_bytes=10_000)
    for status in ("ready", "uploading", "deleting"):
        await make_video(status)

    first, other = await application.user_admin.list_all()

    assert (first.id, first.email, first.full_name, first.state) == (user.id, user.email, None, "active")
    assert (first.videos, first.open_uploads, first.being_removed) == (2, 1, 1)
    assert first.used_bytes == 3 * len(SMALL_VIDEO)
    assert (first.quota_bytes, first.quota_is_own) == (application.settings.user_quota_bytes, False)
    assert (other.id, other.full_name, other.state, other.videos) == (second.id, "Ada", "disabled", 0)
    assert (other.quota_bytes, other.quota_is_own) == (10_000, True)


async def test_finds_account_by_address_in_any_case_or_by_id(application: Application, user: User) -> None:
    for name in (user.email, user.email.upper(), str(user.id)):
        assert (await application.user_admin.find(name)).id == user.id


@pytest.mark.parametrize("name", ["nobody@example.com", str(uuid.uuid4()), "", "\0"])
async def test_unknown_account_is_named_as_such(application: Application, name: str) -> None:
    with pytest.raises(NoSuchAccount, match="slipway user list"):
        await application.user_admin.find(name)


async def test_commands_refuse_an_address_that_is_too_long(application: Application) -> None:
    name = "a" + "\u0301\u0316" * 160
    for command in (
        application.user_admin.find(name),
        application.user_admin.create(name, PASSWORD),
        application.accounts.set_password(name, PASSWORD),
    ):
        with pytest.raises(InvalidRequest, match="longer than 320 characters"):
            await command


# --- disabling --------------------------------------------------------------------------------------------------


async def test_disabling_ends_sign_in_and_sessions(application: Application, user: User) -> None:
    token = (await application.accounts.sign_in(user.email, PASSWORD, "cookie", None)).token

    await disable(application, user)

    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)
    with pytest.raises(InvalidCredentials):
        await application.accounts.sign_in(user.email, PASSWORD, "cookie", None)
    assert await count_sessions(application, user) == 0


async def test_disabling_aborts_open_uploads_so_that_part_urls_end(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    started = await create()
    assert started.parts is not None

    assert await disable(application, user) == 0

    assert storage.open_uploads == []
    assert storage.put_part(started.parts[0].url, SMALL_VIDEO) == 404
    for refused in (
        application.uploads.sign_parts(user.id, started.video.id, [1]),
        application.completion.complete(user.id, started.video.id, {}),
    ):
        with pytest.raises(VideoNotFound):
            await refused
    with pytest.raises(NotAuthenticated):
        await create()


async def test_disabling_keeps_finished_videos_and_uploads_of_others(
    application: Application, make_video: MakeVideo, make_user: MakeUser, user: User
) -> None:
    kept = [await make_video(status) for status in ("processing", "ready", "failed")]
    others = await make_video("uploading", owner=await make_user())

    await disable(application, user)

    assert [(await read_video(application, video.id)).status for video in kept] == [
        "processing",
        "ready",
        "failed",
    ]
    assert (await read_video(application, others.id)).status == "uploading"


async def test_space_of_aborted_uploads_is_released(
    application: Application, create: Create, clock: FakeClock, user: User
) -> None:
    await create()

    await disable(application, user)
    await let_removals_end(application, clock)

    assert await reserved_bytes(application, user) == 0
    assert await count_videos(application) == 0
    assert await exists(application, user)


async def test_disabled_while_the_store_opens_the_upload(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The row is there, and its upload ID is not known yet."""
    opening = storage.hold_next("create_multipart_upload", when="after")
    creating = asyncio.create_task(create())
    await opening.reached()

    await disable(application, user)
    opening.release()

    with pytest.raises(WrongState):
        await creating
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert storage.open_uploads == []
    await let_removals_end(application, clock)
    assert await reserved_bytes(application, user) == 0


async def test_disabled_during_a_completion_removes_what_it_assembles(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    started = await create()
    send(storage, started, SMALL_VIDEO)
    assembling = storage.hold_next("complete_multipart_upload")
    md5s = part_md5s_of(started.video, SMALL_VIDEO)
    completing = asyncio.create_task(application.completion.complete(user.id, started.video.id, md5s))
    await assembling.reached()

    assert await disable(application, user) == 1
    assembling.release()

    with pytest.raises(VideoNotFound):
        await completing
    await let_removals_end(application, clock)
    assert await find_video(application, started.video.id) is None
    assert started.video.object_key not in storage.objects
    assert await reserved_bytes(application, user) == 0


async def test_reconciler_aborts_what_an_unreachable_store_kept(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    await create()
    storage.fail_next("abort_multipart_upload", StorageUnavailable())

    assert await disable(application, user) is None
    assert len(storage.open_uploads) == 1

    await application.reconciler.reconcile_due()
    assert storage.open_uploads == []


async def test_enabled_account_signs_in_and_uploads_again(
    application: Application, create: Create, user: User
) -> None:
    await disable(application, user)
    await application.user_admin.enable(user.id)

    await application.accounts.sign_in(user.email, PASSWORD, "cookie", None)
    assert (await create()).is_new


# --- deleting ---------------------------------------------------------------------------------------------------


async def test_deletion_removes_videos_first_and_then_the_account(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    videos = [
        await make_video(status) for status in ("ready", "failed", "processing", "uploading", "expired")
    ]
    token = (await application.accounts.sign_in(user.email, PASSWORD, "cookie", None)).token

    stopped = await application.user_admin.delete(user.id)

    assert stopped == [videos[3].id]
    assert (await application.user_admin.find(user.email)).state == "deleting"
    assert {(await read_video(application, video.id)).status for video in videos} == {"deleting"}
    with pytest.raises(NotAuthenticated):
        await application.accounts.who_is(token)

    await application.reconciler.reconcile_due()
    await application.deletion.finish_all()
    assert await exists(application, user), "the store has confirmed only once"
    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()
    await application.deletion.finish_all()

    assert not await exists(application, user)
    assert (storage.objects, storage.open_uploads) == ({}, [])
    assert await count_videos(application) == 0


async def test_account_without_videos_is_gone_at_once(
    application: Application, user: User, make_user: MakeUser
) -> None:
    other = await make_user()

    assert await application.user_admin.delete(user.id) == []

    assert not await exists(application, user)
    assert await exists(application, other)


async def test_address_is_free_after_the_deletion(application: Application, user: User) -> None:
    await application.user_admin.delete(user.id)

    again = await application.registration.create(user.email, PASSWORD, None)

    assert again.id != user.id


async def test_deletion_goes_on_where_the_command_died(
    application: Application,
    make_video: MakeVideo,
    clock: FakeClock,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It died after its first transaction, and each later one handles two videos."""
    monkeypatch.setattr(account_deletion, "_BATCH", 2)
    videos = [await make_video("ready") for _ in range(5)]

    async def died(_user_id: uuid.UUID) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(application.deletion, "finish", died)
        with pytest.raises(KeyboardInterrupt):
            await application.user_admin.delete(user.id)
    assert (await read_video(application, videos[0].id)).status == "ready"

    await application.deletion.finish_all()
    assert {(await read_video(application, video.id)).status for video in videos} == {"deleting"}
    await let_removals_end(application, clock)
    assert not await exists(application, user)


async def test_deletion_may_be_repeated(
    application: Application, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    await make_video("ready")
    await application.user_admin.delete(user.id)
    began = await deleted_at(application, user)
    clock.advance(timedelta(minutes=1))

    await application.user_admin.delete(user.id)

    assert await deleted_at(application, user) == began


async def deleted_at(application: Application, user: User) -> object:
    async with application.database.reading() as session:
        return (await session.get_one(User, user.id)).deleted_at


async def test_account_that_is_being_deleted_stays_disabled(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    await make_video("ready")
    await application.user_admin.delete(user.id)

    for refused in (
        application.user_admin.enable(user.id),
        application.user_admin.disable(user.id),
        application.user_admin.set_quota(user.id, 1),
    ):
        with pytest.raises(AccountLeaving):
            await refused
    with pytest.raises(InvalidCredentials):
        await application.accounts.sign_in(user.email, PASSWORD, "cookie", None)


async def test_account_stays_while_the_store_keeps_its_bytes(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock, user: User
) -> None:
    await make_video("ready")
    await application.user_admin.delete(user.id)
    for _ in range(3):
        storage.fail_next("delete", StorageUnavailable())
        await application.reconciler.reconcile_due()
        clock.advance(RECHECK_AFTER)
        await application.deletion.finish_all()

    assert await exists(application, user)
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)


# --- the quota --------------------------------------------------------------------------------------------------


async def test_operator_sets_and_resets_a_quota(application: Application, create: Create, user: User) -> None:
    await application.user_admin.set_quota(user.id, len(SMALL_VIDEO) - 1)
    with pytest.raises(QuotaExceeded):
        await create()

    await application.user_admin.set_quota(user.id, None)

    await create()


async def test_quota_below_the_used_space_keeps_the_videos(
    application: Application, create: Create, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("ready")

    await application.user_admin.set_quota(user.id, 0)

    with pytest.raises(QuotaExceeded):
        await create()
    assert (await read_video(application, video.id)).status == "ready"
