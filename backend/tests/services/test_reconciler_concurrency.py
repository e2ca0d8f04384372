"""The reconciler handles several rows at once."""

import asyncio
from datetime import timedelta

from app.bootstrap import Application
from app.services import reconciler
from tests.conftest import MakeVideo
from tests.factories import (
    read_video,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.waiting import TIMEOUT_SECONDS


async def until_gone(storage: InMemoryStorage, object_key: str) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            if object_key not in {upload.object_key for upload in storage.open_uploads}:
                return
            await asyncio.sleep(0.01)


async def test_long_assembly_does_not_delay_deletions(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    past = clock.now() - timedelta(minutes=1)
    slow = [
        await make_video("completing", due_at=past, lease_until=past) for _ in range(reconciler.CONCURRENCY)
    ]
    doomed = await make_video("deleting")
    gates = [storage.hold_next("complete_multipart_upload") for _ in slow]

    await application.reconciler.start_due()
    for gate in gates:
        await gate.reached()
    await until_gone(storage, doomed.object_key)
    also_doomed = await make_video("deleting")
    await application.reconciler.start_due()
    await until_gone(storage, also_doomed.object_key)

    for gate in gates:
        gate.release()
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert {(await read_video(application, video.id)).status for video in slow} == {"processing"}


async def test_does_not_start_a_row_twice(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    await make_video("deleting")
    gate = storage.hold_next("delete")
    await application.reconciler.start_due()
    await gate.reached()

    assert await application.reconciler.start_due() == []

    gate.release()
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert storage.count("delete") == 1


async def test_limits_concurrent_rows(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    for _ in range(12):
        await make_video("deleting")
    gates = [storage.hold_next("delete") for _ in range(12)]
    await application.reconciler.start_due()
    await gates[7].reached()
    for _ in range(100):
        await asyncio.sleep(0)
    assert storage.count("delete") == 8

    for gate in gates:
        gate.release()
    await application.tasks.drain(TIMEOUT_SECONDS)
    assert storage.count("delete") == 12
