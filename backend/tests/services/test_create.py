"""Create uploads, also repeatedly, concurrently and with a failing store."""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlmodel import col

from app.bootstrap import Application
from app.core.config import Settings
from app.core.storage_causes import cause_of
from app.crud import users
from app.domain.announced_object import TOKEN_METADATA
from app.domain.errors import (
    FileTooLarge,
    IdempotencyConflict,
    InstallationFull,
    NotAuthenticated,
    Overloaded,
    QuotaExceeded,
    SlipwayError,
    StorageUnavailable,
    TooManyUploads,
    TooManyVideos,
    UnsupportedContainer,
    WrongState,
)
from app.domain.video_list import VideoQuery
from app.models import User, Video
from app.services.uploads import StartedUpload
from tests.conftest import MakeUser, MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    count_videos,
    make_settings,
    read_video,
    reserved_bytes,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import Create
from tests.waiting import TIMEOUT_SECONDS

QUOTA = 10_000
LIMIT_IN_FLIGHT = 5


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return make_settings(
        database_url, tmp_path, user_quota_bytes=QUOTA, user_max_uploads_in_flight=LIMIT_IN_FLIGHT
    )


async def test_inserts_row_and_creates_upload(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    started = await create()

    video = await read_video(application, started.video.id)
    (upload,) = storage.open_uploads
    assert started.is_new
    assert (video.status, video.size_bytes, video.user_id) == ("uploading", len(SMALL_VIDEO), user.id)
    assert (video.object_key, video.upload_id) == (upload.object_key, upload.upload_id)
    assert video.expires_at == clock.now() + timedelta(hours=1)
    assert video.etags_are_md5
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)


async def test_sets_disposition_and_token(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    started = await create(filename="A.MOV", content_type="video/quicktime")
    assert started.parts is not None
    storage.put_part(started.parts[0].url, SMALL_VIDEO)

    video = await application.completion.complete(user.id, started.video.id, {})

    made = storage.objects[video.object_key]
    assert made.content_type == "video/quicktime"
    assert made.content_disposition == "attachment"
    assert made.metadata == {TOKEN_METADATA: video.object_token}


async def test_signs_the_first_batch(create: Create, storage: InMemoryStorage) -> None:
    started = await create()

    assert started.parts is not None
    (part,) = started.parts
    assert (part.part_number, part.size_bytes) == (1, len(SMALL_VIDEO))
    assert storage.put_part(part.url, SMALL_VIDEO) == 200


@pytest.mark.parametrize(
    ("filename", "size_bytes", "error"),
    [
        ("a.exe", 1, UnsupportedContainer),
        ("a.mp4", 3 * 1024**3, FileTooLarge),
    ],
)
async def test_refused_file_leaves_no_row(
    application: Application,
    create: Create,
    storage: InMemoryStorage,
    user: User,
    filename: str,
    size_bytes: int,
    error: type[SlipwayError],
) -> None:
    with pytest.raises(error):
        await create(filename=filename, size_bytes=size_bytes)

    assert await count_videos(application) == 0
    assert await reserved_bytes(application, user) == 0
    assert storage.calls == []


# --- the same again ---------------------------------------------------------------------------------------------


async def test_repeated_create_returns_the_same_video(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    key = uuid.uuid4()
    first = await create(key=key)

    again = await create(key=key)

    assert again.video.id == first.video.id
    assert (first.is_new, again.is_new) == (True, False)
    assert again.parts is not None
    assert len(storage.open_uploads) == 1
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)


async def test_key_of_another_file_conflicts(application: Application, create: Create, user: User) -> None:
    key = uuid.uuid4()
    await create(key=key)

    for other in ({"size_bytes": 7}, {"filename": "other.mp4"}, {"filename": "harbour.mov"}):
        content_type = "video/quicktime" if str(other.get("filename")).endswith("mov") else "video/mp4"
        with pytest.raises(IdempotencyConflict):
            await create(key=key, content_type=content_type, **other)

    assert await count_videos(application) == 1
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)


