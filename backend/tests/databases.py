"""Empty, migrated databases for tests, as copies of one that the real migrations made."""

import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import make_url

from app.core import schema
from tests.engines.postgres import PostgresServer


class Databases(Protocol):
    """Makes databases of one kind. `close` removes them."""

    def new(self) -> str:
        """Return the URL of an empty, migrated database."""
        ...

    def new_without_schema(self) -> str:
        """Return the URL of a database without a schema."""
        ...

    def discard(self, url: str) -> None: ...

    def close(self) -> None: ...


class SqliteDatabases:
    def __init__(self) -> None:
        # In memory if possible, because only the crash tests need durability.
        memory = Path("/dev/shm")  # noqa: S108  # mkdtemp makes a private folder in it
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-db-", dir=memory if memory.is_dir() else None))
        self._template = self._folder / "template.db"
        self._made = 0
        schema.upgrade(_sqlite_url(self._template))

    def new(self) -> str:
        path = self._next()
        shutil.copyfile(self._template, path)
        return _sqlite_url(path)

    def new_without_schema(self) -> str:
        return _sqlite_url(self._next())

    def discard(self, url: str) -> None:
        path = make_url(url).database
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _next(self) -> Path:
        self._made += 1
        return self._folder / f"test-{self._made}.db"


class PostgresDatabases:
    def __init__(self) -> None:
        self.server = PostgresServer()
        self._free: list[str] = []
        self._migrated: set[str] = set()
        try:
            self.server.start()
            self._template = self.server.create_database()
            schema.upgrade(self.server.url(self._template))
        except BaseException:
            self.server.stop()
            raise

    def new(self) -> str:
        name = self._free.pop() if self._free else self.server.create_database(self._template)
        self._migrated.add(name)
        return self.server.url(name)

    def new_without_schema(self) -> str:
        return self.server.url(self.server.create_database())

    def discard(self, url: str) -> None:
        name = make_url(url).database
        if name in self._migrated:
            self.server.empty_database(name)
            self._free.append(name)

    def close(self) -> None:
        self.server.stop()


def make_databases(kind: str) -> Databases:
    """Return databases of a kind that SLIPWAY_TEST_DATABASE names."""
    if kind == "sqlite":
        return SqliteDatabases()
    if kind == "postgresql":
        return PostgresDatabases()
    raise ValueError(f"SLIPWAY_TEST_DATABASE is {kind!r}; it takes sqlite or postgresql")


def _sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"
