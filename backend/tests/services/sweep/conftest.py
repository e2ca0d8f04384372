"""What the tests of the sweep share."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import update
from sqlmodel import col, select

from app.bootstrap import Application
from app.crud import installation
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category, Finding, MarkerState, SweepReport
from app.models import Installation, Video
from app.services.sweep.audit import AUDIT_EVERY
from app.services.sweep.bucket import MARKER_KEY
from app.services.sweep.sweep import SweepOrder
from tests.conftest import MakeVideo
from tests.factories import SMALL_VIDEO
from tests.fakes import FakeClock, InMemoryStorage

GRACE = timedelta(hours=1)
INTERVAL = timedelta(minutes=5)


def a_key() -> str:
    return f"videos/{uuid.uuid4()}/{uuid.uuid4()}/{uuid.uuid4()}.mp4"


async def run(application: Application, **order: bool) -> SweepReport:
    return await application.sweep.run(SweepOrder(**order))


def found(report: SweepReport, category: Category) -> Finding:
    return report.findings[category]


def video_objects(storage: InMemoryStorage) -> list[str]:
    return [key for key in storage.objects if key != MARKER_KEY]


def open_ids(storage: InMemoryStorage) -> list[str]:
    return [upload.upload_id for upload in storage.open_uploads]


async def rows(application: Application) -> list[Any]:
    """All videos, then the installation."""
    async with application.database.reading() as session:
        videos: list[Any] = list(await session.scalars(select(Video).order_by(col(Video.id))))
        return [*videos, await installation.get(session)]


async def set_installation(application: Application, **values: Any) -> None:
    async with application.database.transaction() as session:
        await session.execute(update(Installation).values(**values))


def published(name: str, **labels: str) -> float | None:
    """What /metrics says now."""
    return REGISTRY.get_sample_value(f"slipway_sweep_{name}", labels)


@pytest.fixture
async def adopted(application: Application) -> None:
    """The bucket has its marker, as after an installation's first sweep."""
    assert (await run(application)).marker is MarkerState.ADOPTED


async def lose(
    application: Application, storage: InMemoryStorage, clock: FakeClock, *videos: Video, checks: int = 2
) -> None:
    """Remove the videos' objects, and let so many sweeps find that, each RECHECK_AFTER later."""
    await run(application)
    for video in videos:
        del storage.objects[video.object_key]
    clock.advance(AUDIT_EVERY)
    for _ in range(checks):
        await run(application)
        clock.advance(RECHECK_AFTER)


async def leave_strange_things(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock
) -> Video:
    """Leave an upload and an object without a row, and a ready video without its object, all old enough."""
    lost = await make_video("ready")
    await run(application, adopt=True)
    del storage.objects[lost.object_key]
    storage.open_upload(a_key())
    storage.store_object(a_key(), SMALL_VIDEO)
    clock.advance(AUDIT_EVERY)
    return lost
