"""A real PostgreSQL for every test here, behind a proxy that can cut the connection."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import make_signer
from app.core.config import Settings
from tests.contract.engines import s3_connection
from tests.databases import Databases, make_databases
from tests.engines.embedded import EmbeddedStore
from tests.engines.postgres import PostgresMissingError
from tests.engines.tcp_fault_proxy import TcpFaultProxy
from tests.waiting import TIMEOUT_SECONDS

DOWN_SECONDS = float(os.environ.get("SLIPWAY_DOWN_SECONDS", "1"))

FAULTS: dict[str, Callable[[TcpFaultProxy], None]] = {
    "refused": TcpFaultProxy.refuse,
    "reset": TcpFaultProxy.reset,
    "black hole": TcpFaultProxy.hang,
    "trickle": lambda proxy: proxy.throttle(10),
}


@pytest.fixture(autouse=True)
def wait_for_the_database() -> None:
    """Keep production's limits, because these tests see what happens at their end."""


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    try:
        made = make_databases("postgresql")
    except PostgresMissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture
def direct_url(databases: Databases) -> Iterator[str]:
    url = databases.new()
    yield url
    databases.discard(url)


@pytest.fixture
def database_proxy(direct_url: str) -> Iterator[TcpFaultProxy]:
    folder = make_url(direct_url).query["host"]
    assert isinstance(folder, str)
    with TcpFaultProxy(Path(folder) / ".s.PGSQL.5432") as proxy:
        yield proxy


@pytest.fixture
def database_url(direct_url: str, database_proxy: TcpFaultProxy) -> str:
    """The same database, behind the proxy."""
    through = make_url(direct_url).set(
        host="127.0.0.1", port=database_proxy.port, query={"sslmode": "disable"}
    )
    return through.render_as_string(hide_password=False)


@pytest.fixture
def bucket(store: EmbeddedStore) -> str:
    """A bucket of this test's own."""
    name = f"test-{uuid.uuid4()}"
    store.client().create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("faults-store")) as made:
        yield made


@pytest.fixture
def store_proxy(store: EmbeddedStore) -> Iterator[TcpFaultProxy]:
    with TcpFaultProxy(("127.0.0.1", store.port)) as proxy:
        yield proxy


@pytest.fixture
def s3_storage(
    settings: Settings, store: EmbeddedStore, store_proxy: TcpFaultProxy, bucket: str
) -> Iterator[S3Storage]:
    """As bootstrap builds it, with production's time limits. Browsers don't use the proxy."""
    keys = store.credentials
    connection = s3_connection(
        f"http://127.0.0.1:{store_proxy.port}",
        keys.access_key_id,
        keys.secret_access_key,
        bucket=bucket,
        public_endpoint_url=store.endpoint_url,
        threads=settings.storage_threads,
        queue=settings.storage_queue,
        connect_timeout_seconds=settings.storage_connect_timeout_seconds,
        read_timeout_seconds=settings.storage_read_timeout_seconds,
        attempts=settings.storage_attempts,
    )
    storage = S3Storage(connection, make_signer(connection))
    yield storage
    storage.close()


async def until_healthy(works: Callable[[], Awaitable[bool]]) -> None:
    """Poll until `works` returns True. A hung test ends with TimeoutError."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not await works():  # noqa: ASYNC110  # of another process or machine, which signals nothing
            await asyncio.sleep(0.05)
