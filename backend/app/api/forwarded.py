"""Give a request the client's own address and scheme, as the trusted proxies in between report them."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.client_address import TrustedProxies, normalised_address


class Forwarded:
    """Sets `scope["client"]` to the client's address in one form, and the scheme to that of X-Forwarded-Proto.

    uvicorn's own middleware takes whatever stands in the header for an address, and knows no proxy whose IPv4 address
    arrives as an IPv6 one (uvicorn 0.54).
    """

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if scope["type"] == "http" and peer:
            headers = Headers(scope=scope)
            scope["client"] = (self._proxies.client(peer[0], headers.getlist("x-forwarded-for")), peer[1])
            scheme = headers.get("x-forwarded-proto", "").strip().lower()
            if scheme in ("http", "https") and (normalised_address(peer[0]) or "") in self._proxies:
                scope["scheme"] = scheme
        await self._app(scope, receive, send)
