"""Transactions that lock the same rows lock them in one order, so that two never wait for each other.

SQLite has one writer at a time, so only PostgreSQL has these orders.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from app.adapters.limit_counters import DatabaseCounters
from app.bootstrap import Application
from app.core.security import hash_place
from app.crud import known_places, users, videos
from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import Category
from app.models import KnownPlace, LimitCounter, User, Video
from app.services.sweep.audit import Audit, Checked
from tests.conftest import MakeUser, MakeVideo
from tests.databases import PostgresDatabases
from tests.factories import PASSWORD
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import waits_for_lock


@pytest.fixture
def database_url(postgres: PostgresDatabases) -> Iterator[str]:
    url = postgres.new()
    yield url
    postgres.discard(url)


@dataclass
class World:
    application: Application
    storage: InMemoryStorage
    clock: FakeClock
    user: User


@pytest.fixture
def world(application: Application, storage: InMemoryStorage, clock: FakeClock, user: User) -> World:
    return World(application, storage, clock, user)


Act = Callable[[World, Sequence[uuid.UUID]], Awaitable[object]]


async def remove(world: World, video_ids: Sequence[uuid.UUID]) -> None:
    await world.application.undo.remove(world.user.id, video_ids)


async def restore(world: World, video_ids: Sequence[uuid.UUID]) -> None:
    await world.application.undo.restore(world.user.id, video_ids)


async def disable(world: World, _: Sequence[uuid.UUID]) -> None:
    await world.application.user_admin.disable(world.user.id)


async def delete_account(world: World, _: Sequence[uuid.UUID]) -> None:
    await world.application.user_admin.delete(world.user.id)


async def continue_deletion(world: World, _: Sequence[uuid.UUID]) -> None:
    await world.application.user_admin.deletion.finish(world.user.id)


async def confirm_removal(world: World, video_ids: Sequence[uuid.UUID]) -> None:
    for video_id in video_ids:
        await world.application.removal.step(video_id)


async def record_audit(world: World, _: Sequence[uuid.UUID]) -> None:
    now = world.clock.now()
    auditor = Audit(world.application.database, world.storage, world.clock, cast(Any, None), now)
    async with world.application.database.reading() as session:
        found = list(await session.scalars(select(Video).order_by(col(Video.created_at))))
    await auditor.record(Checked(found[:1], [(found[1], Category.MISSING_OBJECTS)], found[2:], now))


async def set_failed(world: World, _: Sequence[uuid.UUID]) -> None:
    async with world.application.database.reading() as session:
        found = await session.scalars(select(Video).order_by(col(Video.created_at)))
    lost = [(video, Category.MISSING_OBJECTS) for video in found]
    await world.application.fail_missing._set_failed(lost)


async def bring_back(world: World, _: Sequence[uuid.UUID]) -> None:
    proof = world.application.storage_proof
    for video in await proof.page(uuid.UUID(int=0)):
        await proof.verify(video, lambda _: None, accept=True)


async def fill_name_keys(world: World, _: Sequence[uuid.UUID]) -> None:
    await world.application.videos.fill_name_keys()


async def unlocked(session: AsyncSession) -> set[uuid.UUID]:
    """Return the videos that no other transaction has locked."""
    return set(await session.scalars(select(Video.id).with_for_update(skip_locked=True, key_share=True)))


async def assert_holds_no_video(
    session: AsyncSession, world: World, act: Awaitable[object]
) -> asyncio.Future[object]:
    """Begin `act`, and require that it locks no video while it waits for what `session` has locked."""
    task = asyncio.ensure_future(act)
    assert await waits_for_lock(task, world.application.database)
    everything = set(await session.scalars(select(Video.id)))
    assert await unlocked(session) == everything
    return task


@pytest.mark.parametrize(
    ("act", "status"),
    [
        (restore, "uploading"),
        (disable, "uploading"),
        (delete_account, "uploading"),
        (confirm_removal, "deleting"),
        (bring_back, "failed"),
    ],
)
async def test_locks_the_user_before_its_videos(
    world: World, make_video: MakeVideo, act: Act, status: str
) -> None:
    lost = {"status_code": "object_missing"} if act is bring_back else {}
    video_ids = [(await make_video(status, **lost)).id for _ in range(2)]
    if act is restore:
        await remove(world, video_ids)

    async with world.application.database.transaction() as session:
        await users.lock(session, world.user.id)
        acting = await assert_holds_no_video(session, world, act(world, video_ids))
    await acting


async def test_failed_create_locks_the_user_before_its_video(world: World) -> None:
    opening = world.storage.hold_next("create_multipart_upload")
    world.storage.fail_next("create_multipart_upload", when="after")
    uploads = world.application.uploads
    creating = asyncio.create_task(uploads.create(world.user.id, "harbour.mp4", 1024, "video/mp4", None))
    await opening.reached()

    async with world.application.database.transaction() as session:
        await users.lock(session, world.user.id)
        opening.release()
        acting = await assert_holds_no_video(session, world, creating)

    with pytest.raises(StorageUnavailable):
        await acting


@pytest.mark.parametrize(
    ("act", "status"),
    [
        (remove, "uploading"),
        (restore, "uploading"),
        (disable, "uploading"),
        (continue_deletion, "ready"),
        (record_audit, "ready"),
        (set_failed, "ready"),
        (fill_name_keys, "ready"),
    ],
)
async def test_locks_videos_by_their_ids(world: World, make_video: MakeVideo, act: Act, status: str) -> None:
    """The newest has the lowest ID, so the order of insertion is the opposite one."""
    video_ids = [uuid.UUID(int=number) for number in (3, 2, 1)]
    now = world.clock.now()
    for video_id in video_ids:
        await make_video(
            status,
            id=video_id,
            missing_since=now if act is set_failed else None,
            **({"name_key": ""} if act is fill_name_keys else {}),
        )
        world.clock.advance(seconds=1)
    if act is restore:
        await remove(world, video_ids)

    async with world.application.database.transaction() as session:
        await videos.lock(session, col(Video.id) == video_ids[-1])
        acting = await assert_holds_no_video(session, world, act(world, video_ids))
    await acting


async def test_sign_in_leaves_places_that_another_one_deletes(world: World, make_user: MakeUser) -> None:
    """Both delete what is older than 90 days."""
    old = world.clock.now() - timedelta(days=91)
    others = [await make_user() for _ in range(2)]
    async with world.application.database.transaction() as session:
        for other in others:
            await known_places.remember(session, other.id, hash_place(other.id, "192.0.2.1"), old)

    async with world.application.database.transaction() as session:
        held = select(KnownPlace.user_id).where(KnownPlace.user_id == others[0].id).with_for_update()
        await session.execute(held)
        await world.application.accounts.sign_in(world.user.email, PASSWORD, "bearer", None)

    async with world.application.database.reading() as session:
        assert set(await session.scalars(select(KnownPlace.user_id))) == {others[0].id, world.user.id}


async def test_counting_leaves_counters_that_another_process_deletes(world: World) -> None:
    database = world.application.database
    other = DatabaseCounters(database, world.clock)
    for key in ("a", "b"):
        await other.hit(key, 1)
    world.clock.advance(minutes=5)

    async with database.transaction() as session:
        await session.execute(select(LimitCounter).where(LimitCounter.key == "a").with_for_update())
        assert await DatabaseCounters(database, world.clock).hit("c", 60) == 1

    async with database.reading() as session:
        assert set(await session.scalars(select(LimitCounter.key))) == {"a", "c"}
