"""A log that cannot be written stops no work."""

import asyncio
import errno
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from app.core import tasks
from app.core.logging import configure_logging
from app.domain.errors import StorageUnavailable
from tests.waiting import TIMEOUT_SECONDS


class FullDisk(StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def _log_on_a_full_disk() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()
    configure_logging(FullDisk())
    yield
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


async def test_loop_continues() -> None:
    outcomes = [StorageUnavailable(), RuntimeError("a bug")]
    finished = asyncio.Event()

    async def step() -> None:
        if outcomes:
            raise outcomes.pop()
        finished.set()

    loop = asyncio.create_task(tasks.run_forever("sweep", step, every=0.0))
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await asyncio.wait(
            [loop, waiting := asyncio.create_task(finished.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        await tasks.cancel_and_wait([loop, waiting])

    assert finished.is_set()


def test_library_continues(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("uvicorn.error").error("a line")

    assert capsys.readouterr().err == ""
