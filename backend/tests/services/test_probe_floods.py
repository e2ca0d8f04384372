"""Files that a reader cannot finish delay other videos only until their limits end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.probe import StoredObjectProbe
from app.bootstrap import PROBES_AT_ONCE, Application
from app.core.config import Settings
from tests.adapters.readers import reader
from tests.conftest import MakeVideo
from tests.factories import make_application, make_settings, read_video, run_due_probes
from tests.fakes import FakeClock, InMemoryStorage
from tests.mediaprobe.builders import progressive_mp4
from tests.waiting import TIMEOUT_SECONDS

VIDEO = progressive_mp4(10, 50_000, moov_first=False).read_range(0, 2**20, None).data
FLOOD = VIDEO + b"flood"
READS_FLOODS_FOR_EVER = """
child.CPU_SECONDS = 0.1

def read(source):
    answer = source.read_range(0, 2**20, None)
    while answer.data.endswith(b"flood"):
        pass
    return real(source)

child.probe = read
"""


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return make_settings(database_url, tmp_path, user_max_uploads_in_flight=100)


@pytest.fixture
async def application(
    settings: Settings, clock: FakeClock, storage: InMemoryStorage
) -> AsyncIterator[Application]:
    """The services with the real probe."""
    probe = StoredObjectProbe(storage, reader(READS_FLOODS_FOR_EVER), seconds=TIMEOUT_SECONDS)
    made = make_application(settings, clock, storage, probe)
    yield made
    await made.close()


async def test_ordinary_video_is_ready_after_a_flood(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    floods = []
    for _ in range(2 * PROBES_AT_ONCE):
        floods.append(await make_video("processing", data=FLOOD))
        clock.advance(seconds=1)
    ordinary = await make_video("processing", data=VIDEO)

    done = await asyncio.gather(*(run_due_probes(application) for _ in range(PROBES_AT_ONCE)))

    assert sum(done) == len(floods) + 1, "each is tried once"
    row = await read_video(application, ordinary.id)
    assert (row.width, row.metadata_complete) == (640, True)
    for flood in floods:
        row = await read_video(application, flood.id)
        assert (row.status, row.container, row.metadata_complete) == ("ready", "mp4", False)
