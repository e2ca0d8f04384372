"""`slipway storage verify` recognises objects that a copy of the bucket changed, and adopts those with the bytes."""

import uuid
from typing import Any

import pytest

from app.bootstrap import Application
from app.core.storage_causes import cause_of
from app.domain.announced_object import TOKEN_METADATA
from app.domain.errors import StorageUnavailable
from app.domain.part_plan import MIB
from app.domain.recheck import RECHECK_AFTER
from app.models import User, Video
from app.ports import NoSuchObject
from app.services.storage_proof import Standing, Verdict
from app.services.sweep.sweep import SweepOrder
from tests.conftest import MakeVideo
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    read_video,
    reserved_bytes,
    run_due_probes,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryObject, InMemoryStorage, etag_of_parts
from tests.services.sweep.conftest import lose

LARGE = bytes(range(256)) * (7 * MIB // 256)
"""Two parts of a small plan."""


async def verify(application: Application, video: Video, *, accept: bool = False) -> Verdict:
    read: list[int] = []
    verdict = await application.storage_proof.verify(video, read.append, accept=accept)
    assert sum(read) in (0, video.size_bytes) or verdict.standing is Standing.DIFFERENT
    return verdict


async def audit_finds(application: Application) -> int:
    report = await application.sweep.run(SweepOrder(dry_run=True))
    return sum(
        report.findings[category].count
        for category in report.findings
        if category in ("missing_objects", "replaced_objects")
    )


def labels(video: Video) -> dict[str, str]:
    return {TOKEN_METADATA: video.object_token}


@pytest.fixture
async def large(make_video: MakeVideo, storage: InMemoryStorage) -> Video:
    """A ready video whose object has two parts."""
    parts = [LARGE[: 5 * MIB], LARGE[5 * MIB :]]
    etag = etag_of_parts(parts)
    video = await make_video("ready", data=LARGE, part_size_bytes=5 * MIB, etag=etag)
    stored = storage.objects[video.object_key]
    storage.objects[video.object_key] = InMemoryObject(
        LARGE, etag, stored.content_type, "attachment", labels(video), stored.last_modified
    )
    return video


async def test_an_object_as_the_upload_left_it_is_intact_and_not_read(
    application: Application, large: Video, storage: InMemoryStorage
) -> None:
    assert await verify(application, large, accept=True) == Verdict(Standing.INTACT)
    assert storage.count("read_range") == 0


async def test_a_missing_object_is_missing(
    application: Application, large: Video, storage: InMemoryStorage
) -> None:
    del storage.objects[large.object_key]

    assert await verify(application, large, accept=True) == Verdict(Standing.MISSING)


async def test_another_etag_with_the_token_is_adopted_without_reading(
    application: Application, large: Video, storage: InMemoryStorage
) -> None:
    copied = storage.store_object(large.object_key, LARGE, labels(large))
    assert copied != large.etag

    assert await verify(application, large) == Verdict(Standing.SAME_TOKEN)
    assert (await read_video(application, large.id)).etag == large.etag
    assert await verify(application, large, accept=True) == Verdict(Standing.SAME_TOKEN, adopted=True)

    row = await read_video(application, large.id)
    assert row.etag == copied
    assert storage.count("read_range") == storage.count("create_multipart_upload") == 0
    assert await verify(application, row) == Verdict(Standing.INTACT)


@pytest.mark.parametrize(
    "copy",
    [
        {"metadata": {}, "content_type": "binary/octet-stream", "content_disposition": ""},
        {"metadata": {}},
        {"metadata": "token", "content_type": "binary/octet-stream"},
    ],
    ids=["all lost", "token lost", "type lost"],
)
async def test_the_same_bytes_without_labels_get_them_again(
    application: Application, large: Video, storage: InMemoryStorage, copy: dict[str, Any]
) -> None:
    metadata = labels(large) if copy["metadata"] else {}
    storage.store_object(large.object_key, LARGE, **{**copy, "metadata": metadata})
    assert await audit_finds(application) == 1

    assert await verify(application, large) == Verdict(Standing.SAME_BYTES)
    assert storage.count("create_multipart_upload") == 0
    assert await verify(application, large, accept=True) == Verdict(Standing.SAME_BYTES, adopted=True)

    stored = storage.objects[large.object_key]
    assert (stored.data, stored.etag) == (LARGE, large.etag)
    assert (stored.metadata, stored.content_type) == (labels(large), large.content_type)
    assert stored.content_disposition == "attachment"
    assert await audit_finds(application) == 0


@pytest.mark.parametrize("accept", [False, True])
@pytest.mark.parametrize("data", [LARGE[:-1] + b"!", LARGE[:-1], SMALL_VIDEO])
async def test_other_bytes_stay_and_are_not_adopted(
    application: Application, large: Video, storage: InMemoryStorage, data: bytes, accept: bool
) -> None:
    storage.store_object(large.object_key, data, {TOKEN_METADATA: "another"})
    before = storage.objects[large.object_key]

    assert await verify(application, large, accept=accept) == Verdict(Standing.DIFFERENT)

    assert storage.objects[large.object_key] is before
    assert storage.open_uploads == []
    assert (await read_video(application, large.id)).etag == large.etag


async def test_bytes_prove_nothing_where_the_etag_was_no_md5(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    video = await make_video("ready", etag='"0123456789abcdef"')
    storage.store_object(video.object_key, SMALL_VIDEO)

    assert await verify(application, video, accept=True) == Verdict(Standing.UNPROVEN)


async def test_an_object_that_changes_while_it_is_read_is_different(
    application: Application, large: Video, storage: InMemoryStorage
) -> None:
    storage.store_object(large.object_key, LARGE)

    async def replace() -> None:
        storage.store_object(large.object_key, LARGE[::-1])

    storage.hook_next("read_range", replace)

    assert await verify(application, large, accept=True) == Verdict(Standing.DIFFERENT)
    assert storage.open_uploads == []


@pytest.mark.parametrize(
    "operation", ["read_range", "upload_part", "list_parts", "complete_multipart_upload"]
)
async def test_a_failing_store_leaves_object_and_row_and_a_second_run_succeeds(
    application: Application, large: Video, storage: InMemoryStorage, operation: str
) -> None:
    storage.store_object(large.object_key, LARGE)
    before = storage.objects[large.object_key]
    storage.fail_next(operation)

    with pytest.raises(StorageUnavailable):
        await verify(application, large, accept=True)

    assert storage.objects[large.object_key] is before
    assert storage.open_uploads == []
    assert await verify(application, large, accept=True) == Verdict(Standing.SAME_BYTES, adopted=True)


async def test_an_upload_that_a_sweep_aborts_is_named(
    application: Application, large: Video, storage: InMemoryStorage
) -> None:
    storage.store_object(large.object_key, LARGE)

    async def abort() -> None:
        (upload,) = storage.open_uploads
        await storage.abort_multipart_upload(upload.object_key, upload.upload_id)

    storage.hook_next("upload_part", abort, when="after")

    with pytest.raises(StorageUnavailable) as raised:
        await verify(application, large, accept=True)

    assert cause_of(raised.value).startswith("The upload was aborted before its end")


async def test_a_video_that_was_deleted_meanwhile_is_not_adopted(
    application: Application, large: Video, storage: InMemoryStorage
) -> None:
    storage.store_object(large.object_key, LARGE, labels(large))

    async def delete() -> None:
        await application.video_admin.take_down(large, "a reason")

    storage.hook_next("head", delete, when="after")

    assert not (await verify(application, large, accept=True)).is_settled
    assert (await read_video(application, large.id)).etag == large.etag


@pytest.fixture
async def failed(application: Application, large: Video, storage: InMemoryStorage, clock: FakeClock) -> Video:
    """The video of `large`, which an operator failed while its object was away."""
    stored = storage.objects[large.object_key]
    await lose(application, storage, clock, large)
    _, video_ids = await application.fail_missing.plan()
    await application.fail_missing.run(video_ids)
    storage.objects[large.object_key] = stored
    row = await read_video(application, large.id)
    assert (row.status, row.status_code) == ("failed", "object_missing")
    return row


async def test_a_video_that_failed_by_mistake_is_ready_again(
    application: Application, large: Video, failed: Video, user: User
) -> None:
    assert await verify(application, failed) == Verdict(Standing.RETURNED)
    assert (await read_video(application, failed.id)).status == "failed"

    assert await verify(application, failed, accept=True) == Verdict(Standing.RETURNED, adopted=True)

    row = await read_video(application, failed.id)
    changed = {"changed_at", "audit_due_at", "missing_since"}
    assert row.model_dump(exclude=changed) == large.model_dump(exclude=changed)
    assert row.missing_since is None
    assert await verify(application, row) == Verdict(Standing.INTACT)
    assert await audit_finds(application) == 0
    await assert_quota_is_exact(application, user)


async def test_a_failed_video_gets_back_the_object_that_a_copy_changed(
    application: Application, failed: Video, storage: InMemoryStorage
) -> None:
    storage.store_object(failed.object_key, LARGE)

    assert await verify(application, failed) == Verdict(Standing.RETURNED)
    assert await verify(application, failed, accept=True) == Verdict(Standing.RETURNED, adopted=True)

    assert (await read_video(application, failed.id)).status == "ready"
    assert storage.objects[failed.object_key].metadata == labels(failed)


async def test_a_video_that_failed_before_it_was_ready_is_processed_again(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    probe: FakeProbe,
    clock: FakeClock,
    user: User,
) -> None:
    video = await make_video("processing")
    stored = storage.objects.pop(video.object_key)
    probe.answers += [NoSuchObject(), NoSuchObject()]
    for _ in range(2):
        await run_due_probes(application)
        clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile_due()
    failed = await read_video(application, video.id)
    assert (failed.status_code, failed.reserved_bytes) == ("object_missing", 0)
    storage.objects[video.object_key] = stored

    assert await verify(application, failed, accept=True) == Verdict(Standing.RETURNED, adopted=True)

    assert (await read_video(application, video.id)).status == "processing"
    await assert_quota_is_exact(application, user)
    await run_due_probes(application)
    assert (await read_video(application, video.id)).status == "ready"
    await application.videos.delete(user.id, video.id)
    assert await reserved_bytes(application, user) == 0, "its deletion counts it out once more"


@pytest.mark.parametrize("data", [None, LARGE[::-1], SMALL_VIDEO], ids=["none", "other bytes", "other size"])
async def test_a_failed_video_without_its_object_stays_failed(
    application: Application, failed: Video, storage: InMemoryStorage, data: bytes | None
) -> None:
    del storage.objects[failed.object_key]
    if data:
        storage.store_object(failed.object_key, data)

    verdict = await verify(application, failed, accept=True)

    assert (verdict, verdict.is_settled) == (Verdict(Standing.LOST), True)
    assert await read_video(application, failed.id) == failed


async def test_a_failed_video_that_was_deleted_meanwhile_stays_deleted(
    application: Application, failed: Video, storage: InMemoryStorage, user: User
) -> None:
    async def delete() -> None:
        await application.video_admin.take_down(failed, "a reason")

    storage.hook_next("head", delete, when="after")

    assert not (await verify(application, failed, accept=True)).is_settled
    assert (await read_video(application, failed.id)).status == "deleting"
    await assert_quota_is_exact(application, user)


async def test_pages_have_each_video_with_an_object_once(
    application: Application, make_video: MakeVideo
) -> None:
    made = [await make_video(status) for status in ("ready", "processing", "uploading", "failed", "deleting")]
    lost = await make_video("failed", status_code="object_missing")
    await make_video("failed", status_code="object_missing", etag=None)
    after = uuid.UUID(int=0)

    found = await application.storage_proof.page(after)
    assert [video.id for video in found] == sorted(video.id for video in (*made[:2], lost))
    assert await application.storage_proof.bytes_after(after) == 3 * len(SMALL_VIDEO)
    assert await application.storage_proof.page(found[-1].id) == []
