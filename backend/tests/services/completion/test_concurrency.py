"""Complete one upload by concurrent calls."""

import asyncio
from typing import Any

import pytest

from app.bootstrap import Application
from app.crud import videos
from app.domain.errors import PartsIncomplete, VideoNotFound
from app.models import User
from app.services.completion import MAX_WAITING
from tests.factories import (
    assert_quota_is_exact,
    reserved_bytes,
    run_due_probes,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.completion.conftest import assert_completed
from tests.services.conftest import TWO_PARTS, Sent, part_md5s_of


async def test_concurrent_calls_create_one_object(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    part_md5s = part_md5s_of(video, TWO_PARTS)

    answers = await asyncio.gather(
        *(application.completion.complete(user.id, video.id, part_md5s) for _ in range(6))
    )

    assert {answer.status for answer in answers} == {"processing"}
    assert storage.count("complete_multipart_upload") == 1
    await assert_completed(application, storage, video, TWO_PARTS)
    assert await run_due_probes(application) == 1


async def test_waiting_calls_get_the_result(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")
    first = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()
    second = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await asyncio.sleep(0.02)
    assert not second.done()
    gate.release()

    assert (await first).status == "processing"
    assert (await second).status == "processing"
    assert storage.count("complete_multipart_upload") == 1


async def test_calls_beyond_the_bound_are_answered_at_once(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")
    waiting = [
        asyncio.create_task(application.completion.complete(user.id, video.id, {}))
        for _ in range(MAX_WAITING)
    ]
    await gate.reached()

    assert (await application.completion.complete(user.id, video.id, {})).status == "completing"
    assert not any(call.done() for call in waiting)

    gate.release()
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {"processing"}
    assert not application.completion.calls


async def test_concurrent_calls_all_name_missing_parts(
    application: Application, sent: Sent, user: User
) -> None:
    video = await sent(TWO_PARTS, leaving_out=(1,))

    outcomes = await asyncio.gather(
        *(application.completion.complete(user.id, video.id, {}) for _ in range(4)), return_exceptions=True
    )

    for outcome in outcomes:
        assert isinstance(outcome, PartsIncomplete)
        assert outcome.facts["missing"] == [1]


async def test_claims_again_after_another_call_released(
    application: Application, sent: Sent, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another call claims the video between our read and our claim, finds parts missing, and releases it."""
    video = await sent()
    transition = videos.transition
    lost = [True]

    async def lose_once(*arguments: Any, **changes: Any) -> bool:
        return False if lost and lost.pop() else await transition(*arguments, **changes)

    monkeypatch.setattr(videos, "transition", lose_once)

    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


async def test_repeated_call_gets_the_same_result(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    first = await application.completion.complete(user.id, video.id, {})

    again = await application.completion.complete(user.id, video.id, {})

    assert again == first
    assert storage.count("complete_multipart_upload") == 1


async def test_delete_during_assembly_removes_the_video(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent()
    gate = storage.hold_next("complete_multipart_upload")
    completing = asyncio.create_task(application.completion.complete(user.id, video.id, {}))
    await gate.reached()

    await application.videos.delete(user.id, video.id)
    assert storage.count("abort_multipart_upload") == 0, "the deletion waits for the assembly"
    gate.release()
    with pytest.raises(VideoNotFound):
        await completing

    await application.reconciler.reconcile_due()
    assert storage.objects == {}
    assert storage.open_uploads == []
    clock.advance(minutes=5)
    await application.reconciler.reconcile_due()
    await assert_quota_is_exact(application, user)
    assert await reserved_bytes(application, user) == 0


async def test_uses_no_database_connection_during_assembly(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    in_use: list[str] = []

    async def read_pool_status() -> None:
        in_use.append(application.database.engine.pool.status())

    for operation in ("list_parts", "complete_multipart_upload", "head"):
        storage.hook_next(operation, read_pool_status)
    await application.completion.complete(user.id, video.id, {})

    assert len(in_use) == 3
    assert all("Current Checked out connections: 0" in status for status in in_use), in_use
