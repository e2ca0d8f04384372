"""New worlds for crash tests: each with an empty database of its own."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.services import uploads
from tests.crash.world import World, a_world
from tests.databases import Databases


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers that wait for another look again soon: nothing but the length of a test depends on it."""
    monkeypatch.setattr(uploads, "_LOOK_AGAIN_SECONDS", 0.005)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of faults are logged here as they should be; nobody reads it."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


class NewWorlds:
    def __init__(self, databases: Databases, folder: Path) -> None:
        self._databases = databases
        self._folder = folder

    @asynccontextmanager
    async def __call__(self, **settings: Any) -> AsyncIterator[World]:
        url = self._databases.new()
        async with a_world(url, self._folder, **settings) as world:
            yield world
        self._databases.discard(url)


@pytest.fixture
def new_world(databases: Databases, tmp_path: Path) -> NewWorlds:
    return NewWorlds(databases, tmp_path)
