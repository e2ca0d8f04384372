"""Say whether what Slipway exchanges with its store, its database or Redis could be read on the network."""

import os
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy.engine import make_url

from app.core.origins import is_loopback

_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
"""Modes of libpq that never fall back to plain text (PostgreSQL 17, 32.19.1). `prefer`, its default, does."""
_TRUE: Final = frozenset({"true", "1", "yes", "on"})


def is_plain_s3(url: str) -> bool:
    """Return whether requests to this endpoint leave the machine without TLS. Empty stands for AWS, which has it."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_plain_redis(url: str) -> bool:
    """Return whether counters of limits leave the machine without TLS, or to a server that anyone may be."""
    parts = urlsplit(url)
    given = [(name, value.lower()) for name, value in parse_qsl(parts.query)]
    options = dict(given)
    # Of a name that is repeated, redis-py takes the first value.
    is_checked = (
        len(options) == len(given)
        and options.get("ssl_cert_reqs", "required") == "required"
        and (options.get("ssl_check_hostname", "true") in _TRUE)
    )
    return not is_loopback(parts.hostname or "") and (
        parts.scheme == "redis" or (parts.scheme == "rediss" and not is_checked)
    )


def is_plain_database(url: str) -> bool:
    """Return whether queries may leave the machine without TLS."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" or parsed.query.get("sslmode") in _ENCRYPTED:
        return False
    named = [name for key in ("host", "hostaddr") for name in _values(parsed.query.get(key))]
    # Without a host, libpq takes that of its environment, or a Unix socket.
    hosts = [*([parsed.host] if parsed.host else []), *named] or _values(os.environ.get("PGHOST"))
    # `service` names a host in a file.
    return "service" in parsed.query or not all(_is_on_this_machine(host) for host in hosts)


def _values(value: str | tuple[str, ...] | None) -> list[str]:
    """Return the hosts of a parameter, which may be repeated and may have commas."""
    texts = (value,) if isinstance(value, str) else value or ()
    return [host.strip() for text in texts for host in text.split(",") if host.strip()]


def _is_on_this_machine(host: str) -> bool:
    """SQLAlchemy writes several hosts as `name:port`. A path is a Unix socket's folder, and `@` an abstract one."""
    name = host.rpartition(":")[0] if host.count(":") == 1 else host
    return host.startswith(("/", "@")) or is_loopback(name)
