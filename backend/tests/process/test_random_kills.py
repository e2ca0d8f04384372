"""kill -9 of any process at any moment: what was acknowledged stays, nothing is done twice, nothing is left over.

A campaign: SLIPWAY_KILLS=1000 (SLIPWAY_SEED, SLIPWAY_TEST_DATABASE=postgresql) pytest -s, this file.
The seed gives the same victims, moments and choices of the clients again; how threads interleave is the machine's.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.adapters.s3 import S3Storage, make_signer
from app.bootstrap import embedded_connection
from app.core.config import Settings
from app.core.db import Database
from app.models import Video
from tests import media
from tests.crash.invariants import violations
from tests.engines.slipway import PATIENCE_SECONDS, SlipwayProcess
from tests.process.witness import Witness

KILLS = int(os.environ.get("SLIPWAY_KILLS", "25"))
SEED = os.environ.get("SLIPWAY_SEED") or str(random.randrange(10**9))  # noqa: S311  # printed, to be had again
USERS = 6
GRACE_SECONDS = 8
LONGEST_LEASE = timedelta(seconds=60)
"""services.processing.PROBE_LEASE: what a killed process may leave held."""
SETTINGS = {
    "UPLOAD_GRACE_SECONDS": str(GRACE_SECONDS),
    "SWEEP_INTERVAL_SECONDS": "1",
    # Abandoned uploads are open until they expire.
    "USER_MAX_UPLOADS_IN_FLIGHT": "100000",
    "PAGE_DIR": "/nonexistent",
}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two real videos: of one part, and of two."""
    folder = tmp_path_factory.mktemp("films")
    small = media.make_video(folder / "small.mp4", seconds=0.2, audio=False)
    large = media.make_video(folder / "large.mp4", seconds=0.2, audio=False, size_bytes=5 * 1024**2 + 4321)
    return [small.read_bytes()] * 3 + [large.read_bytes()]


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    made = SlipwayProcess(tmp_path / "data", SETTINGS)
    yield made
    made.stop()


def test_nothing_acknowledged_is_lost_by_kills(slipway: SlipwayProcess, files: list[bytes]) -> None:
    print(f"\nSLIPWAY_SEED={SEED}")  # noqa: T201  # a finding can be had again by it
    slipway.start()
    with ExitStack() as closing:
        witnesses = [Witness(f"user-{n}", slipway, files, SEED, GRACE_SECONDS) for n in range(USERS)]
        for witness in witnesses:
            closing.callback(witness.close)
            witness.sign_in()
            witness.start()
        killed = kill_again_and_again(slipway, witnesses)
        for witness in witnesses:
            witness.end()
        slipway.kill_group()
        slipway.wait_for_no_store()
        asyncio.run(let_leases_end(slipway))
        slipway.start()
        asyncio.run(until_settled(slipway))
        for witness in witnesses:
            witness.check_at_rest()
    videos = [video for witness in witnesses for video in witness.videos]
    print(  # noqa: T201  # what the run was worth
        f"{dict(killed)}; {sum(witness.answers for witness in witnesses)} requests, {len(videos)} videos, "
        f"{sum(video.is_completed for video in videos)} acknowledged as complete"
    )


def kill_again_and_again(slipway: SlipwayProcess, witnesses: list[Witness]) -> Counter[str]:
    """KILLS times; how often each victim was hit."""
    chance = random.Random(SEED)  # noqa: S311  # repeatable on purpose
    killed: Counter[str] = Counter()
    while killed.total() < KILLS:
        time.sleep(chance.uniform(0, 0.8))  # the random moment
        victim = chance.choice(["app", "store", "both"])
        killed[victim] += 1
        if victim != "app":
            slipway.kill_store()
        if victim == "store":
            continue  # the app starts it again
        slipway.kill_group()
        if chance.random() < 0.2:
            slipway.launch()
            time.sleep(chance.uniform(0, 1.5))
            slipway.kill_group()
            killed["app while it starts"] += 1
        slipway.start()
        for witness in witnesses:
            if witness.broken:
                raise witness.broken
    return killed


# --- at rest ----------------------------------------------------------------------------------------------------


def settings_of(slipway: SlipwayProcess) -> Settings:
    given = {name.lower(): value for name, value in SETTINGS.items()}
    return Settings(_env_file=None, slipway_data_dir=slipway.data_dir, **given)  # type: ignore[arg-type]  # as the environment gives them


async def let_leases_end(slipway: SlipwayProcess) -> None:
    """As if a minute went by while nothing runs: dead processes may hold leases that long."""
    database = Database(settings_of(slipway).effective_database_url)
    async with database.transaction() as session:
        for row in await session.scalars(select(Video)):
            row.due_at = row.due_at and row.due_at - LONGEST_LEASE
            row.lease_until = row.lease_until and row.lease_until - LONGEST_LEASE
    await database.close()


async def until_settled(slipway: SlipwayProcess) -> None:
    """Nothing is in between any more, and all invariants hold; raises AssertionError with what does not."""
    settings = settings_of(slipway)
    database = Database(settings.effective_database_url)
    connection = embedded_connection(settings, slipway.store_port)
    storage = S3Storage(connection, make_signer(connection))
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while found := await violations(
            database, storage, settings, datetime.now(UTC), settled=True, sweep_lists_uploads=False
        ):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.5)
    finally:
        storage.close()
        await database.close()
