"""A job appears with its row's change, runs once, and is never lost."""

import asyncio
import contextlib
import os
import selectors
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.bootstrap import Application
from app.core.clock import SystemClock
from app.crud import leases, videos
from app.domain.errors import DatabaseUnavailable, StorageUnavailable
from app.domain.video_status import VideoEvent
from app.services.probe_queue import ProbeQueue
from app.services.processing import PROBE_LEASE
from tests.api.outage import database_down
from tests.conftest import MakeUser, MakeVideo
from tests.factories import read_video
from tests.fakes import FakeClock, FakeProbe
from tests.waiting import TIMEOUT_SECONDS

NEVER, OFTEN = 3600.0, 0.02


# --- a worker, and what it did -------------------------------------------------------------------------------------


class Jobs:
    """Runs jobs and records them. Tests wait for them."""

    def __init__(self, application: Application, check_seconds: float) -> None:
        self._application = application
        self._came = asyncio.Condition()
        self.check_seconds = check_seconds
        self.asked = 0
        """How often a worker looked for a job."""
        self.ended = 0
        """Jobs that ended, with or without an error."""
        self.found_none = False
        """Whether the worker that asked last found no job."""

    async def __call__(self) -> bool:
        self.asked += 1
        there_was_one = True
        try:
            there_was_one = await self._application.processing.probe_next()
        finally:
            self.ended += there_was_one
            self.found_none = not there_was_one
            async with self._came:
                self._came.notify_all()
        return there_was_one

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS), self._came:
            while not await holds():
                await self._came.wait()

    async def until_ready(self, *video_ids: uuid.UUID) -> None:
        async def are_ready() -> bool:
            return {(await read_video(self._application, video_id)).status for video_id in video_ids} == {
                "ready"
            }

        await self.until(are_ready)

    async def until_none_waits(self) -> None:
        async def is_idle() -> bool:
            return self.found_none

        await self.until(is_idle)

    async def until_one_ended(self) -> None:
        async def has_ended() -> bool:
            return self.ended > 0

        await self.until(has_ended)


@pytest.fixture
def jobs(application: Application, request: pytest.FixtureRequest) -> Jobs:
    return Jobs(application, NEVER if "only_when_told" in request.fixturenames else OFTEN)


@asynccontextmanager
async def working(
    application: Application, jobs: Jobs, *, at_once: int = 1, processes: int = 1
) -> AsyncIterator[None]:
    queues = [application.queue, *(queue_of_another_process(application) for _ in range(processes - 1))]
    loops = [asyncio.create_task(queue.work(jobs, at_once, jobs.check_seconds)) for queue in queues]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        outcomes = await asyncio.gather(*loops, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes), outcomes


@pytest.fixture
def only_when_told() -> None:
    """Do not check for due rows, so that only a commit of this process wakes the workers."""


def queue_of_another_process(application: Application) -> ProbeQueue:
    return ProbeQueue(application.database, application.clock)


async def finish_upload(
    application: Application, video_id: uuid.UUID, queue: ProbeQueue | None = None
) -> None:
    """Return after the transaction that verifies a completion and creates its job."""
    async with application.database.transaction() as session:
        assert await videos.transition(
            session,
            video_id,
            VideoEvent.COMPLETE_VERIFIED,
            changed_at=application.clock.now(),
            lease_owner=None,
            lease_until=None,
        )
        await (queue or application.queue).enqueue(session, video_id)


# --- how a job comes to be -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("only_when_told")
async def test_runs_waiting_rows_at_start(
    application: Application, make_video: MakeVideo, jobs: Jobs
) -> None:
    waiting = [(await make_video("processing")).id for _ in range(3)]

    async with working(application, jobs):
        await jobs.until_ready(*waiting)


@pytest.mark.usefixtures("only_when_told")
async def test_runs_job_after_commit(application: Application, make_video: MakeVideo, jobs: Jobs) -> None:
    first, second = await make_video("completing"), await make_video("completing")
    async with working(application, jobs):
        await finish_upload(application, first.id)
        await jobs.until_ready(first.id)
        await jobs.until_none_waits()  # The worker waits for a commit now.

        await finish_upload(application, second.id)

        await jobs.until_ready(second.id)


async def test_finds_job_of_another_process(
    application: Application, make_video: MakeVideo, jobs: Jobs
) -> None:
    video = await make_video("completing")
    async with working(application, jobs):
        await jobs.until_none_waits()

        await finish_upload(application, video.id, queue_of_another_process(application))

        await jobs.until_ready(video.id)


