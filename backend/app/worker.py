"""Run the background loops without the web app."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack

from app.bootstrap import Application
from app.runtime import running


async def run(application: Application, health_port: int | None = None) -> None:
    """Work until SIGTERM or SIGINT, then return the current jobs to the queue. Raises as `running` does."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        if health_port is not None:
            from app import health_server  # FastAPI is only for this

            listening = stack.enter_context(
                health_server.listen(application.settings.slipway_host, health_port)
            )
        await stack.enter_async_context(running(application))
        if health_port is not None:
            await stack.enter_async_context(health_server.serving(application, listening))
        sys.stdout.write("Slipway's worker is ready.\n")
        sys.stdout.flush()
        await stop.wait()
