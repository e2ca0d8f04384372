"""Name the embedded store by the host that the caller opened, because both listen on the same machine."""

import re
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Final

from app.core.origins import is_loopback, normalised_host

OPENED_HOST: Final = "opened-host.invalid"
"""Stands in a URL for the host of the request that is being answered."""

_HOST_HEADER: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]*)?", re.IGNORECASE)
_LONGEST: Final = 255 + len(":65535")
"""Characters of a name (RFC 1035, 2.3.4) and a port."""
_request: ContextVar[tuple[str, Sequence[str]]] = ContextVar("request", default=("", ()))


def remember_opened_host(header: str, known_hosts: Sequence[str] = ()) -> None:
    """Keep the `Host` header for the rest of this request, and the hosts that the app is known at."""
    _request.set((header, known_hosts))


def at_opened_host(url: str) -> str:
    """Put the opened host into the URL. It is localhost if the `Host` header is no host.

    If hosts are known, a header that names none of them, for example that of a proxy, means the first one. On this
    machine the store gets another name than the page. Cookies ignore ports (RFC 6265, 8.5), so the browser would send
    it the page's session.
    """
    if OPENED_HOST not in url:
        return url
    header, known_hosts = _request.get()
    host = "localhost"
    if len(header) <= _LONGEST and (found := _HOST_HEADER.fullmatch(header)):
        with suppress(ValueError):
            host = normalised_host(found[1])
    if known_hosts and host not in known_hosts:
        host = known_hosts[0]
    if host == "localhost":
        host = "127.0.0.1"
    elif is_loopback(host):
        host = "localhost"
    return url.replace(OPENED_HOST, host, 1)
