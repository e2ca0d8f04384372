"""Expire stalled uploads, and reconcile what is due."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.core.config import Settings
from app.core.tasks import cancel_and_wait
from app.domain.errors import PartsIncomplete, VideoNotFound
from app.domain.recheck import RECHECK_AFTER
from app.models import User, Video
from app.ports import NoSuchObject, NoSuchUpload
from app.services import reconciler
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    find_video,
    make_application,
    read_video,
    reserved_bytes,
    run_due_probes,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage
from tests.services.conftest import TWO_PARTS, Create, send
from tests.waiting import TIMEOUT_SECONDS

GRACE = timedelta(hours=1)
A_SECOND = timedelta(seconds=1)


@pytest.fixture
async def other(
    settings: Settings, clock: FakeClock, storage: InMemoryStorage, probe: FakeProbe
) -> AsyncIterator[Application]:
    """Create a second process on the same database and store."""
    made = make_application(settings, clock, storage, probe)
    yield made
    await made.tasks.drain(TIMEOUT_SECONDS)
    await made.close()


async def assert_expired(
    application: Application, storage: InMemoryStorage, video: Video, user: User
) -> None:
    assert (await read_video(application, video.id)).status == "expired"
    assert storage.open_uploads == []
    assert await reserved_bytes(application, user) == 0
    with pytest.raises(VideoNotFound):
        await application.videos.get(user.id, video.id)


async def expire_at_the_second_look(application: Application, clock: FakeClock) -> None:
    """Reconcile twice, because the first check alone decides nothing."""
    await application.reconciler.reconcile_due()
    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()


async def test_upload_without_progress_expires(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = (await create()).video
    clock.advance(GRACE - A_SECOND)
    await application.reconciler.reconcile_due()
    assert (await read_video(application, video.id)).status == "uploading"

    clock.advance(A_SECOND)
    await application.reconciler.reconcile_due()

    await assert_expired(application, storage, video, user)


async def test_expired_row_goes_after_second_confirmation(
    application: Application, create: Create, clock: FakeClock
) -> None:
    video = (await create()).video
    clock.advance(GRACE)
    await application.reconciler.reconcile_due()
    clock.advance(minutes=5)

    await application.reconciler.reconcile_due()

    assert await find_video(application, video.id) is None


async def test_progress_postpones_expiry(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    started = await create(TWO_PARTS)
    clock.advance(minutes=10)
    send(storage, started, TWO_PARTS, leaving_out=(2,))
    last_progress = clock.now()
    clock.advance(minutes=50)

    await application.reconciler.reconcile_due()

    video = await application.videos.get(user.id, started.video.id)
    assert (video.status, video.expires_at) == ("uploading", last_progress + GRACE)
    clock.advance(minutes=10)
    await application.reconciler.reconcile_due()
    await assert_expired(application, storage, video, user)


async def test_slow_upload_with_progress_never_expires(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    started = await create(TWO_PARTS)
    for _ in range(10):
        clock.advance(minutes=50)
        storage.store_part(started.video.upload_id or "", 1, TWO_PARTS[: 5 * 1024**2])
        await application.reconciler.reconcile_due()

    assert (await application.videos.get(user.id, started.video.id)).status == "uploading"


async def test_incomplete_complete_is_no_progress(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    """Repeated complete calls keep neither the upload nor its reservation."""
    video = (await create(TWO_PARTS)).video
    for _ in range(2):
        clock.advance(minutes=20)
        with pytest.raises(PartsIncomplete):
            await application.completion.complete(user.id, video.id, {})
    clock.advance(minutes=20)

    await application.reconciler.reconcile_due()

    await assert_expired(application, storage, video, user)


async def test_does_not_expire_if_expiry_moves_meanwhile(
    application: Application,
    other: Application,
    create: Create,
    storage: InMemoryStorage,
    user: User,
    clock: FakeClock,
) -> None:
    """A part arrives after our list, and another process has postponed the expiry."""
    started = await create(TWO_PARTS)
    clock.advance(GRACE)

    async def meanwhile() -> None:
        storage.store_part(started.video.upload_id or "", 2, b"the last part")
        clock.advance(minutes=1)
        await other.reconciler.reconcile_due()

    storage.hook_next("list_parts", meanwhile, when="after")
    await application.reconciler.reconcile_due()

    video = await application.videos.get(user.id, started.video.id)
    assert (video.status, video.expires_at) == ("uploading", clock.now() - timedelta(minutes=1) + GRACE)


async def test_late_check_ignores_upload_created_meanwhile(
    application: Application,
    create: Create,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
) -> None:
    key = uuid.uuid4()
    left = await make_video("uploading", idempotency_key=key, upload_id=None, in_store=False)
    clock.advance(GRACE)
    gate = storage.hold_next("head")
    reconciling = asyncio.create_task(application.reconciler.reconcile_due())
    await gate.reached()

    await create(key=key)
    gate.release()
    await reconciling

    row = await read_video(application, left.id)
    assert (row.missing_since, row.due_at) == (None, clock.now() + GRACE)


async def test_one_process_reconciles_each_row(
    application: Application, other: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    for _ in range(10):
        await make_video("deleting")

    await asyncio.gather(application.reconciler.reconcile_due(), other.reconciler.reconcile_due())

    assert storage.count("delete") == 10


async def test_another_process_takes_over_after_a_crash(
    application: Application,
    other: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
) -> None:
    video = await make_video("deleting")
    gate = storage.hold_next("abort_multipart_upload")
    died = await application.reconciler.start_due()
    await gate.reached()
    await other.reconciler.reconcile_due()
    assert storage.count("delete") == 0
    await cancel_and_wait(died)
    clock.advance(minutes=1)

    await other.reconciler.reconcile_due()

    assert (await read_video(application, video.id)).reserved_bytes == 0


async def test_upload_unknown_to_the_store_expires(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("uploading", in_store=False)
    clock.advance(GRACE)

    await expire_at_the_second_look(application, clock)

    await assert_expired(application, storage, video, user)


async def test_row_without_upload_id_expires_with_its_upload(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await make_video("uploading", upload_id=None, in_store=False)
    storage.open_upload(video.object_key)
    clock.advance(GRACE)

    await expire_at_the_second_look(application, clock)

    await assert_expired(application, storage, video, user)


async def test_expires_row_before_abort(
    application: Application, create: Create, storage: InMemoryStorage, clock: FakeClock
) -> None:
    """A concurrent complete is refused and not half undone."""
    video = (await create()).video
    clock.advance(GRACE)
    seen: list[str] = []

    async def read_status() -> None:
        seen.append((await read_video(application, video.id)).status)

    storage.hook_next("abort_multipart_upload", read_status)
    await application.reconciler.reconcile_due()

    assert seen == ["expired"]


async def test_complete_during_check_wins(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    started = await create()
    send(storage, started, SMALL_VIDEO)
    clock.advance(GRACE)

    async def complete() -> None:
        await application.completion.complete(user.id, started.video.id, {})

    storage.hook_next("list_parts", complete, when="after")
    await application.reconciler.reconcile_due()

    assert (await read_video(application, started.video.id)).status == "processing"
    assert list(storage.objects) == [started.video.object_key]


async def test_expired_upload_refuses_calls(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    started = await create()
    clock.advance(GRACE)
    await application.reconciler.reconcile_due()

    for call in (
        application.uploads.sign_parts(user.id, started.video.id, [1]),
        application.completion.complete(user.id, started.video.id, {}),
        application.videos.delete(user.id, started.video.id),
    ):
        with pytest.raises(VideoNotFound):
            await call
    assert storage.open_uploads == []


async def test_unavailable_store_delays_expiry(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = (await create()).video
    clock.advance(GRACE)
    storage.fail_next("list_parts")
    await application.reconciler.reconcile_due()
    assert (await read_video(application, video.id)).status == "uploading"

    clock.advance(seconds=5)
    await application.reconciler.reconcile_due()

    await assert_expired(application, storage, video, user)


async def test_finishes_abort_after_store_recovers(
    application: Application, create: Create, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = (await create()).video
    clock.advance(GRACE)
    storage.fail_next("abort_multipart_upload")
    await application.reconciler.reconcile_due()
    assert (await read_video(application, video.id)).status == "expired"
    assert await reserved_bytes(application, user) == video.size_bytes

    clock.advance(seconds=5)
    await application.reconciler.reconcile_due()

    await assert_expired(application, storage, video, user)


async def test_leaves_rows_that_are_not_due(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    for status in ("processing", "ready"):
        await make_video(status)
    clock.advance(timedelta(days=365))
    storage.calls.clear()

    assert await application.reconciler.reconcile_due() == 0
    assert storage.calls == []


async def test_reconciles_in_batches(
    application: Application,
    make_video: MakeVideo,
    user: User,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciler, "BATCH", 4)
    for _ in range(10):
        await make_video("deleting")

    assert [await application.reconciler.reconcile_due() for _ in range(4)] == [4, 4, 2, 0]
    clock.advance(minutes=5)
    assert [await application.reconciler.reconcile_due() for _ in range(4)] == [4, 4, 2, 0]
    await assert_quota_is_exact(application, user)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), NoSuchUpload()])
async def test_failing_row_does_not_block_others(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    error: Exception,
) -> None:
    video_ids = {(await make_video("deleting")).id for _ in range(2)}
    storage.fail_next("delete", error)

    await application.reconciler.reconcile_due()

    # Both rows are reconciled concurrently, and either may call the store first.
    rows = [await read_video(application, video_id) for video_id in video_ids]
    failed, _ = sorted(rows, key=lambda row: row.reserved_bytes, reverse=True)
    assert list(storage.objects) == []
    assert sorted(row.reserved_bytes for row in rows) == [0, len(SMALL_VIDEO)]
    assert failed.due_at is not None
    assert failed.due_at > clock.now(), "it is not due again at once"


@pytest.fixture
async def rarely_swept(
    settings: Settings,
    application: Application,  # noqa: ARG001  # its end waits for all threads of SQLite, so this one ends first
    clock: FakeClock,
    storage: InMemoryStorage,
    probe: FakeProbe,
) -> AsyncIterator[Application]:
    """Create an installation that sweeps once a day."""
    made = make_application(
        settings.model_copy(update={"sweep_interval_seconds": 86_400}), clock, storage, probe
    )
    yield made
    await made.tasks.drain(TIMEOUT_SECONDS)
    await made.close()


@pytest.mark.parametrize("status", ["completing", "processing"])
async def test_settles_vanished_object_in_ten_minutes_at_any_sweep_interval(
    rarely_swept: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock, status: str
) -> None:
    video = await make_video(status, in_store=False)
    probe.usual = NoSuchObject()
    end = clock.now() + timedelta(minutes=10)

    while clock.now() < end:
        await rarely_swept.reconciler.reconcile_due()
        await run_due_probes(rarely_swept)
        clock.advance(timedelta(seconds=30))

    row = await read_video(rarely_swept, video.id)
    assert (row.status, row.status_code) == ("failed", "object_missing")


async def test_confirms_removal_in_ten_minutes_at_any_sweep_interval(
    rarely_swept: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("deleting")
    end = clock.now() + timedelta(minutes=10)

    while clock.now() < end:
        await rarely_swept.reconciler.reconcile_due()
        clock.advance(timedelta(seconds=30))

    assert await find_video(rarely_swept, video.id) is None
