"""Serve health checks and metrics of a worker, which has no API."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn

from app.bootstrap import Application
from app.core.connection_table import ConnectionTable
from app.http_protocol import LimitedHttp
from app.http_server import CannotListen, config, listening_socket
from app.main import create_health_app

_MOST_CONNECTIONS: Final = 64
_STOP_SECONDS: Final = 5


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Raise CannotListen."""
    try:
        return listening_socket(host, port)
    except OSError as error:
        raise CannotListen(
            f"--health-port, SLIPWAY_HOST: cannot listen on {host}:{port} ({error.strerror})."
        ) from error


@asynccontextmanager
async def serving(application: Application, listening: socket.socket) -> AsyncIterator[None]:
    """Answer there until the block ends."""
    settings = application.settings
    table = ConnectionTable[LimitedHttp](_MOST_CONNECTIONS, settings.max_connections_per_client)
    server = _Server(
        config(
            create_health_app(application),
            settings,
            table,
            lifespan="off",  # the worker itself starts and stops the application
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    work = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await work


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker."""
        yield
