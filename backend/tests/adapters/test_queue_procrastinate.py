"""What only Procrastinate does. It notifies workers, and removes the jobs of dead ones."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.adapters import queue_procrastinate
from app.adapters.queue_procrastinate import ProcrastinateQueue
from app.bootstrap import Application
from app.core import db
from app.core.config import Settings
from app.crud import videos
from app.domain.video_status import VideoEvent
from app.models import Video
from app.ports import JobQueue
from tests.conftest import MakeVideo
from tests.databases import PostgresDatabases
from tests.factories import make_settings, read_video
from tests.services.test_database_silence import postgresql_paused
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
def settings(postgres: PostgresDatabases, tmp_path: Path) -> Iterator[Settings]:
    url = postgres.new()
    yield make_settings(url, tmp_path)
    postgres.discard(url)


@asynccontextmanager
async def working(application: Application, queue: JobQueue | None = None) -> AsyncIterator[None]:
    work = asyncio.create_task((queue or application.queue).work(application.processing.probe_next, 1))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def ask(application: Application, question: str) -> int:
    async with application.database.reading() as session:
        return int((await session.execute(text(question))).scalar_one())


async def until(application: Application, question: str, answer: int) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await ask(application, question) != answer:  # noqa: ASYNC110  # another process sets no event here
            await asyncio.sleep(0.02)


async def until_probed(application: Application, video: Video) -> None:
    await until(application, f"SELECT count(*) FROM videos WHERE id = '{video.id}' AND status = 'ready'", 1)  # noqa: S608


async def test_notifies_worker_of_job(application: Application, make_video: MakeVideo) -> None:
    queue = ProcrastinateQueue(application.database, application.clock, check_seconds=3600.0)

    async def is_done_soon() -> bool:
        video = await make_video("completing")
        async with application.database.transaction() as session:
            await videos.transition(
                session, video.id, VideoEvent.COMPLETE_VERIFIED, lease_owner=None, lease_until=None
            )
            await queue.enqueue_probe(session, video.id)
        for _ in range(20):
            if (await read_video(application, video.id)).status == "ready":
                return True
            await asyncio.sleep(0.02)
        return False

    async with working(application, queue), asyncio.timeout(TIMEOUT_SECONDS):
        # Procrastinate misses a notification that arrives while it fetches jobs, so several are sent.
        while not await is_done_soon():
            pass


async def test_removes_finished_jobs(application: Application, make_video: MakeVideo) -> None:
    for _ in range(5):
        await make_video("processing")

    async with working(application):
        await until(application, "SELECT count(*) FROM videos WHERE status = 'ready'", 5)
        await until(application, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'probe'", 0)

    for name in ("procrastinate_jobs", "procrastinate_events", "procrastinate_workers"):
        assert await ask(application, f"SELECT count(*) FROM {name}") == 0, name  # noqa: S608  # our own names


async def test_removes_jobs_of_dead_workers(application: Application) -> None:
    every_second = "* * * * * *"
    queue = ProcrastinateQueue(application.database, application.clock, clean_up_at=every_second)
    async with application.database.transaction() as session:
        await session.execute(
            text(
                "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - interval '40 seconds') RETURNING id)"
                " INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
                " SELECT 'default', 'probe', 'doing', id FROM dead"
            )
        )

    async with working(application, queue):
        await until(application, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'probe'", 0)
        await until(application, "SELECT count(*) FROM procrastinate_workers", 1)


async def test_reconnects_listener(application: Application) -> None:
    """PostgreSQL ends only the connection that listens."""
    listeners = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    async with working(application):
        await until(application, f"SELECT count(*) {listeners}", 1)
        lost = await ask(application, f"SELECT pid {listeners}")
        await ask(application, f"SELECT count(pg_terminate_backend({lost}))")

        await until(application, f"SELECT count(*) {listeners} AND pid <> {lost}", 1)


async def test_continues_after_restart_of_postgresql(
    application: Application, make_video: MakeVideo, postgres: PostgresDatabases
) -> None:
    first, second = await make_video("processing"), await make_video("processing", due_at=None)
    async with working(application):
        await until_probed(application, first)

        await asyncio.to_thread(postgres.server.restart)

        async with application.database.transaction() as session:
            await application.queue.enqueue_probe(session, second.id)
        await until_probed(application, second)


async def test_continues_after_pause_of_postgresql(
    application: Application, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_procrastinate, "BUSY_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(db, "BUSY_TIMEOUT_SECONDS", 0.5)
    first, second = await make_video("processing"), await make_video("processing", due_at=None)
    async with working(application):
        await until_probed(application, first)
        with capture_logs() as logged:
            async with postgresql_paused(application.database), asyncio.timeout(TIMEOUT_SECONDS):
                while not any(line["event"] == "loop.waiting" for line in logged):  # noqa: ASYNC110  # as above
                    await asyncio.sleep(0.02)

        async with application.database.transaction() as session:
            await application.queue.enqueue_probe(session, second.id)
        await until_probed(application, second)
