"""Decide by HEAD if an answer of the store is lost, stale or refused."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from app.bootstrap import Application
from app.core.storage_causes import cause_of
from app.core.tasks import cancel_and_wait
from app.domain.announced_object import TOKEN_METADATA
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.models import User
from app.ports import NoSuchObject, NoSuchUpload, ObjectExists
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    part_of,
    read_video,
    reserved_bytes,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.completion.conftest import (
    WELL_PAST_A_LEASE,
    assert_completed,
    complete_at_recheck,
    restore_to_uploading,
)
from tests.services.conftest import TWO_PARTS, Create, Sent, part_md5s_of


async def test_decides_lost_answer_by_head(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    """The object exists after an error in a 200, a timeout or a reset."""
    video = await sent(TWO_PARTS)
    storage.fail_next("complete_multipart_upload", when="after")

    answered = await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert answered.status == "processing"
    await assert_completed(application, storage, video, TWO_PARTS)


@pytest.mark.parametrize("looks_that_fail", [1, 2])
async def test_survives_stale_404_after_the_assembly(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, looks_that_fail: int
) -> None:
    """A failed video is removed, so a stale 404 must not fail one."""
    video = await sent(TWO_PARTS)
    storage.fail_next("head", NoSuchObject(), times=looks_that_fail)

    try:
        await application.completion.complete(user.id, video.id, {})
    except StorageUnavailable:
        await application.completion.complete(user.id, video.id, {})

    await assert_completed(application, storage, video, TWO_PARTS)


async def test_says_that_the_assembled_object_is_not_shown(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("head", NoSuchObject(), times=2)

    with pytest.raises(StorageUnavailable) as raised:
        await application.completion.complete(user.id, video.id, {})

    assert cause_of(raised.value) == "The store does not show the object that it just assembled."


async def test_stays_undecided_if_the_complete_fails(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    storage.fail_next("complete_multipart_upload")

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner) == ("completing", None)
    assert row.due_at is not None
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    await assert_completed(application, storage, video, TWO_PARTS)


@pytest.mark.parametrize(("operation", "times"), [("list_parts", 1), ("head", 2)])
async def test_stays_undecided_if_another_call_fails(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, operation: str, times: int
) -> None:
    video = await sent()
    storage.fail_next(operation, times=times)

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    assert (await read_video(application, video.id)).status == "completing"
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_accepts_no_such_upload_if_the_object_exists(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """An earlier call assembled the object and crashed before its commit."""
    video = await make_video("completing", in_store=False, lease_until=clock.now(), upload_id="used-up")
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_decides_no_such_upload_by_head(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("complete_multipart_upload", NoSuchUpload(), when="after")

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_fails_video_without_upload_and_object_at_recheck(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing", in_store=False, lease_until=clock.now())

    answered = await complete_at_recheck(application, clock, user, video)

    assert (answered.status, answered.status_code) == ("failed", "object_missing")
    assert answered.due_at == clock.now()
    await application.reconciler.reconcile_due()
    assert await reserved_bytes(application, user) == 0
    assert (await read_video(application, video.id)).due_at is None


async def test_stays_undecided_before_the_recheck(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing", in_store=False, lease_until=clock.now())

    for _ in range(3):
        with pytest.raises(StorageUnavailable) as raised:
            await application.completion.complete(user.id, video.id, {})
        assert cause_of(raised.value).startswith("The store does not have the announced object.")
        clock.advance(RECHECK_AFTER / 3 - timedelta(seconds=1))

    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner) == ("completing", None)


async def test_survives_stale_404_after_a_crash(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """A process assembled the object and crashed. The first HEAD of the takeover gets a stale 404."""
    video = await make_video("completing", in_store=False, upload_id="used-up")
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})
    clock.advance(WELL_PAST_A_LEASE)
    storage.fail_next("head", NoSuchObject())

    await application.reconciler.reconcile_due()
    clock.advance(WELL_PAST_A_LEASE)
    await application.reconciler.reconcile_due()

    await assert_completed(application, storage, video, SMALL_VIDEO)
    assert (await read_video(application, video.id)).missing_since is None


async def test_does_not_count_the_check_of_the_expiry(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The expiry found no object. Then a process assembled it and crashed, and one HEAD is stale."""
    video = await sent()
    clock.advance(timedelta(hours=1))
    await application.reconciler.reconcile_due()
    gate = storage.hold_next("complete_multipart_upload", when="after")
    dies = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()
    await cancel_and_wait([dies])
    clock.advance(RECHECK_AFTER)

    storage.fail_next("head", NoSuchObject())
    await application.reconciler.reconcile_due()
    clock.advance(WELL_PAST_A_LEASE)
    await application.reconciler.reconcile_due()

    await assert_completed(application, storage, video, SMALL_VIDEO)
    gate.release()


async def test_counts_only_checks_in_a_row(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent()
    storage.fail_next("list_parts", NoSuchUpload())
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})
    clock.advance(RECHECK_AFTER)
    storage.fail_next("complete_multipart_upload")
    with pytest.raises(StorageUnavailable):  # it saw the upload, and the store failed then
        await application.completion.complete(user.id, video.id, {})
    storage.fail_next("list_parts", NoSuchUpload())
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


async def test_keeps_object_that_appears_after_the_failure(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """It counts against the quota and the sweep reports it until its owner deletes it."""
    video = await sent()
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})
    storage.fail_next("list_parts", NoSuchUpload(), times=2)
    storage.fail_next("head", NoSuchObject(), times=2)
    assert (await complete_at_recheck(application, clock, user, video)).status == "failed"

    await application.reconciler.reconcile_due()

    assert list(storage.objects) == [video.object_key]
    assert (await read_video(application, video.id)).due_at is None
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)
    await application.videos.delete(user.id, video.id)
    assert storage.objects == {}
    assert storage.open_uploads == []
    assert await reserved_bytes(application, user) == 0


