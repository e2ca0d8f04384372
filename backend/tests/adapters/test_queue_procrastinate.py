"""What only Procrastinate does: it tells workers at once, and cleans up after those that died."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.adapters import queue_procrastinate
from app.bootstrap import Application
from app.core import db
from app.core.config import Settings
from app.crud import videos
from app.domain.video_status import VideoEvent
from app.models import Video
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
async def working(application: Application) -> AsyncIterator[None]:
    work = asyncio.create_task(application.queue.work(application.processing.probe_next, 1))
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


async def test_a_worker_is_told_of_a_job_without_looking(
    application: Application, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_procrastinate, "_LOOK_EVERY_SECONDS", 3600.0)

    async def is_done_soon() -> bool:
        video = await make_video("completing")
        async with application.database.transaction() as session:
            await videos.transition(
                session, video.id, VideoEvent.COMPLETE_VERIFIED, lease_owner=None, lease_until=None
            )
            await application.queue.enqueue_probe(session, video.id)
        for _ in range(20):
            if (await read_video(application, video.id)).status == "ready":
                return True
            await asyncio.sleep(0.02)
        return False

    async with working(application), asyncio.timeout(TIMEOUT_SECONDS):
        # News that comes while it asks for jobs is lost on it; sooner or later one comes while it listens.
        while not await is_done_soon():
            pass


async def test_finished_jobs_leave_nothing(application: Application, make_video: MakeVideo) -> None:
    for _ in range(5):
        await make_video("processing")

    async with working(application):
        await until(application, "SELECT count(*) FROM videos WHERE status = 'ready'", 5)
        await until(application, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'probe'", 0)

    for name in ("procrastinate_jobs", "procrastinate_events", "procrastinate_workers"):
        assert await ask(application, f"SELECT count(*) FROM {name}") == 0, name  # noqa: S608  # our own names


async def test_what_a_dead_worker_left_goes_away(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_procrastinate, "_CLEAN_UP_AT", "* * * * * *")  # every second
    async with application.database.transaction() as session:
        await session.execute(
            text(
                "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - interval '40 seconds') RETURNING id)"
                " INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
                " SELECT 'default', 'probe', 'doing', id FROM dead"
            )
        )

    async with working(application):
        await until(application, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'probe'", 0)
        await until(application, "SELECT count(*) FROM procrastinate_workers", 1)


async def test_a_lost_ear_is_replaced(application: Application) -> None:
    """PostgreSQL ends the connection that listens, and that alone."""
    ears = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    async with working(application):
        await until(application, f"SELECT count(*) {ears}", 1)
        lost = await ask(application, f"SELECT pid {ears}")
        await ask(application, f"SELECT count(pg_terminate_backend({lost}))")

        await until(application, f"SELECT count(*) {ears} AND pid <> {lost}", 1)


async def test_a_restart_of_postgresql_is_survived(
    application: Application, make_video: MakeVideo, postgres: PostgresDatabases
) -> None:
    first, second = await make_video("processing"), await make_video("processing", due_at=None)
    async with working(application):
        await until_probed(application, first)

        await asyncio.to_thread(postgres.server.restart)

        async with application.database.transaction() as session:
            await application.queue.enqueue_probe(session, second.id)
        await until_probed(application, second)


async def test_a_paused_postgresql_is_survived(
    application: Application, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_procrastinate, "BUSY_TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(db, "BUSY_TIMEOUT_SECONDS", 0.5)
    first, second = await make_video("processing"), await make_video("processing", due_at=None)
    async with working(application):
        await until_probed(application, first)
        with capture_logs() as logged:
            async with postgresql_paused(application.database), asyncio.timeout(TIMEOUT_SECONDS):
                while not any(line["event"] == "worker.waiting" for line in logged):  # noqa: ASYNC110  # as above
                    await asyncio.sleep(0.02)

        async with application.database.transaction() as session:
            await application.queue.enqueue_probe(session, second.id)
        await until_probed(application, second)
