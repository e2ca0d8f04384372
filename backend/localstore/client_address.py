"""What counts as one client address."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def unmapped(address: Address) -> Address:
    """A socket for IPv6 and IPv4 reports an IPv4 client as `::ffff:192.0.2.1` (RFC 4291, 2.5.5.2)."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def address_block(host: str | None) -> str:
    """Return what counts as one client address. For IPv6 that is the /64, which one customer has (RFC 6177)."""
    try:
        address = unmapped(ipaddress.ip_address(host or ""))
    except ValueError:
        return host or ""  # a Unix socket has no address
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((int(address), 64), strict=False))
