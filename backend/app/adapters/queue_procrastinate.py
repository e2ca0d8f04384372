"""The JobQueue port on Procrastinate. A job tells the workers of a row that is due.

The lease on the row decides which worker may probe it. A due row without a job (postponed, its worker killed, its job
lost) is announced again.
"""

import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from functools import partial

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Text, cast, column, exists, literal_column, table
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.db import BUSY_TIMEOUT_SECONDS, Database, TimeLimitedConnection
from app.core.tasks import attempt, run_forever, side_by_side
from app.crud import leases
from app.domain.errors import DatabaseUnavailable
from app.models import Video
from app.ports import Clock, ProbeOne

_TASK = "probe"
_EVERY_MINUTE = "* * * * *"
_STALLED_SECONDS = 30.0
"""Procrastinate's default. A worker sends a heartbeat every 10 s, so one without for so long is dead."""
_ANNOUNCED_AT_ONCE = 100
_POOL_SIZE = 4
_HOUR_SECONDS = 3600.0

_JOBS = table("procrastinate_jobs", column("queueing_lock"), column("status"))
_IS_ANNOUNCED = exists().where(
    _JOBS.c.queueing_lock == cast(col(Video.id), Text), _JOBS.c.status == literal_column("'todo'")
)


class ProcrastinateQueue:
    """Checks every `check_seconds` for due rows, and for jobs whose notification Procrastinate missed.

    `clean_up_at` (cron) is when one process removes what dead workers left. Procrastinate 3.10 watches its LISTEN
    connection and its heartbeat only while there is a periodic task.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        check_seconds: float = 1.0,
        clean_up_at: str = _EVERY_MINUTE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._check_seconds = check_seconds
        self._clean_up_at = clean_up_at
        self._app = App(connector=PsycopgConnector())
        """Never opened, because it enqueues on its callers' connections."""

    async def enqueue_probe(self, session: AsyncSession, video_id: uuid.UUID) -> None:
        await leases.make_probe_due(session, video_id, self._clock.now())
        connection = await session.connection()
        raw = (await connection.get_raw_connection()).driver_connection
        try:
            # A second job of the row is a unique violation, which would abort the caller's transaction. The connection
            # makes the savepoint, because the session's own begins only with its next statement.
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
            _register(app, probe, self._clean_up_at)
            take_jobs = partial(_take_jobs, app, at_once, self._check_seconds)
            await side_by_side(
                run_forever("jobs", take_jobs, self._check_seconds),
                run_forever("announce", partial(self._announce_waiting, app), self._check_seconds),
            )

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[App]:
        """Yield an app with a few connections of its own. The server may be unavailable."""
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
        with _connection_errors():
            for video_id in waiting:
                with contextlib.suppress(AlreadyEnqueued):  # another process was faster
                    await _announce(app, video_id)


class _Connection(TimeLimitedConnection):
    """Waits long for notifications. Procrastinate checks every 30 s whether the server still answers."""

    def notifies(
        self, *, timeout: float | None = None, stop_after: int | None = None
    ) -> AsyncGenerator[psycopg.Notify]:
        return super().notifies(timeout=timeout or _HOUR_SECONDS, stop_after=stop_after)


async def _announce(
    app: App, video_id: uuid.UUID, connection: psycopg.AsyncConnection[object] | None = None
) -> None:
    """Raise AlreadyEnqueued or ConnectorException."""
    job = app.configure_task(_TASK, queueing_lock=str(video_id), connection=connection)
    await job.defer_async(video_id=str(video_id))


def _register(app: App, probe: ProbeOne, clean_up_at: str) -> None:
    @app.task(name=_TASK)
    async def do_probe(video_id: str) -> None:
        # After an error the row's lease ends, which counts as an attempt, and the row is announced again.
        await attempt("probe", partial(probe, uuid.UUID(video_id)))

    @app.periodic(cron=clean_up_at)
    @app.task(name="remove_stalled_jobs", queueing_lock="remove_stalled_jobs")
    async def remove_stalled_jobs(timestamp: int) -> None:  # noqa: ARG001  # Procrastinate passes it
        jobs = app.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=_STALLED_SECONDS):
            # Not retried, because its row is announced when the lease of the dead worker has ended.
            with contextlib.suppress(ConnectorException):  # the job has ended meanwhile
                await jobs.finish_job(job, Status.FAILED, delete_job=True)
        await jobs.prune_stalled_workers(_STALLED_SECONDS)


async def _take_jobs(app: App, at_once: int, check_seconds: float) -> None:
    """Work until cancelled or until the connection is lost. Then Procrastinate returns or raises any error."""
    with _connection_errors():
        await app.run_worker_async(
            concurrency=at_once,
            fetch_job_polling_interval=check_seconds,
            abort_job_polling_interval=_HOUR_SECONDS,  # we abort no jobs
            shutdown_graceful_timeout=0,  # a cancelled probe returns its lease
            delete_jobs=DeleteJobCondition.ALWAYS,
            stalled_worker_timeout=_STALLED_SECONDS,
            install_signal_handlers=False,
        )


@contextlib.contextmanager
def _connection_errors() -> Iterator[None]:
    """Raise DatabaseUnavailable for errors of the connection."""
    try:
        yield
    except (ConnectorException, psycopg.OperationalError) as error:
        raise DatabaseUnavailable from error
