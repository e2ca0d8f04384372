"""What every backend test may ask for: a database, fakes, the services over them, the app, signed-in clients.

    settings -> parts (services over fakes) -> client (the app over HTTP, its workers running)

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

from app.bootstrap import Application
from app.core import security
from app.core.config import Settings
from app.domain.video_status import VideoStatus
from app.main import create_app
from app.models import User, Video
from app.runtime import running
from tests import factories
from tests.databases import Databases, PostgresDatabases, make_databases
from tests.factories import APP_URL, PASSWORD, ApiClient, make_application, make_settings
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage

# How long an example takes depends on what else this machine does; no test is timed.
hypothesis_settings.register_profile("slipway", deadline=None)
hypothesis_settings.load_profile("slipway")

REAL_ARGON2 = security._ARGON2
"""As production hashes; tests hash more cheaply."""

MakeUser = Callable[..., Coroutine[Any, Any, User]]
MakeVideo = Callable[..., Coroutine[Any, Any, Video]]
SignedIn = Callable[..., Coroutine[Any, Any, ApiClient]]
Upload = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


# --- the ground -------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the environment of whoever runs it."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashing() -> Iterator[None]:
    """argon2id with the least work it takes: what it costs in production is no test's subject but one."""
    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHash((Argon2Hasher(memory_cost=8, time_cost=1, parallelism=1),))
        patch.setattr(security, "_ARGON2", cheap)
        yield


@pytest.fixture(scope="session")
def encoded_password(_cheap_hashing: None) -> str:
    """The hash of PASSWORD, made once."""
    return security._ARGON2.hash(PASSWORD)


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    made = make_databases(os.environ.get("SLIPWAY_TEST_DATABASE", "sqlite"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresDatabases]:
    """For what is about PostgreSQL alone, whatever database the other tests run on."""
    made = PostgresDatabases()
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """An empty database of this test's own, at the newest schema."""
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
    """The real services over the fakes. No worker and no upkeep runs by itself: tests call
    factories.run_due_probes and application.reconciler.tend_due. With `client` both run, as in production."""
    made = make_application(settings, clock, storage, probe)
    yield made
    await made.tasks.drain(10)
    await made.close()
    await _until_sqlites_threads_end()


async def _until_sqlites_threads_end() -> None:
    """A connection that was cancelled in the middle of its work ends a moment later, and tells the loop so: which
    must still be there."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 10)


# --- rows -------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_user(application: Application, encoded_password: str) -> MakeUser:
    """Inserts a user whose password is PASSWORD; any column may be given."""

    async def make(**values: Any) -> User:
        return await factories.insert_user(application, encoded_password, **values)

    return make


@pytest.fixture
async def user(make_user: MakeUser) -> User:
    return await make_user(email="user@example.com")


@pytest.fixture
def make_video(application: Application, storage: InMemoryStorage, user: User) -> MakeVideo:
    """Inserts a video in a state, with what the store holds then; see factories.insert_video."""

    async def make(
        status: VideoStatus | str = VideoStatus.UPLOADING, *, owner: User | None = None, **values: Any
    ) -> Video:
        return await factories.insert_video(application, storage, owner or user, status, **values)

    return make


# --- over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def app(application: Application) -> AsyncIterator[FastAPI]:
    """The running app: workers and upkeep too, as its lifespan starts them."""
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
    """Nobody is signed in with this one; paths are written whole: `/api/v1/...`."""
    async with _client(app) as made:
        yield made


@pytest.fixture
async def signed_in(app: FastAPI, application: Application, make_user: MakeUser) -> AsyncIterator[SignedIn]:
    """Makes clients with a session of `user` (a new one unless given; `client.user` tells).

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
                made.cookies.set("slipway_session", token)
            made.user = owner
            return made

        yield make


@pytest.fixture
def upload(storage: InMemoryStorage) -> Upload:
    """The whole conversation of one client: `await upload(client, data)`; see factories.upload."""

    async def run(
        client: httpx.AsyncClient, data: bytes = factories.SMALL_VIDEO, **how: Any
    ) -> dict[str, Any]:
        return await factories.upload(client, storage, data, **how)

    return run
