"""Decide what the outcome of a probe means for the video."""

import asyncio
import dataclasses
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.bootstrap import Application
from app.core.metrics import PROBES
from app.crud import leases
from app.domain.errors import DatabaseUnavailable, Overloaded, StorageUnavailable, Unavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.video_file import CONTAINERS
from app.models import User, Video
from app.ports import NoSuchObject, ObjectChanged, ReaderCrashed, ReaderNotStarted
from app.services.processing import MAX_ATTEMPTS, METADATA_COLUMNS, PROBE_LEASE
from mediaprobe import (
    BudgetExceeded,
    Metadata,
    NoVideoTrack,
    ProbeError,
    Truncated,
    UnsupportedContainer,
)
from tests.conftest import MakeVideo
from tests.factories import assert_quota_is_exact, read_video, reserved_bytes, run_due_probes
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage, some_metadata

A_LONG_WAIT = timedelta(seconds=61)


async def claim(application: Application) -> uuid.UUID:
    """Lease the due probe as a worker does, and return the owner."""
    owner = uuid.uuid4()
    now = application.clock.now()
    async with application.database.transaction() as session:
        assert await leases.claim_probe(session, owner, now, now + PROBE_LEASE) is not None
    return owner


def assert_unleased(video: Video) -> None:
    assert (video.lease_owner, video.lease_until) == (None, None)


async def test_stores_what_the_probe_found(
    application: Application, make_video: MakeVideo, clock: FakeClock, probe: FakeProbe
) -> None:
    # None is what a column has by itself, so it would not show that the value was stored.
    probe.usual = dataclasses.replace(
        some_metadata(), mirrored=True, crop="0:140:0:140", truncated=True, available_percent=40
    )
    assert None not in [getattr(probe.usual, name) for name in METADATA_COLUMNS]
    video = await make_video("processing")
    clock.advance(seconds=3)

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.ready_at, row.due_at) == ("ready", clock.now(), None)
    assert_unleased(row)
    found = probe.usual
    assert {name: getattr(row, name) for name in METADATA_COLUMNS} == {
        name: getattr(found, name) for name in METADATA_COLUMNS
    }
    assert row.metadata_complete


async def test_probes_the_verified_object(
    application: Application, make_video: MakeVideo, probe: FakeProbe
) -> None:
    video = await make_video("processing")

    await run_due_probes(application)

    assert probe.calls == [(video.object_key, video.etag)]


async def test_unknown_metadata_is_null(
    application: Application, make_video: MakeVideo, probe: FakeProbe
) -> None:
    probe.usual = some_metadata(duration_ms=None, audio_codec=None)
    video = await make_video("processing")

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert row.status == "ready"
    assert (row.duration_ms, row.audio_codec, row.metadata_complete) == (None, None, False)


@pytest.mark.parametrize(
    ("declared", "found"),
    [(a.name, b.name) for a in CONTAINERS for b in CONTAINERS if a.family == b.family],
)
async def test_container_is_the_contents(
    application: Application, make_video: MakeVideo, probe: FakeProbe, declared: str, found: str
) -> None:
    probe.usual = some_metadata(found)
    video = await make_video("processing", declared_container=declared)

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.container) == ("ready", found)


# --- verdicts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rejection", [UnsupportedContainer, NoVideoTrack, Truncated])
async def test_rejection_fails_video_and_frees_quota(
    application: Application,
    make_video: MakeVideo,
    probe: FakeProbe,
    storage: InMemoryStorage,
    user: User,
    rejection: type[ProbeError],
) -> None:
    probe.usual = rejection("Say what to do.")
    video = await make_video("processing")

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.status_code, row.status_detail) == ("failed", rejection.code, "Say what to do.")
    assert_unleased(row)
    assert await reserved_bytes(application, user) == video.size_bytes, (
        "failed first, then the object, then the quota"
    )
    await application.reconciler.reconcile_due()
    assert storage.objects == {}
    assert await reserved_bytes(application, user) == 0


