"""The sweep on real engines, whose listings come page by page."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.bootstrap import Application, assemble
from app.core.clock import SystemClock
from app.domain.sweep_report import Category, Outcome
from app.ports import ObjectStorage
from app.services.sweep.sweep import SweepOrder
from tests.contract.engines import S3Engine
from tests.factories import make_settings
from tests.fakes import FakeDelivery
from tests.waiting import TIMEOUT_SECONDS

EVERYTHING = SweepOrder(remove_objects=True, force=True, adopt=True)


@pytest.fixture
async def sweeping(s3_engine: S3Engine, database_url: str, tmp_path: Path) -> AsyncIterator[Application]:
    """The services over pages of two, with a grace time of a second. The bucket has no rows."""
    settings = make_settings(database_url, tmp_path, upload_grace_seconds=1)
    made = assemble(settings, clock=SystemClock(), storage=s3_engine.paged_storage, delivery=FakeDelivery())
    yield made
    await made.close()


async def test_removes_orphans_of_all_pages(s3_engine: S3Engine, sweeping: Application) -> None:
    storage = s3_engine.storage
    prefix = f"videos/{uuid.uuid4()}/"
    for number in range(7):
        await storage.create_multipart_upload(f"{prefix}upload-{number}.mp4", "video/mp4", "attachment", {})
        await storage.put(f"{prefix}object-{number}.mp4", b"without a row", "video/mp4", only_if_new=True)
    await until_old(storage, prefix)

    report = await sweeping.sweep.run(EVERYTHING)

    assert report.outcome is Outcome.DONE
    assert [upload async for upload in storage.list_uploads(prefix)] == []
    assert [listed async for listed in storage.list_objects(prefix)] == []
    for category in (Category.UNOWNED_UPLOADS, Category.UNKNOWN_OBJECTS):
        found = report.findings[category]
        assert found.count == found.done >= 7


async def until_old(storage: ObjectStorage, prefix: str) -> None:
    """Wait for more than a second on the store's clock, which has whole seconds."""
    newest = max([listed.last_modified async for listed in storage.list_objects(prefix)])
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if await storage.server_time() - newest > timedelta(seconds=1):
                return
            await asyncio.sleep(0.1)