async def test_one_check_serves_all_idle_workers(
    application: Application, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = asyncio.Semaphore(0)
    is_probe_due = leases.is_probe_due

    async def counted(session: AsyncSession, now: datetime) -> bool:
        checks.release()
        return await is_probe_due(session, now)

    monkeypatch.setattr(leases, "is_probe_due", counted)
    async with working(application, jobs, at_once=3), asyncio.timeout(TIMEOUT_SECONDS):
        for _ in range(5):
            await checks.acquire()

    assert jobs.asked == 3, "each worker looked for a job at its start only"


async def test_rolled_back_job_does_not_exist(
    application: Application, make_video: MakeVideo, jobs: Jobs, clock: FakeClock
) -> None:
    video = await make_video("completing")
    other = await make_video("completing")

    async def stumble() -> None:
        async with application.database.transaction() as session:
            await application.queue.enqueue(session, video.id)
            raise RuntimeError("the process stumbles")

    with pytest.raises(RuntimeError, match="stumbles"):
        await stumble()

    row = await read_video(application, video.id)
    assert row.status == "completing"
    assert row.due_at == clock.now() + timedelta(seconds=30), "still the end of its lease"
    async with working(application, jobs):
        await finish_upload(application, other.id)
        await jobs.until_ready(other.id)
    assert (await read_video(application, video.id)).status == "completing"
    await finish_upload(application, video.id)  # Nothing of it blocks the real one.
    async with working(application, jobs):
        await jobs.until_ready(video.id)


async def test_new_job_starts_without_attempts(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("completing", attempts=3, postponed=7)

    await finish_upload(application, video.id)

    row = await read_video(application, video.id)
    assert (row.attempts, row.postponed, row.due_at) == (0, 0, clock.now())


@pytest.mark.usefixtures("only_when_told")
async def test_enqueuing_twice_keeps_transaction(
    application: Application, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe
) -> None:
    video, other = await make_video("completing"), await make_video("completing")
    await finish_upload(application, video.id)

    async with application.database.transaction() as session:
        await application.queue.enqueue(session, video.id)
        await application.queue.enqueue(session, other.id)
        assert await videos.transition(
            session,
            other.id,
            VideoEvent.COMPLETE_VERIFIED,
            changed_at=application.clock.now(),
            lease_owner=None,
            lease_until=None,
        )

    async with working(application, jobs):
        await jobs.until_ready(video.id, other.id)
    assert len(probe.calls) == 2


# --- twice, late, side by side -------------------------------------------------------------------------------------


async def test_worker_finds_no_leased_or_finished_job(
    application: Application, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe
) -> None:
    video = await make_video("processing")
    gate = probe.hold_next()
    first = asyncio.create_task(jobs())
    await gate.reached()

    assert not await jobs(), "it is being done"
    gate.release()
    assert await first
    done = await read_video(application, video.id)
    assert not await jobs(), "it is done"

    assert await read_video(application, video.id) == done
    assert len(probe.calls) == 1


async def test_queue_of_one_user_lets_others_in(
    application: Application, make_video: MakeVideo, make_user: MakeUser, clock: FakeClock
) -> None:
    crowd, other = await make_user(), await make_user()
    theirs = [await make_video("processing", owner=crowd) for _ in range(3)]
    for video in theirs:
        async with application.database.transaction() as session:
            await application.queue.enqueue(session, video.id)
        clock.advance(seconds=1)
    late = await make_video("processing", owner=other)
    async with application.database.transaction() as session:
        await application.queue.enqueue(session, late.id)
    now = clock.now()

    claimed: list[uuid.UUID | None] = []
    for _ in range(5):
        async with application.database.transaction() as session:
            claimed.append(await leases.claim_probe(session, uuid.uuid4(), now, now + PROBE_LEASE))

    assert claimed == [theirs[0].id, late.id, theirs[1].id, theirs[2].id, None]


@pytest.mark.usefixtures("only_when_told")
async def test_many_workers_run_each_job_once(
    application: Application, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe
) -> None:
    made = [await make_video("processing") for _ in range(12)]

    async with working(application, jobs, at_once=3, processes=3):
        await jobs.until_ready(*(video.id for video in made))

    assert Counter(key for key, _ in probe.calls) == Counter(video.object_key for video in made)


@pytest.mark.usefixtures("only_when_told")
async def test_runs_jobs_concurrently(
    application: Application, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe
) -> None:
    made = [(await make_video("processing")).id for _ in range(2)]
    gates = [probe.hold_next(), probe.hold_next()]

    async with working(application, jobs, at_once=2):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await gates[0].reached()
            await gates[1].reached()
        for gate in gates:
            gate.release()
        await jobs.until_ready(*made)


# --- by the clock --------------------------------------------------------------------------------------------------


async def test_runs_postponed_job_when_due(
    application: Application, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe, clock: FakeClock
) -> None:
    video = await make_video("completing")
    probe.answers.append(StorageUnavailable())
    async with working(application, jobs):
        await finish_upload(application, video.id)
        await jobs.until_one_ended()
        row = await read_video(application, video.id)
        assert (row.status, row.attempts, row.postponed) == ("processing", 0, 1)
        assert row.due_at is not None
        assert row.due_at > clock.now()
        other = await make_video("processing")
        await jobs.until_ready(other.id)
        assert len(probe.calls) == 2, "it is not tried before its time"

        clock.advance(row.due_at - clock.now())

        await jobs.until_ready(video.id)


async def test_runs_job_of_dead_worker_after_lease(
    application: Application, make_video: MakeVideo, jobs: Jobs, clock: FakeClock
) -> None:
    video = await make_video(
        "processing", lease_owner=uuid.uuid4(), lease_until=clock.now() + PROBE_LEASE, attempts=1
    )
    async with working(application, jobs):
        other = await make_video("processing")
        await jobs.until_ready(other.id)
        assert (await read_video(application, video.id)).status == "processing", "the lease holds"

        clock.advance(PROBE_LEASE)

        await jobs.until_ready(video.id)


# --- bad ends ------------------------------------------------------------------------------------------------------


async def test_killed_worker_loses_no_job(
    application: Application,
    database_url: str,
    make_video: MakeVideo,
    jobs: Jobs,
    clock: FakeClock,
) -> None:
    """Kill the worker with SIGKILL in the middle of a probe."""
    clock.advance(SystemClock().now() - clock.now())  # The other process uses the real time.
    video = await make_video("completing")
    await finish_upload(application, video.id)
    killed = await asyncio.to_thread(kill_in_the_middle_of_a_probe, database_url)
    assert killed == -9
    row = await read_video(application, video.id)
    assert (row.status, row.attempts) == ("processing", 1)
    assert row.lease_until is not None

    async with working(application, jobs):
        other = await make_video("processing")
        await jobs.until_ready(other.id)
        assert (await read_video(application, video.id)).status == "processing", "the lease holds"
        clock.advance(row.lease_until - clock.now())
        await jobs.until_ready(video.id)

    assert (await read_video(application, video.id)).attempts == 2


def kill_in_the_middle_of_a_probe(database_url: str) -> int:
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.engines.probe_worker", database_url],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"]},
    )
    assert worker.stdout is not None
    with worker.stdout as stdout, selectors.DefaultSelector() as selector:
        try:
            selector.register(stdout, selectors.EVENT_READ)
            assert selector.select(TIMEOUT_SECONDS), "the worker took no job"
            assert stdout.readline() == b"probing\n"
        finally:
            worker.kill()
            status = worker.wait(TIMEOUT_SECONDS)
    return status