async def test_keys_of_users_are_independent(create: Create, make_user: MakeUser) -> None:
    key = uuid.uuid4()
    mine = await create(key=key)

    theirs = await create(key=key, owner=await make_user())

    assert theirs.video.id != mine.video.id
    assert theirs.is_new


async def test_creates_without_key_are_independent(create: Create) -> None:
    assert (await create()).video.id != (await create()).video.id


async def test_repeat_succeeds_at_full_quota(create: Create, application: Application, user: User) -> None:
    key = uuid.uuid4()
    first = await create(key=key, size_bytes=QUOTA)

    again = await create(key=key, size_bytes=QUOTA)

    assert again.video.id == first.video.id
    assert await reserved_bytes(application, user) == QUOTA


@pytest.mark.parametrize("status", ["completing", "processing", "ready", "failed"])
async def test_repeat_after_uploading_signs_nothing(
    create: Create, make_video: MakeVideo, status: str
) -> None:
    key = uuid.uuid4()
    video = await make_video(status, idempotency_key=key)

    again = await create(key=key)

    assert again.video.id == video.id
    assert again.parts is None
    assert not again.is_new


@pytest.mark.parametrize("status", ["expired", "deleting"])
async def test_repeat_for_removed_video_is_refused(
    create: Create, make_video: MakeVideo, status: str
) -> None:
    key = uuid.uuid4()
    await make_video(status, idempotency_key=key)

    with pytest.raises(WrongState):
        await create(key=key)


async def test_concurrent_repeats_create_one_video(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    key = uuid.uuid4()

    started = await asyncio.gather(*(create(key=key) for _ in range(8)))

    assert len({one.video.id for one in started}) == 1
    assert sum(one.is_new for one in started) == 1
    await application.tasks.drain(TIMEOUT_SECONDS)
    video = await read_video(application, started[0].video.id)
    assert [upload.upload_id for upload in storage.open_uploads] == [video.upload_id]
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)
    for one in started:
        assert one.parts is not None
        assert storage.put_part(one.parts[0].url, SMALL_VIDEO) == 200


async def test_aborts_second_upload_of_a_row(
    application: Application, create: Create, storage: InMemoryStorage
) -> None:
    """The create does not wait for the abort, because two calls to a slow store take too long for a request."""
    key = uuid.uuid4()
    opening = storage.hold_next("create_multipart_upload", when="after")
    slow = asyncio.create_task(create(key=key))
    await opening.reached()
    fast = await create(key=key)
    assert len(storage.open_uploads) == 2
    aborting = storage.hold_next("abort_multipart_upload")
    opening.release()

    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert (await slow).video.upload_id == fast.video.upload_id

    await aborting.reached()
    aborting.release()
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert [upload.upload_id for upload in storage.open_uploads] == [fast.video.upload_id]


# --- quota and limits -------------------------------------------------------------------------------------------


async def test_accepts_file_that_fills_the_quota(
    application: Application, create: Create, user: User
) -> None:
    await create(size_bytes=QUOTA)

    assert await reserved_bytes(application, user) == QUOTA


async def test_refuses_file_over_the_quota(application: Application, create: Create, user: User) -> None:
    await create(size_bytes=QUOTA - 100)

    with pytest.raises(QuotaExceeded) as raised:
        await create(size_bytes=101)

    assert raised.value.facts == {"used_bytes": QUOTA - 100, "quota_bytes": QUOTA}
    assert await count_videos(application) == 1
    assert await reserved_bytes(application, user) == QUOTA - 100


