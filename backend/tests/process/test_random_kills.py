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

from app.core.config import Settings
from app.core.db import Database
from app.models import Installation as InstallationRow
from app.models import Video
from app.services.processing import MAX_ATTEMPTS
from tests import media
from tests.crash.invariants import violations
from tests.crash.report import Tally, reported
from tests.engines.slipway import SlipwayProcess
from tests.process.installations import Installation, OneMachine, Scaled
from tests.process.witness import Witness
from tests.waiting import TIMEOUT_SECONDS, wait_until

KILLS = int(os.environ.get("SLIPWAY_KILLS", "25"))
SEED = os.environ.get("SLIPWAY_SEED") or str(random.randrange(10**9))  # noqa: S311  # printed, to be had again
USERS = 5
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
def installation(tmp_path: Path) -> Iterator[Installation]:
    """On PostgreSQL the scaled one, else one machine."""
    kind = Scaled if os.environ.get("SLIPWAY_TEST_DATABASE") == "postgresql" else OneMachine
    with kind(tmp_path, SETTINGS) as made:
        yield made


def test_nothing_acknowledged_is_lost_by_kills(installation: Installation, files: list[bytes]) -> None:
    with reported("kill -9 at random moments", SEED) as tally, ExitStack() as closing:
        tally.violations = 1  # until all of it has been seen to hold
        witnesses = [Witness(f"user-{n}", installation.app, files, SEED, GRACE_SECONDS) for n in range(USERS)]
        for witness in witnesses:
            closing.callback(witness.close)
            witness.sign_in()
            witness.start()
        killed = kill_again_and_again(installation, witnesses, tally)
        for witness in witnesses:
            witness.end()
        installation.end_all()
        asyncio.run(let_leases_end(installation.settings()))
        installation.start_again()
        sweep_without_limit(installation.app)
        asyncio.run(until_settled(installation))
        unread = asyncio.run(given_up(installation.settings()))
        for witness in witnesses:
            witness.check_at_rest(unread)
        tally.violations = 0
    videos = [video for witness in witnesses for video in witness.videos]
    print(  # noqa: T201  # what the run was worth
        f"{dict(killed)}; {sum(witness.asked for witness in witnesses)} requests, {len(videos)} videos, "
        f"{sum(video.is_completed for video in videos)} acknowledged as complete, {len(unread)} given up as unreadable"
    )
    assert any(video.is_completed for video in videos)


def kill_again_and_again(installation: Installation, witnesses: list[Witness], tally: Tally) -> Counter[str]:
    """KILLS times; how often each victim was hit."""
    chance = random.Random(SEED)  # noqa: S311  # repeatable on purpose
    killed: Counter[str] = Counter()
    while killed.total() < KILLS:
        time.sleep(chance.uniform(0, 0.8))  # the random moment
        victim = chance.choice(list(installation.victims))
        installation.victims[victim]()
        killed[victim] += 1
        if chance.random() < 0.1:
            installation.app.kill_group()
            installation.app.launch()
            time.sleep(chance.uniform(0, 1.5))
            installation.app.kill_group()
            installation.app.start()
            killed["app while it starts"] += 1
        if chance.random() < 0.25:
            all_are_heard(witnesses)
        tally.runs = killed.total()
        for witness in witnesses:
            if witness.broken:
                raise witness.broken
    return killed


def all_are_heard(witnesses: list[Witness]) -> None:
    """With no kill meanwhile every user gets an answer. On a slow machine something is always just starting, and they
    would never have one between two kills."""
    before = [witness.heard for witness in witnesses]

    def went_on() -> bool:
        return all(now.heard > then or now.broken for now, then in zip(witnesses, before, strict=True))

    wait_until(went_on, "an answer for everybody")


# --- at rest ----------------------------------------------------------------------------------------------------


async def let_leases_end(settings: Settings) -> None:
    """As if two minutes went by while nothing runs: dead processes may hold leases that long."""
    database = Database(settings.effective_database_url)
    async with database.transaction() as session:
        for row in await session.scalars(select(Video)):
            row.due_at = row.due_at and row.due_at - LONGEST_LEASE
            row.lease_until = row.lease_until and row.lease_until - LONGEST_LEASE
        for swept in await session.scalars(select(InstallationRow)):
            swept.sweep_owner = swept.sweep_lease_until = None
    await database.close()


def sweep_without_limit(app: SlipwayProcess) -> None:
    """More than ten creates lost their answer, which stops a sweep until an operator forces it."""
    forced = ("sweep", "--force", "--wait", str(TIMEOUT_SECONDS))
    wait_until(lambda: app.command(*forced).returncode == 0, "a forced sweep")


async def given_up(settings: Settings) -> set[str]:
    """Videos whose every probe died with its process: ready, and of unknown size."""
    database = Database(settings.effective_database_url)
    async with database.reading() as session:
        crashed = select(Video.id).where(Video.attempts > MAX_ATTEMPTS)
        found = {str(video_id) for video_id in await session.scalars(crashed)}
    await database.close()
    return found


async def until_settled(installation: Installation) -> None:
    """Nothing is in between any more, and all invariants hold; raises AssertionError with what does not."""
    settings = installation.settings()
    database = Database(settings.effective_database_url)
    storage = installation.storage()
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        while found := await violations(database, storage, settings, datetime.now(UTC), settled=True):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.5)
    finally:
        storage.close()
        await database.close()
