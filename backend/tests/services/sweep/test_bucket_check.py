"""A process that starts with the wrong bucket, where every video would look lost, changes none of them."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from sqlmodel import select

from app.bootstrap import Application
from app.core.config import Settings
from app.core.storage_causes import cause_of
from app.domain.errors import DatabaseUnavailable, Overloaded, StorageUnavailable, Unavailable
from app.domain.video_status import VideoStatus
from app.main import create_app
from app.models import User, Video
from app.ports import NoSuchObject
from app.runtime import Intervals, running
from app.services.sweep.bucket import MARKER_KEY, WrongBucket
from app.services.sweep.sweep import SweepOrder
from tests import factories
from tests.conftest import MakeVideo
from tests.factories import APP_URL, make_application, read_video
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage
from tests.waiting import TIMEOUT_SECONDS

ANOTHERS = f'{{"database_id": "{uuid.uuid4()}"}}'.encode()
BUSY = (VideoStatus.COMPLETING, VideoStatus.PROCESSING, VideoStatus.EXPIRED, VideoStatus.DELETING)
"""What reconciler and workers handle first. In the wrong bucket they would find nothing."""


OFTEN = Intervals(bucket=0.01, wrong_bucket=0.01, sweep=0.01, reconciler=0.01)


@pytest.fixture
async def busy(application: Application, make_video: MakeVideo, clock: FakeClock) -> list[Video]:
    """Videos with work to do, in a database that has its bucket."""
    made = [await make_video(status, lease_until=None, due_at=clock.now()) for status in BUSY]
    await application.sweep.run(SweepOrder())
    return made


@pytest.fixture
def wrong(clock: FakeClock) -> InMemoryStorage:
    """An empty bucket."""
    return InMemoryStorage(clock)


@pytest.fixture
async def restarted(
    settings: Settings, clock: FakeClock, wrong: InMemoryStorage
) -> AsyncIterator[Application]:
    """The next process, with another S3_BUCKET, where its probe finds no object."""
    probe = FakeProbe()
    probe.usual = NoSuchObject()
    made = make_application(settings, clock, wrong, probe)
    yield made
    await made.close()


async def rows(application: Application) -> dict[uuid.UUID, Video]:
    async with application.database.reading() as session:
        return {video.id: video for video in await session.scalars(select(Video))}


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.01)


async def after_more_checks(storage: InMemoryStorage) -> None:
    asked = storage.count("read_range")

    async def asked_again() -> bool:
        return storage.count("read_range") > asked + 3

    await until(asked_again)


# --- at the start -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "marker", [None, ANOTHERS, b"not ours", b""], ids=["none", "another's", "unreadable", "empty"]
)
async def test_refuses_to_start_with_wrong_bucket(
    busy: list[Video], restarted: Application, wrong: InMemoryStorage, marker: bytes | None
) -> None:
    if marker is not None:
        wrong.store_object(MARKER_KEY, marker)
    before = await rows(restarted)

    with pytest.raises(WrongBucket, match=r"Correct S3_BUCKET or DATABASE_URL.*slipway sweep --adopt"):
        async with running(restarted, OFTEN):
            raise AssertionError("it started")

    assert await rows(restarted) == before
    assert len(before) == len(busy)
    assert {called for called, _ in wrong.calls} <= {"read_range", "head", "check"}


async def test_new_database_starts_with_unmarked_bucket(application: Application) -> None:
    async with running(application, OFTEN):
        application.bucket.require_confirmed()


async def test_new_database_refuses_bucket_of_another(
    application: Application, storage: InMemoryStorage
) -> None:
    storage.store_object(MARKER_KEY, ANOTHERS)

    with pytest.raises(WrongBucket):
        async with running(application, OFTEN):
            raise AssertionError("it started")


@pytest.mark.usefixtures("busy")
async def test_starts_with_adopted_bucket(restarted: Application) -> None:
    await restarted.sweep.run(SweepOrder(adopt=True))

    async with running(restarted, OFTEN):
        restarted.bucket.require_confirmed()


async def test_accepts_marker_written_during_the_check(
    application: Application, settings: Settings, clock: FakeClock, storage: InMemoryStorage, probe: FakeProbe
) -> None:
    """Two processes of a new installation start together. One sweeps while the other checks."""
    other = make_application(settings, clock, storage, probe)

    async def sweep() -> None:
        await other.sweep.run(SweepOrder())

    storage.hook_next("read_range", sweep)
    async with running(application, OFTEN):
        application.bucket.require_confirmed()
    await other.close()


# --- an unavailable store ---------------------------------------------------------------------------------------


async def test_waits_for_unavailable_store(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    video = await make_video("processing")
    storage.fail_next("read_range", times=3)

    async def is_ready() -> bool:
        return (await read_video(application, video.id)).status is VideoStatus.READY

    async with running(application, OFTEN):
        await until(is_ready)


async def test_leaves_wrong_bucket_that_appears_later(
    busy: list[Video], restarted: Application, wrong: InMemoryStorage
) -> None:
    before = await rows(restarted)
    wrong.fail_next("read_range", times=3)

    async with running(restarted, OFTEN):
        await after_more_checks(wrong)
        await after_more_checks(wrong)

    assert await rows(restarted) == before
    assert len(before) == len(busy)
    assert {called for called, _ in wrong.calls} <= {"read_range", "head", "check"}


@pytest.mark.usefixtures("busy")
async def test_work_starts_after_adoption(
    restarted: Application, wrong: InMemoryStorage, settings: Settings, clock: FakeClock
) -> None:
    wrong.fail_next("read_range")
    operator = make_application(settings, clock, wrong, FakeProbe())

    async def an_object_is_missed() -> bool:
        return any(video.missing_since for video in (await rows(operator)).values())

    async with running(restarted, OFTEN):
        await after_more_checks(wrong)
        await operator.sweep.run(SweepOrder(adopt=True))
        await until(an_object_is_missed)
    await operator.close()


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StorageUnavailable(), "The answer is not what S3 sends."),
        (DatabaseUnavailable(), "The database did not answer when Slipway compared the bucket with it."),
        (Overloaded(), "Too many calls to the store wait."),
        (None, "Slipway does not use this bucket. `bucket.wrong` in the log says why."),
    ],
    ids=["store", "database", "calls", "wrong bucket"],
)
async def test_names_cause_of_last_check_while_next_one_waits(
    restarted: Application, wrong: InMemoryStorage, error: Unavailable | None, words: str
) -> None:
    if error:
        wrong.fail_next("read_range", error)
    with pytest.raises(type(error) if error else WrongBucket):
        await restarted.bucket.confirm()
    gate = wrong.hold_next("check")
    check = asyncio.create_task(restarted.bucket.confirm())
    await gate.reached()

    with pytest.raises(StorageUnavailable) as refused:
        restarted.bucket.require_confirmed()

    assert cause_of(refused.value) == words
    gate.release()
    with pytest.raises(WrongBucket):
        await check


async def test_refuses_store_requests_while_unconfirmed(
    restarted: Application,
    wrong: InMemoryStorage,
    application: Application,
    make_video: MakeVideo,
    user: User,
) -> None:
    video = await make_video("uploading", parts_sent=[1])
    await application.sweep.run(SweepOrder())
    token = await factories.insert_session(application, user, "bearer")
    wrong.fail_next("read_range")
    one = f"/api/v1/videos/{video.id}"
    app = create_app(restarted)

    async with (
        running(restarted, OFTEN),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=APP_URL, headers={"Authorization": f"Bearer {token}"}
        ) as client,
    ):
        answers = [
            await client.get("/api/v1/health/ready"),
            await client.post(
                "/api/v1/videos",
                json={"filename": "river.mp4", "size_bytes": 5, "content_type": "video/mp4"},
            ),
            await client.post(f"{one}/parts", json={"part_numbers": [1]}),
            await client.post(f"{one}/complete", json={"parts": []}),
            await client.delete(one),
        ]
        read = await client.get(one)

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (503, "storage_unavailable")
    }
    assert (read.status_code, read.json()["status"]) == (200, "uploading")
    assert {called for called, _ in wrong.calls} <= {"read_range", "head", "check"}
