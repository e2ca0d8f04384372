"""Set ready videos to failed whose object is missing or replaced, at an operator's command."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from sqlmodel import col

from app.core.db import Database
from app.crud import audit, videos
from app.domain.errors import OBJECT_MISSING
from app.domain.sweep_report import Category, Finding, MarkerState, Outcome, SweepReport
from app.domain.video_status import VideoEvent
from app.models import Video
from app.ports import Clock, ObjectStorage
from app.services.sweep.audit import AUDIT_BATCH, Audit, AuditFinding
from app.services.sweep.bucket_check import BucketCheck
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

    async def plan(self) -> tuple[SweepReport, list[uuid.UUID]]:
        """Check all videos that the audit recorded. Return a report and the videos to set to failed.

        The store may answer 404 for an object that exists. Therefore two checks at least RECHECK_AFTER apart must
        have found the object missing or replaced.
        """
        recorded: list[uuid.UUID] = []
        after: uuid.UUID | None = uuid.UUID(int=0)
        while after is not None:
            async with self.database.reading() as session:
                page, after = await audit.list_found_ids(session, after)
            recorded += page
        return await self._check(recorded, SweepLease(self.database, self.clock), dry_run=True)

    async def run(self, video_ids: Sequence[uuid.UUID], *, wait_seconds: float = 0) -> SweepReport:
        """Check these videos once more, and set to failed those whose object is still missing or replaced.

        Their storage and their owners' reservations stay. Raises also AnotherSweepRunning and SweepOvertaken.
        """
        lease = SweepLease(self.database, self.clock)
        await lease.wait_for_claim(wait_seconds)
        async with lease.released_on_error():
            report, _ = await self._check(video_ids, lease, dry_run=False)
        await lease.finish()
        return report

    async def _check(
        self, video_ids: Sequence[uuid.UUID], lease: SweepLease, *, dry_run: bool
    ) -> tuple[SweepReport, list[uuid.UUID]]:
        store_now = await self.storage.server_time()
        calls = StoreCalls(lease.keep)
        auditor = Audit(self.database, self.storage, self.clock)
        findings = {category: Finding() for category in Category} | {Category.UNANSWERED: calls.unanswered}
        checked = unconfirmed = 0
        to_fail: list[uuid.UUID] = []
        for start in range(0, len(video_ids), AUDIT_BATCH):
            async with self.database.reading() as session:
                recorded = await audit.list_found(session, video_ids[start : start + AUDIT_BATCH])
            result = await auditor.check(recorded, store_now, calls)
            calls.raise_if_too_many()
            # After the checks, so that the marker is that of the bucket which was checked.
            await self.bucket.confirm()
            result.count_in(findings)
            checked += result.checked
            unconfirmed += result.unconfirmed
            confirmed = [finding for finding in result.findings if finding.is_confirmed]
            to_fail += [finding.video.id for finding in confirmed]
            if not dry_run:
                await lease.renew()
                await auditor.record(result, store_now)
                for finding in await self._set_failed(confirmed):
                    findings[finding.category].done += 1
        report = SweepReport(Outcome.DONE, MarkerState.OURS, dry_run, 0, 0, checked, unconfirmed, findings)
        return report, to_fail

    async def _set_failed(self, confirmed: Iterable[AuditFinding]) -> list[AuditFinding]:
        """Return those that were set to failed. The others were deleted or found again meanwhile."""
        failed = []
        async with self.database.transaction() as session:
            for finding in confirmed:
                unchanged = col(Video.missing_since) == finding.video.missing_since
                if await videos.transition(
                    session,
                    finding.video.id,
                    VideoEvent.SET_FAILED,
                    unchanged,
                    **OBJECT_MISSING,
                    due_at=None,
                ):
                    failed.append(finding)
        for finding in failed:
            log.warning("audit.set_failed", video_id=str(finding.video.id), finding=finding.category.value)
        return failed