@pytest.mark.parametrize(("declared", "found"), [("mp4", "mkv"), ("avi", "mp4"), ("webm", "mov")])
async def test_rejects_content_of_another_family(
    application: Application, make_video: MakeVideo, probe: FakeProbe, declared: str, found: str
) -> None:
    probe.usual = some_metadata(found)
    video = await make_video("processing", declared_container=declared)

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.status_code) == ("failed", "content_type_mismatch")
    assert declared.upper() in (row.status_detail or "")
    assert found.upper() in (row.status_detail or "")


ReadWith = Callable[..., Awaitable[Video]]


@pytest.fixture
def read_with(application: Application, make_video: MakeVideo, probe: FakeProbe) -> ReadWith:
    """Read a video with this outcome and return its row."""

    async def read(outcome: Metadata | Exception, **columns: object) -> Video:
        probe.usual = outcome
        video = await make_video("processing", **columns)
        await run_due_probes(application)
        return await read_video(application, video.id)

    return read


async def test_out_of_budget_leaves_playable_video(read_with: ReadWith) -> None:
    row = await read_with(BudgetExceeded("Too large.", container="mov"))

    assert (row.status, row.container, row.metadata_complete) == ("ready", "mov", False)
    assert row.duration_ms is None


async def test_out_of_budget_still_rejects_mismatch(read_with: ReadWith) -> None:
    row = await read_with(BudgetExceeded("Too large.", container="mkv"))

    assert (row.status, row.status_code) == ("failed", "content_type_mismatch")


async def test_out_of_budget_keeps_what_was_read(read_with: ReadWith) -> None:
    partial = some_metadata("mov", frame_rate=None)
    row = await read_with(BudgetExceeded("Too large.", container="mov", partial=partial))

    assert (row.status, row.container, row.metadata_complete) == ("ready", "mov", False)
    assert (row.duration_ms, row.width, row.video_codec, row.frame_rate) == (
        partial.duration_ms,
        partial.width,
        partial.video_codec,
        None,
    )


@pytest.mark.parametrize(("audio_codec", "complete"), [(None, False), ("aac", True)])
async def test_sound_that_a_limit_kept_from_being_read_is_unknown(
    read_with: ReadWith,
    audio_codec: str | None,
    complete: bool,
) -> None:
    """Complete metadata without a codec means that the video is silent."""
    partial = some_metadata("mov", audio_codec=audio_codec)
    row = await read_with(BudgetExceeded("Too large.", container="mov", partial=partial))

    assert (row.status, row.audio_codec, row.metadata_complete) == ("ready", audio_codec, complete)


@pytest.mark.parametrize("outcome", [BudgetExceeded("Too large."), ReaderCrashed(None, "exit status 3")])
async def test_declared_container_counts_if_none_was_found(read_with: ReadWith, outcome: Exception) -> None:
    row = await read_with(outcome, declared_container="webm")

    assert (row.status, row.container, row.metadata_complete) == ("ready", "webm", False)


async def test_crashed_reader_leaves_playable_video_after_one_try(
    read_with: ReadWith, probe: FakeProbe
) -> None:
    row = await read_with(ReaderCrashed("mov", "IndexError at isobmff.py:1"))

    assert (row.status, row.container, row.metadata_complete) == ("ready", "mov", False)
    assert len(probe.calls) == 1


@pytest.mark.parametrize(
    ("outcome", "label"),
    [
        (BudgetExceeded("Too large.", container="mp4"), "ready_out_of_budget"),
        (ReaderCrashed("mp4", "exit status 3"), "ready_crashed"),
        (some_metadata("mp4", frame_rate=None), "ready_incomplete"),
        (some_metadata("mp4"), "ready"),
    ],
)
async def test_metric_counts_how_the_read_ended(
    application: Application,
    make_video: MakeVideo,
    probe: FakeProbe,
    outcome: Metadata | Exception,
    label: str,
) -> None:
    probe.usual = outcome
    await make_video("processing")
    counted = PROBES.labels(outcome=label)._value.get()

    await run_due_probes(application)

    assert PROBES.labels(outcome=label)._value.get() == counted + 1


