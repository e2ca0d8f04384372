"""Read origins and hosts as people write them, and return them as browsers send them (WHATWG URL Standard)."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from localstore.client_address import unmapped

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~-]+")
_OWN_SEGMENTS: Final = ("api", "_next", "metrics", "login", "register")
"""A proxy that removes the public path and one that leaves it could not be told apart."""


def normalised_origin(text: str) -> str:
    """Return scheme, host and port in lower case without a default port. Raise ValueError with what to write."""
    origin, rest = split_origin(text)
    if rest:
        raise ValueError(f"{text!r} is more than an origin. Write {origin}")
    return origin


def split_origin(text: str) -> tuple[str, str]:
    """Return the normalised origin and what follows it, without slashes at the end. Raise ValueError."""
    text = text.strip()
    if "@" in text:
        # Without the value, which may contain a password.
        raise ValueError("it has a user name. Write scheme, host and port, as in https://video.example")
    if "*" in text:
        raise ValueError(
            f"{text!r} has a wildcard. Write each origin in full, for example https://video.example"
        )
    scheme, mark, rest = text.partition("://")
    if not mark:
        raise ValueError(
            f"{text!r} has no scheme. Write https:// or http:// in front, for example https://video.example"
        )
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise ValueError(
            f"{text!r} has another scheme than http and https. Write for example https://video.example"
        )
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    return f"{scheme}://{_normalised_authority(text, scheme, authority)}", rest[len(authority) :].rstrip("/")


def normalised_host(host: str) -> str:
    """Return a name in lower case and punycode, or an address in its shortest form, IPv6 in brackets.

    Raise ValueError with what to write.
    """
    host = host.strip()
    if ":" in host or host.startswith("["):
        return f"[{_normalised_ipv6(host)}]"
    name = host.lower() if host.isascii() else _punycode(host)
    if re.fullmatch(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?", name):  # browsers read such a name as an IPv4 address
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise ValueError(
                f"{host!r} is not an IPv4 address. Write four numbers, as in 192.0.2.10"
            ) from None
    if not _NAME.fullmatch(name):
        raise ValueError(f"{host!r} is not a host. Write a name or an address, for example video.example")
    return name


def normalised_path(path: str) -> str:
    """Return the path with a slash in front and none at the end, empty for `/`. Raise ValueError with what to write."""
    bare = path.strip().strip("/")
    if not bare:
        return ""
    segments = bare.split("/")
    if any(segment in (".", "..") or not _SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError(
            f"{path!r} is not a path. Write letters, digits, hyphens and dots between slashes, for example /video"
        )
    if segments[0] in _OWN_SEGMENTS:
        raise ValueError(
            f"{path!r} begins like one of the app's own paths. Write another one, for example /video"
        )
    return f"/{bare}"


def url_host(host: str) -> str:
    """Return the host for a URL, IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to `host`. IPv6 may stand in brackets."""
    if host == "localhost" or host.endswith(".localhost"):
        return True  # RFC 6761, 6.3
    try:
        address = unmapped(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return False
    return address.is_loopback


def csp_source(origin: str) -> str:
    """Return the source of an origin for a Content-Security-Policy.

    No source can name an IPv6 address (CSP 3, host-source), and Chromium ignores one that does. For such an origin
    the source is every host at its port.
    """
    url = urlsplit(origin)
    if not url.netloc.startswith("["):
        return origin
    return f"{url.scheme}://*:{url.port or _DEFAULT_PORTS[url.scheme]}"


def _normalised_authority(text: str, scheme: str, authority: str) -> str:
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, port = authority, ""
    if not host:
        raise ValueError(
            f"{text!r} is not an origin. Write scheme, host and port, as in https://video.example"
        )
    if ":" in host and not host.startswith("["):
        raise ValueError(
            f"{text!r} has an IPv6 address without brackets. Write for example http://[2001:db8::1]:8000"
        )
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(
            f"{text!r} has no port from 1 to 65535. Write for example https://video.example:8443"
        )
    host = normalised_host(host)
    return host if not port or int(port) == _DEFAULT_PORTS[scheme] else f"{host}:{int(port)}"


def _normalised_ipv6(host: str) -> str:
    address = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        raise ValueError(f"{host!r} is not an IPv6 address. Write for example [2001:db8::1]") from None
    if parsed.scope_id:
        raise ValueError(f"{host!r} has a zone, which no browser opens. Write an address without %")
    if parsed.ipv4_mapped:  # the URL Standard writes only hexadecimal groups
        high, low = divmod(int(parsed.ipv4_mapped), 1 << 16)
        return f"::ffff:{high:x}:{low:x}"
    return parsed.compressed


def _punycode(name: str) -> str:
    import idna  # only for names beyond ASCII

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError(
            f"{name!r} is not a host. Write a name or an address, for example video.example"
        ) from None
