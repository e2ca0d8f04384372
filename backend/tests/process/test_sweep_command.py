"""`slipway sweep` prints a report and exits with a status, also beside a running `slipway serve`."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.bootstrap import Application
from app.core import schema
from app.domain.recheck import RECHECK_AFTER
from app.models import Installation, User, Video
from app.ports import Versions, VersionsKept
from app.services.sweep.bucket import MARKER_KEY
from tests.conftest import MakeVideo
from tests.engines.ports import free_port
from tests.engines.slipway import BUCKET, SlipwayProcess
from tests.factories import read_video
from tests.fakes import START_OF_TIME, FakeClock, InMemoryStorage
from tests.process.conftest import Command
from tests.waiting import TIMEOUT_SECONDS, wait_until

# Everything without a row is old at once, and the app's own sweep comes every second.
QUICK = {"UPLOAD_GRACE_SECONDS": "1", "SWEEP_INTERVAL_SECONDS": "1"}
LAST_SUCCESS = "slipway_sweep_last_success_timestamp_seconds"
RARE = {"UPLOAD_GRACE_SECONDS": "1", "SWEEP_INTERVAL_SECONDS": "86400"}


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    slipway = SlipwayProcess(tmp_path / "data", RARE)
    yield slipway
    slipway.stop()  # if the test failed


def swept(slipway: SlipwayProcess, *options: str, status: int = 0) -> dict[str, Any]:
    done = slipway.command("sweep", "--json", *options)
    assert done.returncode == status, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def a_key() -> str:
    return f"videos/{uuid.uuid4()}/{uuid.uuid4()}/{uuid.uuid4()}.mp4"


def begin_uploads(slipway: SlipwayProcess, count: int) -> None:
    with slipway.bucket() as client:
        for _ in range(count):
            client.create_multipart_upload(Bucket=BUCKET, Key=a_key())


def open_uploads(slipway: SlipwayProcess) -> int:
    with slipway.bucket() as client:
        return len(client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


def test_works_beside_the_running_app(slipway: SlipwayProcess) -> None:
    with slipway:
        # 15 s after its start the app sweeps a new installation by itself.
        assert swept(slipway, "--wait", str(TIMEOUT_SECONDS))["marker"] in ("adopted", "ours")

        with slipway.bucket() as client:
            client.put_object(Bucket=BUCKET, Key=a_key(), Body=b"without a row")
        begin_uploads(slipway, 1)
        found: dict[str, Any] = {}

        def are_old() -> bool:
            """Return whether the grace time of a second has passed on the store's clock."""
            found.update(swept(slipway, "--dry-run")["findings"])
            return bool(found["unowned_uploads"]["count"] and found["unknown_objects"]["count"])

        wait_until(are_old, "both are found")
        assert found["unknown_objects"]["bytes"] == len("without a row")
        assert open_uploads(slipway) == 1, "a dry run changes nothing"
        found = swept(slipway, "--remove-objects")["findings"]
        assert (found["unowned_uploads"]["done"], found["unknown_objects"]["done"]) == (1, 1)
        assert open_uploads(slipway) == 0

        elsewhere = slipway.command("sweep", SLIPWAY_STORE_PORT=str(free_port()))
        assert (elsewhere.returncode, elsewhere.stdout) == (1, "")
        assert "`slipway serve` runs it at another port" in elsewhere.stderr
        assert "Traceback" not in elsewhere.stderr


def test_app_starts_only_with_adopted_bucket(slipway: SlipwayProcess) -> None:
    """The embedded store then runs only during a sweep."""
    with slipway, slipway.bucket() as client:
        client.put_object(Bucket=BUCKET, Key=MARKER_KEY, Body=b'{"database_id": "another"}')

    slipway.launch()
    assert slipway.wait() != 0
    said = slipway.log_file.read_text()
    assert "the bucket slipway belongs to another database" in said
    assert "Traceback" not in said
    slipway.wait_for_no_store()

    assert swept(slipway, "--dry-run", status=5)["marker"] == "foreign"
    assert swept(slipway, "--adopt")["marker"] == "adopted"
    slipway.wait_for_no_store()
    slipway.start()


