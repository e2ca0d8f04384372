"""What metrics say of the database."""

from datetime import timedelta

from prometheus_client import REGISTRY

from app.bootstrap import Application
from app.domain.video_status import VideoStatus
from app.services.inventory import KEPT
from tests.api.outage import database_down
from tests.conftest import MakeUser, MakeVideo
from tests.factories import SMALL_VIDEO
from tests.fakes import FakeClock


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"slipway_{name}", labels)


async def test_counts_videos_bytes_and_accounts(
    application: Application, make_user: MakeUser, make_video: MakeVideo, clock: FakeClock
) -> None:
    other = await make_user(is_active=False)
    for status in ("uploading", "completing", "processing", "ready", "ready", "deleting"):
        await make_video(status, owner=other)

    await application.inventory.publish()

    counts = {status.value: value("videos", status=status.value) for status in VideoStatus}
    assert counts == {
        "uploading": 1,
        "completing": 1,
        "processing": 1,
        "ready": 2,
        "failed": 0,
        "expired": 0,
        "deleting": 1,
    }
    assert value("accounts") == 2
    assert value("reserved_bytes") == 6 * len(SMALL_VIDEO)
    assert value("stored_bytes") == 4 * len(SMALL_VIDEO)
    assert value("counted_timestamp_seconds") == clock.now().timestamp()


async def test_tells_how_long_work_has_been_due(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    now = clock.now()
    for late in (timedelta(minutes=3), timedelta(minutes=20)):
        await make_video("processing", due_at=now - late)
    await make_video("uploading", due_at=now + timedelta(hours=1))

    await application.inventory.publish()

    assert value("oldest_due_seconds", status="processing") == 20 * 60
    assert value("oldest_due_seconds", status="uploading") == 0
    assert value("oldest_due_seconds", status="ready") == 0


async def test_work_that_a_process_does_is_not_due(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    """A scan may take long."""
    now = clock.now()
    long_ago, recently = now - timedelta(minutes=40), now - timedelta(minutes=20)
    await make_video("processing", due_at=long_ago, lease_until=now + timedelta(seconds=1))
    await make_video("processing", due_at=recently, lease_until=now)

    await application.inventory.publish()

    assert value("oldest_due_seconds", status="processing") == 20 * 60


async def test_empty_database_has_nothing(application: Application) -> None:
    await application.inventory.publish()

    assert {value("videos", status=status.value) for status in VideoStatus} == {0}
    assert (value("accounts"), value("reserved_bytes"), value("stored_bytes")) == (0, 0, 0)


async def test_counts_once_a_minute_however_many_read(
    application: Application, make_video: MakeVideo, clock: FakeClock
) -> None:
    await application.inventory.publish()
    await make_video("ready")

    clock.advance(KEPT - timedelta(seconds=1))
    await application.inventory.publish()
    assert value("videos", status="ready") == 0
    clock.advance(seconds=1)
    await application.inventory.publish()
    assert value("videos", status="ready") == 1
    clock.advance(minutes=-5)
    await application.inventory.publish()
    assert value("counted_timestamp_seconds") == clock.now().timestamp(), "a clock that was set back"


async def test_keeps_the_last_counts_while_the_database_is_away(
    application: Application,
    make_video: MakeVideo,
    clock: FakeClock,
) -> None:
    await make_video("ready")
    await application.inventory.publish()
    counted_at = clock.now().timestamp()

    clock.advance(KEPT)
    async with database_down(application.database):
        await application.inventory.publish()

    assert value("videos", status="ready") == 1
    assert value("counted_timestamp_seconds") == counted_at, "so that an alarm can tell"
