"""Kills processes with SIGKILL at random moments. No acknowledged request may be lost or take effect twice.

SLIPWAY_KILLS sets how many, SLIPWAY_TEST_DATABASE=postgresql the scaled installation. SLIPWAY_SEED repeats the
victims, the moments and the clients' choices, but not how threads interleave.
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
from tests.process.remembering_client import RememberingClient
from tests.waiting import TIMEOUT_SECONDS, wait_until

KILLS = int(os.environ.get("SLIPWAY_KILLS", "10"))
SEED = os.environ.get("SLIPWAY_SEED") or str(random.randrange(10**9))  # noqa: S311  # printed, to be had again
USERS = 5
GRACE_SECONDS = 8
LONGEST_LEASE = timedelta(seconds=60)
"""services.processing.PROBE_LEASE, the longest lease of a killed process."""
SETTINGS = {
    "UPLOAD_GRACE_SECONDS": str(GRACE_SECONDS),
    "SWEEP_INTERVAL_SECONDS": "1",
    # Abandoned uploads stay open until they expire.
    "USER_MAX_UPLOADS_IN_FLIGHT": "100000",
    "PAGE_DIR": "/nonexistent",
}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return two videos, one of one part and one of two."""
    folder = tmp_path_factory.mktemp("films")
    small = media.make_video(folder / "small.mp4", seconds=0.2, audio=False)
    large = media.make_video(folder / "large.mp4", seconds=0.2, audio=False, size_bytes=5 * 1024**2 + 4321)
    return [small.read_bytes()] * 3 + [large.read_bytes()]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Scaled on PostgreSQL, otherwise on one machine."""
    kind = Scaled if os.environ.get("SLIPWAY_TEST_DATABASE") == "postgresql" else OneMachine
    with kind(tmp_path, SETTINGS) as made:
        yield made


def test_kills_lose_nothing_acknowledged(installation: Installation, files: list[bytes]) -> None:
    with reported("kill -9 at random moments", SEED) as tally, ExitStack() as closing:
        tally.violations = 1  # Until all checks have passed.
        clients = [
            RememberingClient(f"user-{n}", installation.app, files, SEED, GRACE_SECONDS) for n in range(USERS)
        ]
        for client in clients:
            closing.callback(client.close)
            client.sign_in()
            client.start()
        # Few kills would otherwise strike before there is anything to lose.
        wait_until(
            lambda: any_broken(clients) or any_completed(clients), "a video that is acknowledged as complete"
        )
        killed = kill_repeatedly(installation, clients, tally)
        for client in clients:
            client.end()
        installation.end_all()
        asyncio.run(let_leases_end(installation.settings()))
        installation.start_again()
        sweep_without_limit(installation.app)
        asyncio.run(until_settled(installation))
        unread = asyncio.run(without_metadata(installation.settings()))
        for client in clients:
            client.check_at_rest(unread)
        tally.violations = 0
    videos = [video for client in clients for video in client.videos]
    print(  # noqa: T201  # what the run was worth
        f"{dict(killed)}; {sum(client.asked for client in clients)} requests, {len(videos)} videos, "
        f"{sum(video.is_completed for video in videos)} acknowledged as complete, {len(unread)} without metadata"
    )


def any_broken(clients: list[RememberingClient]) -> bool:
    return any(client.broken for client in clients)


def any_completed(clients: list[RememberingClient]) -> bool:
    return any(video.is_completed for client in clients for video in client.videos)


def kill_repeatedly(
    installation: Installation, clients: list[RememberingClient], tally: Tally
) -> Counter[str]:
    """Kill KILLS times and count the kills of each victim."""
    chance = random.Random(SEED)  # noqa: S311  # repeatable on purpose
    killed: Counter[str] = Counter()
    while killed.total() < KILLS:
        time.sleep(chance.uniform(0, 0.8))  # The random moment.
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
            wait_for_answers(clients)
        tally.runs = killed.total()
        for client in clients:
            if client.broken:
                raise client.broken
    return killed


def wait_for_answers(clients: list[RememberingClient]) -> None:
    """Wait without a kill until every user has an answer.

    On a slow machine something always starts, and no answer would come between two kills.
    """
    before = [client.answered for client in clients]

    def all_answered() -> bool:
        return all(now.answered > then or now.broken for now, then in zip(clients, before, strict=True))

    wait_until(all_answered, "an answer for every client")


# --- at rest ----------------------------------------------------------------------------------------------------


async def let_leases_end(settings: Settings) -> None:
    """Shift leases back by their longest duration, because dead processes may still hold them."""
    database = Database(settings.effective_database_url)
    async with database.transaction() as session:
        for row in await session.scalars(select(Video)):
            row.due_at = row.due_at and row.due_at - LONGEST_LEASE
            row.lease_until = row.lease_until and row.lease_until - LONGEST_LEASE
        for swept in await session.scalars(select(InstallationRow)):
            swept.sweep_owner = swept.sweep_lease_until = None
    await database.close()


def sweep_without_limit(app: SlipwayProcess) -> None:
    """Force a sweep. More than ten creates lost their answer, and that stops an unforced one."""
    forced = ("sweep", "--force", "--wait", str(TIMEOUT_SECONDS))
    wait_until(lambda: app.command(*forced).returncode == 0, "a forced sweep")


async def without_metadata(settings: Settings) -> set[str]:
    """Return the IDs of videos whose every probe died with its process. They are ready, without metadata."""
    database = Database(settings.effective_database_url)
    async with database.reading() as session:
        crashed = select(Video.id).where(Video.attempts > MAX_ATTEMPTS)
        found = {str(video_id) for video_id in await session.scalars(crashed)}
    await database.close()
    return found


async def until_settled(installation: Installation) -> None:
    """Wait until everything has settled and all invariants hold. Raise AssertionError with the violations."""
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
