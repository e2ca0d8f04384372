"""Completing: proven by the store's own list, once whoever asks and however often, decided by HEAD in doubt."""

import asyncio
import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from app.bootstrap import Application
from app.core.tasks import cancel_and_wait
from app.crud import videos
from app.domain.announced_object import TOKEN_METADATA
from app.domain.errors import PartsIncomplete, StorageUnavailable, VideoNotFound, WrongState
from app.domain.recheck import RECHECK_AFTER
from app.models import User, Video
from app.ports import InvalidPart, NoSuchObject, NoSuchUpload, ObjectExists
from app.services import completion
from tests.conftest import MakeUser, MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    part_of,
    read_video,
    reserved_bytes,
    run_due_probes,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage
from tests.services.conftest import TWO_PARTS, Create, Sent, part_md5s_of
from tests.waiting import TIMEOUT_SECONDS

WELL_PAST_A_LEASE = timedelta(seconds=31)


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers that wait for another look again soon: nothing but the length of the test depends on it."""
    monkeypatch.setattr(completion, "POLL_SECONDS", 0.005)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complete call that waits for the store no longer than it takes to look."""
    monkeypatch.setattr(completion, "WAIT_SECONDS", 0.0)


async def assert_completed(
    application: Application, storage: InMemoryStorage, video: Video, data: bytes
) -> None:
    """I1, I6, I7: one object with these bytes, no open upload, one job."""
    row = await read_video(application, video.id)
    assert row.status == "processing"
    assert list(storage.objects) == [video.object_key]
    made = storage.objects[video.object_key]
    assert made.data == data
    assert row.etag == made.etag
    assert storage.open_uploads == []
    assert (row.lease_owner, row.lease_until) == (None, None)
    assert row.due_at == application.clock.now()
    assert (row.uploaded_at, row.expires_at) == (application.clock.now(), None)


async def complete_at_the_second_look(
    application: Application, clock: FakeClock, user: User, video: Video
) -> Video:
    """The first finds nothing, which may be a stale answer."""
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})
    clock.advance(RECHECK_AFTER)
    return await application.completion.complete(user.id, video.id, {})


async def restore_to_uploading(application: Application, video: Video, upload_id: str | None) -> None:
    """The database is a backup from before the end of the upload."""
    async with application.database.transaction() as session:
        await session.execute(
            update(Video).values(
                status="uploading",
                upload_id=upload_id,
                expires_at=video.expires_at,
                due_at=video.due_at,
                etag=None,
                uploaded_at=None,
            )
        )


# --- the straight way -------------------------------------------------------------------------------------------


async def test_complete_assembles_and_hands_over_to_the_probe(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, probe: FakeProbe
) -> None:
    video = await sent(TWO_PARTS)

    answered = await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert answered.status == "processing"
    await assert_completed(application, storage, video, TWO_PARTS)
    assert await run_due_probes(application) == 1
    assert probe.calls == [(video.object_key, storage.objects[video.object_key].etag)]


@pytest.mark.parametrize("proven", [(), (1,), (2,), (1, 2)])
async def test_a_proof_may_be_any_subset(
    application: Application, sent: Sent, user: User, proven: tuple[int, ...]
) -> None:
    video = await sent(TWO_PARTS)
    part_md5s = part_md5s_of(video, TWO_PARTS)

    answered = await application.completion.complete(
        user.id, video.id, {number: part_md5s[number] for number in proven}
    )

    assert answered.status == "processing"


async def test_an_md5_is_compared_without_case(application: Application, sent: Sent, user: User) -> None:
    video = await sent()
    part_md5s = {number: md5.upper() for number, md5 in part_md5s_of(video, SMALL_VIDEO).items()}

    assert (await application.completion.complete(user.id, video.id, part_md5s)).status == "processing"


async def test_the_object_is_assembled_only_if_there_is_none(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent()
    storage.store_object(video.object_key, b"foreign")

    answered = await complete_at_the_second_look(application, clock, user, video)

    assert answered.status == "failed"
    assert answered.status_code == "object_missing"
    await application.reconciler.reconcile_due()
    assert storage.objects[video.object_key].data == b"foreign"


async def test_completed_space_stays_reserved(application: Application, sent: Sent, user: User) -> None:
    video = await sent()

    await application.completion.complete(user.id, video.id, {})

    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)
    await assert_quota_is_exact(application, user)


