"""Name the embedded store by the host that the caller opened, because both listen on the same machine."""

import re
from contextvars import ContextVar
from typing import Final

OPENED_HOST: Final = "opened-host.invalid"
"""Stands in a URL for the host of the request that is being answered."""

_HOST_HEADER: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]*)?", re.IGNORECASE)
_opened: ContextVar[str] = ContextVar("opened_host", default="localhost")


def remember_opened_host(header: str) -> None:
    """Set the host for the rest of this request. A `Host` header that is not a host changes nothing."""
    if found := _HOST_HEADER.fullmatch(header):
        _opened.set(found[1].lower())


def at_opened_host(url: str) -> str:
    return url.replace(OPENED_HOST, _opened.get(), 1)
