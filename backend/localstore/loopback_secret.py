"""Refuses requests of other local programs to the inner servers, which have no authentication."""

import hmac
import secrets
from typing import TYPE_CHECKING

from swift.common.bufferedhttp import BufferedHTTPConnection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_HEADER = "X-Slipway-Loopback-Secret"
_ENVIRON_KEY = "HTTP_X_SLIPWAY_LOOPBACK_SECRET"


class LoopbackSecret:
    """A random secret of this process, which the proxy sends and the inner servers require."""

    def __init__(self) -> None:
        self._secret = secrets.token_hex(32)

    @property
    def header(self) -> tuple[str, str]:
        return _HEADER, self._secret

    def send_with_every_inner_request(self) -> None:
        plain_putrequest = BufferedHTTPConnection.putrequest
        header, secret = self.header

        def putrequest(
            connection: object, method: str, url: str, skip_host: int = 0, skip_accept_encoding: int = 0
        ) -> None:
            plain_putrequest(connection, method, url, skip_host, skip_accept_encoding)
            connection.putheader(header, secret)  # type: ignore[attr-defined]  # Swift ships no types

        BufferedHTTPConnection.putrequest = putrequest

    def guard(self, app: "WSGIApplication") -> "WSGIApplication":
        def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
            # Removed, so that no handler can log or store it.
            given = environ.pop(_ENVIRON_KEY, "")
            if not hmac.compare_digest(given.encode("latin-1"), self._secret.encode("ascii")):
                start_response("403 Forbidden", [("Content-Length", "0")])
                return [b""]
            return app(environ, start_response)

        return guarded
