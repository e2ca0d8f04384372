"""A worker: the queue and the upkeep without the web, until it is told to stop."""

import asyncio
import signal
import sys

from app.bootstrap import Application


async def run(application: Application) -> None:
    """Returns after SIGTERM or SIGINT, when the jobs in hand are given back. Raises SchemaOutdated, WrongBucket."""
    told_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    async with application.running():
        sys.stdout.write("Slipway's worker is ready.\n")
        sys.stdout.flush()
        await told_to_stop.wait()
