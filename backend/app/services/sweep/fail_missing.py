"""Set ready videos to failed whose object is missing or replaced, at an operator's command."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlmodel import col

from app.core.db import Database
from app.crud import audit, videos
from app.domain.errors import OBJECT_MISSING
from app.domain.sweep_report import Category, MarkerState, Outcome, SweepReport, new_findings
from app.domain.video_status import VideoEvent
from app.models import Video
from app.ports import Clock, ObjectStorage
from app.services.sweep.audit import Audit
from app.services.sweep.bucket import BucketCheck
from app.services.sweep.lease import SweepLease
from app.services.sweep.store_calls import StoreCalls

log = structlog.get_logger()


@dataclass(frozen=True)
class FailMissing:
    """Raises WrongBucket, StorageUnavailable, DatabaseUnavailable."""

    database: Database
    storage: ObjectStorage
    clock: Clock
    bucket: BucketCheck

    async def plan(self) -> tuple[SweepReport, frozenset[uuid.UUID]]:
        """Check all videos that the audit recorded as lost. Return a report and the videos to set to failed.

        The store may answer 404 for an object that exists, so two checks at least RECHECK_AFTER apart must agree.
        """
        return await self._check(SweepLease(self.database, self.clock), None)

    async def run(self, video_ids: frozenset[uuid.UUID], *, wait_seconds: float = 0) -> SweepReport:
        """Check these videos once more, and set to failed those whose object is still missing or replaced.

        Their storage and their owners' reservations stay. Raises also AnotherSweepRunning and SweepOvertaken.
        """
        lease = SweepLease(self.database, self.clock)
        await lease.wait_for_claim(wait_seconds)
        async with lease.released_on_error():
            report, _ = await self._check(lease, video_ids)
        await lease.release()
        return report

    async def _check(
        self, lease: SweepLease, to_fail: frozenset[uuid.UUID] | None
    ) -> tuple[SweepReport, frozenset[uuid.UUID]]:
        """Change nothing if `to_fail` is None."""
        findings = new_findings()
        calls = StoreCalls(lease, findings[Category.UNANSWERED])
        auditor = Audit(self.database, self.storage, self.clock, calls, await self.storage.server_time())
        count = unconfirmed = 0
        confirmed: set[uuid.UUID] = set()
        after: uuid.UUID | None = uuid.UUID(int=0)
        while after is not None:
            async with self.database.reading() as session:
                lost, after = await audit.list_lost(session, after)
            checked = await auditor.check([video for video in lost if to_fail is None or video.id in to_fail])
            calls.raise_if_too_many()
            if checked.count:
                # After the checks, so that the marker is that of the bucket which was checked.
                await self.bucket.confirm()
            checked.add_to(findings)
            count += checked.count
            unconfirmed += checked.unconfirmed
            confirmed |= {video.id for video, _ in checked.confirmed}
            if to_fail is not None and checked.count:
                await lease.renew()
                await auditor.record(checked)
                for category in await self._set_failed(checked.confirmed):
                    findings[category].done += 1
        dry_run = to_fail is None
        report = SweepReport(Outcome.DONE, MarkerState.OURS, dry_run, 0, 0, count, unconfirmed, findings)
        return report, frozenset(confirmed)

    async def _set_failed(self, confirmed: Sequence[tuple[Video, Category]]) -> list[Category]:
        """Return the category of each video that was still ready and lost."""
        failed = []
        now = self.clock.now()
        async with self.database.transaction() as session:
            for video, category in sorted(confirmed, key=lambda one: one[0].id):
                unchanged = col(Video.missing_since) == video.missing_since
                event = VideoEvent.SET_FAILED
                if await videos.transition(
                    session, video.id, event, unchanged, changed_at=now, **OBJECT_MISSING, due_at=None
                ):
                    failed.append((video, category))
        for video, category in failed:
            log.warning("audit.set_failed", video_id=str(video.id), finding=category.value)
        return [category for _, category in failed]
