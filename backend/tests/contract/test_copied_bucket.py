"""A video survives the copy of its bucket from store to store by a tool that changes ETag, type and metadata."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import Application
from app.domain.announced_object import TOKEN_METADATA
from app.domain.part_plan import MIB
from app.models import Video
from app.ports import ObjectStorage
from app.services.storage_proof import Standing, StorageProof, Verdict
from tests.conftest import MakeVideo
from tests.contract.engines import BUCKET, S3Engine
from tests.engines.moto import MotoServer
from tests.factories import read_video
from tests.fakes import etag_of_parts

DATA = bytes(range(256)) * (9 * MIB // 256)
"""The AWS CLI sends parts of 8 MiB."""
PART_BYTES = 5 * MIB
PARTS = (DATA[:PART_BYTES], DATA[PART_BYTES:])


@pytest.fixture
def moto_engine() -> Iterator[S3Engine]:
    with MotoServer() as moto:
        engine = S3Engine("moto", moto.endpoint_url, "any", "key", frozenset())
        yield engine
        engine.close()


@pytest.fixture
async def video(make_video: MakeVideo, embedded_engine: S3Engine) -> Video:
    """A ready video of two parts in the embedded store."""
    etag = etag_of_parts(PARTS)
    video = await make_video("ready", data=DATA, part_size_bytes=PART_BYTES, etag=etag)
    await send(embedded_engine.storage, video)
    return video


async def send(storage: ObjectStorage, video: Video) -> None:
    labels = {TOKEN_METADATA: video.object_token}
    key = video.object_key
    created = await storage.create_multipart_upload(key, video.content_type, "attachment", labels)
    for number, part in enumerate(PARTS, start=1):
        await storage.upload_part(key, created.upload_id, number, part)
    parts = await storage.list_parts(key, created.upload_id)
    await storage.complete_multipart_upload(key, created.upload_id, parts, only_if_new=True)


def aws(engine: S3Engine, *command: str) -> None:
    keys = engine.connection
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_ACCESS_KEY_ID": keys.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key or "",
        "AWS_DEFAULT_REGION": keys.region,
    }
    subprocess.run(
        ["aws", "--endpoint-url", keys.endpoint_url or "", "s3", "cp", "--recursive", "--quiet", *command],
        env=environment,
        check=True,
    )


async def test_a_video_survives_copies_between_stores(
    application: Application,
    video: Video,
    embedded_engine: S3Engine,
    moto_engine: S3Engine,
    ceph_engine: S3Engine,
    tmp_path: Path,
) -> None:
    folder = Path(video.object_key).parent
    stores = [embedded_engine, moto_engine, ceph_engine, embedded_engine]
    for number, (source, target) in enumerate(itertools.pairwise(stores)):
        proof = StorageProof(application.database, target.storage, application.clock)
        copy = str(tmp_path / str(number))
        aws(source, f"s3://{BUCKET}/{folder}", copy)
        aws(target, copy, f"s3://{BUCKET}/{folder}")
        copied = await target.storage.head(video.object_key)
        assert (copied.etag == video.etag, copied.metadata) == (False, {})

        assert await proof.verify(video, count_read, accept=False) == Verdict(Standing.SAME_BYTES)
        adopted = await proof.verify(video, count_read, accept=True)

        assert adopted == Verdict(Standing.SAME_BYTES, adopted=True)
        row = await read_video(application, video.id)
        assert await proof.verify(row, count_read, accept=False) == Verdict(Standing.INTACT)
        assert row.etag == video.etag
        assert target.content_disposition(video.object_key) == "attachment"


def count_read(read: int) -> None:
    assert 0 < read <= PART_BYTES
