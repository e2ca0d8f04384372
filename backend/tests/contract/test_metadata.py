"""Reads metadata with the real reader from every engine, by range requests under the object's ETag."""

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from app.bootstrap import Application, assemble
from app.core.config import Settings
from app.crud import leases
from app.models import User
from tests import media
from tests.contract.engines import Engine
from tests.contract.test_conversation import EngineClock
from tests.factories import part_of, read_video
from tests.fakes import FakeDelivery
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
async def application(engine: Engine, settings: Settings) -> AsyncIterator[Application]:
    made = assemble(settings, clock=EngineClock(engine), storage=engine.storage, delivery=FakeDelivery())
    yield made
    await made.tasks.drain(TIMEOUT_SECONDS)
    await made.close()


async def probe_next(application: Application) -> None:
    """Run the only job, as a worker does."""
    owner, now = uuid.uuid4(), application.clock.now()
    async with application.database.transaction() as session:
        video_id = await leases.claim_probe(session, owner, now, now + timedelta(seconds=60))
    assert video_id is not None
    await application.processing.probe_video(video_id, owner)


def phone(path: Path) -> Path:
    return media.make_portrait_phone_video(path, seconds=2)


def live(path: Path) -> Path:
    return media.make_live_webm(path, seconds=3)


def crashed(path: Path) -> Path:
    return media.make_fragmented_mp4(path, seconds=3, index=False)


@pytest.mark.parametrize(
    ("name", "make", "milliseconds", "size"),
    [
        ("IMG_0042.MOV", phone, 2000, (1080, 1920)),
        ("me.webm", live, 3000, (320, 240)),
        ("obs.mp4", crashed, 3000, (320, 240)),
    ],
)
async def test_worker_reads_recording(
    engine: Engine,
    application: Application,
    user: User,
    tmp_path: Path,
    name: str,
    make: Callable[[Path], Path],
    milliseconds: int,
    size: tuple[int, int],
) -> None:
    data = make(tmp_path / name).read_bytes()
    content_type = {"MOV": "video/quicktime", "webm": "video/webm", "mp4": "video/mp4"}[name.split(".")[1]]
    started = await application.uploads.create(user.id, name, len(data), content_type, None)
    assert started.parts is not None
    for part in started.parts:
        assert engine.send("PUT", part.url, part_of(started.video, data, part.part_number), {}) == 200
    await application.completion.complete(user.id, started.video.id, {})

    await probe_next(application)

    video = await read_video(application, started.video.id)
    assert video is not None
    assert video.status == "ready"
    assert video.duration_ms == pytest.approx(milliseconds, abs=100)
    assert (video.width, video.height) == size
    assert video.metadata_complete
