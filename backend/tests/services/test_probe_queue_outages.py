"""Workers continue when PostgreSQL was restarted or did not answer."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.bootstrap import Application
from app.core import db
from app.core.config import Settings
from tests.conftest import MakeVideo
from tests.databases import PostgresDatabases
from tests.factories import make_settings
from tests.services.test_database_silence import postgresql_paused
from tests.services.test_probe_queue import OFTEN, Jobs, finish_upload, working
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture(autouse=True)
def wait_for_the_database() -> None:
    """Keep production's limits, because these tests see what happens at their end."""


@pytest.fixture
def settings(postgres: PostgresDatabases, tmp_path: Path) -> Iterator[Settings]:
    url = postgres.new()
    yield make_settings(url, tmp_path)
    postgres.discard(url)


@pytest.fixture
def jobs(application: Application) -> Jobs:
    return Jobs(application, OFTEN)


async def test_continues_after_restart(
    application: Application, make_video: MakeVideo, jobs: Jobs, postgres: PostgresDatabases
) -> None:
    first, second = await make_video("processing"), await make_video("completing")
    async with working(application, jobs):
        await jobs.until_ready(first.id)

        await asyncio.to_thread(postgres.server.restart)

        await finish_upload(application, second.id)
        await jobs.until_ready(second.id)


async def test_continues_after_pause(application: Application, make_video: MakeVideo, jobs: Jobs) -> None:
    first, second = await make_video("processing"), await make_video("completing")
    async with working(application, jobs):
        await jobs.until_ready(first.id)
        with capture_logs() as logged, pytest.MonkeyPatch.context() as patch:
            async with postgresql_paused(application.database), asyncio.timeout(TIMEOUT_SECONDS):
                patch.setattr(db, "BUSY_TIMEOUT_SECONDS", 0.5)
                while not any(line["event"] == "loop.waiting" for line in logged):  # noqa: ASYNC110  # as logged
                    await asyncio.sleep(OFTEN)

        await finish_upload(application, second.id)
        await jobs.until_ready(second.id)
