"""A store below a path, which is part of every signature, as in https://ref.storage.supabase.co/storage/v1/s3."""

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.s3 import S3Storage
from app.bootstrap import Application, apply_storage, build
from app.core.config import Settings
from tests.contract.engines import request
from tests.engines.embedded import EmbeddedStore
from tests.engines.store_below_path import PATH, StoreBelowPath

DATA = b"a small video"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreBelowPath]:
    with EmbeddedStore(tmp_path_factory.mktemp("store")) as store, StoreBelowPath(store) as running:
        yield running


@pytest.fixture(params=["endpoint", "endpoint and public endpoint"])
async def application(
    front: StoreBelowPath, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Application]:
    made = build(
        Settings(
            _env_file=None,
            s3_bucket="videos",
            s3_endpoint_url=front.url,
            s3_public_endpoint_url=front.url if "public" in request.param else "",
            aws_access_key_id=front.keys.access_key_id,
            aws_secret_access_key=front.keys.secret_access_key,
            slipway_data_dir=tmp_path,
        )
    )
    yield made
    await made.close()


async def test_calls_and_urls_have_the_path(front: StoreBelowPath, application: Application) -> None:
    storage, now = application.storage, datetime.now(UTC)
    assert isinstance(storage, S3Storage)
    key = f"videos/{uuid.uuid4()}/a b.mp4"
    apply_storage(application)
    await storage.check()

    created = await storage.create_multipart_upload(key, "video/mp4", "attachment", {"a": "b"})
    part = storage.presign_part(key, created.upload_id, 1, len(DATA), now, 900)
    assert part.url.startswith(f"{front.url}/videos/")
    assert request("PUT", part.url, DATA)[0] == 200
    parts = await storage.list_parts(key, created.upload_id)
    await storage.complete_multipart_upload(key, created.upload_id, parts, only_if_new=True)

    assert (await storage.head(key)).metadata == {"a": "b"}
    assert [item.object_key async for item in storage.list_objects("videos/")] == [key]
    assert (await storage.read_range(key, 2, 5, None)).data == DATA[2:7]
    assert request("GET", application.delivery.url_for(key, "a.mp4", now).url)[2] == DATA
    await storage.delete(key)
    assert front.refused == []
    storage.close()


async def test_policy_has_the_origin_without_the_path(
    front: StoreBelowPath, application: Application
) -> None:
    """A path in a policy would have to be repeated for each file."""
    assert application.store_origins() == [front.url.removesuffix(PATH)]


async def test_front_refuses_a_url_without_the_path(front: StoreBelowPath, application: Application) -> None:
    url = application.delivery.url_for("videos/a.mp4", "a.mp4", datetime.now(UTC)).url

    assert request("GET", url.replace(PATH, ""))[0] == 403
    assert request("GET", url.replace("a.mp4", "b.mp4"))[0] == 403
    assert len(front.refused) == 2
    front.refused.clear()
