"""Removal, sweep and start with a bucket that keeps versions."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from app.bootstrap import Application
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category, Finding, MarkerState, Outcome
from app.domain.video_status import VideoStatus
from app.models import User
from app.ports import Versions
from app.runtime import running
from app.services.sweep.audit import AUDIT_EVERY
from app.services.sweep.bucket import LockedBucket
from tests.conftest import MakeVideo
from tests.factories import SMALL_VIDEO, assert_quota_is_exact, find_video, read_video, reserved_bytes
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.sweep.conftest import GRACE, a_key, found, run, video_objects
from tests.services.sweep.test_bucket_check import OFTEN, until


def overwrite(storage: InMemoryStorage, key: str, times: int) -> None:
    for _ in range(times):
        storage.store_object(key, SMALL_VIDEO)


# --- removal ----------------------------------------------------------------------------------------------------


async def test_delete_removes_every_version(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    storage.versions_state = Versions.REMOVED
    video = await make_video("ready")
    overwrite(storage, video.object_key, 3)

    await application.videos.delete(user.id, video.id)

    assert (storage.objects, storage.old_versions) == ({}, {})
    assert await reserved_bytes(application, user) == 0
    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()
    assert await find_video(application, video.id) is None


@pytest.mark.parametrize("status", ["deleting", "expired", "failed"])
async def test_quota_stays_reserved_until_versions_may_be_deleted(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    user: User,
    clock: FakeClock,
    status: str,
) -> None:
    storage.versions_state = Versions.KEPT
    video = await make_video(status, due_at=clock.now())
    overwrite(storage, video.object_key, 1)

    for _ in range(2):
        with capture_logs() as logs:
            await application.reconciler.reconcile_due()

        assert [line["event"] for line in logs] == ["storage.versions_kept"]
        assert video.object_key not in storage.objects
        assert await reserved_bytes(application, user) == video.reserved_bytes > 0
        row = await read_video(application, video.id)
        assert (row.status, row.due_at) == (status, clock.now() + RECHECK_AFTER)
        clock.advance(RECHECK_AFTER)

    storage.versions_state = Versions.REMOVED
    await application.reconciler.reconcile_due()
    assert storage.old_versions == {}
    assert await reserved_bytes(application, user) == 0
    await assert_quota_is_exact(application, user)


# --- sweep and audit --------------------------------------------------------------------------------------------


@pytest.fixture
async def adopted(application: Application, storage: InMemoryStorage) -> None:
    storage.versions_state = Versions.REMOVED
    assert (await run(application)).marker is MarkerState.ADOPTED


def forget(storage: InMemoryStorage, key: str) -> None:
    """Delete the object as an earlier release of Slipway did."""
    storage._keep_version(key)


@pytest.mark.usefixtures("adopted")
async def test_reports_versions_without_row_and_removes_them_on_demand(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    await make_video("ready")
    key = a_key()
    overwrite(storage, key, 2)
    forget(storage, key)
    clock.advance(GRACE + timedelta(minutes=1))

    report = await run(application, force=True)
    assert found(report, Category.UNKNOWN_OBJECTS) == Finding(1, 2 * len(SMALL_VIDEO), 3660, 0, [key])
    assert report.objects == 1, "the ready video's"
    assert storage.old_versions.keys() == {key}

    assert found(await run(application, remove_objects=True), Category.UNKNOWN_OBJECTS).done == 1
    assert storage.old_versions == {}


@pytest.mark.usefixtures("adopted")
async def test_sweep_ends_though_versions_may_not_be_deleted(
    application: Application, storage: InMemoryStorage, clock: FakeClock
) -> None:
    keys = [a_key() for _ in range(12)]
    for key in keys:
        storage.store_object(key, SMALL_VIDEO)
    clock.advance(GRACE + timedelta(minutes=1))
    storage.versions_state = Versions.KEPT

    report = await run(application, remove_objects=True, force=True)

    assert report.outcome is Outcome.DONE
    unknown = found(report, Category.UNKNOWN_OBJECTS)
    assert (unknown.count, unknown.done) == (12, 0)
    assert storage.old_versions.keys() == set(keys)


@pytest.mark.usefixtures("adopted")
async def test_removes_versions_of_failed_video_again(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    video = await make_video("failed")
    await application.reconciler.reconcile_due()
    overwrite(storage, video.object_key, 1)
    forget(storage, video.object_key)

    report = await run(application)
    await application.reconciler.reconcile_due()

    assert found(report, Category.FAILED_OBJECTS).done == 1
    assert storage.old_versions == {}


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("status", ["ready", "failed"])
async def test_keeps_versions_of_object_that_somebody_deleted(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    status: VideoStatus,
) -> None:
    """With them the operator can put the object back."""
    missing = {"status_code": "object_missing", "due_at": None} if status == "failed" else {}
    video = await make_video(status, **missing)
    overwrite(storage, video.object_key, 1)
    forget(storage, video.object_key)
    clock.advance(AUDIT_EVERY)

    report = await run(application, remove_objects=True, force=True)
    await application.reconciler.reconcile_due()

    expected = {Category.MISSING_OBJECTS} if status == "ready" else set()
    assert {category for category, finding in report.findings.items() if finding.count} == expected
    assert video.object_key in storage.old_versions


async def test_adopts_bucket_with_old_versions_of_others(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    storage.versions_state = Versions.REMOVED
    await make_video("ready")
    key = a_key()
    storage.store_object(key, SMALL_VIDEO)
    forget(storage, key)

    assert (await run(application)).marker is MarkerState.ADOPTED
    assert len(video_objects(storage)) == 1


# --- start ------------------------------------------------------------------------------------------------------


async def test_refuses_to_start_with_object_lock(application: Application, storage: InMemoryStorage) -> None:
    storage.versions_state = Versions.LOCKED

    with pytest.raises(
        LockedBucket, match=r"S3_BUCKET: the bucket slipway has object lock.*without object lock"
    ):
        async with running(application, OFTEN):
            raise AssertionError("it started")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (Versions.NONE, []),
        (Versions.REMOVED, []),
        (Versions.KEPT, ["Grant s3:ListBucketVersions and s3:DeleteObjectVersion."]),
        (Versions.UNKNOWN, ["Grant s3:GetBucketVersioning, or look yourself."]),
    ],
)
async def test_start_tells_that_versions_stay(
    application: Application, storage: InMemoryStorage, state: Versions, expected: list[str]
) -> None:
    storage.versions_state = state

    with capture_logs() as logs:
        async with running(application, OFTEN):
            application.bucket.require_confirmed()

    told = [line["reason"] for line in logs if line["event"] == "bucket.versions_kept"]
    assert len(told) == len(expected)
    assert all(reason.endswith(end) for reason, end in zip(told, expected, strict=True))


async def test_waits_with_the_start_until_the_store_answers_about_versions(
    application: Application, storage: InMemoryStorage
) -> None:
    storage.versions_state = Versions.LOCKED
    storage.fail_next("versions", StorageUnavailable())

    with capture_logs() as logs:
        async with running(application, OFTEN):

            async def is_refused() -> bool:
                return any(line["event"] == "bucket.wrong" for line in logs)

            await until(is_refused)
            with pytest.raises(StorageUnavailable):
                application.bucket.require_confirmed()
