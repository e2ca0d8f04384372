"""The JobQueue port on Procrastinate: a job is news of a row that waits, told to every worker at once by PostgreSQL.

The row stays the truth. A job says "this video, now"; who may do it is decided by the lease on the row. A row that
waits without a job (postponed, its worker killed, its job lost) is announced when it is due.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Text, cast, column, exists, literal_column, table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.db import BUSY_TIMEOUT_SECONDS, Database, ImpatientConnection
from app.core.tasks import side_by_side
from app.crud import leases
from app.domain.errors import DatabaseUnavailable, Unavailable
from app.models import Video
from app.ports import Clock, ProbeOne

log = structlog.get_logger()

_TASK = "probe"
_LOOK_EVERY_SECONDS = 1.0
"""For rows that become due by the clock; and for jobs whose notification was lost: Procrastinate forgets one that
comes while it asks for the next job."""
_CLEAN_UP_AT = "* * * * *"
"""Every minute, in one process (cron). Procrastinate 3.10 watches its own LISTEN connection and heartbeat only as
long as there is a periodic task."""
_STALLED_SECONDS = 30.0
"""A worker without a heartbeat (one every 10 s) for this long is dead: Procrastinate's own defaults."""
_TRY_AGAIN_SECONDS = 1.0
_ANNOUNCED_AT_ONCE = 100
_POOL_SIZE = 4
_AN_HOUR = 3600.0

_JOBS = table("procrastinate_jobs", column("queueing_lock"), column("status"))
_IS_ANNOUNCED = exists().where(
    _JOBS.c.queueing_lock == cast(col(Video.id), Text), _JOBS.c.status == literal_column("'todo'")
)


class ProcrastinateQueue:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._app = App(connector=PsycopgConnector())
        """Never opened: it enqueues on its callers' connections."""

    async def enqueue_probe(self, session: AsyncSession, video_id: uuid.UUID) -> None:
        await leases.make_probe_due(session, video_id, self._clock.now())
        connection = await session.connection()
        raw = (await connection.get_raw_connection()).driver_connection
        try:
            # A job that waits already is a unique violation, which would abort the whole of the caller's transaction.
            # (The connection's savepoint: the session's own begins only with its next statement.)
            async with connection.begin_nested():
                await _announce(self._app, video_id, raw)
        except AlreadyEnqueued:
            pass
        except ConnectorException as error:
            if isinstance(error.__cause__, psycopg.OperationalError):
                raise DatabaseUnavailable from error
            raise

    async def work(self, probe: ProbeOne, at_once: int) -> None:
        async with self._connected() as app:
            _register(app, probe)
            take_jobs = partial(_take_jobs, app, at_once)
            announce_waiting = partial(self._announce_waiting, app)
            await side_by_side(
                _run_forever(take_jobs, _TRY_AGAIN_SECONDS),
                _run_forever(announce_waiting, _LOOK_EVERY_SECONDS),
            )

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[App]:
        """An app with connections of its own, few and impatient; the server need not be there yet."""
        pool = AsyncConnectionPool(
            connection_class=_Connection,
            kwargs=self._database.connection_arguments(),
            min_size=1,
            max_size=_POOL_SIZE,
            timeout=BUSY_TIMEOUT_SECONDS,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        await pool.open()
        try:
            async with App(connector=PsycopgConnector()).open_async(pool) as app:
                yield app
        finally:
            await pool.close()

    async def _announce_waiting(self, app: App) -> None:
        async with self._database.reading() as session:
            waiting = await leases.list_waiting_probes(
                session, self._clock.now(), _ANNOUNCED_AT_ONCE, ~_IS_ANNOUNCED
            )
        for video_id in waiting:
            with contextlib.suppress(AlreadyEnqueued):  # another process looked at the same moment
                await _announce(app, video_id)


class _Connection(ImpatientConnection):
    """Also one that listens: no news is no silent server. Procrastinate asks the server something every 30 s."""

    def notifies(
        self,
        *,
        timeout: float | None = None,
        stop_after: int | None = None,
    ) -> AsyncGenerator[psycopg.Notify]:
        return super().notifies(timeout=timeout or _AN_HOUR, stop_after=stop_after)


async def _announce(
    app: App, video_id: uuid.UUID, connection: psycopg.AsyncConnection[object] | None = None
) -> None:
    """Raises AlreadyEnqueued, ConnectorException."""
    job = app.configure_task(_TASK, queueing_lock=str(video_id), connection=connection)
    await job.defer_async(video_id=str(video_id))


def _register(app: App, probe: ProbeOne) -> None:
    @app.task(name=_TASK)
    async def do_probe(video_id: str) -> None:
        try:
            await probe(uuid.UUID(video_id))
        except Unavailable as error:
            log.warning("worker.waiting", reason=error.code)
        except Exception:
            # The lease of that row runs out and counts as an attempt; then it is announced again.
            log.exception("worker.job_failed")

    @app.periodic(cron=_CLEAN_UP_AT)
    @app.task(name="remove_what_the_dead_left", queueing_lock="remove_what_the_dead_left")
    async def remove_what_the_dead_left(timestamp: int) -> None:  # noqa: ARG001  # periodic tasks are given one
        jobs = app.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=_STALLED_SECONDS):
            # Not tried again: its row is announced when the lease of the dead has ended.
            with contextlib.suppress(ConnectorException):  # it ended after all
                await jobs.finish_job(job, Status.FAILED, delete_job=True)
        await jobs.prune_stalled_workers(_STALLED_SECONDS)


async def _take_jobs(app: App, at_once: int) -> None:
    """Until cancelled, or until the database is lost: then it ends, with an error or without."""
    await app.run_worker_async(
        concurrency=at_once,
        fetch_job_polling_interval=_LOOK_EVERY_SECONDS,
        abort_job_polling_interval=_AN_HOUR,  # nobody asks for that
        shutdown_graceful_timeout=0,  # a probe that is cancelled hands itself back
        delete_jobs=DeleteJobCondition.ALWAYS,
        stalled_worker_timeout=_STALLED_SECONDS,
        install_signal_handlers=False,
    )


async def _run_forever(step: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
    """Until cancelled; also when the step, as Procrastinate's worker does, ends in another error than that."""
    loop = asyncio.current_task()
    while not (loop and loop.cancelling()):
        try:
            await step()
        except (ConnectorException, psycopg.OperationalError, Unavailable):
            log.warning("worker.waiting", reason=DatabaseUnavailable.code)
        except Exception:
            log.exception("worker.failed")
        await asyncio.sleep(pause_seconds)
