"""The sweep skips keys for which the store returns errors, up to a number."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from app.bootstrap import Application
from app.core.storage_causes import CredentialsEnded, cause_of
from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import Category, Outcome
from app.services.sweep import store_calls
from app.services.sweep.audit import AUDIT_EVERY
from tests.conftest import MakeVideo
from tests.factories import (
    read_video,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.sweep.conftest import (
    GRACE,
    a_key,
    found,
    run,
)


def refuse(
    monkeypatch: pytest.MonkeyPatch, storage: InMemoryStorage, operation: str, object_keys: Collection[str]
) -> None:
    """Act as a store that returns 403 because the objects' encryption key is disabled."""
    real = getattr(storage, operation)

    async def refusing(object_key: str, *rest: Any, **named: Any) -> Any:
        if object_key in object_keys:
            raise StorageUnavailable from CredentialsEnded()
        return await real(object_key, *rest, **named)

    monkeypatch.setattr(storage, operation, refusing)


@pytest.mark.usefixtures("adopted")
@pytest.mark.parametrize("operation", ["list_parts", "head", "abort_multipart_upload"])
async def test_skips_unanswered_upload(
    application: Application,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
) -> None:
    bad, good = sorted([a_key(), a_key()])
    storage.open_upload(bad)
    storage.open_upload(good)
    clock.advance(GRACE + timedelta(seconds=1))
    refuse(monkeypatch, storage, operation, {bad})

    report = await run(application)

    assert report.outcome is Outcome.DONE
    assert [upload.object_key for upload in storage.open_uploads] == [bad]
    assert (found(report, Category.UNANSWERED).count, found(report, Category.UNANSWERED).examples) == (
        1,
        [bad],
    )


async def test_checks_unanswered_video_a_day_later(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = await make_video("ready")
    await run(application)
    clock.advance(AUDIT_EVERY)
    refuse(monkeypatch, storage, "head", {bad.object_key})

    first, second = await run(application), await run(application)

    assert (first.outcome, first.audited, found(first, Category.UNANSWERED).count) == (Outcome.DONE, 0, 1)
    assert found(second, Category.UNANSWERED).count == 0
    assert (await read_video(application, bad.id)).status == "ready"


async def test_unanswered_check_keeps_earlier_finding(
    application: Application, make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    video = await make_video("ready")
    await run(application)
    del storage.objects[video.object_key]
    clock.advance(AUDIT_EVERY)
    await run(application)
    missing_since = (await read_video(application, video.id)).missing_since
    clock.advance(RECHECK_AFTER)
    storage.fail_next("head")
    await run(application)
    clock.advance(AUDIT_EVERY)

    report = await run(application)

    assert (found(report, Category.MISSING_OBJECTS).count, report.unconfirmed) == (1, 0)
    assert (await read_video(application, video.id)).missing_since == missing_since is not None


async def test_too_many_unanswered_keys_end_the_sweep_but_not_the_next(
    application: Application,
    make_video: MakeVideo,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = [await make_video("ready") for _ in range(store_calls.MAX_UNANSWERED)]
    await run(application)
    storage.open_upload(a_key())
    clock.advance(AUDIT_EVERY)
    refuse(monkeypatch, storage, "head", {video.object_key for video in bad})

    with pytest.raises(StorageUnavailable) as raised:
        await run(application)
    assert cause_of(raised.value) == "The AWS credentials have ended and were not renewed."
    assert len(storage.open_uploads) == 1

    assert (await run(application)).outcome is Outcome.DONE
    assert storage.open_uploads == []
