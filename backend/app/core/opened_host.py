"""Name the embedded store by the host that the caller opened, because both listen on the same machine."""

import re
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Final

from app.core.origins import normalised_host

OPENED_HOST: Final = "opened-host.invalid"
"""Stands in a URL for the host of the request that is being answered."""

_HOST_HEADER: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]*)?", re.IGNORECASE)
_opened: ContextVar[str] = ContextVar("opened_host", default="localhost")


def remember_opened_host(header: str, known_hosts: Sequence[str] = ()) -> None:
    """Set the host for the rest of this request. A `Host` header that is not a host changes nothing.

    If hosts are known, a header that names none of them, for example that of a proxy, means the first one.
    """
    host = ""
    if found := _HOST_HEADER.fullmatch(header):
        with suppress(ValueError):
            host = normalised_host(found[1])
    if known_hosts and host not in known_hosts:
        host = known_hosts[0]
    if host:
        _opened.set(host)


def at_opened_host(url: str) -> str:
    return url.replace(OPENED_HOST, _opened.get(), 1)