# --- parts that are not as planned ------------------------------------------------------------------------------


async def test_missing_parts_are_named_and_can_be_sent_again(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent(TWO_PARTS, leaving_out=(2,))
    clock.advance(seconds=60)

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, {})

    assert raised.value.facts == {"missing": [2], "mismatched": []}
    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner) == ("uploading", None)
    assert row.expires_at == row.due_at == video.expires_at
    (part,) = await application.uploads.sign_parts(user.id, video.id, [2])
    assert storage.put_part(part.url, part_of(video, TWO_PARTS, 2)) == 200
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


async def test_nothing_sent_names_every_part(application: Application, create: Create, user: User) -> None:
    video = (await create(TWO_PARTS)).video

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, {})

    assert raised.value.facts == {"missing": [1, 2], "mismatched": []}


@pytest.mark.parametrize("body", [b"shorter", TWO_PARTS[: 5 * 1024**2] + b"longer"])
async def test_a_part_of_another_length_is_named(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, body: bytes
) -> None:
    """A URL would not take it; an engine that did not check the length must not get it through either."""
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, body)

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, {})

    assert raised.value.facts == {"missing": [], "mismatched": [2]}
    assert storage.objects == {}


async def test_a_part_with_other_bytes_is_named(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, b"THE LAST PART")

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert raised.value.facts == {"missing": [], "mismatched": [2]}
    assert storage.objects == {}