# --- exit status, over the fakes --------------------------------------------------------------------------------


@pytest.fixture
def command(run_in_this_process: Command) -> Command:
    """`slipway sweep` in this process, after a first sweep."""
    sweep = partial(run_in_this_process, "sweep")
    assert sweep().exit_code == 0
    return sweep


def test_exits_with_4_over_the_limit(command: Command, storage: InMemoryStorage, clock: FakeClock) -> None:
    stale_uploads(storage, clock, 11)

    for options in ((), ("--dry-run",)):
        stopped = command(*options)
        assert (stopped.exit_code, len(storage.open_uploads)) == (4, 11)
        assert "slipway sweep --force" in stopped.stdout

    assert (command("--force").exit_code, storage.open_uploads) == (0, [])


def test_exits_with_5_for_wrong_bucket(command: Command, storage: InMemoryStorage, clock: FakeClock) -> None:
    stale_uploads(storage, clock, 1)
    storage.store_object(MARKER_KEY, b'{"database_id": "another"}')

    refused = command("--force", "--json")
    assert (refused.exit_code, len(storage.open_uploads)) == (5, 1)
    assert json.loads(refused.stdout.splitlines()[-1])["marker"] == "foreign"

    assert (command("--adopt").exit_code, storage.open_uploads) == (0, [])


async def test_exits_with_3_while_another_sweep_runs(
    command: Command, application: Application, make_video: MakeVideo, database_url: str
) -> None:
    video = await make_video("deleting", due_at=START_OF_TIME)
    set_lease_until_2100(database_url)

    second = await asyncio.to_thread(command, "--json")

    assert (second.exit_code, "rows_due" in second.stdout) == (3, False)
    assert "Another sweep is running, so this one did not begin." in second.stderr
    assert (await read_video(application, video.id)).storage_gone_at is not None, "what is due is done"
    assert (await asyncio.to_thread(command, "--dry-run")).exit_code == 0


def set_lease_until_2100(database_url: str) -> None:
    engine = schema.sync_engine(database_url)
    with engine.begin() as connection:
        connection.execute(update(Installation).values(sweep_lease_until=datetime(2100, 1, 1, tzinfo=UTC)))
    engine.dispose()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_exits_with_3_when_overtaken(
    command: Command, storage: InMemoryStorage, database_url: str, options: tuple[str, ...]
) -> None:
    storage.hook_next("list_objects", lambda: asyncio.to_thread(hand_over, database_url))

    overtaken = command(*options)

    assert (overtaken.exit_code, overtaken.stdout) == (3, "")
    assert "paused for too long" in overtaken.stderr
    assert "Traceback" not in overtaken.stderr


def hand_over(database_url: str) -> None:
    engine = schema.sync_engine(database_url)
    with engine.begin() as connection:
        connection.execute(update(Installation).values(sweep_owner=uuid.uuid4()))
    engine.dispose()