async def test_completes_restored_row_without_upload_id(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The backup is from before CreateMultipartUpload, and the store has the finished object."""
    video = await sent()
    await application.completion.complete(user.id, video.id, {})
    await restore_to_uploading(application, video, upload_id=None)
    clock.advance(timedelta(days=30))

    await application.reconciler.reconcile_due()
    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status == "processing"
    assert list(storage.objects) == [video.object_key]


@pytest.mark.parametrize("upload_id", [None, "used-up"])
async def test_keeps_object_of_restored_row_at_one_stale_404(
    application: Application,
    sent: Sent,
    storage: InMemoryStorage,
    user: User,
    clock: FakeClock,
    upload_id: str | None,
) -> None:
    video = await sent()
    await application.completion.complete(user.id, video.id, {})
    await restore_to_uploading(application, video, upload_id=upload_id)
    clock.advance(timedelta(days=30))

    storage.fail_next("head", NoSuchObject())
    await application.reconciler.reconcile_due()
    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()
    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status == "processing"
    assert list(storage.objects) == [video.object_key]


async def test_ignores_late_part_of_completed_upload(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The late part makes the store list the upload again, and the row is restored from before its end."""
    video = await sent(TWO_PARTS)
    await application.completion.complete(user.id, video.id, {})
    await restore_to_uploading(application, video, upload_id=video.upload_id)
    assert video.upload_id is not None
    storage.store_late_part(video.object_key, video.upload_id, 1, part_of(video, TWO_PARTS, 1))
    clock.advance(timedelta(days=30))

    await application.reconciler.reconcile_due()
    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status == "processing"
    assert storage.objects[video.object_key].data == TWO_PARTS


@pytest.mark.parametrize("difference", ["size", "token"])
async def test_fails_video_whose_key_has_another_object(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    user: User,
    clock: FakeClock,
    difference: str,
) -> None:
    video = await make_video("completing", in_store=False, lease_until=clock.now(), upload_id="used-up")
    data = SMALL_VIDEO + b"!" if difference == "size" else SMALL_VIDEO
    token = video.object_token if difference == "size" else "another"
    storage.store_object(video.object_key, data, {TOKEN_METADATA: token})

    assert (await complete_at_recheck(application, clock, user, video)).status == "failed"


async def test_accepts_412_if_the_object_is_the_announced_one(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    """An earlier attempt succeeded without an answer, and the store still lists the upload."""
    video = await sent()
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


async def test_leaves_no_working_url_after_success_by_head(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    """The upload ID is gone, so the store refuses parts (I6 of the guarantees)."""
    started = await create()
    assert started.parts is not None
    storage.put_part(started.parts[0].url, SMALL_VIDEO)
    storage.store_object(started.video.object_key, SMALL_VIDEO, {TOKEN_METADATA: started.video.object_token})

    await application.completion.complete(user.id, started.video.id, {})

    assert storage.put_part(started.parts[0].url, SMALL_VIDEO) == 404
    await assert_completed(application, storage, started.video, SMALL_VIDEO)


@pytest.mark.parametrize("replaced_again", [0, 1])
async def test_leaves_no_open_upload_after_success_by_head(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, replaced_again: int
) -> None:
    """The store failed within Complete after it created the object, and a part is sent again (I6)."""
    video = await sent(TWO_PARTS)

    async def sent_again(body: bytes) -> None:
        storage.store_part(video.upload_id or "", 2, body)

    async def half_done() -> None:
        storage.store_object(video.object_key, TWO_PARTS, {TOKEN_METADATA: video.object_token})
        await sent_again(b"THE LAST PART")
        raise StorageUnavailable

    storage.hook_next("complete_multipart_upload", half_done)
    for _ in range(replaced_again):
        storage.hook_next("complete_multipart_upload", partial(sent_again, b"the LAST part"))

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"

    last = b"the LAST part" if replaced_again else b"THE LAST PART"
    await assert_completed(application, storage, video, TWO_PARTS[: 5 * 1024**2] + last)


async def test_stays_undecided_while_the_upload_stays_open(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})
    storage.fail_next("complete_multipart_upload", ObjectExists(), times=4)

    with pytest.raises(StorageUnavailable) as raised:
        await application.completion.complete(user.id, video.id, {})
    assert cause_of(raised.value) == "The store has the object, but it refuses to end the upload."

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_repeats_complete_after_409_without_object(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    """Another request on this key was in progress. Upload and parts still exist."""
    video = await sent(TWO_PARTS)
    storage.fail_next("complete_multipart_upload", ObjectExists())

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == "processing"
    await assert_completed(application, storage, video, TWO_PARTS)


async def test_stays_undecided_while_409_repeats(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("complete_multipart_upload", ObjectExists(), times=3)

    with pytest.raises(StorageUnavailable) as raised:
        await application.completion.complete(user.id, video.id, {})
    assert cause_of(raised.value) == "The store refused each attempt to assemble the parts."

    assert (await read_video(application, video.id)).status == "completing"


async def test_leaves_no_working_url_after_complete(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    started = await create()
    assert started.parts is not None
    (part,) = started.parts
    storage.put_part(part.url, SMALL_VIDEO)
    await application.completion.complete(user.id, started.video.id, {})

    assert storage.put_part(part.url, SMALL_VIDEO) == 404