@pytest.mark.usefixtures("only_when_told")
async def test_stopping_worker_releases_job(
    application: Application, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe
) -> None:
    video = await make_video("completing")
    await finish_upload(application, video.id)
    gate = probe.hold_next()
    async with working(application, jobs):
        await gate.reached()

    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner, row.attempts) == ("processing", None, 0)
    async with working(application, jobs):
        await jobs.until_ready(video.id)  # It is due now, because no clock moved.
    assert (await read_video(application, video.id)).attempts == 1


async def test_worker_survives_error_in_job(
    application: Application, make_video: MakeVideo, jobs: Jobs, probe: FakeProbe, clock: FakeClock
) -> None:
    bad = await make_video("processing", due_at=clock.now() - timedelta(seconds=1))
    probe.answers.append(RuntimeError("a bug"))

    async with working(application, jobs):
        await jobs.until_one_ended()
        good = await make_video("processing")
        await jobs.until_ready(good.id)
        assert (await read_video(application, bad.id)).status == "processing"
        clock.advance(PROBE_LEASE)
        await jobs.until_ready(bad.id)

    assert (await read_video(application, bad.id)).attempts == 2, "the lost attempt is counted"


async def test_waits_for_unreachable_database(
    application: Application, make_video: MakeVideo, jobs: Jobs
) -> None:
    first, second = await make_video("processing"), await make_video("completing")
    async with working(application, jobs):
        await jobs.until_ready(first.id)
        async with database_down(application.database):
            with pytest.raises(DatabaseUnavailable):
                await finish_upload(application, second.id)
        await finish_upload(application, second.id)

        await jobs.until_ready(second.id)


async def test_worker_starts_before_database(
    application: Application, make_video: MakeVideo, jobs: Jobs
) -> None:
    video = await make_video("processing")
    async with contextlib.AsyncExitStack() as stack:
        async with database_down(application.database):
            await stack.enter_async_context(working(application, jobs))
            await asyncio.sleep(0.1)

        await jobs.until_ready(video.id)
