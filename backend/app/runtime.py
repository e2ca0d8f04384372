"""Start an application's store and background loops, and stop them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import NoReturn

import structlog

from app.bootstrap import PROBES_AT_ONCE, Application, apply_storage
from app.core import metrics, version
from app.core.operator_errors import reason_for
from app.core.tasks import cancel_and_wait, run_forever, side_by_side
from app.domain.errors import Unavailable
from app.services.sweep.bucket import WrongBucket
from app.services.sweep.lease import SweepOvertaken
from app.services.sweep.sweep import Sweep

log = structlog.get_logger()

_DRAIN_SECONDS = 15.0


@dataclass(frozen=True)
class Intervals:
    """Seconds between two steps of each background loop."""

    clock: float = 60.0
    bucket: float = 1.0
    wrong_bucket: float = 15.0
    probes: float = 1.0
    reconciler: float = 1.0
    deletion: float = 5.0
    name_keys: float = 60.0
    sweep: float = 15.0


PRODUCTION = Intervals()


@asynccontextmanager
async def running(application: Application, intervals: Intervals = PRODUCTION) -> AsyncIterator[None]:
    """Run the embedded store and the background loops, and close the application at the end.

    If the store is unavailable, no loop and no request uses it until the bucket is confirmed.
    Raise NoDatabase, SchemaOutdated, SchemaTooNew, StoreNotStarted, WrongBucket or DatabaseUnavailable if the
    application cannot start.
    """
    _announce(await application.prepare())
    metrics.SWEEP_INTERVAL.set(application.settings.sweep_interval_seconds)
    # Sessions and expiries need the time also while the bucket is unconfirmed.
    keep_time = run_forever("clock", application.set_clock, intervals.clock, wait_first=True)
    loops = [asyncio.create_task(keep_time)]
    try:
        if application.store:
            await application.store.start()
            await asyncio.to_thread(apply_storage, application)
        try:
            await application.bucket.confirm()
        except Unavailable as error:
            log.warning("bucket.unconfirmed", reason=error.code, cause=reason_for(error))
            confirm_and_work = partial(_confirm_and_work, application, intervals)
            work = run_forever("bucket", confirm_and_work, intervals.bucket, wait_first=True)
        else:
            work = _work(application, intervals)
        loops.append(asyncio.create_task(work))
        yield
    finally:
        await cancel_and_wait(loops)
        await application.tasks.drain(_DRAIN_SECONDS)
        await application.close()


def leave(status: int) -> NoReturn:
    """End the process without waiting for threads, which may hang in a call to the store."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a full disk keeps no process from its end
            stream.flush()
    os._exit(status)


def _announce(database_schema: str) -> None:
    """Log what starts, and name it in the metrics."""
    own = version.running()
    metrics.BUILD_INFO.labels(own.version, own.commit or "", own.schema_version).set(1)
    log.info("process.started", **asdict(own), database_schema=database_schema)
    if database_schema != own.schema_version:
        log.warning("schema.newer", schema_version=own.schema_version, database_schema=database_schema)


async def _confirm_and_work(application: Application, intervals: Intervals) -> None:
    try:
        await application.bucket.confirm()
    except WrongBucket as error:
        # The process has started, so it refuses requests until the bucket is corrected or adopted.
        log.error("bucket.wrong", reason=str(error))
        await asyncio.sleep(intervals.wrong_bucket)
    else:
        await _work(application, intervals)


async def _work(application: Application, intervals: Intervals) -> None:
    probe_next = application.processing.probe_next
    sweep_every = min(intervals.sweep, application.settings.sweep_interval_seconds)
    await side_by_side(
        application.queue.work(probe_next, PROBES_AT_ONCE, intervals.probes),
        run_forever("reconciler", application.reconciler.start_due, intervals.reconciler),
        run_forever("deletion", application.deletion.finish_all, intervals.deletion),
        run_forever("name_keys", application.videos.fill_name_keys, intervals.name_keys),
        run_forever("sweep", partial(_sweep, application.sweep), sweep_every, wait_first=True),
    )


async def _sweep(sweep: Sweep) -> None:
    try:
        await sweep.run_when_due()
    except SweepOvertaken:
        log.warning("sweep.overtaken")