async def test_concurrent_creates_stay_within_the_quota(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    outcomes = await asyncio.gather(
        *(create(size_bytes=QUOTA // 3) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(outcome, StartedUpload) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 5
    assert len(storage.open_uploads) == 3
    await assert_quota_is_exact(application, user)


async def test_concurrent_creates_stay_within_the_limit(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    outcomes = await asyncio.gather(*(create(size_bytes=1) for _ in range(9)), return_exceptions=True)

    assert sum(isinstance(outcome, StartedUpload) for outcome in outcomes) == LIMIT_IN_FLIGHT
    assert sum(isinstance(outcome, TooManyUploads) for outcome in outcomes) == 4
    assert len(storage.open_uploads) == LIMIT_IN_FLIGHT
    await assert_quota_is_exact(application, user)


async def test_concurrent_creates_stay_within_the_number_of_videos(
    application: Application, create: Create, make_video: MakeVideo, storage: InMemoryStorage, user: User
) -> None:
    application.settings.user_max_videos = 4
    await make_video("failed", data=b"x")
    before = len(storage.open_uploads)

    outcomes = await asyncio.gather(*(create(size_bytes=1) for _ in range(9)), return_exceptions=True)

    assert sum(isinstance(outcome, StartedUpload) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, TooManyVideos) for outcome in outcomes) == 6
    assert await count_videos(application) == 4
    assert len(storage.open_uploads) == before + 3
    await assert_quota_is_exact(application, user)


@pytest.mark.parametrize("status", ["processing", "ready", "failed", "expired", "deleting"])
async def test_row_counts_as_a_video_until_it_is_gone(
    application: Application, create: Create, make_video: MakeVideo, make_user: MakeUser, status: str
) -> None:
    application.settings.user_max_videos = 1
    await make_video(status, owner=await make_user(), data=b"x")
    video = await make_video(status, data=b"x")
    with pytest.raises(TooManyVideos):
        await create()

    async with application.database.transaction() as session:
        await session.execute(delete(Video).where(col(Video.id) == video.id))
    key = uuid.uuid4()
    await create(key=key)
    assert not (await create(key=key)).is_new, "a repeated create needs no room"


async def test_too_many_uploads_names_the_open_ones(create: Create, make_video: MakeVideo) -> None:
    expected = []
    for _ in range(LIMIT_IN_FLIGHT - 1):
        expected.append(str((await create(size_bytes=1)).video.id))
    expected.append(str((await make_video("completing", data=b"x")).id))

    with pytest.raises(TooManyUploads) as raised:
        await create(size_bytes=1)

    assert set(raised.value.facts["open_video_ids"]) == set(expected)  # type: ignore[call-overload]  # a list


async def test_only_uploading_videos_count_as_open(create: Create, make_video: MakeVideo) -> None:
    for status in ("processing", "ready", "failed", "expired", "deleting"):
        await make_video(status, data=b"x")

    for _ in range(LIMIT_IN_FLIGHT):
        await create(size_bytes=1)


@pytest.mark.parametrize(("own", "fits"), [(QUOTA + 1, True), (QUOTA - 1, False), (0, False)])
async def test_users_own_quota_replaces_the_usual_one(
    create: Create, make_user: MakeUser, own: int, fits: bool
) -> None:
    owner = await make_user(quota_bytes=own)
    if fits:
        await create(owner=owner, size_bytes=own)
        return

    with pytest.raises(QuotaExceeded) as raised:
        await create(owner=owner, size_bytes=own + 1)
    assert raised.value.facts == {"used_bytes": 0, "quota_bytes": own}


async def test_concurrent_creates_fill_the_installation_exactly(
    application: Application, create: Create, make_user: MakeUser
) -> None:
    application.settings.max_total_bytes = 5 * 100
    owners = [await make_user() for _ in range(25)]

    outcomes = await asyncio.gather(
        *(create(owner=owner, size_bytes=100) for owner in owners), return_exceptions=True
    )

    assert sum(isinstance(outcome, StartedUpload) for outcome in outcomes) == 5
    assert sum(isinstance(outcome, InstallationFull) for outcome in outcomes) == 20
    assert sum([await reserved_bytes(application, owner) for owner in owners]) == 500


async def test_full_installation_takes_uploads_again_after_a_release(
    application: Application, create: Create, make_user: MakeUser, user: User
) -> None:
    application.settings.max_total_bytes = 100
    key = uuid.uuid4()
    await create(key=key, size_bytes=100)
    other = await make_user()
    with pytest.raises(InstallationFull):
        await create(owner=other, size_bytes=1)

    assert not (await create(key=key, size_bytes=100)).is_new, "a repeated create needs no room"
    async with application.database.transaction() as session:
        await users.release_bytes(session, user.id, 1)
    await create(owner=other, size_bytes=1)


@pytest.mark.parametrize("known", [False, True])
async def test_disabled_user_opens_and_signs_nothing(
    application: Application, create: Create, make_user: MakeUser, make_video: MakeVideo, known: bool
) -> None:
    """The request was authenticated before the account was disabled."""
    owner, key = await make_user(is_active=False), uuid.uuid4()
    if known:
        await make_video("uploading", owner=owner, idempotency_key=key)

    with pytest.raises(NotAuthenticated):
        await create(owner=owner, key=key)

    assert await count_videos(application) == int(known)


async def test_limits_are_per_user(create: Create, make_user: MakeUser) -> None:
    await create(size_bytes=QUOTA)

    assert (await create(size_bytes=QUOTA, owner=await make_user())).is_new


# --- when the store fails ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StorageUnavailable(), Overloaded()])
async def test_failed_store_leaves_no_row_and_no_reservation(
    application: Application, create: Create, storage: InMemoryStorage, user: User, error: SlipwayError
) -> None:
    storage.fail_next("create_multipart_upload", error)

    with pytest.raises(type(error)):
        await create()

    assert await count_videos(application) == 0
    assert await reserved_bytes(application, user) == 0


async def test_a_request_whose_row_another_undid_says_so(
    application: Application, create: Create, storage: InMemoryStorage
) -> None:
    key = uuid.uuid4()
    gate = storage.hold_next("create_multipart_upload", when="after")
    undone = asyncio.create_task(create(key=key))
    await gate.reached()
    storage.fail_next("create_multipart_upload")
    with pytest.raises(StorageUnavailable):
        await create(key=key)
    gate.release()

    with pytest.raises(StorageUnavailable) as raised:
        await undone

    assert cause_of(raised.value) == "Another request to begin this upload failed, and undid it."
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert storage.open_uploads == []


async def test_repeat_succeeds_after_the_store_recovers(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    key = uuid.uuid4()
    storage.fail_next("create_multipart_upload")
    with pytest.raises(StorageUnavailable):
        await create(key=key)

    started = await create(key=key)

    assert started.is_new
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)


async def test_repeat_creates_upload_after_a_crash(
    application: Application, create: Create, storage: InMemoryStorage, make_video: MakeVideo, user: User
) -> None:
    """The process crashed between the commits of the row and the upload ID."""
    key = uuid.uuid4()
    left = await make_video("uploading", idempotency_key=key, upload_id=None, in_store=False)

    started = await create(key=key)

    assert started.video.id == left.id
    assert started.parts is not None
    assert storage.put_part(started.parts[0].url, SMALL_VIDEO) == 200
    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)


async def test_repeat_gets_the_whole_grace(
    application: Application, create: Create, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    """A laptop slept between both calls, and the reconciler has checked for an upload once."""
    key = uuid.uuid4()
    left = await make_video("uploading", idempotency_key=key, upload_id=None, in_store=False)
    clock.advance(minutes=120)
    await application.reconciler.reconcile_due()

    started = await create(key=key)

    assert started.video.id == left.id
    assert started.video.expires_at == clock.now() + timedelta(hours=1)
    clock.advance(minutes=59)
    await application.reconciler.reconcile_due()
    assert (await application.videos.get(user.id, left.id)).status == "uploading"
    clock.advance(minutes=1)
    await application.reconciler.reconcile_due()
    assert (await read_video(application, left.id)).status == "expired"


async def test_delete_during_create_leaves_no_upload(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    gate = storage.hold_next("create_multipart_upload", when="after")
    creating = asyncio.create_task(create())
    await gate.reached()
    (video,) = (await application.videos.list_page(user.id, VideoQuery(), 20)).items
    await application.videos.delete(user.id, video.id)
    gate.release()

    with pytest.raises(WrongState):
        await creating

    await application.tasks.drain(TIMEOUT_SECONDS)
    assert storage.open_uploads == []
