"""Measure leases alone and Procrastinate as job queues on one PostgreSQL.

Workers are whole sets of services in this one process, with a probe that does nothing. Another set enqueues. Measured
are jobs per second, milliseconds from the enqueueing commit to the start of the probe, and the database's transactions
per second when idle. Prints a table and writes bench/results/job_queue.json. There is no target.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

import structlog  # noqa: E402  # after the path
from app.bootstrap import Application, MakeQueue, pick_queue  # noqa: E402  # after the path
from app.core.clock import SystemClock  # noqa: E402
from app.core.tasks import cancel_and_wait  # noqa: E402
from mediaprobe import Metadata  # noqa: E402
from sqlalchemy import text  # noqa: E402
from tests.databases import PostgresDatabases  # noqa: E402
from tests.factories import embedded_queue, insert_user, insert_video, make_application, make_settings  # noqa: E402
from tests.fakes import FakeProbe, InMemoryStorage  # noqa: E402

RESULT = ROOT / "bench/results/job_queue.json"
QUEUES: dict[str, MakeQueue] = {"leases alone": embedded_queue, "Procrastinate": pick_queue}
WORKERS = (1, 4)
PROBES_AT_ONCE = 4
JOBS = 300
SAMPLES = 24
LONGEST_PAUSE_SECONDS = 1.0
"""A queue that polls once a second is met at any moment of that second."""
IDLE_SECONDS = 6.0


class NotingProbe(FakeProbe):
    """Record when each probe began."""

    def __init__(self) -> None:
        super().__init__()
        self.began: dict[str, float] = {}

    async def probe(self, object_key: str, etag: str) -> Metadata:
        self.began.setdefault(object_key, time.perf_counter())
        return await super().probe(object_key, etag)


async def measure(make_queue: MakeQueue, databases: PostgresDatabases, workers: int) -> dict[str, float]:
    url, clock, probe = databases.new(), SystemClock(), NotingProbe()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(url, Path(folder))
        async with AsyncExitStack() as stack:
            many = []
            for _ in range(workers + 1):
                application = make_application(settings, clock, InMemoryStorage(clock), probe, make_queue)
                stack.push_async_callback(application.close)
                many.append(application)
            app, *others = many
            user = await insert_user(app, "no password")

            async def enqueue() -> str:
                storage = InMemoryStorage(clock)
                video = await insert_video(app, storage, user, "processing", due_at=None)
                async with app.database.transaction() as session:
                    await app.queue.enqueue_probe(session, video.id)
                return video.object_key

            async with working(others):
                await asyncio.sleep(2)  # until all of them listen
                idle_from = await transactions(app)
                await asyncio.sleep(IDLE_SECONDS)
                idle = (await transactions(app) - idle_from) / IDLE_SECONDS
                waits = []
                for _ in range(SAMPLES):
                    key, committed = await enqueue(), time.perf_counter()
                    await until(lambda key=key: key in probe.began)
                    waits.append(max(0.0, probe.began[key] - committed) * 1000)
                    await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311  # a moment, no secret
            probe.began.clear()
            for _ in range(JOBS):
                await enqueue()
            began = time.perf_counter()
            async with working(others):
                await until(lambda: len(probe.began) == JOBS)
                seconds = time.perf_counter() - began
    databases.discard(url)
    return {
        "jobs_per_second": round(JOBS / seconds, 1),
        "start_ms_median": round(statistics.median(waits), 1),
        "start_ms_worst": round(max(waits), 1),
        "idle_transactions_per_second": round(idle, 1),
    }


@asynccontextmanager
async def working(many: list[Application]) -> AsyncIterator[None]:
    loops = [
        asyncio.create_task(application.queue.work(application.processing.probe_next, PROBES_AT_ONCE))
        for application in many
    ]
    try:
        yield
    finally:
        await cancel_and_wait(loops)


async def transactions(application: Application) -> int:
    # PostgreSQL counts what a connection did once it has been idle for a moment.
    async with application.database.reading() as session:
        asked = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        return int((await session.execute(text(asked))).scalar_one())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not holds():  # noqa: ASYNC110  # the probe of any worker
            await asyncio.sleep(0.001)


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    databases = PostgresDatabases()
    results: dict[str, dict[str, float]] = {}
    say("| queue | workers | jobs/s | start, median ms | start, worst ms | idle transactions/s |")
    say("|---|---|---|---|---|---|")
    try:
        for workers in WORKERS:
            for name, make_queue in QUEUES.items():
                found = asyncio.run(measure(make_queue, databases, workers))
                results[f"{name}, {workers}"] = found
                say(f"| {name} | {workers} | " + " | ".join(str(value) for value in found.values()) + " |")
    finally:
        databases.close()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
