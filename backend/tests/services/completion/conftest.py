"""Share fixtures and assertions of the completion tests."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.bootstrap import Application
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.models import User, Video
from app.services import completion
from tests.factories import (
    read_video,
)
from tests.fakes import FakeClock, InMemoryStorage

WELL_PAST_A_LEASE = timedelta(seconds=31)


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll often, which only makes the tests shorter."""
    monkeypatch.setattr(completion, "POLL_SECONDS", 0.005)


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the store."""
    monkeypatch.setattr(completion, "WAIT_SECONDS", 0.0)


async def assert_completed(
    application: Application, storage: InMemoryStorage, video: Video, data: bytes
) -> None:
    """Assert one object with these bytes, no open upload and one due probe (I1, I6, I7 of the guarantees)."""
    row = await read_video(application, video.id)
    assert row.status == "processing"
    assert list(storage.objects) == [video.object_key]
    made = storage.objects[video.object_key]
    assert made.data == data
    assert row.etag == made.etag
    assert storage.open_uploads == []
    assert (row.lease_owner, row.lease_until) == (None, None)
    assert row.due_at == application.clock.now()
    assert (row.uploaded_at, row.expires_at) == (application.clock.now(), None)


async def complete_at_recheck(application: Application, clock: FakeClock, user: User, video: Video) -> Video:
    """Complete twice, because the first check alone decides nothing."""
    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})
    clock.advance(RECHECK_AFTER)
    return await application.completion.complete(user.id, video.id, {})


async def restore_to_uploading(application: Application, video: Video, upload_id: str | None) -> None:
    """Restore the row to a backup from before the end of the upload."""
    async with application.database.transaction() as session:
        await session.execute(
            update(Video).values(
                status="uploading",
                upload_id=upload_id,
                expires_at=video.expires_at,
                due_at=video.due_at,
                etag=None,
                uploaded_at=None,
            )
        )
