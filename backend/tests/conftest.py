"""Fixtures of every backend test, with a database, fakes, services, the app and signed-in clients.

    settings -> application (services on fakes) -> client (the app over HTTP with its background loops)

A module that needs other settings defines its own `settings` fixture with factories.make_settings. The database is
SQLite, or a real PostgreSQL with SLIPWAY_TEST_DATABASE=postgresql.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import settings as hypothesis_settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.adapters import probe as probe_adapter
from app.bootstrap import Application
from app.core import db, security
from app.core.config import Settings
from app.domain.video_status import VideoStatus
from app.main import create_app
from app.models import User, Video
from app.runtime import running
from app.services import completion, videos
from tests import factories
from tests.databases import Databases, PostgresDatabases, make_databases
from tests.factories import APP_URL, PASSWORD, ApiClient, make_application, make_settings
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage
from tests.waiting import TIMEOUT_SECONDS

# No test is timed, because an example's duration depends on the machine's load.
hypothesis_settings.register_profile("slipway", deadline=None)
hypothesis_settings.load_profile("slipway")

REAL_ARGON2 = security._ARGON2
"""Production's hashing. Tests hash with less work."""

MakeUser = Callable[..., Coroutine[Any, Any, User]]
MakeVideo = Callable[..., Coroutine[Any, Any, Video]]
SignedIn = Callable[..., Coroutine[Any, Any, ApiClient]]
Upload = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


# --- settings, database, fakes ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the developer's settings."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def wait_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not give up on a database that is slow because the machine is. Tests of the limits replace this fixture."""
    monkeypatch.setattr(db, "BUSY_TIMEOUT_SECONDS", int(TIMEOUT_SECONDS))
    monkeypatch.setattr(db, "ABANDONED_AFTER_SECONDS", int(TIMEOUT_SECONDS))


@pytest.fixture(autouse=True)
def _wait_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not answer before the work is done because the machine is slow. Tests of the limits name their own."""
    monkeypatch.setattr(completion, "WAIT_SECONDS", TIMEOUT_SECONDS)
    monkeypatch.setattr(videos, "DELETE_WAIT_SECONDS", TIMEOUT_SECONDS)


@pytest.fixture(autouse=True)
def _wait_for_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not give up on a metadata reader that is slow because the machine is. Tests of the limit name their own."""
    monkeypatch.setattr(probe_adapter, "_START_SECONDS", TIMEOUT_SECONDS)
    monkeypatch.setattr(
        probe_adapter.StoredObjectProbe.__init__, "__defaults__", (probe_adapter.READER, TIMEOUT_SECONDS)
    )


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashing() -> Iterator[None]:
    """Hash with the least work that argon2id allows."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHash((Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1),))
        patch.setattr(security, "_ARGON2", cheap)
        yield


@pytest.fixture(scope="session")
def encoded_password(_cheap_hashing: None) -> str:
    """The hash of PASSWORD."""
    return security._ARGON2.hash(PASSWORD)


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    made = make_databases(os.environ.get("SLIPWAY_TEST_DATABASE", "sqlite"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresDatabases]:
    """PostgreSQL, whatever database the other tests use."""
    made = PostgresDatabases()
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """An empty, migrated database for one test."""
    url = databases.new()
    yield url
    databases.discard(url)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return make_settings(database_url, tmp_path)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def storage(clock: FakeClock) -> InMemoryStorage:
    return InMemoryStorage(clock)


@pytest.fixture
def probe() -> FakeProbe:
    return FakeProbe()


@pytest.fixture
async def application(
    settings: Settings, clock: FakeClock, storage: InMemoryStorage, probe: FakeProbe
) -> AsyncIterator[Application]:
    """The real services on the fakes, without background loops. `client` runs those too.

    Tests call factories.run_due_probes and application.reconciler.reconcile_due instead.
    """
    made = make_application(settings, clock, storage, probe)
    yield made
    await made.tasks.drain(TIMEOUT_SECONDS)
    await made.close()
    await _join_sqlite_threads()


async def _join_sqlite_threads() -> None:
    """Wait for the threads of cancelled connections, which report to the event loop when they end."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, TIMEOUT_SECONDS)


# --- rows -------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_user(application: Application, encoded_password: str) -> MakeUser:
    """Insert a user whose password is PASSWORD, with any columns."""

    async def make(**values: Any) -> User:
        return await factories.insert_user(application, encoded_password, **values)

    return make


@pytest.fixture
async def user(make_user: MakeUser) -> User:
    return await make_user(email="user@example.com")


@pytest.fixture
def make_video(application: Application, storage: InMemoryStorage, user: User) -> MakeVideo:
    """Insert a video in a state, with its bytes in the store. See factories.insert_video."""

    async def make(
        status: VideoStatus | str = VideoStatus.UPLOADING, *, owner: User | None = None, **values: Any
    ) -> Video:
        return await factories.insert_video(application, storage, owner or user, status, **values)

    return make


# --- over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def app(application: Application) -> AsyncIterator[FastAPI]:
    """The app with its background loops."""
    made = create_app(application)
    async with running(application):
        yield made


@asynccontextmanager
async def _client(app: FastAPI, headers: dict[str, str] | None = None) -> AsyncIterator[ApiClient]:
    transport = httpx.ASGITransport(app)
    async with ApiClient(transport=transport, base_url=APP_URL, headers=headers) as client:
        yield client


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[ApiClient]:
    """A client without a session. Paths begin with `/api/v1/`."""
    async with _client(app) as made:
        yield made


@pytest.fixture
async def signed_in(app: FastAPI, application: Application, make_user: MakeUser) -> AsyncIterator[SignedIn]:
    """Make clients with a session of `user`, by default a new one, which is `client.user`.

    `how="cookie"` is a browser on our page: the session cookie and its Origin. `how="bearer"` is an API client.
    """
    async with AsyncExitStack() as clients:

        async def make(user: User | None = None, *, how: str = "cookie") -> ApiClient:
            owner = user or await make_user()
            token = await factories.insert_session(application, owner, how)
            if how == "bearer":
                made = await clients.enter_async_context(_client(app, {"Authorization": f"Bearer {token}"}))
            else:
                made = await clients.enter_async_context(_client(app, {"Origin": APP_URL}))
                # With its host and path, so that the cookie of an answer replaces it.
                made.cookies.set("slipway_session", token, domain=made.base_url.host, path="/")
            made.user = owner
            return made

        yield make


@pytest.fixture
def upload(storage: InMemoryStorage) -> Upload:
    """Upload with `await upload(client, data)`. See factories.upload."""

    async def run(
        client: httpx.AsyncClient, data: bytes = factories.SMALL_VIDEO, **how: Any
    ) -> dict[str, Any]:
        return await factories.upload(client, storage, data, **how)

    return run
