"""Runs the upload conversation through the real services on every engine. Their differences must not show."""

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from app.adapters.delivery import PresignedDelivery
from app.bootstrap import Application, assemble
from app.core.config import Settings
from app.domain.announced_object import TOKEN_METADATA
from app.domain.errors import PartsIncomplete, StorageUnavailable, VideoNotFound
from app.domain.video_status import VideoStatus
from app.models import User, Video
from app.ports import NoSuchObject, StoredObject, StoredPart
from app.services.uploads import StartedUpload
from tests.contract.engines import Engine, S3Engine, request
from tests.factories import part_of, read_video
from tests.fakes import S3_MIN_PART_BYTES, FakeDelivery, FakeProbe, content_md5, md5_hex
from tests.waiting import TIMEOUT_SECONDS

DATA = bytes(range(256)) * (S3_MIN_PART_BYTES // 256) + b"the last part"


class EngineClock:
    """The engine's time, so that it accepts the URLs signed by it."""

    def __init__(self, engine: Engine) -> None:
        self.now = engine.now


@pytest.fixture
async def application(engine: Engine, settings: Settings) -> AsyncIterator[Application]:
    made = assemble(
        settings,
        clock=EngineClock(engine),
        storage=engine.storage,
        delivery=FakeDelivery(),
        probe=FakeProbe(),
    )
    yield made
    await made.tasks.drain(TIMEOUT_SECONDS)
    await made.close()


async def announce(application: Application, user: User) -> StartedUpload:
    return await application.uploads.create(user.id, "harbour.mp4", len(DATA), "video/mp4", None)


def send(engine: Engine, started: StartedUpload, *numbers: int) -> None:
    assert started.parts is not None
    for part in started.parts:
        if not numbers or part.part_number in numbers:
            piece = part_of(started.video, DATA, part.part_number)
            assert engine.send("PUT", part.url, piece, {"Content-MD5": content_md5(piece)}) == 200


def part_md5s(video: Video) -> dict[int, str]:
    return {number: md5_hex(part_of(video, DATA, number)) for number in (1, 2)}


async def set_back_to_completing(application: Application, video: Video) -> None:
    """Let the process die between the assembly and the commit."""
    async with application.database.transaction() as session:
        row = await session.get(Video, video.id)
        assert row is not None
        row.status = VideoStatus.COMPLETING
        row.etag = row.uploaded_at = row.lease_until = None


async def test_upload_becomes_one_verified_object(
    engine: Engine, application: Application, user: User
) -> None:
    started = await announce(application, user)
    send(engine, started)

    video = await application.completion.complete(user.id, started.video.id, part_md5s(started.video))

    assert video.status == "processing"
    stored = await engine.storage.head(video.object_key)
    assert (stored.size_bytes, stored.etag) == (len(DATA), video.etag)
    assert stored.content_type == "video/mp4"
    assert stored.metadata == {TOKEN_METADATA: video.object_token}
    assert engine.content_disposition(video.object_key) == "attachment"


async def test_reports_missing_and_replaced_parts(
    engine: Engine, application: Application, user: User
) -> None:
    started = await announce(application, user)
    send(engine, started, 2)

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, started.video.id, {2: md5_hex(b"what I meant")})

    assert raised.value.facts == {"missing": [1], "mismatched": [2]}
    send(engine, started, 1)
    assert (await application.completion.complete(user.id, started.video.id, {})).status == "processing"


async def test_repeated_completion_succeeds(engine: Engine, application: Application, user: User) -> None:
    """The process died after the assembly. Whatever the engine answers now, HEAD decides, and no URL is valid."""
    started = await announce(application, user)
    send(engine, started)
    first = await application.completion.complete(user.id, started.video.id, part_md5s(started.video))
    etag = first.etag
    await set_back_to_completing(application, first)

    again = await application.completion.complete(user.id, started.video.id, part_md5s(started.video))

    assert (again.status, again.etag) == ("processing", etag)
    assert started.parts is not None
    piece = part_of(started.video, DATA, 2)
    assert engine.send("PUT", started.parts[1].url, piece) == 404
    assert (await engine.storage.head(again.object_key)).etag == etag


