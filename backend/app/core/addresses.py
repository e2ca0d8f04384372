"""Find the addresses that other machines reach this one at."""

import ipaddress
import socket
from contextlib import suppress
from typing import Final

# Addresses for documentation (RFC 5737, RFC 3849). Connecting a UDP socket chooses a route and sends nothing.
_ELSEWHERE: Final = {socket.AF_INET: "198.51.100.1", socket.AF_INET6: "2001:db8::1"}


def lan_addresses(*, ipv6: bool) -> list[str]:
    """Return this machine's address on the network of its default route, with `ipv6` in both families."""
    families = (socket.AF_INET, socket.AF_INET6) if ipv6 else (socket.AF_INET,)
    found = []
    for family in families:
        # A machine without a network or without the family has no route.
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 9))
            found.append(probe.getsockname()[0])
    # A link-local address works only with the number of an interface, which differs from machine to machine.
    return [address for address in found if not ipaddress.ip_address(address).is_link_local]