async def test_an_md5_proves_nothing_where_etags_are_not_md5s(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    """SSE-KMS: the ETag is no MD5, and a video must not be refused for that."""
    storage._etags_are_md5 = False
    started = await create()
    assert started.parts is not None
    storage.put_part(started.parts[0].url, SMALL_VIDEO)

    answered = await application.completion.complete(
        user.id, started.video.id, part_md5s_of(started.video, SMALL_VIDEO)
    )

    assert answered.status == "processing"


async def test_a_part_beyond_the_plan_is_not_taken_in(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 3, b"more")

    await application.completion.complete(user.id, video.id, {})

    assert storage.objects[video.object_key].data == TWO_PARTS


async def test_a_part_replaced_during_the_assembly_is_looked_at_again(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)

    async def replace() -> None:
        storage.store_part(video.upload_id or "", 2, b"THE LAST PART")

    storage.hook_next("list_parts", replace, when="after")
    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert raised.value.facts == {"missing": [], "mismatched": [2]}


async def test_parts_that_change_without_end_do_not_end_in_a_verdict(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("complete_multipart_upload", InvalidPart(), times=3)

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    assert (await read_video(application, video.id)).status == "completing"
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


# --- who may, and when ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["processing", "ready", "failed"])
async def test_a_settled_video_is_answered_as_it_is(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, status: str
) -> None:
    video = await make_video(status)

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == status
    assert storage.calls == []


@pytest.mark.parametrize("status", ["expired", "deleting"])
async def test_a_leaving_video_cannot_be_completed(
    application: Application, make_video: MakeVideo, user: User, status: str
) -> None:
    with pytest.raises(VideoNotFound):
        await application.completion.complete(user.id, (await make_video(status)).id, {})


async def test_anothers_video_cannot_be_completed(
    application: Application, sent: Sent, storage: InMemoryStorage, make_user: MakeUser
) -> None:
    video = await sent()
    stranger = await make_user()

    with pytest.raises(VideoNotFound):
        await application.completion.complete(stranger.id, video.id, {})

    assert storage.objects == {}
    assert (await read_video(application, video.id)).status == "uploading"


async def test_an_upload_that_never_opened_cannot_be_completed(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    video = await make_video("uploading", upload_id=None, in_store=False)

    with pytest.raises(WrongState):
        await application.completion.complete(user.id, video.id, {})


# --- lost answers and other doubts ------------------------------------------------------------------------------


async def test_a_lost_answer_is_decided_by_head(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    """Error in a 200, timeout, reset: the object is there, whatever the answer was."""
    video = await sent(TWO_PARTS)
    storage.fail_next("complete_multipart_upload", when="after")

    answered = await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert answered.status == "processing"
    await assert_completed(application, storage, video, TWO_PARTS)


@pytest.mark.parametrize("looks_that_fail", [1, 2])
async def test_an_assembled_object_that_a_head_does_not_see_is_not_lost(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, looks_that_fail: int
) -> None:
    """A stale 404 is no verdict: what fails is removed, and the user's bytes would be with it."""
    video = await sent(TWO_PARTS)
    storage.fail_next("head", NoSuchObject(), times=looks_that_fail)

    try:
        await application.completion.complete(user.id, video.id, {})
    except StorageUnavailable:
        await application.completion.complete(user.id, video.id, {})

    await assert_completed(application, storage, video, TWO_PARTS)


async def test_a_failed_assembly_stays_undecided(
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
async def test_a_store_that_fails_in_between_stays_undecided(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, operation: str, times: int
) -> None:
    video = await sent()
    storage.fail_next(operation, times=times)

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    assert (await read_video(application, video.id)).status == "completing"
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_no_such_upload_after_success_is_success(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """A caller before us assembled the object and died before it wrote that down."""
    video = await make_video("completing", in_store=False, lease_until=clock.now(), upload_id="used-up")
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_no_such_upload_at_the_assembly_is_decided_by_head(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("complete_multipart_upload", NoSuchUpload(), when="after")

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_no_upload_and_no_object_is_a_vanished_object(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing", in_store=False, lease_until=clock.now())

    answered = await complete_at_the_second_look(application, clock, user, video)

    assert (answered.status, answered.status_code) == ("failed", "object_missing")
    assert answered.due_at == clock.now()
    await application.reconciler.reconcile_due()
    assert await reserved_bytes(application, user) == 0
    assert (await read_video(application, video.id)).due_at is None


async def test_an_object_missing_at_two_looks_close_together_is_undecided(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing", in_store=False, lease_until=clock.now())

    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await application.completion.complete(user.id, video.id, {})
        clock.advance(RECHECK_AFTER / 3 - timedelta(seconds=1))

    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner) == ("completing", None)


async def test_a_stale_404_after_a_dead_process_loses_nothing(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """Its process assembled the object and died; the first HEAD of who takes over does not see it."""
    video = await make_video("completing", in_store=False, upload_id="used-up")
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})
    clock.advance(WELL_PAST_A_LEASE)
    storage.fail_next("head", NoSuchObject())

    await application.reconciler.reconcile_due()
    clock.advance(WELL_PAST_A_LEASE)
    await application.reconciler.reconcile_due()

    await assert_completed(application, storage, video, SMALL_VIDEO)
    assert (await read_video(application, video.id)).missing_since is None


async def test_a_look_before_the_complete_is_none_of_the_completions_two(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The expiry found no object yet; then a process assembled it and died, and one HEAD is stale."""
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


async def test_two_stale_404s_in_a_row_decide_and_a_look_between_them_does_not(
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


async def test_an_object_that_shows_itself_after_it_was_given_up_is_kept(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """Its owner may delete it; until then it holds its space, and the sweep reports it."""
    video = await sent()
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})
    storage.fail_next("list_parts", NoSuchUpload(), times=2)
    storage.fail_next("head", NoSuchObject(), times=2)
    assert (await complete_at_the_second_look(application, clock, user, video)).status == "failed"

    await application.reconciler.reconcile_due()

    assert list(storage.objects) == [video.object_key]
    assert (await read_video(application, video.id)).due_at is None
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)
    await application.videos.delete(user.id, video.id)
    assert storage.objects == {}
    assert storage.open_uploads == []
    assert await reserved_bytes(application, user) == 0


async def test_a_restored_row_without_upload_id_keeps_its_finished_object(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """The backup was taken while the upload was opened; in the store the video is whole."""
    video = await sent()
    await application.completion.complete(user.id, video.id, {})
    await restore_to_uploading(application, video, upload_id=None)
    clock.advance(timedelta(days=30))

    await application.reconciler.reconcile_due()
    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status == "processing"
    assert list(storage.objects) == [video.object_key]


@pytest.mark.parametrize("upload_id", [None, "used-up"])
async def test_one_stale_404_takes_no_finished_object_from_a_restored_row(
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


async def test_a_late_part_does_not_undo_what_is_finished(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """It lists the upload anew, without the other parts, and the row was restored to before its end."""
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
async def test_an_object_that_is_not_the_announced_one_is_no_success(
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

    assert (await complete_at_the_second_look(application, clock, user, video)).status == "failed"


async def test_a_precondition_failed_by_our_own_object_is_success(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    """412: a first try got through without our knowing and the engine still lists the upload."""
    video = await sent()
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


async def test_after_a_success_by_head_no_url_reaches_the_store(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    """I6: the upload id is used up, so that a part sent now is refused."""
    started = await create()
    assert started.parts is not None
    storage.put_part(started.parts[0].url, SMALL_VIDEO)
    storage.store_object(started.video.object_key, SMALL_VIDEO, {TOKEN_METADATA: started.video.object_token})

    await application.completion.complete(user.id, started.video.id, {})

    assert storage.put_part(started.parts[0].url, SMALL_VIDEO) == 404
    await assert_completed(application, storage, started.video, SMALL_VIDEO)


@pytest.mark.parametrize("replaced_again", [0, 1])
async def test_no_open_upload_stays_behind_a_success_by_head(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, replaced_again: int
) -> None:
    """I6: the store gave up within Complete, object made and upload still open, and a part is sent once more."""
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


async def test_success_by_head_is_undecided_while_its_upload_stays_open(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.store_object(video.object_key, SMALL_VIDEO, {TOKEN_METADATA: video.object_token})
    storage.fail_next("complete_multipart_upload", ObjectExists(), times=4)

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_a_conflict_without_an_object_is_tried_again(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    """409: another request on this key was under way. Upload and parts are still there."""
    video = await sent(TWO_PARTS)
    storage.fail_next("complete_multipart_upload", ObjectExists())

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == "processing"
    await assert_completed(application, storage, video, TWO_PARTS)


async def test_a_conflict_that_does_not_end_stays_undecided(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("complete_multipart_upload", ObjectExists(), times=3)

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    assert (await read_video(application, video.id)).status == "completing"


async def test_no_part_can_be_sent_after_complete(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    started = await create()
    assert started.parts is not None
    (part,) = started.parts
    storage.put_part(part.url, SMALL_VIDEO)
    await application.completion.complete(user.id, started.video.id, {})

    assert storage.put_part(part.url, SMALL_VIDEO) == 404


# --- several at once --------------------------------------------------------------------------------------------


async def test_parallel_completes_make_one_object_and_one_answer(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    part_md5s = part_md5s_of(video, TWO_PARTS)

    answers = await asyncio.gather(
        *(application.completion.complete(user.id, video.id, part_md5s) for _ in range(6))
    )

    assert {answer.status for answer in answers} == {"processing"}
    assert storage.count("complete_multipart_upload") == 1
    await assert_completed(application, storage, video, TWO_PARTS)
    assert await run_due_probes(application) == 1


async def test_those_who_wait_get_the_answer_of_the_one_who_works(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")
    first = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()
    second = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await asyncio.sleep(0.02)
    assert not second.done()
    gate.release()

    assert (await first).status == "processing"
    assert (await second).status == "processing"
    assert storage.count("complete_multipart_upload") == 1


async def test_parallel_completes_of_a_short_upload_all_hear_what_is_missing(
    application: Application, sent: Sent, user: User
) -> None:
    video = await sent(TWO_PARTS, leaving_out=(1,))

    outcomes = await asyncio.gather(
        *(application.completion.complete(user.id, video.id, {}) for _ in range(4)), return_exceptions=True
    )

    for outcome in outcomes:
        assert isinstance(outcome, PartsIncomplete)
        assert outcome.facts["missing"] == [1]


async def test_a_claim_lost_to_a_call_that_gave_up_is_made_again(
    application: Application, sent: Sent, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look and our claim another call took the video, found parts missing, and gave it back."""
    video = await sent()
    transition = videos.transition
    lost = [True]

    async def lose_once(*arguments: Any, **changes: Any) -> bool:
        return False if lost and lost.pop() else await transition(*arguments, **changes)

    monkeypatch.setattr(videos, "transition", lose_once)

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


async def test_a_repeated_complete_gives_the_same_answer(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    first = await application.completion.complete(user.id, video.id, {})

    again = await application.completion.complete(user.id, video.id, {})

    assert again == first
    assert storage.count("complete_multipart_upload") == 1


async def test_a_video_deleted_during_its_assembly_is_gone_and_stays_gone(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")
    completing = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()

    await application.videos.delete(user.id, video.id)
    assert storage.count("abort_multipart_upload") == 0, "the deletion waits for the assembly"
    gate.release()
    with pytest.raises(VideoNotFound):
        await completing

    await application.reconciler.reconcile_due()
    assert storage.objects == {}
    assert storage.open_uploads == []
    clock.advance(minutes=5)
    await application.reconciler.reconcile_due()
    await assert_quota_is_exact(application, user)
    assert await reserved_bytes(application, user) == 0


async def test_no_connection_to_the_database_is_held_while_the_store_works(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    in_use: list[str] = []

    async def look() -> None:
        in_use.append(application.database.engine.pool.status())

    for operation in ("list_parts", "complete_multipart_upload", "head"):
        storage.hook_next(operation, look)
    await application.completion.complete(user.id, video.id, {})

    assert len(in_use) == 3
    assert all("Current Checked out connections: 0" in status for status in in_use), in_use


# --- a slow store, and crashes ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
async def test_a_slow_store_is_answered_as_still_completing(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")

    first = await application.completion.complete(user.id, video.id, {})
    await gate.reached()
    second = await application.completion.complete(user.id, video.id, {})

    assert (first.status, second.status) == ("completing", "completing")
    gate.release()
    await application.tasks.drain(10)
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
    assert storage.count("complete_multipart_upload") == 1


async def test_a_browser_that_goes_away_does_not_stop_the_assembly(
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
    await application.tasks.drain(10)

    await assert_completed(application, storage, video, SMALL_VIDEO)


@pytest.mark.usefixtures("impatient")
async def test_a_live_lease_is_respected(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing", lease_until=clock.now() + timedelta(seconds=30))
    clock.advance(seconds=29)

    answered = await application.completion.complete(user.id, video.id, {})

    assert answered.status == "completing"
    assert storage.calls == []


async def test_a_completion_whose_process_died_is_taken_over_by_the_next_call(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing")
    clock.advance(WELL_PAST_A_LEASE)

    answered = await application.completion.complete(user.id, video.id, part_md5s_of(video, SMALL_VIDEO))

    assert answered.status == "processing"
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_a_completion_whose_process_died_is_finished_by_the_upkeep(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("completing")
    await application.reconciler.reconcile_due()
    assert (await read_video(application, video.id)).status == "completing"
    clock.advance(WELL_PAST_A_LEASE)

    await application.reconciler.reconcile_due()

    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_the_upkeep_gives_a_short_upload_back(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("completing", data=TWO_PARTS, parts_sent=(1,))
    clock.advance(WELL_PAST_A_LEASE)

    await application.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).status == "uploading"


async def test_the_upkeep_tries_again_while_the_store_is_down(
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


async def test_the_upkeep_compares_with_the_proof_of_the_call_that_was_cut_off(
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


async def test_who_takes_over_without_a_proof_keeps_the_one_there_is(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, b"THE LAST PART")
    storage.fail_next("list_parts")
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    with pytest.raises(PartsIncomplete):
        await application.completion.complete(user.id, video.id, {})


async def test_a_proof_is_kept_only_for_parts_of_the_plan_and_only_until_it_is_settled(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    md5 = part_md5s_of(video, SMALL_VIDEO)[1]
    storage.fail_next("list_parts")
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {1: md5, 2: md5, 9999: md5})
    assert (await read_video(application, video.id)).part_md5s == {"1": md5}

    assert (await application.completion.complete(user.id, video.id, {})).part_md5s is None


async def test_of_two_that_take_over_one_works(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("completing")
    clock.advance(WELL_PAST_A_LEASE)

    await asyncio.gather(
        application.reconciler.reconcile_due(), application.completion.complete(user.id, video.id, {})
    )

    assert storage.count("complete_multipart_upload") == 1
    await assert_completed(application, storage, video, SMALL_VIDEO)


async def test_a_holder_that_lost_its_lease_changes_nothing(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """It hung for longer than its lease; another finished the work meanwhile and the probe has begun."""
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


async def test_the_lease_is_renewed_while_the_store_works(
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


async def test_a_foreign_lease_owner_is_not_overwritten(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    """The row's owner is random per call: a second caller never takes the first one's lease for its own."""
    owner = uuid.uuid4()
    video = await make_video("completing", lease_owner=owner)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(completion, "WAIT_SECONDS", 0.0)
        await application.completion.complete(user.id, video.id, {})

    assert (await read_video(application, video.id)).lease_owner == owner


async def test_a_look_that_sees_a_restored_rows_object_starts_the_count_anew(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """A stale 404, the object, a stale 404: they were not in a row."""
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
