"""A dry run reports, and changes nothing."""

import pytest

from app.bootstrap import Application
from app.domain.sweep_report import Outcome
from app.services.sweep.bucket import MARKER_KEY
from tests.conftest import MakeVideo
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.sweep.conftest import (
    leave_strange_things,
    open_ids,
    rows,
    run,
)


@pytest.mark.parametrize("is_adopted", [True, False])
async def test_changes_nothing(
    application: Application,
    storage: InMemoryStorage,
    make_video: MakeVideo,
    clock: FakeClock,
    is_adopted: bool,
) -> None:
    await leave_strange_things(application, storage, make_video, clock)
    await make_video("failed", storage_gone_at=clock.now(), due_at=None)
    if not is_adopted:
        del storage.objects[MARKER_KEY]
    storage.calls.clear()
    before = (await rows(application), dict(storage.objects), open_ids(storage))

    report = await run(application, dry_run=True, remove_objects=True, force=True, adopt=True)

    assert (await rows(application), dict(storage.objects), open_ids(storage)) == before
    assert {called for called, _ in storage.calls} == {
        *("server_time", "list_uploads", "list_objects", "list_parts", "head", "read_range")
    }
    counts = {category.value: finding.count for category, finding in report.findings.items() if finding.count}
    assert counts == {"unowned_uploads": 1, "unknown_objects": 1, "failed_objects": 1, "missing_objects": 1}
    assert sum(finding.done for finding in report.findings.values()) == 0


async def test_creates_no_row_before_the_first_sweep(application: Application) -> None:
    assert (await run(application, dry_run=True)).outcome is Outcome.DONE

    assert await rows(application) == [None]
