"""With a scanner, a video becomes ready only after a clear verdict, and only a clear verdict fails it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from app.bootstrap import Application
from app.core.config import Settings
from app.core.metrics import SCAN_SECONDS
from app.crud import leases
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category, Finding
from app.models import User
from app.ports import NoSuchObject, ScannerUnavailable, ScanVerdict
from app.services import scanning
from app.services.processing import MAX_ATTEMPTS, PROBE_LEASE
from app.services.sweep.sweep import SweepOrder
from mediaprobe import BudgetExceeded, NoVideoTrack
from tests.conftest import MakeVideo
from tests.factories import make_application, make_settings, read_video, reserved_bytes, run_due_probes
from tests.fakes import FakeClock, FakeProbe, FakeScanner, InMemoryStorage, some_metadata
from tests.waiting import TIMEOUT_SECONDS

CLEAN, INFECTED = ScanVerdict("clean"), ScanVerdict("infected", "Eicar-Test-Signature")
AWAY = ScannerUnavailable("the command ended with 2")
A_LONG_WAIT = timedelta(seconds=601)


@pytest.fixture
def scanner() -> FakeScanner:
    return FakeScanner()


@pytest.fixture
async def application(
    settings: Settings, clock: FakeClock, storage: InMemoryStorage, probe: FakeProbe, scanner: FakeScanner
) -> AsyncIterator[Application]:
    made = make_application(settings, clock, storage, probe, scanner)
    yield made
    await made.tasks.drain(TIMEOUT_SECONDS)
    await made.close()


# --- verdicts ---------------------------------------------------------------------------------------------------------


async def test_clean_video_is_ready(
    application: Application, make_video: MakeVideo, scanner: FakeScanner
) -> None:
    video = await make_video("processing")

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "ready"
    (asked,) = scanner.files
    assert (asked.video_id, asked.size_bytes, asked.content_type) == (
        video.id,
        video.size_bytes,
        video.content_type,
    )


async def test_infected_video_fails_and_its_object_goes(
    application: Application,
    make_video: MakeVideo,
    scanner: FakeScanner,
    storage: InMemoryStorage,
    user: User,
) -> None:
    scanner.usual = INFECTED
    video = await make_video("processing")

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.status_code, row.ready_at) == ("failed", "infected", None)
    assert (row.lease_owner, row.lease_until, row.container) == (None, None, None)
    assert "Eicar" not in (row.status_detail or ""), "the scanner's words are for the operator"
    assert await reserved_bytes(application, user) == video.size_bytes, "the bytes are still there"
    await application.reconciler.reconcile_due()
    assert storage.objects == {}
    assert await reserved_bytes(application, user) == 0


async def test_taking_down_is_an_audit_event(
    application: Application, make_video: MakeVideo, scanner: FakeScanner, user: User
) -> None:
    scanner.usual = INFECTED
    video = await make_video("processing")

    with capture_logs() as lines:
        await run_due_probes(application)

    (line,) = [line for line in lines if line.get("audit")]
    assert (line["event"], line["by"], line["reason"], line["found"]) == (
        "video.taken_down",
        "scanner",
        "infected",
        "Eicar-Test-Signature",
    )
    assert (line["user_id"], line["video_id"]) == (str(user.id), str(video.id))


async def test_without_a_verdict_the_video_waits_and_alarms(
    application: Application,
    make_video: MakeVideo,
    scanner: FakeScanner,
    storage: InMemoryStorage,
    clock: FakeClock,
) -> None:
    """However long it takes, the video neither becomes ready nor fails."""
    scanner.usual = AWAY
    video = await make_video("processing")
    for outage in range(1, 21):
        counted = _scans("unavailable")
        with capture_logs() as lines:
            assert await run_due_probes(application) == 1
        row = await read_video(application, video.id)
        assert (row.status, row.attempts, row.postponed, row.lease_owner) == ("processing", 0, outage, None)
        assert row.due_at is not None
        assert clock.now() < row.due_at <= clock.now() + A_LONG_WAIT
        assert [line["reason"] for line in lines if line["event"] == "scan.unavailable"] == [AWAY.reason]
        assert _scans("unavailable") == counted + 1
        clock.advance(A_LONG_WAIT)
    assert list(storage.objects) == [video.object_key]
    scanner.usual = CLEAN

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "ready"


def _scans(outcome: str) -> float:
    return sum(float(bucket.get()) for bucket in SCAN_SECONDS.labels(outcome=outcome)._buckets)


async def test_waits_grow_to_ten_minutes(
    application: Application, make_video: MakeVideo, scanner: FakeScanner, clock: FakeClock
) -> None:
    """A file that holds up the scanner each time leaves most of the time to others."""
    scanner.usual = AWAY
    video = await make_video("processing", postponed=20)
    waits = []
    for _ in range(30):
        await run_due_probes(application)
        due_at = (await read_video(application, video.id)).due_at
        assert due_at is not None
        waits.append(due_at - clock.now())
        clock.advance(A_LONG_WAIT)

    assert timedelta(seconds=60) < max(waits) < A_LONG_WAIT


async def test_sweep_reports_videos_that_wait(
    application: Application, make_video: MakeVideo, scanner: FakeScanner, clock: FakeClock
) -> None:
    scanner.usual = AWAY
    video = await make_video("processing")
    await run_due_probes(application)
    await make_video("processing")
    clock.advance(minutes=20)

    report = await application.sweep.run(SweepOrder())

    assert report.findings[Category.WAITING_VIDEOS] == Finding(
        count=1, bytes=video.size_bytes, oldest_seconds=1200, examples=[video.object_key]
    )


# --- nothing is ready without a scan ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome",
    [some_metadata(), BudgetExceeded("Too large.", container="mp4"), some_metadata(frame_rate=None)],
    ids=["ready", "out of budget", "incomplete"],
)
async def test_whatever_the_probe_found(
    application: Application,
    make_video: MakeVideo,
    probe: FakeProbe,
    scanner: FakeScanner,
    outcome: Exception,
) -> None:
    probe.usual = outcome
    scanner.usual = AWAY
    video = await make_video("processing")

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "processing"


async def test_not_even_after_five_crashes(
    application: Application, make_video: MakeVideo, probe: FakeProbe, scanner: FakeScanner, clock: FakeClock
) -> None:
    scanner.usual = AWAY
    video = await make_video("processing", attempts=MAX_ATTEMPTS)
    await run_due_probes(application)
    assert (await read_video(application, video.id)).status == "processing"
    clock.advance(A_LONG_WAIT)
    scanner.usual = CLEAN

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "ready"
    assert probe.calls == []


async def test_what_the_probe_rejects_is_not_scanned(
    application: Application, make_video: MakeVideo, probe: FakeProbe, scanner: FakeScanner
) -> None:
    probe.usual = NoVideoTrack()
    video = await make_video("processing")

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status_code == "no_video_track"
    assert scanner.files == []


async def test_an_object_that_vanishes_meanwhile_is_found_missing(
    application: Application, make_video: MakeVideo, probe: FakeProbe, scanner: FakeScanner, clock: FakeClock
) -> None:
    """The scanner cannot read it, which says nothing. The next probe does."""
    scanner.usual = AWAY
    video = await make_video("processing")
    await run_due_probes(application)
    probe.usual = NoSuchObject()
    for _ in range(2):
        clock.advance(max(A_LONG_WAIT, RECHECK_AFTER))
        await run_due_probes(application)

    assert (await read_video(application, video.id)).status_code == "object_missing"


# --- the URL ----------------------------------------------------------------------------------------------------------


async def test_url_reads_the_object_as_long_as_a_scan_may_take(
    application: Application,
    make_video: MakeVideo,
    scanner: FakeScanner,
    storage: InMemoryStorage,
    clock: FakeClock,
) -> None:
    await make_video("processing")

    await run_due_probes(application)

    url = scanner.files[0].url
    expires = datetime.fromtimestamp(int(parse_qs(urlsplit(url).query)["expires"][0]), clock.now().tzinfo)
    assert expires == clock.now() + timedelta(seconds=application.settings.scan_timeout_seconds)
    assert storage.request("GET", url) == 200
    assert storage.request("PUT", url) == 403
    clock.advance(seconds=application.settings.scan_timeout_seconds)
    assert storage.request("GET", url) == 403


async def test_without_credentials_the_video_waits(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    scanner: FakeScanner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> str:
        raise StorageUnavailable

    monkeypatch.setattr(storage, "presign_get", refuse)
    video = await make_video("processing")

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.postponed, scanner.files) == ("processing", 1, [])


# --- leases, crashes and races ----------------------------------------------------------------------------------------


async def test_a_scan_over_its_limit_gives_no_verdict(
    application: Application, make_video: MakeVideo, scanner: FakeScanner
) -> None:
    assert application.processing.scanning
    application.processing.scanning.limit_seconds = 0
    scanner.hold_next()
    video = await make_video("processing")

    with capture_logs() as lines:
        await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "processing"
    assert ["within" in line["reason"] for line in lines if line["event"] == "scan.unavailable"] == [True]


async def test_a_long_scan_keeps_its_lease(
    application: Application,
    make_video: MakeVideo,
    scanner: FakeScanner,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scanning, "LEASE_RENEWAL_SECONDS", 0.001)
    video = await make_video("processing")
    gate = scanner.hold_next()
    work = asyncio.create_task(run_due_probes(application))
    await gate.reached()
    for _ in range(3):
        clock.advance(PROBE_LEASE * 0.9)
        while True:
            row = await read_video(application, video.id)
            if row.lease_until and row.lease_until > clock.now() + PROBE_LEASE / 2:
                break
            await asyncio.sleep(0)
        assert await application.processing.probe_next() is False
    gate.release()
    await work

    assert (await read_video(application, video.id)).status == "ready"
    assert len(scanner.files) == 1


async def test_killed_between_verdict_and_commit_is_scanned_again(
    application: Application, make_video: MakeVideo, scanner: FakeScanner, clock: FakeClock
) -> None:
    video = await make_video("processing")
    owner = uuid.uuid4()
    async with application.database.transaction() as session:
        until = clock.now() + PROBE_LEASE
        assert await leases.claim_probe(session, owner, clock.now(), until) is not None
    assert application.processing.scanning
    assert await application.processing.scanning.scan(video, owner) == CLEAN
    clock.advance(PROBE_LEASE)

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "ready"
    assert len(scanner.files) == 2


@pytest.mark.parametrize("verdict", [CLEAN, INFECTED, AWAY], ids=["clean", "infected", "unavailable"])
async def test_delete_during_the_scan_wins_and_alarms_nobody(
    application: Application,
    make_video: MakeVideo,
    scanner: FakeScanner,
    storage: InMemoryStorage,
    user: User,
    verdict: ScanVerdict,
) -> None:
    scanner.usual = verdict
    video = await make_video("processing")
    gate = scanner.hold_next()
    with capture_logs() as lines:
        work = asyncio.create_task(run_due_probes(application))
        await gate.reached()
        await application.videos.delete(user.id, video.id)
        gate.release()
        await work

    row = await read_video(application, video.id)
    assert (row.status, row.reserved_bytes, storage.objects) == ("deleting", 0, {})
    assert not {"scan.unavailable", "video.taken_down"} & {line["event"] for line in lines}


async def test_delete_stops_the_scan(
    application: Application,
    make_video: MakeVideo,
    scanner: FakeScanner,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scanning, "LEASE_RENEWAL_SECONDS", 0.001)
    video = await make_video("processing")
    gate = scanner.hold_next()
    counted = _scans("unavailable"), _scans("interrupted")
    work = asyncio.create_task(run_due_probes(application))
    await gate.reached()

    await application.videos.delete(user.id, video.id)

    await work
    assert (_scans("unavailable"), _scans("interrupted")) == (counted[0], counted[1] + 1), "it alarms nobody"
    row = await read_video(application, video.id)
    assert (row.status, row.lease_until) == ("deleting", None), "its renewal does not delay the removal"


async def test_late_verdict_of_a_lost_lease_changes_nothing(
    application: Application, make_video: MakeVideo, scanner: FakeScanner, clock: FakeClock
) -> None:
    video = await make_video("processing")
    gate = scanner.hold_next()
    scanner.answers.extend([CLEAN, INFECTED])
    slow = asyncio.create_task(run_due_probes(application))
    await gate.reached()
    clock.advance(PROBE_LEASE)
    await run_due_probes(application)
    done = await read_video(application, video.id)
    gate.release()
    await slow

    assert await read_video(application, video.id) == done


async def test_stopping_returns_the_video(
    application: Application, make_video: MakeVideo, scanner: FakeScanner
) -> None:
    video = await make_video("processing")
    gate = scanner.hold_next()
    work = asyncio.create_task(run_due_probes(application))
    await gate.reached()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    row = await read_video(application, video.id)
    assert (row.status, row.attempts, row.lease_owner) == ("processing", 0, None)


def test_without_settings_nothing_scans(application: Application, settings: Settings) -> None:
    made = make_application(settings, application.clock, application.storage, FakeProbe())

    assert made.processing.scanning is None


def test_settings_choose_the_scanner(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("data")
    clock = FakeClock()
    kinds = []
    for values in ({"scan_command": "sh -c 'exit 1'"}, {"scan_url": "http://127.0.0.1:9/scan"}):
        chosen = make_settings(database_url, folder, scan_timeout_seconds=7, **values)
        made = make_application(chosen, clock, InMemoryStorage(clock), FakeProbe()).processing.scanning
        assert made is not None
        assert made.limit_seconds == 7
        kinds.append(vars(made.scanner).get("command") or made.scanner.url)  # type: ignore[attr-defined]

    assert kinds == [["sh", "-c", "exit 1"], "http://127.0.0.1:9/scan"]
