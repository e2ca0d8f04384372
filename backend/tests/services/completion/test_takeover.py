"""Continue a completion after a slow store or a crash."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.errors import PartsIncomplete, StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.models import User
from app.ports import NoSuchObject
from app.services import completion
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    read_video,
    run_due_probes,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.completion.conftest import WELL_PAST_A_LEASE, assert_completed, restore_to_uploading
from tests.services.conftest import TWO_PARTS, Sent, part_md5s_of
from tests.waiting import TIMEOUT_SECONDS


@pytest.mark.usefixtures("no_wait")
async def test_returns_completing_if_the_store_is_slow(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")

    first = await application.completion.complete(user.id, video.id, {})
    await gate.reached()
    second = await application.completion.complete(user.id, video.id, {})

    assert (first.status, second.status) == ("completing", "completing")
    gate.release()
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    assert storage.count("complete_multipart_upload") == 1


async def test_continues_if_the_caller_disconnects(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")
    request = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    gate.release()
    await application.tasks.drain(TIMEOUT_SECONDS)

    await assert_completed(application, storage, video, SMALL_VIDEO)


@pytest.mark.usefixtures("no_wait")
async def test_respects_live_lease(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing", lease_until=clock.now() + timedelta(seconds=30))
    clock.advance(seconds=29)

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == "completing"
    assert storage.calls == []


async def test_next_call_takes_over_after_a_crash(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing")
    clock.advance(WELL_PAST_A_LEASE)

    answered = await application.completion.complete(user.id, video.id, part_md5s_of(video, SMALL_VIDEO))

    assert answered.status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_reconciler_takes_over_after_a_crash(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("completing")
    await application.reconciler.reconcile_due()
    assert (await read_video(application, video.id)).status == "completing"
    clock.advance(WELL_PAST_A_LEASE)

    await application.reconciler.reconcile_due()

    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_reconciler_returns_incomplete_upload_to_uploading(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("completing", data=TWO_PARTS, parts_sent=(1,))
    clock.advance(WELL_PAST_A_LEASE)

    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status == "uploading"


async def test_reconciler_retries_while_the_store_is_down(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("completing")
    clock.advance(WELL_PAST_A_LEASE)
    storage.fail_next("list_parts")
    await application.reconciler.reconcile_due()
    row = await read_video(application, video.id)
    assert row.status == "completing"
    assert row.due_at is not None
    assert clock.now() < row.due_at <= clock.now() + timedelta(seconds=30)

    clock.advance(seconds=30)
    await application.reconciler.reconcile_due()

    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_reconciler_verifies_md5s_of_interrupted_call(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, b"THE LAST PART")
    part_md5s = part_md5s_of(video, TWO_PARTS)
    storage.fail_next("list_parts")
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, part_md5s)
    clock.advance(WELL_PAST_A_LEASE)

    await application.reconciler.reconcile_due()

    row = await read_video(application, video.id)
    assert (row.status, row.part_md5s) == ("uploading", None)
    assert storage.objects == {}
    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, part_md5s)
    assert raised.value.facts == {"missing": [], "mismatched": [2]}


async def test_takeover_without_md5s_keeps_stored_ones(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, b"THE LAST PART")
    storage.fail_next("list_parts")
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    with pytest.raises(PartsIncomplete):
        await application.completion.complete(user.id, video.id, {})


async def test_stores_md5s_of_planned_parts_until_settled(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    md5 = part_md5s_of(video, SMALL_VIDEO)[1]
    storage.fail_next("list_parts")
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {1: md5, 2: md5, 9999: md5})
    assert (await read_video(application, video.id)).part_md5s == {"1": md5}

    assert (await application.completion.complete(user.id, video.id, {})).part_md5s is None


async def test_only_one_of_two_takeovers_works(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing")
    clock.advance(WELL_PAST_A_LEASE)

    await asyncio.gather(
        application.reconciler.reconcile_due(), application.completion.complete(user.id, video.id, {})
    )

    assert storage.count("complete_multipart_upload") == 1
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_changes_nothing_after_losing_the_lease(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """It hung for longer than its lease. Another call finished the work, and the probe has begun."""
    video = await sent()
    gate = storage.hold_next("head", when="after")
    slow = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()
    clock.advance(WELL_PAST_A_LEASE)
    await application.reconciler.reconcile_due()
    await run_due_probes(application)
    ready = await read_video(application, video.id)
    assert ready.status == "ready"
    gate.release()

    assert (await slow).status == "ready"
    assert await read_video(application, video.id) == ready


async def test_renews_the_lease_during_assembly(
    application: Application,
    sent: Sent,
    storage: InMemoryStorage,
    user: User,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(completion, "LEASE_RENEWAL_SECONDS", 0.001)
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")
    completing = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()
    clock.advance(seconds=25)
    renewed_until = clock.now() + timedelta(seconds=30)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (await read_video(application, video.id)).lease_until != renewed_until:  # noqa: ASYNC110  # a row has no event
            await asyncio.sleep(0.002)
    clock.advance(seconds=25)

    await application.reconciler.reconcile_due()
    assert storage.count("complete_multipart_upload") == 1
    gate.release()

    assert (await completing).status == "processing"


async def test_does_not_overwrite_another_owner(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    """The owner is random per call, so a second call does not mistake the first one's lease for its own."""
    owner = uuid.uuid4()
    video = await make_video("completing", lease_owner=owner)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "WAIT_SECONDS", 0.0)
        await application.completion.complete(user.id, video.id, {})

    assert (await read_video(application, video.id)).lease_owner == owner


async def test_finding_the_object_resets_the_recheck(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The two stale 404s are not in a row, because a check between them found the object."""
    video = await sent()
    await application.completion.complete(user.id, video.id, {})
    await restore_to_uploading(application, video, upload_id="used-up")
    clock.advance(timedelta(days=30))
    storage.fail_next("head", NoSuchObject())
    await application.reconciler.reconcile_due()
    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()

    storage.fail_next("head", NoSuchObject())
    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status == "completing"