async def test_reader_that_does_not_start_costs_no_attempt(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    probe.answers.append(ReaderNotStarted("no memory"))
    video = await make_video("processing")

    assert await run_due_probes(application) == 1

    row = await read_video(application, video.id)
    assert (row.status, row.attempts, row.postponed) == ("processing", 0, 1)
    clock.advance(A_LONG_WAIT)
    await run_due_probes(application)
    assert (await read_video(application, video.id)).metadata_complete


@pytest.mark.parametrize("error", [NoSuchObject(), ObjectChanged()])
async def test_fails_video_without_its_object_at_recheck(
    application: Application,
    make_video: MakeVideo,
    probe: FakeProbe,
    storage: InMemoryStorage,
    clock: FakeClock,
    error: Exception,
) -> None:
    """Checks that follow closely decide nothing, however many they are."""
    probe.usual = error
    video = await make_video("processing")
    first_look = clock.now()
    while clock.now() < first_look + RECHECK_AFTER:
        await run_due_probes(application)
        row = await read_video(application, video.id)
        assert (row.status, row.attempts, row.missing_since) == ("processing", 0, first_look)
        assert_unleased(row)
        clock.advance(A_LONG_WAIT)

    with capture_logs() as logged:
        await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.status_code) == ("failed", "object_missing")
    assert "upload.object_vanished" in [line["event"] for line in logged if line["log_level"] == "error"]
    await application.reconciler.reconcile_due()
    assert list(storage.objects) == [video.object_key], "the object of the failed video remains"


async def test_survives_stale_404(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    probe.answers.append(NoSuchObject())
    video = await make_video("processing")
    await run_due_probes(application)
    clock.advance(A_LONG_WAIT)

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.missing_since) == ("ready", None)


