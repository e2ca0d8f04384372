"""Tests the checker of the invariants."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.bootstrap import Application
from app.domain.video_status import VideoStatus
from app.models import Video
from tests.conftest import MakeVideo
from tests.crash.invariants import History, violations
from tests.factories import SMALL_VIDEO
from tests.fakes import FakeClock, InMemoryStorage


async def found_in(application: Application, **how: Any) -> list[str]:
    return await violations(
        application.database, application.storage, application.settings, application.clock.now(), **how
    )


async def change(application: Application, video: Video, **values: object) -> None:
    async with application.database.transaction() as session:
        await session.execute(update(Video).where(col(Video.id) == video.id).values(**values))


@pytest.mark.parametrize("status", list(VideoStatus))
async def test_accepts_consistent_video(
    application: Application, make_video: MakeVideo, status: VideoStatus
) -> None:
    await make_video(status)

    assert await found_in(application, history=History()) == []


Breaking = Callable[[Application, InMemoryStorage, Video], Awaitable[None]]


def columns(**values: object) -> Breaking:
    async def run(application: Application, _storage: InMemoryStorage, video: Video) -> None:
        await change(application, video, **values)

    return run


def in_store(deed: Callable[[InMemoryStorage, Video], object]) -> Breaking:
    async def run(_application: Application, storage: InMemoryStorage, video: Video) -> None:
        deed(storage, video)

    return run


def put_object(data: bytes, **how: Any) -> Breaking:
    return in_store(lambda storage, video: storage.store_object(video.object_key, data, **how))


BROKEN: list[tuple[str, str, Breaking]] = [
    ("I1", "ready", in_store(lambda storage, _: storage.objects.clear())),
    ("I1", "ready", put_object(b"shorter")),
    ("I1", "processing", put_object(b"a" * len(SMALL_VIDEO))),
    ("I1", "ready", put_object(SMALL_VIDEO)),
    ("I1", "ready", put_object(SMALL_VIDEO, content_type="text/html")),
    ("I1", "ready", columns(container=None)),
    ("I1", "ready", columns(declared_container="webm")),
    (
        "I1",
        "ready",
        in_store(lambda s, v: s.store_object(f"videos/{v.user_id}/{v.id}/{uuid.uuid4()}.mp4", b"second")),
    ),
    ("I2", "ready", in_store(lambda s, _: s.store_object(f"videos/{uuid.uuid4()}", b"nobody's"))),
    ("I2", "uploading", put_object(SMALL_VIDEO)),
    ("I4", "uploading", columns(object_key="videos/holiday.mp4")),
    ("I6", "ready", in_store(lambda s, v: s.store_late_part(v.object_key, v.upload_id or "", 1, b"late"))),
    ("I7", "processing", columns(due_at=None)),
    ("I7", "uploading", columns(lease_owner=uuid.uuid4())),
    ("I9", "ready", columns(reserved_bytes=0)),
    ("I9", "ready", columns(size_bytes=1)),
    ("I10", "uploading", columns(due_at=None)),
    ("I10", "completing", columns(due_at=None)),
    ("I10", "deleting", columns(due_at=None)),
    ("I10", "failed", columns(due_at=None)),
]


@pytest.mark.parametrize(("invariant", "status", "breaking"), BROKEN)
async def test_reports_violation(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    invariant: str,
    status: str,
    breaking: Breaking,
) -> None:
    video = await make_video(status)

    await breaking(application, storage, video)

    assert invariant in {sentence.split(":")[0] for sentence in await found_in(application)}


async def test_reports_object_that_returns(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    video = await make_video("deleting")
    await application.removal.step(video.id)
    assert await found_in(application) == []

    storage.store_object(video.object_key, SMALL_VIDEO)

    assert any(sentence.startswith("I2") for sentence in await found_in(application))


async def test_reports_old_orphan_upload(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    storage.open_upload(video.object_key)
    storage.open_upload(f"videos/{uuid.uuid4()}/{uuid.uuid4()}/{uuid.uuid4()}.mp4")
    clock.advance(timedelta(minutes=70))
    assert await found_in(application) == []

    clock.advance(seconds=1)

    assert len(await found_in(application)) == 2


async def test_reports_upload_of_dead_create_unless_recheck_is_due(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    video = await make_video("uploading", upload_id=None)
    clock.advance(timedelta(minutes=71))
    assert await found_in(application) == []
    await application.reconciler.reconcile_due()
    assert await found_in(application) == []

    await change(application, video, due_at=clock.now() + timedelta(minutes=6))

    assert [sentence.split(":")[0] for sentence in await found_in(application)] == ["I2"]


async def test_reports_wrong_quota_and_upload_count(application: Application, make_video: MakeVideo) -> None:
    for _ in range(application.settings.user_max_uploads_in_flight + 1):
        await make_video()

    assert [sentence.split(":")[0] for sentence in await found_in(application)] == ["I9"]


@pytest.mark.parametrize("status", ["completing", "processing", "deleting", "expired", "failed"])
async def test_reports_stuck_video_after_settling(
    application: Application, make_video: MakeVideo, status: str
) -> None:
    await make_video(status)

    assert await found_in(application) == []
    assert any(sentence.startswith("I10") for sentence in await found_in(application, settled=True))


async def test_reports_stuck_upload_only_after_grace(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    await make_video("uploading")
    assert await found_in(application, settled=True) == []

    clock.advance(minutes=65)

    assert any(sentence.startswith("I10") for sentence in await found_in(application, settled=True))


async def test_reports_backward_transition(application: Application, make_video: MakeVideo) -> None:
    video = await make_video("uploading")
    history = History()
    await found_in(application, history=history)
    await change(application, video, status=VideoStatus.DELETING, due_at=application.clock.now())
    assert await found_in(application, history=history) == []

    await change(application, video, status=VideoStatus.UPLOADING)

    assert any(sentence.startswith("I8") for sentence in await found_in(application, history=history))


async def test_reports_changed_key(application: Application, make_video: MakeVideo) -> None:
    video = await make_video("uploading")
    history = History()
    await found_in(application, history=history)

    await change(
        application, video, object_key=video.object_key.replace(video.object_key[-40:-4], str(uuid.uuid4()))
    )

    assert any(sentence.startswith("I4") for sentence in await found_in(application, history=history))


async def test_reports_url_that_changes_finished_video(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    video = await make_video("ready")
    upload_id = storage.open_upload(video.object_key)
    handed = storage.presign_part(video.object_key, upload_id, 1, 10, application.clock.now(), 900)

    async def put(url: str, body: bytes) -> int:
        return storage.put_part(url, body)

    found = await found_in(application, issued_urls=[handed], put=put)

    assert [sentence.split(":")[0] for sentence in found] == ["I6"]
