"""The app without its workers, watched: every answer must be one that openapi.json declares."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from io import StringIO
from pathlib import Path

import httpx
import pytest
import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.bootstrap import Application
from app.core.config import Settings
from app.core.logging import configure_logging
from app.main import create_app
from tests.api.declared import declares
from tests.api.outage import database_down
from tests.factories import APP_URL, ApiClient, make_settings


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Settings:
    """The usual ones; `@with_settings(name=value)` (see shapes) changes some for one test."""
    return make_settings(database_url, tmp_path, **getattr(request, "param", {}))


class Watch:
    """Outermost: notes answers whose status openapi.json does not declare for their route."""

    def __init__(self, app: ASGIApp, surprises: list[str]) -> None:
        self._app = app
        self._surprises = surprises

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, path, status = scope["method"], scope["path"], message["status"]
                if not declares(method, path, status):
                    self._surprises.append(f"{method} {path} answered {status}")
            await send(message)

        await self._app(scope, receive, watched)


@pytest.fixture
async def app(application: Application) -> AsyncIterator[FastAPI]:
    """No worker and no upkeep runs: nothing changes but by a request, or by what a test calls itself."""
    surprises: list[str] = []
    made = create_app(application)
    made.add_middleware(Watch, surprises=surprises)
    yield made
    assert surprises == [], "answers that openapi.json does not declare"


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[ApiClient]:
    """A browser on our page in which nobody is signed in: it sends the page's Origin and keeps cookies."""
    transport = httpx.ASGITransport(app)
    async with ApiClient(transport=transport, base_url=APP_URL, headers={"Origin": APP_URL}) as made:
        yield made


@pytest.fixture
def no_database(application: Application) -> AbstractAsyncContextManager[None]:
    """`async with no_database:` the database is really out of reach in the block, and back after it."""
    return database_down(application.database)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the process would write to its log, as in production."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()
    written = StringIO()
    configure_logging(written)
    yield written
    structlog.configure(**before)
    root.handlers, root.level = handlers, level
