"""Chooses ports for servers that a test starts later.

The kernel gives outgoing connections the ports from 32768 on (Linux, ip_local_port_range). A connection of another test
could take a port there before the server listens.
"""

import contextlib
import random
import socket

_FIRST, _LAST = 10_000, 32_000


def free_port() -> int:
    return free_ports(1)


def free_ports(count: int) -> int:
    """Return the first of `count` ports in a row that are free at every address. Raise RuntimeError without any."""
    for _ in range(1000):
        first = random.randrange(_FIRST, _LAST - count)  # noqa: S311  # a place to look, not a secret
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(_listener(port))
            except OSError:
                continue
            return first
    raise RuntimeError(f"no {count} free ports in a row")


def _listener(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
