"""New worlds for crash tests."""

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
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers that wait for another look again soon: nothing but the length of a test depends on it."""
    monkeypatch.setattr(completion, "POLL_SECONDS", 0.005)


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovery that is run again makes the same calls."""
    monkeypatch.setattr(processing, "random", SimpleNamespace(uniform=lambda _least, most: most))


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own clock would not follow when a test lets time pass, and no sweep would be due again."""

    async def ours(_: AsyncSession, now: datetime) -> datetime:
        return now

    monkeypatch.setattr(installation, "database_time", ours)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of faults are logged here as they should be; nobody reads it."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


class NewWorlds:
    """Makes worlds one after the other over one database, empty for each."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._databases: dict[asyncio.AbstractEventLoop, WatchedDatabase] = {}

    @asynccontextmanager
    async def __call__(self, **settings: Any) -> AsyncIterator[World]:
        loop = asyncio.get_running_loop()  # an engine belongs to one
        database = self._databases.setdefault(loop, WatchedDatabase(self._url))
        async with a_world(database, self._folder, **settings) as world:
            yield world

    @asynccontextmanager
    async def lingering(self) -> AsyncIterator[World]:
        """A world whose store still lists the parts of what is finished, as the embedded one does."""
        async with self() as world:
            world.store.lingers = True
            yield world


@pytest.fixture
def new_world(database_url: str, tmp_path: Path) -> NewWorlds:
    return NewWorlds(database_url, tmp_path)