async def test_refused_sweep_does_not_speak_of_what_was_due(
    command: Command, application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    """The database has marked no bucket yet, and this one has objects of others."""
    video = await make_video("deleting", due_at=START_OF_TIME)
    async with application.database.transaction() as session:
        await session.execute(update(Installation).values(bucket_marked_at=None))
    del storage.objects[MARKER_KEY]
    storage.store_object(a_key(), b"of another database")

    refused = await asyncio.to_thread(command)

    assert refused.exit_code == 5
    assert (await read_video(application, video.id)).storage_gone_at is not None
    assert "Rows due: 1, left: 0\n" in refused.stdout
    assert "The sweep changed nothing." in refused.stdout


async def test_reconciles_nothing_in_wrong_bucket(
    command: Command, application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    """The row would be deleted, although its upload is still in the right bucket."""
    video = await make_video("deleting", storage_gone_at=START_OF_TIME)
    del storage.objects[MARKER_KEY]

    refused = await asyncio.to_thread(command)

    assert refused.exit_code == 5
    assert (await read_video(application, video.id)) == video


@pytest.mark.parametrize("options", [(), ("--adopt",)])
async def test_exits_with_5_for_object_lock(
    command: Command,
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    options: tuple[str, ...],
) -> None:
    video = await make_video("deleting")
    storage.versions_state = Versions.LOCKED

    refused = await asyncio.to_thread(command, *options)

    assert (refused.exit_code, refused.stdout) == (5, "")
    assert "has object lock" in refused.stderr
    assert (await read_video(application, video.id)) == video


async def test_finishes_removals_that_nobody_started(
    command: Command, application: Application, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    """The owner removed the video in the page, and Slipway was stopped before the time to restore it was over."""
    video = await make_video("ready")
    await application.undo.remove(user.id, [video.id])
    clock.advance(minutes=5)

    done = await asyncio.to_thread(command)

    assert "Rows due: 1, left: 0\n" in done.stdout
    assert (await read_video(application, video.id)).storage_gone_at is not None


async def test_says_what_is_left(command: Command, make_video: MakeVideo, storage: InMemoryStorage) -> None:
    await make_video("deleting", due_at=START_OF_TIME)
    storage.fail_next("delete")

    done = await asyncio.to_thread(command)

    assert done.exit_code == 0
    assert "Rows due: 1, left: 1\n" in done.stdout


async def test_versions_that_may_not_be_deleted_are_left(
    command: Command, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    await make_video("deleting", due_at=START_OF_TIME)
    storage.fail_next("delete", VersionsKept())

    assert "Rows due: 1, left: 1\n" in (await asyncio.to_thread(command)).stdout


def test_exits_with_1_without_store(command: Command, storage: InMemoryStorage) -> None:
    storage.fail_next("check")

    away = command()

    assert (away.exit_code, away.stdout) == (1, "")
    assert "does not answer" in away.stderr


def stale_uploads(storage: InMemoryStorage, clock: FakeClock, count: int) -> None:
    for _ in range(count):
        storage.open_upload(a_key())
    clock.advance(timedelta(hours=2))


# --- --fail-missing ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lost:
    """Ready videos without their objects. Two sweeps found the confirmed ones, one sweep the other."""

    confirmed: list[Video]
    unconfirmed: Video
    application: Application

    async def statuses(self) -> list[str]:
        everything = [*self.confirmed, self.unconfirmed]
        return [(await read_video(self.application, video.id)).status for video in everything]


@pytest.fixture
async def lost(
    command: Command,
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
) -> Lost:
    confirmed = [await make_video("ready", in_store=False) for _ in range(2)]
    await asyncio.to_thread(command)
    clock.advance(RECHECK_AFTER)
    lost = Lost(confirmed, await make_video("ready", in_store=False), application)
    await asyncio.to_thread(command)
    storage.calls.clear()
    return lost


UNCHANGED = ["ready", "ready", "ready"]
FAILED = ["failed", "failed", "ready"]


@pytest.mark.parametrize(
    ("typed", "statuses"),
    [("y\n", FAILED), ("n\n", UNCHANGED), ("\n", UNCHANGED)],
    ids=["yes", "no", "enter"],
)
async def test_fail_missing_says_how_many_and_asks(
    command: Command, lost: Lost, typed: str, statuses: list[str]
) -> None:
    done = await asyncio.to_thread(command, "--fail-missing", typed=typed)

    assert done.exit_code == 0, done.output
    assert "two checks found missing or replaced: 2. Waiting for the second check: 1." in done.stderr
    assert "Set 2 videos to failed? [y/N]" in done.stderr
    assert await lost.statuses() == statuses
    assert ("Nothing was changed." in done.stdout) is (statuses == UNCHANGED)


async def test_fail_missing_acts_without_asking_after_yes(command: Command, lost: Lost) -> None:
    done = await asyncio.to_thread(command, "--fail-missing", "--yes", "--json")

    assert done.exit_code == 0
    assert "missing or replaced: 2" in done.stderr
    assert "[y/N]" not in done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["findings"]["missing_objects"]["done"] == 2
    assert (report["audited"], report["unconfirmed"], report["dry_run"]) == (2, 0, False)
    assert await lost.statuses() == FAILED


async def test_fail_missing_reports_the_keys_of_a_sweep(command: Command, lost: Lost) -> None:
    usual = await asyncio.to_thread(command, "--json")
    dry_run = await asyncio.to_thread(command, "--fail-missing", "--dry-run", "--json")

    assert dry_run.exit_code == 0
    report = json.loads(dry_run.stdout.splitlines()[-1])
    assert report.keys() == json.loads(usual.stdout.splitlines()[-1]).keys()
    assert (report["findings"]["missing_objects"]["count"], report["unconfirmed"]) == (3, 1)
    assert report["dry_run"] is True
    assert await lost.statuses() == UNCHANGED


async def test_fail_missing_refuses_without_a_terminal(
    command: Command, lost: Lost, storage: InMemoryStorage
) -> None:
    refused = await asyncio.to_thread(command, "--fail-missing")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "needs a terminal" in refused.stderr
    assert "--yes" in refused.stderr
    assert storage.calls == []
    assert await lost.statuses() == UNCHANGED


async def test_fail_missing_asks_only_if_there_are_videos(command: Command) -> None:
    done = await asyncio.to_thread(command, "--fail-missing", typed="")

    assert done.exit_code == 0
    assert "missing or replaced: 0" in done.stderr
    assert "[y/N]" not in done.output


@pytest.mark.parametrize(
    "options",
    [
        ("--fail-missing", "--yes", "--force"),
        ("--fail-missing", "--yes", "--adopt"),
        ("--fail-missing", "--yes", "--remove-objects"),
        ("--yes",),
    ],
)
def test_rejects_options_that_exclude_each_other(command: Command, options: tuple[str, ...]) -> None:
    assert command(*options).exit_code == 2


async def test_fail_missing_exits_with_5_for_wrong_bucket(
    command: Command, lost: Lost, storage: InMemoryStorage
) -> None:
    storage.store_object(MARKER_KEY, b'{"database_id": "another"}')

    refused = await asyncio.to_thread(command, "--fail-missing", "--yes", "--json")

    assert (refused.exit_code, refused.stdout) == (5, "")
    assert "belongs to another database" in refused.stderr
    assert await lost.statuses() == UNCHANGED


async def test_fail_missing_exits_with_3_while_another_sweep_runs(
    command: Command, lost: Lost, database_url: str
) -> None:
    set_lease_until_2100(database_url)

    second = await asyncio.to_thread(command, "--fail-missing", "--yes")

    assert (second.exit_code, second.stdout) == (3, "")
    assert "Another sweep is running" in second.stderr
    assert await lost.statuses() == UNCHANGED


# --- the automatic sweep ----------------------------------------------------------------------------------------


def test_app_sweeps_and_publishes_metrics(tmp_path: Path) -> None:
    with SlipwayProcess(tmp_path / "data", QUICK) as slipway:
        began = time.time()
        begin_uploads(slipway, 2)

        wait_until(lambda: open_uploads(slipway) == 0, "both are aborted")
        wait_until(lambda: slipway.metric(LAST_SUCCESS) > began, "a sweep that is done")


def test_alarm_on_old_sweeps_is_silent_before_the_first(tmp_path: Path) -> None:
    with SlipwayProcess(tmp_path / "data") as slipway:
        assert time.time() - slipway.metric(LAST_SUCCESS) < 3600
        assert slipway.metric("slipway_sweep_interval_seconds") == 300
