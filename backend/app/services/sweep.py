"""The sweep: store and rows compared, one sweep at a time in all processes, and never more than it may change."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
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
from app.domain.sweep_report import Category, MarkerState, Outcome, SweepReport, most_changes
from app.ports import Clock, ObjectStorage
from app.services.audit import Audit, Audited
from app.services.bucket_marker import BucketMarker
from app.services.sweep_pass import SweepPass

log = structlog.get_logger()

SWEEP_LEASE = timedelta(minutes=2)
"""Longer than any one step of a pass; a sweep that was killed holds up the next for no longer."""
_RENEW_AFTER_SECONDS = 20.0

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
    """Without the brake."""
    adopt: bool = False
    """The bucket belongs to this database from now on, whatever its marker says."""

    @property
    def categories(self) -> frozenset[Category]:
        return ALWAYS | {Category.UNKNOWN_OBJECTS} if self.remove_objects else ALWAYS


class AnotherSweepRunning(Exception):
    """Its lease is in the database, and has not ended."""

    def __init__(self) -> None:
        super().__init__("Another sweep is running. Nothing was done; try again in a few minutes.")


class SweepOvertaken(Exception):
    """This sweep stood still for longer than its lease, and another one may run."""


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

    async def run(self, order: SweepOrder) -> SweepReport:
        """Now, whenever the last one was.

        Raises AnotherSweepRunning, SweepOvertaken, StorageUnavailable, DatabaseUnavailable.
        """
        if order.dry_run:
            return await self._look_only(order)
        owner = uuid.uuid4()
        database_id = await self._claim(owner, timedelta())
        if database_id is None:
            raise AnotherSweepRunning
        return await self._run_claimed(order, owner, database_id)

    async def run_when_due(self) -> None:
        """The sweep that runs by itself, in whichever process comes first; all processes publish what it found."""
        owner = uuid.uuid4()
        database_id = await self._claim(owner, self._interval)
        if database_id is not None:
            await self._run_claimed(SweepOrder(), owner, database_id)
        async with self._database.reading() as session:
            row = await installation.get(session)
        if row and row.sweep_report:
            publish(json.loads(row.sweep_report), row.sweep_done_at)

    # --- one at a time ----------------------------------------------------------------------------------------

    async def _claim(self, owner: uuid.UUID, due_after: timedelta) -> uuid.UUID | None:
        """This database's name when the sweep is ours."""
        async with self._database.transaction() as session:
            row = await installation.get_or_create(session)
            now = await installation.database_time(session, self._clock.now())
            claimed = await installation.claim_sweep(session, owner, now, SWEEP_LEASE, due_after)
        return row.database_id if claimed else None

    async def _run_claimed(self, order: SweepOrder, owner: uuid.UUID, database_id: uuid.UUID) -> SweepReport:
        try:
            report = await self._pass(order, database_id, self._lease_keeper(owner))
        except BaseException:
            async with self._database.transaction() as session:
                await installation.finish_sweep(session, owner)
            raise
        async with self._database.transaction() as session:
            results: dict[str, object] = {"sweep_report": json.dumps(report.as_dict())}
            if report.outcome is Outcome.DONE:
                results["sweep_done_at"] = await installation.database_time(session, self._clock.now())
            await installation.finish_sweep(session, owner, **results)
        _tell(report)
        return report

    def _lease_keeper(self, owner: uuid.UUID) -> Callable[[], Awaitable[None]]:
        loop = asyncio.get_running_loop()
        renewed_at = loop.time()

        async def keep() -> None:
            nonlocal renewed_at
            if loop.time() - renewed_at < _RENEW_AFTER_SECONDS:
                return
            async with self._database.transaction() as session:
                now = await installation.database_time(session, self._clock.now())
                if not await installation.extend_sweep(session, owner, now + SWEEP_LEASE):
                    raise SweepOvertaken
            renewed_at = loop.time()

        return keep

    # --- a pass -----------------------------------------------------------------------------------------------

    async def _look_only(self, order: SweepOrder) -> SweepReport:
        async def keep() -> None:
            """Who changes nothing needs no lease."""

        async with self._database.reading() as session:
            row = await installation.get(session)
        return await self._pass(order, row.database_id if row else None, keep)

    async def _pass(
        self, order: SweepOrder, database_id: uuid.UUID | None, keep_lease: Callable[[], Awaitable[None]]
    ) -> SweepReport:
        """Look, decide, and only then change anything."""
        store_now = await self._storage.server_time()
        async with self._database.reading() as session:
            ready = await videos.count_ready(session)
        listings = SweepPass(self._database, self._storage, self._clock, self._grace, store_now, keep_lease)
        await listings.look()
        await keep_lease()
        audited = await self._audit.look(store_now)
        for damage in audited.damaged:
            listings.tallies[damage.category].add(
                damage.video.object_key, damage.video.size_bytes, damage.age
            )

        # Last, so that it speaks of the bucket that was looked at.
        marker = await self._marker.state(database_id)
        adopts = order.adopt or (marker is MarkerState.ABSENT and self._fits(listings, audited, ready))
        if adopts and marker is not MarkerState.OURS and database_id is not None and not order.dry_run:
            marker = await self._marker.write(database_id, only_if_new=not order.adopt)

        if marker not in OURS and not (adopts and order.dry_run):
            outcome = Outcome.REFUSED
        elif not order.force and self._is_too_much(order, listings, audited):
            outcome = Outcome.BRAKED
        else:
            outcome = Outcome.DONE
        if outcome is not Outcome.REFUSED and not order.dry_run:
            await self._audit.note_sound(audited)
        if outcome is Outcome.DONE and not order.dry_run:
            await self._change(order, listings, audited, store_now)
        return SweepReport(
            outcome,
            marker,
            order.dry_run,
            listings.seen.uploads,
            listings.seen.objects,
            audited.count,
            {category: tally.finding() for category, tally in listings.tallies.items()},
        )

    def _fits(self, listings: SweepPass, audited: Audited, ready: int) -> bool:
        """Whether a bucket without a marker may be taken for ours: it holds no object we do not know, and all that
        are ready."""
        seen = listings.seen
        return seen.objects == seen.known_objects and seen.known_objects >= ready and not audited.damaged

    def _is_too_much(self, order: SweepOrder, listings: SweepPass, audited: Audited) -> bool:
        planned = sum(listings.tallies[category].count for category in order.categories)
        return planned > most_changes(listings.seen.uploads + listings.seen.objects) or len(
            audited.damaged
        ) > most_changes(audited.count)

    async def _change(
        self, order: SweepOrder, listings: SweepPass, audited: Audited, store_now: datetime
    ) -> None:
        for damage in audited.damaged:
            if await self._audit.judge(damage, store_now):
                listings.tallies[damage.category].done += 1
        if any(listings.tallies[category].count for category in order.categories):
            looked_at = listings.seen.uploads + listings.seen.objects
            await listings.deal_with(order.categories, None if order.force else most_changes(looked_at))


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
        log.error(f"sweep.{report.outcome.value}", marker=report.marker.value, **counts)
