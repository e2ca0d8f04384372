"""A worker process for tests to kill, with real services on a database and a probe that never ends.

    python -m tests.engines.probe_worker DATABASE_URL

It prints `probing` when it has a job.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from app.core.clock import SystemClock
from mediaprobe import Metadata
from tests.factories import make_application, make_settings
from tests.fakes import FakeProbe, InMemoryStorage


class EndlessProbe(FakeProbe):
    async def probe(self, object_key: str, etag: str) -> Metadata:  # noqa: ARG002  # the port's own
        sys.stdout.write("probing\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")


async def main(database_url: str) -> None:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(database_url, Path(folder))
        application = make_application(settings, clock, InMemoryStorage(clock), EndlessProbe())
        await application.queue.work(application.processing.probe_next, at_once=1, check_seconds=1.0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
