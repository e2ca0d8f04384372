"""Run the web app in uvicorn."""

import errno
import resource
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack

import typer
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.bootstrap import Application
from app.core.config import Settings
from app.core.operator_errors import OperatorError, sentence_for
from app.main import create_app
from app.runtime import leave, running

_STOP_SECONDS = 30


class CannotListen(OperatorError):
    pass


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
    # Many systems allow 1,024 open files by default. Idle connections of a few hundred people reach that.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    config = uvicorn.Config(
        _Lifespan(create_app(application), application),
        host=settings.slipway_host,
        port=settings.slipway_port,
        # With "auto", uvicorn serves also if the start failed, without background work and without any check.
        lifespan="on",
        log_config=None,
        access_log=False,  # it contains whole paths, our own log has the route
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    # When everything is closed, uvicorn raises the signal again that stopped it.
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    try:
        _Server(config, settings.page_addresses).run(_sockets(settings))
    except KeyboardInterrupt:
        leave(130)


def _sockets(settings: Settings) -> list[socket.socket] | None:
    """Return a socket for IPv6 and IPv4 if the app listens on `::`. asyncio itself would open one for IPv6 alone."""
    if settings.slipway_host != "::":
        return None
    return [socket.create_server(("::", settings.slipway_port), family=socket.AF_INET6, dualstack_ipv6=True)]


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, addresses: Sequence[str]) -> None:
        super().__init__(config)
        self._addresses = addresses

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            typer.echo(f"Slipway is ready: {' or '.join(self._addresses)}")


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
