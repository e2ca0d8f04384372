"""Complete an upload whose parts all arrived."""

import pytest
from structlog.testing import capture_logs

from app.bootstrap import Application
from app.models import User
from tests.factories import (
    SMALL_VIDEO,
    assert_quota_is_exact,
    reserved_bytes,
    run_due_probes,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage
from tests.services.completion.conftest import assert_completed, complete_at_recheck
from tests.services.conftest import TWO_PARTS, Sent, part_md5s_of


async def test_assembles_and_enqueues_the_probe(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, probe: FakeProbe
) -> None:
    video = await sent(TWO_PARTS)

    answered = await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert answered.status == "processing"
    await assert_completed(application, storage, video, TWO_PARTS)
    assert await run_due_probes(application) == 1
    assert probe.calls == [(video.object_key, storage.objects[video.object_key].etag)]


@pytest.mark.parametrize("numbers", [(), (1,), (2,), (1, 2)])
async def test_accepts_md5s_of_any_subset(
    application: Application, sent: Sent, user: User, numbers: tuple[int, ...]
) -> None:
    video = await sent(TWO_PARTS)
    part_md5s = part_md5s_of(video, TWO_PARTS)

    with capture_logs() as log:
        answered = await application.completion.complete(
            user.id, video.id, {number: part_md5s[number] for number in numbers}
        )

    assert answered.status == "processing"
    (completed,) = [line for line in log if line["event"] == "upload.completed"]
    assert completed["parts_without_md5"] == 2 - len(numbers)


async def test_compares_md5s_without_case(application: Application, sent: Sent, user: User) -> None:
    video = await sent()
    part_md5s = {number: md5.upper() for number, md5 in part_md5s_of(video, SMALL_VIDEO).items()}

    assert (await application.completion.complete(user.id, video.id, part_md5s)).status == "processing"


async def test_sends_if_none_match(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent()
    storage.store_object(video.object_key, b"foreign")

    answered = await complete_at_recheck(application, clock, user, video)

    assert answered.status == "failed"
    assert answered.status_code == "object_missing"
    await application.reconciler.reconcile_due()
    assert storage.objects[video.object_key].data == b"foreign"


async def test_keeps_the_reservation(application: Application, sent: Sent, user: User) -> None:
    video = await sent()

    await application.completion.complete(user.id, video.id, {})

    assert await reserved_bytes(application, user) == len(SMALL_VIDEO)
    await assert_quota_is_exact(application, user)
