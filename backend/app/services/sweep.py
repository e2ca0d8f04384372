"""The sweep: store and rows compared, one sweep at a time in all processes, and never more than it may change."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.core.db import Database
from app.core.metrics import (
    SWEEP_FOUND,
    SWEEP_FOUND_BYTES,
    SWEEP_LAST_SUCCESS,
    SWEEP_OLDEST_SECONDS,
    SWEEP_STOPPED,
)
from app.crud import installation, videos
from app.domain.sweep_report import Brake, Category, MarkerState, Outcome, SweepReport, most_changes
from app.models import Installation
from app.ports import Clock, ObjectStorage
from app.services.asking import Asking
from app.services.audit import Audit, Audited
from app.services.bucket_marker import BucketMarker
from app.services.sweep_pass import SweepPass

log = structlog.get_logger()

SWEEP_LEASE = timedelta(minutes=2)
"""Longer than a pass goes on without renewing it: a page of a listing, or one handful of questions to the store
(services/asking.py). A sweep that was killed holds up the next for no longer."""
_RENEW_AFTER_SECONDS = 20.0
_LOOK_AGAIN_SECONDS = 0.5
"""Of an operator who waits for their turn."""

ALWAYS: Final = frozenset({Category.UNOWNED_UPLOADS, Category.FAILED_OBJECTS})
"""What a sweep deals with unasked."""
OURS: Final = frozenset({MarkerState.OURS, MarkerState.ADOPTED})


@dataclass(frozen=True)
class SweepOrder:
    """What the operator allows; the defaults are what runs by itself."""

    dry_run: bool = False
    remove_objects: bool = False
    """Also objects without a row."""
    force: bool = False
    """Without the brakes: the one on videos too."""
    adopt: bool = False
    """The bucket belongs to this database from now on, whatever its marker says."""

    @property
    def categories(self) -> frozenset[Category]:
        return ALWAYS | {Category.UNKNOWN_OBJECTS} if self.remove_objects else ALWAYS


class AnotherSweepRunning(Exception):
    """Its lease is in the database, and has not ended."""

    def __init__(self) -> None:
        super().__init__(
            "Another sweep is running. Nothing was done; try again in a few minutes, or wait for it with --wait."
        )


class SweepOvertaken(Exception):
    """This sweep stood still for longer than its lease, and another one may run."""

    def __init__(self) -> None:
        super().__init__(
            "This sweep stood still for too long, and another one may have begun. What it had changed by then stays "
            "changed; try again in a few minutes."
        )


class _Lease:
    """This sweep's turn; None owns a dry run's, which changes nothing and needs none."""

    def __init__(self, database: Database, clock: Clock, owner: uuid.UUID | None) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._renewed_at = asyncio.get_running_loop().time()

    async def keep(self) -> None:
        """For between two steps, however many: writes only now and then. Raises SweepOvertaken."""
        if asyncio.get_running_loop().time() - self._renewed_at >= _RENEW_AFTER_SECONDS:
            await self.renew()

    async def renew(self) -> None:
        """For before a change of rows: this process's clock does not run while its machine sleeps."""
        if self._owner is None:
            return
        async with self._database.transaction() as session:
            now = await installation.database_time(session, self._clock.now())
            if not await installation.extend_sweep(session, self._owner, now + SWEEP_LEASE):
                raise SweepOvertaken
        self._renewed_at = asyncio.get_running_loop().time()


