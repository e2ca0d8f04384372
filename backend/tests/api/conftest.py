"""Provide the app without workers, and fail on statuses that openapi.json does not declare."""

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
    """Return default settings, changed by `@with_settings(name=value)` of shapes.py."""
    return make_settings(database_url, tmp_path, **getattr(request, "param", {}))


class Watch:
    """Outermost middleware that records statuses which openapi.json does not declare for the route."""

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
    """Return the app without workers and reconciler. Only requests and the test change data."""
    surprises: list[str] = []
    made = create_app(application)
    made.add_middleware(Watch, surprises=surprises)
    yield made
    assert surprises == [], "responses that openapi.json does not declare"


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[ApiClient]:
    """Return a client that is not signed in, sends the Origin of the page and stores cookies."""
    transport = httpx.ASGITransport(app)
    async with ApiClient(transport=transport, base_url=APP_URL, headers={"Origin": APP_URL}) as made:
        yield made


@pytest.fixture
def no_database(application: Application) -> AbstractAsyncContextManager[None]:
    """Return a context manager in whose block the database is unreachable."""
    return database_down(application.database)


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Return the log in the format of production."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()
    written = StringIO()
    configure_logging(written)
    yield written
    structlog.configure(**before)
    root.handlers, root.level = handlers, level
