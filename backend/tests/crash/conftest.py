"""Fixtures of the crash tests."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.crud import installation
from app.services import completion, processing
from tests.crash.process import WatchedDatabase
from tests.crash.world import World, a_world


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll the state of another completion every few milliseconds, which only shortens the tests."""
    monkeypatch.setattr(completion, "POLL_SECONDS", 0.005)


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make retries deterministic, so that a repeated recovery makes the same calls."""
    monkeypatch.setattr(processing, "random", SimpleNamespace(uniform=lambda _least, most: most))


@pytest.fixture(autouse=True)
def _fake_database_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's clock would not follow the fake clock, and no second sweep would become due."""

    async def ours(_: AsyncSession, now: datetime) -> datetime:
        return now

    monkeypatch.setattr(installation, "database_time", ours)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The faults cause thousands of log lines that nobody reads."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


class NewWorlds:
    """Makes worlds over one database, which is empty for each of them."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._databases: dict[asyncio.AbstractEventLoop, WatchedDatabase] = {}

    @asynccontextmanager
    async def __call__(self, **settings: Any) -> AsyncIterator[World]:
        loop = asyncio.get_running_loop()  # An engine belongs to one event loop.
        database = self._databases.setdefault(loop, WatchedDatabase(self._url))
        async with a_world(database, self._folder, **settings) as world:
            yield world

    @asynccontextmanager
    async def lingering(self) -> AsyncIterator[World]:
        """A world whose store still lists the parts of finished uploads, as the embedded store does."""
        async with self() as world:
            world.store.lingers = True
            yield world


@pytest.fixture
def new_world(database_url: str, tmp_path: Path) -> NewWorlds:
    return NewWorlds(database_url, tmp_path)