class Sweep:
    def __init__(
        self,
        database: Database,
        storage: ObjectStorage,
        clock: Clock,
        audit: Audit,
        grace: timedelta,
        interval: timedelta,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._audit = audit
        self._marker = BucketMarker(storage)
        self._grace = grace
        self._interval = interval

    async def run(self, order: SweepOrder, *, wait_seconds: float = 0) -> SweepReport:
        """Now, whenever the last one was; of a sweep under way the end is waited for, for so long.

        Raises AnotherSweepRunning, SweepOvertaken, StorageUnavailable, DatabaseUnavailable.
        """
        if order.dry_run:
            return await self._look_only(order)
        owner = uuid.uuid4()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while (claimed := await self._claim(owner, None)) is None:
            if loop.time() >= deadline:
                raise AnotherSweepRunning
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        return await self._run_claimed(order, owner, claimed)

    async def run_when_due(self) -> None:
        """The sweep that runs by itself, in whichever process comes first; all processes publish what it found."""
        owner = uuid.uuid4()
        claimed = await self._claim(owner, self._interval)
        if claimed is not None:
            await self._run_claimed(SweepOrder(), owner, claimed)
        async with self._database.reading() as session:
            row = await installation.get(session)
        if row and row.sweep_report:
            publish(json.loads(row.sweep_report), row.sweep_done_at)

    # --- one at a time ----------------------------------------------------------------------------------------

    async def _claim(self, owner: uuid.UUID, due_after: timedelta | None) -> Installation | None:
        """Which database this is, when the sweep is ours."""
        async with self._database.transaction() as session:
            row = await installation.get_or_create(session)
            now = await installation.database_time(session, self._clock.now())
            claimed = await installation.claim_sweep(session, owner, now, SWEEP_LEASE, due_after)
        return row if claimed else None

    async def _run_claimed(self, order: SweepOrder, owner: uuid.UUID, claimed: Installation) -> SweepReport:
        try:
            report = await self._pass(order, claimed, _Lease(self._database, self._clock, owner))
        except BaseException:
            async with self._database.transaction() as session:
                now = await installation.database_time(session, self._clock.now())
                await installation.finish_sweep(session, owner, now)
            raise
        async with self._database.transaction() as session:
            now = await installation.database_time(session, self._clock.now())
            results: dict[str, object] = {"sweep_report": json.dumps(report.as_dict())}
            if report.outcome is Outcome.DONE:
                results["sweep_done_at"] = now
            if not await installation.finish_sweep(session, owner, now, **results):
                raise SweepOvertaken
        _tell(report)
        return report

    # --- a pass -----------------------------------------------------------------------------------------------

    async def _look_only(self, order: SweepOrder) -> SweepReport:
        async with self._database.reading() as session:
            row = await installation.get(session)
        return await self._pass(order, row, _Lease(self._database, self._clock, None))

    async def _pass(self, order: SweepOrder, row: Installation | None, lease: _Lease) -> SweepReport:
        """Look, decide, and only then change anything."""
        store_now = await self._storage.server_time()
        # Before the listing: what becomes ready meanwhile need not be in it.
        ready = await self._count_ready() if _is_new(row) else 0
        asking = Asking(lease.keep)
        listings = SweepPass(
            self._database, self._storage, self._clock, self._grace, store_now, lease.keep, asking
        )
        await listings.look()
        audited = await self._audit.look(store_now, asking)
        for damage in audited.damaged:
            listings.tallies[damage.category].add(
                damage.video.object_key, damage.video.size_bytes, damage.age
            )

        # Last, so that it speaks of the bucket that was looked at.
        marker, is_ours = await self._whose_bucket(order, row, self._fits(listings, audited, ready))
        braked: frozenset[Brake] = frozenset()
        if is_ours:
            braked = await self._brakes(order, listings, audited, store_now)
            if not order.dry_run:
                await lease.renew()
                await self._audit.note(audited)
            asking.end_if_too_many()
        if is_ours and not order.dry_run:
            if Brake.AUDIT not in braked:
                await self._judge(listings, audited, store_now, lease)
            if Brake.STRAYS not in braked:
                await self._deal_with_strays(order, listings)
        outcome = Outcome.BRAKED if braked else Outcome.DONE
        return SweepReport(
            outcome if is_ours else Outcome.REFUSED,
            braked,
            marker,
            order.dry_run,
            listings.seen.uploads,
            listings.seen.objects,
            audited.count,
            {category: tally.finding() for category, tally in listings.tallies.items()},
        )

    async def _whose_bucket(
        self, order: SweepOrder, row: Installation | None, fits: bool
    ) -> tuple[MarkerState, bool]:
        """What its marker says, and whether this database's sweep may act in it. Writes the marker where it may."""
        marker = await self._marker.state(row.database_id if row else None)
        is_new = _is_new(row)
        adopts = order.adopt or (marker is MarkerState.ABSENT and is_new and fits)
        if order.dry_run or row is None:
            return marker, adopts or marker is MarkerState.OURS
        if adopts and marker is not MarkerState.OURS:
            marker = await self._marker.write(row.database_id, only_if_new=not order.adopt)
        if marker in OURS and is_new:
            async with self._database.transaction() as session:
                now = await installation.database_time(session, self._clock.now())
                await installation.note_bucket_marked(session, now)
        return marker, marker in OURS

    def _fits(self, listings: SweepPass, audited: Audited, ready: int) -> bool:
        """Whether a bucket without a marker may be taken for ours: it holds no object we do not know, and all that
        are ready."""
        seen = listings.seen
        return seen.objects == seen.known_objects and seen.known_objects >= ready and not audited.damaged

    async def _count_ready(self) -> int:
        async with self._database.reading() as session:
            return await videos.count_ready(session)

    async def _brakes(
        self, order: SweepOrder, listings: SweepPass, audited: Audited, store_now: datetime
    ) -> frozenset[Brake]:
        if order.force:
            return frozenset()
        planned = sum(listings.tallies[category].count for category in order.categories)
        too_much = {
            Brake.STRAYS: planned > most_changes(listings.seen.uploads + listings.seen.objects),
            Brake.AUDIT: await self._audit.is_too_much(audited, store_now),
        }
        return frozenset(brake for brake, pulled in too_much.items() if pulled)

    async def _judge(self, listings: SweepPass, audited: Audited, store_now: datetime, lease: _Lease) -> None:
        for damage in audited.damaged:
            await lease.renew()
            if await self._audit.judge(damage, store_now):
                listings.tallies[damage.category].done += 1

    async def _deal_with_strays(self, order: SweepOrder, listings: SweepPass) -> None:
        if any(listings.tallies[category].count for category in order.categories):
            looked_at = listings.seen.uploads + listings.seen.objects
            await listings.deal_with(order.categories, None if order.force else most_changes(looked_at))


def _is_new(row: Installation | None) -> bool:
    """A database that has no bucket yet may mark one."""
    return row is None or row.bucket_marked_at is None


# --- what came of it --------------------------------------------------------------------------------------------


def publish(report: Mapping[str, Any], done_at: datetime | None) -> None:
    """The last sweep's report as metrics."""
    for category, found in report["findings"].items():
        SWEEP_FOUND.labels(category).set(found["count"])
        SWEEP_FOUND_BYTES.labels(category).set(found["bytes"])
        SWEEP_OLDEST_SECONDS.labels(category).set(found["oldest_seconds"])
    for outcome in (Outcome.BRAKED, Outcome.REFUSED):
        SWEEP_STOPPED.labels(outcome.value).set(report["outcome"] == outcome)
    if done_at is not None:
        SWEEP_LAST_SUCCESS.set(done_at.timestamp())


def _tell(report: SweepReport) -> None:
    counts = {category.value: found.count for category, found in report.findings.items() if found.count}
    if report.outcome is Outcome.DONE:
        log.info("sweep.finished", uploads=report.uploads, objects=report.objects, **counts)
    else:
        log.error(
            f"sweep.{report.outcome.value}",
            marker=report.marker.value,
            braked=sorted(report.braked),
            **counts,
        )
