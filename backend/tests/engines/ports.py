"""Chooses ports for servers that a test starts later.

The kernel gives outgoing connections the ports from 32768 on (Linux, ip_local_port_range). A connection of another test
could take a port there before the server listens. Suites run side by side, so each process chooses within a range of
its own, where no other process takes a port that is chosen and not used yet.
"""

import contextlib
import functools
import random
import socket

_FIRST, _LAST = 11_000, 32_000
"""Browsers open no page at port 10080 (Fetch standard, bad ports)."""
_RANGE = 300


def free_port() -> int:
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of `count` ports in a row that are free at every address. Raise RuntimeError without any."""
    for _ in range(_RANGE):
        ports = _own_range().take(count)
        with contextlib.ExitStack() as stack:
            try:
                for port in ports:
                    stack.enter_context(_listener(port))
            except OSError:
                continue
            return ports[0]
    raise RuntimeError(f"no {count} free ports in a row")


class _Range:
    """Gives its ports in order, so that one comes again as late as possible."""

    def __init__(self, first: int) -> None:
        self._first = self._next = first

    def take(self, count: int) -> range:
        if self._next + count > self._first + _RANGE:
            self._next = self._first
        first, self._next = self._next, self._next + count
        return range(first, self._next)


@functools.cache
def _own_range() -> _Range:
    """Claim a range until this process ends. The kernel gives a name of a Unix socket to one socket alone."""
    ranges = list(range(_FIRST, _LAST, _RANGE))
    for first in random.sample(ranges, len(ranges)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0slipway-test-ports-{first}")
        except OSError:
            claim.close()
            continue
        claim.detach()  # the descriptor stays open
        return _Range(first)
    raise RuntimeError("other processes of tests have taken every range of ports")


def _listener(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
