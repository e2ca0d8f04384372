"""Sweep and reconciler take many rows and uploads in batches."""

import os
import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from app.bootstrap import Application
from app.crud import videos
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category
from app.models import User, Video
from app.services import reconciler
from app.services.sweep import orphans
from tests.conftest import MakeVideo
from tests.factories import (
    reserved_bytes,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.sweep.conftest import (
    GRACE,
    a_key,
    found,
    run,
)

STALE_ROWS = int(os.environ.get("SLIPWAY_STALE_ROWS", "150"))
UNOWNED_UPLOADS = int(os.environ.get("SLIPWAY_STALE_ROWS", "1000"))
"""A campaign sets 10,000."""


async def insert_stale(
    application: Application, storage: InMemoryStorage, user: User, pattern: Video, count: int
) -> None:
    """Rows like the pattern, in one transaction, each with an upload in the store."""
    columns = pattern.model_dump()
    async with application.database.transaction() as session:
        for _ in range(count):
            video_id, key = uuid.uuid4(), a_key()
            upload_id = storage.open_upload(key)
            session.add(Video(**{**columns, "id": video_id, "object_key": key, "upload_id": upload_id}))
        await session.execute(
            update(User)
            .where(col(User.id) == user.id)
            .values(reserved_bytes=col(User.reserved_bytes) + count * pattern.reserved_bytes)
        )


async def test_reconciles_many_stale_rows_in_batches(
    application: Application, storage: InMemoryStorage, make_video: MakeVideo, clock: FakeClock, user: User
) -> None:
    await insert_stale(application, storage, user, await make_video("uploading"), STALE_ROWS - 1)
    clock.advance(GRACE)
    most_in_hand = 0
    delete = storage.delete

    async def watched(object_key: str) -> None:
        nonlocal most_in_hand
        most_in_hand = max(most_in_hand, len(application.reconciler.running))
        await delete(object_key)

    storage.delete = watched  # type: ignore[method-assign]  # it does the same
    await application.reconciler.reconcile(await application.reconciler.count_due())
    clock.advance(seconds=5)  # for what a busy database postponed
    await application.reconciler.reconcile(await application.reconciler.count_due())
    assert storage.open_uploads == []
    assert await reserved_bytes(application, user) == 0
    clock.advance(RECHECK_AFTER)
    await application.reconciler.reconcile(await application.reconciler.count_due())

    async with application.database.reading() as session:
        assert list(await session.scalars(select(Video.id).limit(1))) == []
    assert most_in_hand <= reconciler.BATCH


@pytest.mark.usefixtures("adopted")
async def test_compares_many_uploads_in_batches(
    application: Application,
    storage: InMemoryStorage,
    make_video: MakeVideo,
    clock: FakeClock,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await insert_stale(application, storage, user, await make_video("uploading"), UNOWNED_UPLOADS - 1)
    for _ in range(UNOWNED_UPLOADS):
        storage.open_upload(a_key())
    clock.advance(GRACE + timedelta(seconds=1))
    asked: list[int] = []
    look_up = videos.list_by_object_keys

    async def watched(session: Any, object_keys: Collection[str]) -> list[Video]:
        asked.append(len(object_keys))
        return await look_up(session, object_keys)

    monkeypatch.setattr(videos, "list_by_object_keys", watched)
    report = await run(application, force=True)

    assert (report.uploads, found(report, Category.UNOWNED_UPLOADS).done) == (
        2 * UNOWNED_UPLOADS,
        UNOWNED_UPLOADS,
    )
    assert len(storage.open_uploads) == UNOWNED_UPLOADS
    assert max(asked) <= orphans.BATCH
    assert len(found(report, Category.UNOWNED_UPLOADS).examples) == 10