@pytest.mark.parametrize("completed", [False, True], ids=["uploading", "completed"])
async def test_deleted_video_leaves_nothing(
    engine: Engine, application: Application, user: User, completed: bool
) -> None:
    started = await announce(application, user)
    send(engine, started)
    if completed:
        await application.completion.complete(user.id, started.video.id, {})

    await application.videos.delete(user.id, started.video.id)
    await application.tasks.drain(TIMEOUT_SECONDS)

    row = await read_video(application, started.video.id)
    assert (row.status, row.reserved_bytes) == ("deleting", 0)
    prefix = f"videos/{user.id}/"
    assert [item async for item in engine.storage.list_objects(prefix)] == []
    assert [upload async for upload in engine.storage.list_uploads(prefix)] == []
    assert started.parts is not None
    piece = part_of(started.video, DATA, 1)
    assert engine.send("PUT", started.parts[0].url, piece) == 404
    with pytest.raises(VideoNotFound):
        await application.completion.complete(user.id, started.video.id, {})


@pytest.mark.parametrize("filename", ["harbour.mp4", 'a"; x=1\\../ü 🎬%22.mp4'])
async def test_delivery_url_downloads_bytes(s3_engine: S3Engine, filename: str) -> None:
    key = f"videos/{uuid.uuid4()}/a.mp4"
    s3_engine.client.put_object(Bucket="slipway", Key=key, Body=b"a small video", ContentType="video/mp4")
    delivery = PresignedDelivery(s3_engine.signer, 3600)

    url = delivery.url_for(key, filename, s3_engine.now()).url

    status, headers, body = request("GET", url)
    assert (status, body) == (200, b"a small video")
    assert headers["content-disposition"].startswith("attachment; filename=")
    assert headers["content-type"] == "video/mp4"
    status, headers, body = request("GET", url, headers={"Range": "bytes=2-6"})
    assert (status, body, headers["content-range"]) == (206, b"small", "bytes 2-6/13")
    assert request("GET", url.replace(".mp4?", ".mov?"))[0] == 403
    assert request("DELETE", url)[0] == 403


async def restore_to_uploading(application: Application, video: Video) -> None:
    """The database is a backup from before the end of the upload."""
    async with application.database.transaction() as session:
        row = await session.get(Video, video.id)
        assert row is not None
        row.status = VideoStatus.UPLOADING
        row.etag = row.uploaded_at = None
        row.due_at = application.clock.now()


async def test_false_404_keeps_object_of_restored_row(
    engine: Engine, application: Application, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It also holds on engines that still list the parts of a completed upload."""
    started = await announce(application, user)
    send(engine, started)
    video = await application.completion.complete(user.id, started.video.id, {})
    await restore_to_uploading(application, video)
    # Long ago, because an engine's clock cannot be set.
    monkeypatch.setattr(application.reconciler, "grace", timedelta(days=-1))
    head = engine.storage.head

    async def stale_once(_object_key: str) -> StoredObject:
        monkeypatch.setattr(engine.storage, "head", head)
        raise NoSuchObject

    monkeypatch.setattr(engine.storage, "head", stale_once)

    await application.reconciler.reconcile_due()

    assert (await engine.storage.head(video.object_key)).size_bytes == len(DATA)


async def test_lost_answer_to_complete_succeeds(
    engine: Engine, application: Application, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await announce(application, user)
    send(engine, started)
    complete = engine.storage.complete_multipart_upload

    async def answer_lost(
        object_key: str, upload_id: str, listed: Sequence[StoredPart], *, only_if_new: bool
    ) -> None:
        monkeypatch.setattr(engine.storage, "complete_multipart_upload", complete)
        await complete(object_key, upload_id, listed, only_if_new=only_if_new)
        raise StorageUnavailable

    monkeypatch.setattr(engine.storage, "complete_multipart_upload", answer_lost)

    video = await application.completion.complete(user.id, started.video.id, part_md5s(started.video))

    assert video.status == "processing"
