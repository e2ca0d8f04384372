"""What lives as long as the process is not looked at in each search for garbage."""

import gc
from collections.abc import Iterator

import pytest
import uvicorn

from app.core.connection_table import ConnectionTable
from app.http_protocol import LimitedHttp
from app.server import _Server


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    yield
    gc.unfreeze()


async def test_a_started_app_is_left_out_of_searches() -> None:
    lives_on: list[object] = [[]]
    config = uvicorn.Config(lambda: None, port=0, lifespan="off", log_config=None)
    config.load()
    server = _Server(config, [], ConnectionTable[LimitedHttp](10, 1))
    server.lifespan = config.lifespan_class(config)
    assert any(found is lives_on for found in gc.get_objects())

    await server.startup()
    server.servers[0].close()

    assert not any(found is lives_on for found in gc.get_objects())
