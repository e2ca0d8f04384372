"""Do the steps of an upload through the services."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import text

from app.bootstrap import Application
from app.core.db import Database
from app.models import User, Video
from app.services.uploads import StartedUpload
from tests.factories import SMALL_VIDEO, part_of
from tests.fakes import S3_MIN_PART_BYTES, InMemoryStorage, content_md5, md5_hex

TWO_PARTS = bytes(S3_MIN_PART_BYTES) + b"the last part"

Create = Callable[..., Coroutine[Any, Any, StartedUpload]]
Sent = Callable[..., Coroutine[Any, Any, Video]]


def send(
    storage: InMemoryStorage, started: StartedUpload, data: bytes, leaving_out: tuple[int, ...] = ()
) -> None:
    """PUT every part to its URL, as the page does."""
    assert started.parts is not None
    for part in started.parts:
        if part.part_number not in leaving_out:
            piece = part_of(started.video, data, part.part_number)
            assert storage.put_part(part.url, piece, {"Content-MD5": content_md5(piece)}) == 200


def part_md5s_of(video: Video, data: bytes) -> dict[int, str]:
    """Return the MD5 of every part."""
    numbers = range(1, video.part_plan.part_count + 1)
    return {number: md5_hex(part_of(video, data, number)) for number in numbers}


async def waits_for_lock(task: asyncio.Task[Any], database: Database) -> bool:
    """Return True once the task's transaction waits for a lock, or False if it ends first."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while not task.done():
        async with database.reading() as session:
            if (await session.execute(waiting)).scalar_one():
                return True
    return False


@pytest.fixture
def create(application: Application, user: User) -> Create:
    """Create an upload for `user`, by default of a small MP4."""

    async def run(
        data: bytes = SMALL_VIDEO,
        *,
        owner: User | None = None,
        filename: str = "harbour.mp4",
        content_type: str = "video/mp4",
        size_bytes: int | None = None,
        key: uuid.UUID | None = None,
    ) -> StartedUpload:
        size = len(data) if size_bytes is None else size_bytes
        return await application.uploads.create((owner or user).id, filename, size, content_type, key)

    return run


@pytest.fixture
def sent(create: Create, storage: InMemoryStorage) -> Sent:
    """Create an upload and send all its parts."""

    async def run(data: bytes = SMALL_VIDEO, *, leaving_out: tuple[int, ...] = (), **how: Any) -> Video:
        started = await create(data, **how)
        send(storage, started, data, leaving_out)
        return started.video

    return run
