"""A worker process for tests to kill, with real services on a database and a probe that never ends.

    python -m tests.engines.queue_worker DATABASE_URL embedded|procrastinate

It prints `probing` when it has a job.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from app.bootstrap import MakeQueue, pick_queue
from app.core.clock import SystemClock
from mediaprobe import Metadata
from tests.factories import embedded_queue, make_application, make_settings
from tests.fakes import FakeProbe, InMemoryStorage

QUEUES: dict[str, MakeQueue] = {"embedded": embedded_queue, "procrastinate": pick_queue}


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
