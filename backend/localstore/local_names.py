"""Tell the addresses of a local network from those of the internet."""

import ipaddress
import re
import socket
from typing import Final

_ORIGIN: Final = re.compile(r"https?://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]+)?")
# RFC 6761, RFC 6762, RFC 8375, and ICANN's resolution of 2024-07-29.
_RESERVED: Final = (".localhost", ".local", ".home.arpa", ".internal")


def is_local_origin(origin: str) -> bool:
    """Return whether a page has this origin at an IP address or at a name that public DNS never resolves.

    A foreign site can't point such a name to this machine (DNS rebinding), so what opens it opens this network.
    """
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return False
    host = found["host"]
    return (
        _is_address(host)
        or "." not in host
        or host.endswith(_RESERVED)
        or host == socket.gethostname().lower()
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