async def test_counts_only_checks_in_a_row(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    probe.answers += [NoSuchObject(), StorageUnavailable(), NoSuchObject()]
    video = await make_video("processing")
    for _ in range(3):
        await run_due_probes(application)
        clock.advance(RECHECK_AFTER)

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "ready"


# --- not the file's fault ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StorageUnavailable(), Overloaded(), DatabaseUnavailable()])
async def test_unavailable_store_costs_no_attempt(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock, error: Unavailable
) -> None:
    probe.usual = error
    video = await make_video("processing")
    for outage in range(1, 21):
        assert await run_due_probes(application) == 1
        row = await read_video(application, video.id)
        assert (row.status, row.attempts, row.postponed) == ("processing", 0, outage)
        assert_unleased(row)
        assert row.due_at is not None
        assert clock.now() < row.due_at <= clock.now() + A_LONG_WAIT
        clock.advance(A_LONG_WAIT)
    probe.usual = some_metadata()

    await run_due_probes(application)

    assert (await read_video(application, video.id)).status == "ready"


async def test_ready_without_metadata_after_five_crashes(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    """The lease of a crashed worker ends, and its attempt counts."""
    video = await make_video("processing")
    for _ in range(MAX_ATTEMPTS):
        await claim(application)
        assert await run_due_probes(application) == 0, "the lease has not ended"
        clock.advance(PROBE_LEASE)

    await run_due_probes(application)

    row = await read_video(application, video.id)
    assert (row.status, row.container, row.metadata_complete) == ("ready", "mp4", False)
    assert probe.calls == []


async def test_makes_the_fifth_attempt(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("processing")
    for _ in range(MAX_ATTEMPTS - 1):
        await claim(application)
        clock.advance(PROBE_LEASE)

    await run_due_probes(application)

    assert (await read_video(application, video.id)).metadata_complete


async def test_crash_between_outages_counts_once(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    video = await make_video("processing")
    await claim(application)
    clock.advance(PROBE_LEASE)
    probe.answers.append(StorageUnavailable())

    await run_due_probes(application)

    assert (await read_video(application, video.id)).attempts == 1


# --- doubled, late and overtaken jobs ---------------------------------------------------------------------------


async def test_repeated_job_changes_nothing(
    application: Application, make_video: MakeVideo, probe: FakeProbe
) -> None:
    video = await make_video("processing")
    owner = await claim(application)
    await application.processing.probe_video(video.id, owner)
    done = await read_video(application, video.id)
    probe.usual = Truncated("Never.")

    await application.processing.probe_video(video.id, owner)

    assert await read_video(application, video.id) == done
    assert len(probe.calls) == 1


async def test_job_without_lease_does_nothing(
    application: Application, make_video: MakeVideo, probe: FakeProbe
) -> None:
    video = await make_video("processing")
    await claim(application)

    await application.processing.probe_video(video.id, uuid.uuid4())

    assert probe.calls == []
    assert (await read_video(application, video.id)).status == "processing"


async def test_job_without_row_does_nothing(application: Application, probe: FakeProbe) -> None:
    await application.processing.probe_video(uuid.uuid4(), uuid.uuid4())

    assert probe.calls == []


async def test_one_of_many_workers_claims_a_video(
    application: Application, make_video: MakeVideo, probe: FakeProbe
) -> None:
    for _ in range(3):
        await make_video("processing")

    done = await asyncio.gather(*(run_due_probes(application) for _ in range(6)))

    assert sum(done) == 3
    assert len({key for key, _ in probe.calls}) == 3


async def test_claims_longest_waiting_first(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    late = await make_video("processing", due_at=clock.now() - timedelta(seconds=1))
    early = await make_video("processing", due_at=clock.now() - timedelta(seconds=2))
    await make_video("processing", due_at=clock.now() + timedelta(seconds=1))

    await run_due_probes(application)

    assert [key for key, _ in probe.calls] == [early.object_key, late.object_key]


@pytest.mark.parametrize(
    "outcome",
    [
        some_metadata(),
        Truncated("No."),
        BudgetExceeded("Too large.", container="mp4"),
        NoSuchObject(),
        StorageUnavailable(),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
async def test_delete_during_probe_wins(
    application: Application,
    make_video: MakeVideo,
    probe: FakeProbe,
    storage: InMemoryStorage,
    user: User,
    outcome: Exception,
) -> None:
    video = await make_video("processing")
    probe.usual = outcome
    gate = probe.hold_next()
    probing = asyncio.create_task(run_due_probes(application))
    await gate.reached()
    await application.videos.delete(user.id, video.id)
    gate.release()
    await probing

    row = await read_video(application, video.id)
    assert (row.status, row.reserved_bytes) == ("deleting", 0)
    assert storage.objects == {}
    await assert_quota_is_exact(application, user)


async def test_probe_without_lease_changes_nothing(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    video = await make_video("processing")
    gate = probe.hold_next()
    probe.answers.extend([some_metadata(), Truncated("Too late.")])
    slow = asyncio.create_task(run_due_probes(application))
    await gate.reached()
    clock.advance(PROBE_LEASE)
    await run_due_probes(application)
    assert (await read_video(application, video.id)).status == "ready"
    gate.release()
    await slow

    assert (await read_video(application, video.id)).status == "ready"


async def test_probe_without_lease_does_not_fail_the_video(
    application: Application, make_video: MakeVideo, probe: FakeProbe, clock: FakeClock
) -> None:
    video = await make_video("processing")
    gate = probe.hold_next()
    probe.usual = Truncated("Not mine to say.")
    slow = asyncio.create_task(run_due_probes(application))
    await gate.reached()
    clock.advance(PROBE_LEASE)
    owner = await claim(application)
    gate.release()
    await slow

    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner) == ("processing", owner)
    probe.usual = some_metadata()
    await application.processing.probe_video(video.id, owner)
    assert (await read_video(application, video.id)).status == "ready"
