"""The queue without a broker: a job comes to be with the row's change, is done once, and no crash loses it."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from app.adapters import queue_embedded
from app.bootstrap import Parts
from app.crud import videos
from app.domain.errors import DatabaseUnavailable
from app.domain.video_status import VideoEvent
from app.services.processing import PROBE_LEASE
from tests.conftest import MakeVideo
from tests.factories import read_video
from tests.fakes import FakeClock, FakeProbe

Work = Callable[[uuid.UUID, uuid.UUID], Awaitable[None]]
NEVER = 3600.0


class Jobs:
    """Notes the jobs it is given; tests wait for them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._came = asyncio.Condition()
        self.done: list[uuid.UUID] = []
        self.errors: list[Exception] = []
        """Raised by the next jobs, one each."""

    async def __call__(self, video_id: uuid.UUID, owner: uuid.UUID) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error is None:
            await self._parts.processing.probe_video(video_id, owner)
        async with self._came:
            self.done.append(video_id)
            self._came.notify_all()
        if error is not None:
            raise error

    async def until(self, count: int) -> list[uuid.UUID]:
        async with asyncio.timeout(30), self._came:
            await self._came.wait_for(lambda: len(self.done) >= count)
        return self.done


@pytest.fixture
def jobs(parts: Parts) -> Jobs:
    return Jobs(parts)


@asynccontextmanager
async def working(parts: Parts, work: Work, workers: int = 1) -> AsyncIterator[None]:
    loops = [asyncio.create_task(parts.queue.work(work)) for _ in range(workers)]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


@pytest.fixture
def only_when_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking by the clock is off: what is done was announced."""
    monkeypatch.setattr(queue_embedded, "_LOOK_EVERY_SECONDS", NEVER)


@pytest.fixture
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_embedded, "_LOOK_EVERY_SECONDS", 0.005)


async def finish_upload(parts: Parts, video_id: uuid.UUID) -> None:
    """The transaction in which a completion is proven and its job comes to be."""
    async with parts.database.transaction() as session:
        assert await videos.transition(
            session, video_id, VideoEvent.COMPLETE_PROVEN, lease_owner=None, lease_until=None
        )
        await parts.queue.enqueue_probe(session, video_id)


@pytest.mark.usefixtures("only_when_woken")
async def test_jobs_that_wait_are_done_at_the_start(parts: Parts, make_video: MakeVideo, jobs: Jobs) -> None:
    waiting = {(await make_video("processing")).id for _ in range(3)}

    async with working(parts, jobs):
        assert set(await jobs.until(3)) == waiting


@pytest.mark.usefixtures("only_when_woken")
async def test_a_job_is_taken_up_when_its_transaction_commits(
    parts: Parts, make_video: MakeVideo, jobs: Jobs
) -> None:
    video = await make_video("completing")
    async with working(parts, jobs):
        await finish_upload(parts, video.id)

        assert await jobs.until(1) == [video.id]

    assert (await read_video(parts, video.id)).status == "ready"


async def test_a_job_whose_transaction_fails_never_was(
    parts: Parts, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("completing")

    async def stumble() -> None:
        async with parts.database.transaction() as session:
            await parts.queue.enqueue_probe(session, video.id)
            raise RuntimeError("the process stumbles")

    with pytest.raises(RuntimeError, match="stumbles"):
        await stumble()

    row = await read_video(parts, video.id)
    assert row.status == "completing"
    assert row.due_at == clock.now() + timedelta(seconds=30), "still the end of its lease"


async def test_a_new_job_starts_without_old_attempts(
    parts: Parts, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("completing", attempts=3, postponed=7)

    await finish_upload(parts, video.id)

    row = await read_video(parts, video.id)
    assert (row.attempts, row.postponed, row.due_at) == (0, 0, clock.now())


@pytest.mark.usefixtures("look_often")
async def test_a_postponed_job_is_done_when_it_is_due(
    parts: Parts, make_video: MakeVideo, jobs: Jobs, clock: FakeClock
) -> None:
    later = await make_video("processing", due_at=clock.now() + timedelta(seconds=10))
    async with working(parts, jobs):
        first = await make_video("processing")
        assert await jobs.until(1) == [first.id]

        clock.advance(seconds=10)

        assert await jobs.until(2) == [first.id, later.id]


@pytest.mark.usefixtures("look_often")
async def test_a_job_whose_worker_died_is_done_when_its_lease_ends(
    parts: Parts, make_video: MakeVideo, jobs: Jobs, clock: FakeClock
) -> None:
    video = await make_video(
        "processing", lease_owner=uuid.uuid4(), lease_until=clock.now() + PROBE_LEASE, attempts=1
    )
    async with working(parts, jobs):
        other = await make_video("processing")
        assert await jobs.until(1) == [other.id], "the lease holds"

        clock.advance(PROBE_LEASE)

        assert await jobs.until(2) == [other.id, video.id]


@pytest.mark.usefixtures("only_when_woken")
async def test_many_workers_do_each_job_once(
    parts: Parts, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe
) -> None:
    made = [await make_video("processing") for _ in range(12)]

    async with working(parts, jobs, workers=4):
        await jobs.until(12)

    assert Counter(jobs.done) == Counter(video.id for video in made)
    assert len(probe.calls) == 12


@pytest.mark.usefixtures("look_often")
@pytest.mark.parametrize("error", [RuntimeError("a bug"), DatabaseUnavailable()])
async def test_a_job_that_ends_badly_does_not_end_the_worker(
    parts: Parts, make_video: MakeVideo, jobs: Jobs, clock: FakeClock, error: Exception
) -> None:
    bad = await make_video("processing", due_at=clock.now() - timedelta(seconds=1))
    good = await make_video("processing")
    jobs.errors.append(error)

    async with working(parts, jobs):
        assert await jobs.until(2) == [bad.id, good.id]
        clock.advance(PROBE_LEASE)
        await jobs.until(3)

    row = await read_video(parts, bad.id)
    assert (row.status, row.attempts) == ("ready", 2), "the lost attempt is counted"


@pytest.mark.usefixtures("look_often")
async def test_a_database_that_is_away_is_waited_for(
    parts: Parts, make_video: MakeVideo, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = await make_video("processing")
    asked = asyncio.Event()
    transaction = parts.database.transaction

    def away() -> object:
        asked.set()
        raise DatabaseUnavailable

    monkeypatch.setattr(parts.database, "transaction", away)
    async with working(parts, jobs):
        async with asyncio.timeout(30):
            await asked.wait()
        assert jobs.done == []
        monkeypatch.setattr(parts.database, "transaction", transaction)

        assert await jobs.until(1) == [video.id]


async def test_a_worker_stops_when_it_is_cancelled(parts: Parts, jobs: Jobs) -> None:
    loop = asyncio.create_task(parts.queue.work(jobs))
    await asyncio.sleep(0)

    loop.cancel()

    with pytest.raises(asyncio.CancelledError):
        await loop
