"""Run the background loops without the web app."""

import asyncio
import signal
import sys

from app.bootstrap import Application
from app.runtime import running


async def run(application: Application) -> None:
    """Work until SIGTERM or SIGINT, then return the current jobs to the queue. Raises as `running` does."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(application):
        sys.stdout.write("Slipway's worker is ready.\n")
        sys.stdout.flush()
        await stop.wait()
