"""Which addresses of a store and of a database others on the network could read."""

import pytest

from app.core.plain_links import is_plain_database, is_plain_redis, is_plain_s3


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("", False),
        ("https://s3.example", False),
        ("http://s3.example", True),
        ("http://10.0.0.7:7480/s3", True),
        ("http://127.0.0.1:9000", False),
        ("http://[::1]:9000", False),
        ("http://localhost:9000", False),
        ("http://localhost.example:9000", True),
    ],
)
def test_plain_s3(url: str, plain: bool) -> None:
    assert is_plain_s3(url) is plain


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("", False),
        ("memory://", False),
        ("rediss://:p@cache.example:6379/0", False),
        ("redis://127.0.0.1:6379/0", False),
        ("redis://:p@cache.example:6379/0", True),
    ],
)
def test_plain_redis(url: str, plain: bool) -> None:
    assert is_plain_redis(url) is plain


@pytest.mark.parametrize(
    ("rest", "plain"),
    [
        ("u:p@db.internal/slipway", True),
        ("u:p@db.internal/slipway?sslmode=disable", True),
        ("u:p@db.internal/slipway?sslmode=allow", True),
        ("u:p@db.internal/slipway?sslmode=prefer", True),
        ("u:p@db.internal/slipway?sslmode=require", False),
        ("u:p@db.internal/slipway?sslmode=verify-ca", False),
        ("u:p@db.internal/slipway?sslmode=verify-full&sslrootcert=system", False),
        ("u:p@127.0.0.1:5432/slipway", False),
        ("u:p@[::1]/slipway", False),
        ("u:p@localhost/slipway", False),
        ("u:p@/slipway", False),
        ("/slipway", False),
        ("u:p@/slipway?host=/var/run/postgresql", False),
        ("u:p@/slipway?host=db.internal", True),
        ("u:p@/slipway?host=127.0.0.1:5432&host=db.internal:5432", True),
        ("u:p@/slipway?host=127.0.0.1:5432&host=localhost:5433", False),
        ("u:p@/slipway?host=/var/run/postgresql,db.internal", True),
        ("u:p@localhost/slipway?hostaddr=10.0.0.7", True),
        ("u:p@/slipway?service=db", True),
    ],
)
def test_plain_database(rest: str, plain: bool) -> None:
    assert is_plain_database(f"postgresql+psycopg://{rest}") is plain


def test_a_database_without_host_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.internal")

    assert is_plain_database("postgresql+psycopg:///slipway")
    assert not is_plain_database("postgresql+psycopg://127.0.0.1/slipway")


def test_sqlite_is_a_file() -> None:
    assert not is_plain_database("sqlite+aiosqlite:////data/slipway.db")
