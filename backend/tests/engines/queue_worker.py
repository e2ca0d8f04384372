"""A worker process for tests to kill, with real services on a database and a probe that never ends.

    python -m tests.engines.queue_worker DATABASE_URL embedded|procrastinate

It prints `probing` when it has a job.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from app.adapters.queue_procrastinate import ProcrastinateQueue
from app.core.clock import SystemClock
from app.ports import JobQueue
from mediaprobe import Metadata
from tests.factories import embedded_queue, make_application, make_settings
from tests.fakes import FakeProbe, InMemoryStorage

QUEUES: dict[str, Callable[..., JobQueue]] = {
    "embedded": embedded_queue,
    "procrastinate": ProcrastinateQueue,
}


class EndlessProbe(FakeProbe):
    async def probe(self, object_key: str, etag: str) -> Metadata:  # noqa: ARG002  # the port's own
        sys.stdout.write("probing\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")


async def main(database_url: str, queue: str) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(database_url, Path(folder))
        application = make_application(settings, clock, InMemoryStorage(clock), EndlessProbe(), QUEUES[queue])
        await application.queue.work(application.processing.probe_next, 1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
