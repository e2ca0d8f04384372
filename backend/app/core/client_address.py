"""Tell which client sent a request, if proxies that the operator trusts stand in between."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from localstore.client_address import unmapped

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PRIVATE: Final = [
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]
"""RFC 1918, RFC 6598, RFC 4193."""
_WIDEST_PUBLIC: Final = {4: 12, 6: 24}
"""Bits. The widest network of a CDN that people put in front of sites is a /13 (Cloudflare) or /28 (CloudFront)."""
_LONGEST: Final = 64
"""Characters of an IPv6 address with brackets, zone and port. Anything longer is not read."""


class TrustedProxies:
    """The addresses and networks of TRUSTED_PROXIES."""

    def __init__(self, proxies: Sequence[str]) -> None:
        self._networks = [_unmapped_network(ipaddress.ip_network(proxy)) for proxy in proxies]
        self._contains = lru_cache(maxsize=1024)(self._is_listed)

    def __contains__(self, address: str) -> bool:
        """Return whether this address, in the form of `normalised_address`, is a proxy."""
        return self._contains(address)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the rightmost address that is no trusted proxy.

        `peer` is who opened the connection, `forwarded_for` the X-Forwarded-For headers in order. Each proxy adds the
        address of its own peer at the right, so everything left of the first one that is not trusted may be invented.
        What is no address ends the search too, because no proxy that was asked to add one would write it.
        """
        nearest = normalised_address(peer) or peer
        hops = [hop for header in forwarded_for for hop in header.split(",")]
        for hop in reversed(hops):
            if nearest not in self:
                break
            address = normalised_address(hop)
            if address is None:
                break
            nearest = address
        return nearest

    def _is_listed(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def normalised_address(text: str) -> str | None:
    """Return the address in one form, without port, brackets, zone and IPv4-mapped IPv6. None if it is none."""
    host = text.strip().strip('"')
    if len(host) > _LONGEST:
        return None
    if host.startswith("["):
        host, end, port = host[1:].partition("]")
        if not end or (port and not port.startswith(":")):
            return None
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return str(unmapped(parsed))


def may_be_proxies(network: Network) -> bool:
    """Return whether a network may be one of proxies alone. Wide public ones also have clients."""
    network = _unmapped_network(network)
    if any(network.version == wide.version and network.subnet_of(wide) for wide in _PRIVATE):  # type: ignore[arg-type]  # same version
        return True
    return network.prefixlen >= _WIDEST_PUBLIC[network.version]


def _unmapped_network(network: Network) -> Network:
    first = unmapped(network.network_address)
    if first is network.network_address or network.prefixlen < 96:
        return network
    return ipaddress.ip_network(f"{first}/{network.prefixlen - 96}")
