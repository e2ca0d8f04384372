"""Run the web app in uvicorn."""

import errno
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog
import typer
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.bootstrap import Application
from app.core.config import Settings
from app.core.connection_table import ConnectionTable
from app.core.descriptors import DescriptorWatch, most_connections, raise_limit
from app.core.operator_errors import sentence_for
from app.http_protocol import LimitedHttp
from app.http_server import CannotListen, config, listening_socket
from app.main import create_app
from app.runtime import leave, running
from localstore.garbage import keep_what_exists

log = structlog.get_logger()

_STOP_SECONDS = 30


def check_address(settings: Settings) -> None:
    """Raise CannotListen if another process listens there or the address is not this machine's."""
    host, port = settings.slipway_host, settings.slipway_port
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} is taken. Set SLIPWAY_PORT to a free one, or end what listens there."
        else:
            message = f"SLIPWAY_HOST, SLIPWAY_PORT: cannot listen on {host}:{port} ({error.strerror})."
        raise CannotListen(message) from error


def run(application: Application) -> None:
    """Serve until SIGTERM or SIGINT, then end the process."""
    settings = application.settings
    most = most_connections(raise_limit())
    table = ConnectionTable[LimitedHttp](most, settings.max_connections_per_client)
    served = config(
        _Lifespan(create_app(application), application),
        settings,
        table,
        host=settings.slipway_host,
        port=settings.slipway_port,
        # With "auto", uvicorn serves also if the start failed, without background work and without any check.
        lifespan="on",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    # When everything is closed, uvicorn raises the signal again that stopped it.
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    try:
        _Server(served, settings.page_addresses, table).run(_sockets(settings))
    except KeyboardInterrupt:
        leave(130)
    except SystemExit:
        leave(1)  # uvicorn ends with 3 if the app cannot start or listen


def _sockets(settings: Settings) -> list[socket.socket] | None:
    """Return a socket for IPv6 and IPv4 if the app listens on `::`. asyncio itself would open one for IPv6 alone."""
    if settings.slipway_host != "::":
        return None
    return [listening_socket("::", settings.slipway_port)]


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, addresses: Sequence[str], table: ConnectionTable[LimitedHttp]
    ) -> None:
        super().__init__(config)
        self._addresses = addresses
        self._table = table
        self._ended = 0
        self._descriptors = DescriptorWatch()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            keep_what_exists()
            typer.echo(f"Slipway is ready: {' or '.join(self._addresses)}")

    async def on_tick(self, counter: int) -> bool:
        """Check the limits. uvicorn calls this ten times a second."""
        if counter % 10 == 0:
            self._descriptors.check()
        if counter % 600 == 0 and self._table.ended > self._ended:
            log.warning("connections.full", ended=self._table.ended - self._ended, open=len(self._table))
            self._ended = self._table.ended
        return await super().on_tick(counter)


class _Lifespan:
    """Runs the application with the server. If it cannot start, logs one sentence instead of a traceback."""

    def __init__(self, app: ASGIApp, application: Application) -> None:
        self._app = app
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(running(self._application))
            except Exception as error:
                message = sentence_for(error)
                if message is None:
                    raise
                await send({"type": "lifespan.startup.failed", "message": message})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
