"""Compare the store with the database, report, and then remove orphans up to a limit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.core import metrics
from app.core.db import Database
from app.crud import audit, installation, videos
from app.domain.sweep_report import (
    Category,
    Finding,
    MarkerState,
    Outcome,
    SweepReport,
    max_changes,
    new_findings,
)
from app.models import Installation
from app.ports import Clock, ObjectStorage
from app.services.sweep.audit import Audit
from app.services.sweep.bucket import BucketMarker
from app.services.sweep.lease import SweepLease, SweepOvertaken
from app.services.sweep.orphans import Orphans
from app.services.sweep.store_calls import StoreCalls

log = structlog.get_logger()

_AUTOMATIC: Final = frozenset({Category.UNOWNED_UPLOADS, Category.FAILED_OBJECTS})
"""The categories that every sweep removes."""


MAX_WAITING: Final = 10_000
"""Videos in `processing` that a sweep counts."""


@dataclass(frozen=True)
class SweepOrder:
    """What the operator allows. The defaults are those of the automatic sweep."""

    dry_run: bool = False
    remove_objects: bool = False
    """Also remove objects without a row."""
    force: bool = False
    """Remove orphans without a limit."""
    adopt: bool = False
    """Take the bucket for this database's, whatever its marker says."""

    @property
    def categories(self) -> frozenset[Category]:
        return _AUTOMATIC | {Category.UNKNOWN_OBJECTS} if self.remove_objects else _AUTOMATIC


@dataclass(frozen=True)
class Sweep:
    database: Database
    storage: ObjectStorage
    clock: Clock
    grace: timedelta
    interval: timedelta

    async def run(self, order: SweepOrder, *, wait_seconds: float = 0) -> SweepReport:
        """Sweep now, after waiting up to `wait_seconds` for another sweep to end. A dry run needs no lease.

        Raises AnotherSweepRunning, SweepOvertaken, StorageUnavailable, DatabaseUnavailable.
        """
        lease = SweepLease(self.database, self.clock)
        if order.dry_run:
            async with self.database.reading() as session:
                row = await installation.get(session)
            return await self._pass(order, row, lease)
        row = await lease.wait_for_claim(wait_seconds)
        return await self._run_claimed(order, row, lease)

    async def run_when_due(self) -> None:
        """Sweep if no process did so within the interval, and publish the last sweep's report in every process."""
        lease = SweepLease(self.database, self.clock)
        claimed = await lease.claim(self.interval)
        if claimed is not None:
            await self._run_claimed(SweepOrder(), claimed, lease)
        async with self.database.reading() as session:
            row = await installation.get(session)
        if row and row.sweep_report:
            publish(json.loads(row.sweep_report), row.sweep_done_at)

    async def _run_claimed(self, order: SweepOrder, row: Installation, lease: SweepLease) -> SweepReport:
        async with lease.released_on_error():
            report = await self._pass(order, row, lease)
        if not await lease.release(report):
            raise SweepOvertaken
        _log(report)
        return report

    async def _pass(self, order: SweepOrder, row: Installation | None, lease: SweepLease) -> SweepReport:
        store_now = await self.storage.server_time()
        is_new = row is None or row.bucket_marked_at is None
        ready = 0
        if is_new:
            # Before the listing, because a video that becomes ready meanwhile may be missing from it.
            async with self.database.reading() as session:
                ready = await audit.count_ready(session)
        findings = new_findings()
        calls = StoreCalls(lease, findings[Category.UNANSWERED])
        orphans = Orphans(
            self.database, self.storage, self.clock, self.grace, calls, store_now, order.categories, findings
        )
        await orphans.find()
        auditor = Audit(self.database, self.storage, self.clock, calls, store_now)
        checked = await auditor.check_due()
        checked.add_to(findings)
        await self._add_waiting(findings[Category.WAITING_VIDEOS])

        is_complete = orphans.objects == orphans.known_objects >= ready and not checked.lost
        # Last, so that the marker is that of the bucket which was listed.
        marker, is_ours = await self._check_bucket(order, row, may_adopt=is_new and is_complete)
        outcome = Outcome.DONE if is_ours else Outcome.REFUSED
        if is_ours and not order.dry_run:
            await lease.renew()
            await auditor.record(checked)
        if is_ours:
            calls.raise_if_too_many()
            planned = sum(findings[category].count for category in order.categories)
            if planned > max_changes(orphans.uploads + orphans.objects) and not order.force:
                outcome = Outcome.OVER_LIMIT
        if outcome is Outcome.DONE and not order.dry_run:
            await orphans.remove()
        return SweepReport(
            outcome,
            marker,
            order.dry_run,
            orphans.uploads,
            orphans.objects,
            checked.count,
            checked.unconfirmed,
            findings,
        )

    async def _add_waiting(self, found: Finding) -> None:
        now = self.clock.now()
        async with self.database.reading() as session:
            for video in await videos.list_postponed(session, MAX_WAITING):
                found.add(video.object_key, video.size_bytes, now - (video.uploaded_at or now))

    async def _check_bucket(
        self, order: SweepOrder, row: Installation | None, *, may_adopt: bool
    ) -> tuple[MarkerState, bool]:
        """Return the marker's state and whether the bucket is this database's. Write the marker if it should be."""
        bucket = BucketMarker(self.storage)
        marker = await bucket.state(row.database_id if row else None)
        adopts = order.adopt or (marker is MarkerState.ABSENT and may_adopt)
        if order.dry_run or row is None:
            return marker, adopts or marker is MarkerState.OURS
        if adopts and marker is not MarkerState.OURS:
            marker = await bucket.write(row.database_id, only_if_new=not order.adopt)
        is_ours = marker in (MarkerState.OURS, MarkerState.ADOPTED)
        if is_ours and row.bucket_marked_at is None:
            async with self.database.transaction() as session:
                now = await installation.database_time(session, self.clock.now())
                await installation.record_bucket_marked(session, now)
        return marker, is_ours


def publish(report: Mapping[str, Any], done_at: datetime | None) -> None:
    """Set the metrics to the last sweep's report.

    A refused sweep compared another database's bucket, in which every video looks lost.
    """
    findings = {} if report["outcome"] == Outcome.REFUSED else report["findings"]
    for category, found in findings.items():
        metrics.SWEEP_FOUND.labels(category).set(found["count"])
        metrics.SWEEP_FOUND_BYTES.labels(category).set(found["bytes"])
        metrics.SWEEP_OLDEST_SECONDS.labels(category).set(found["oldest_seconds"])
    for outcome in (Outcome.OVER_LIMIT, Outcome.REFUSED):
        metrics.SWEEP_STOPPED.labels(outcome.value).set(report["outcome"] == outcome)
    if done_at is not None:
        metrics.SWEEP_LAST_SUCCESS.set(done_at.timestamp())


def _log(report: SweepReport) -> None:
    counts = {category.value: found.count for category, found in report.findings.items() if found.count}
    if report.outcome is Outcome.DONE:
        log.info("sweep.finished", uploads=report.uploads, objects=report.objects, **counts)
    else:
        log.error(f"sweep.{report.outcome.value}", marker=report.marker.value, **counts)
    if confirmed := counts.get("missing_objects", 0) + counts.get("replaced_objects", 0) - report.unconfirmed:
        log.error("audit.confirmed_findings", count=confirmed)
