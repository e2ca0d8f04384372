"""Configure uvicorn for the web app and for a worker's health port."""

import socket
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app.api.middleware import safe_headers
from app.core.client_address import TrustedProxies
from app.core.config import Settings
from app.core.connection_table import ConnectionTable
from app.core.operator_errors import OperatorError
from app.core.turns import SECONDS_BETWEEN_REFUSALS, Turns
from app.http_protocol import LimitedHttp


class CannotListen(OperatorError):
    """Another process listens there, or the address is not this machine's."""


def config(
    app: ASGIApp, settings: Settings, table: ConnectionTable[LimitedHttp], **more: Any
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=limited_http(settings, table),
        ws="none",
        log_config=None,
        access_log=False,  # it contains whole paths, our own log has the route
        server_header=False,
        proxy_headers=False,  # app.api.forwarded reads them
        **more,
    )


def limited_http(settings: Settings, table: ConnectionTable[LimitedHttp]) -> Any:
    """Return what makes a protocol for each connection. uvicorn calls it as it would call the class."""
    headers = safe_headers(is_https=settings.cookies_are_secure)
    proxies = TrustedProxies(settings.trusted_proxies)
    refusals = Turns(seconds_between=SECONDS_BETWEEN_REFUSALS)
    return partial(
        LimitedHttp, table=table, turns=Turns(), refusals=refusals, proxies=proxies, headers=headers
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen there, with IPv6 and IPv4 if the host is `::`. asyncio itself would listen with IPv6 alone."""
    if host == "::":
        return socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True)
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family)
