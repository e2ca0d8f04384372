"""Runs PostgreSQL on a unix socket for a test session, without a port."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy.engine import URL

from tests.engines.guardian import Guardian
from tests.waiting import TIMEOUT_SECONDS, wait_until

_SUPERUSER = "slipway"


class PostgresMissingError(Exception):
    """This machine has no PostgreSQL server program."""


class PostgresServer:
    """A server without durability, for speed. It runs as an unprivileged user, because PostgreSQL refuses root.

    If `survives_kill`, a commit reaches the kernel before its answer, so it outlives every process, though not a
    power failure.
    """

    def __init__(self, *, survives_kill: bool = False) -> None:
        self._synchronous_commit = "on" if survives_kill else "off"
        self._programs = _find_programs()
        self._account = unprivileged_account()
        memory = Path("/dev/shm")  # noqa: S108  # the folder made in it is random and only ours
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-pg-", dir=memory if memory.is_dir() else None))
        self._numbers = itertools.count(1)
        self._guardian: Guardian | None = None

    def start(self) -> Self:
        data = self._folder / "data"
        if self._account:
            os.chown(self._folder, self._account.pw_uid, self._account.pw_gid)
        self._run(
            "initdb", "-D", str(data), "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        # SIGQUIT stops at once, without writing data that nobody reads.
        self._guardian = Guardian(self._folder, ["data/postmaster.pid"], signal.SIGQUIT)
        self._serve()
        return self

    def _serve(self) -> None:
        options = (
            # mmap puts shared memory into the folder too, so that nothing is left elsewhere.
            f"-k {self._folder} -c listen_addresses='' -c max_connections=200 -c dynamic_shared_memory_type=mmap "
            f"-c fsync=off -c synchronous_commit={self._synchronous_commit} -c full_page_writes=off -c autovacuum=off"
        )
        self._pg_ctl("-l", str(self._folder / "log"), "-o", options, "start")

    def _pg_ctl(self, *arguments: str) -> None:
        data, limit = str(self._folder / "data"), str(int(TIMEOUT_SECONDS))
        self._run("pg_ctl", "-D", data, "-w", "-t", limit, *arguments)

    def kill_and_restart(self) -> None:
        """Kill the server and its children with SIGKILL, then start it. It recovers."""
        pid_file = self._folder / "data" / "postmaster.pid"
        server = int(pid_file.read_text().split()[0])
        # A stopped server starts no child after they are listed.
        os.kill(server, signal.SIGSTOP)
        family = [server, *map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # A server refuses to start beside processes of its predecessor.
        wait_until(lambda: not any(_runs(pid) for pid in family), "PostgreSQL has ended")
        # Where no init reaps orphans, the dead server stays a zombie, and the new one takes it for a running server.
        for left in (pid_file, *self._folder.glob(".s.PGSQL.*.lock")):
            left.unlink()
        self._serve()

    def stop(self) -> None:
        if self._guardian:
            self._guardian.end()

    def restart(self) -> None:
        """Cut every connection. Mode `immediate` would lose recent commits, as durability is off."""
        self._pg_ctl("-m", "fast", "restart")

    def create_database(self, template: str = "template0") -> str:
        """Create a database like `template` and return its name."""
        name = f"test_{next(self._numbers)}"
        self._execute("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def empty_database(self, name: str) -> None:
        """Delete all rows of our tables, whoever is connected. A new database would be much slower."""
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        tables = "users, sessions, videos, installation, limit_counters"
        self._execute(name, f"{others} AND datname = current_database()", f"TRUNCATE {tables} CASCADE")

    def url(self, name: str) -> str:
        """Return the DATABASE_URL."""
        url = URL.create(
            "postgresql+psycopg", username=_SUPERUSER, database=name, query={"host": str(self._folder)}
        )
        return url.render_as_string(hide_password=False)

    def psql(self, name: str, script: str) -> None:
        """Run the script in the database `name` as an operator does."""
        where = f"host={self._folder} user={_SUPERUSER} dbname={name}"
        command = ["psql", "-v", "ON_ERROR_STOP=1", where]
        subprocess.run(command, input=script.encode(), stdout=subprocess.DEVNULL, check=True)

    def _execute(self, database: str, *statements: str) -> None:
        """Run the statements in one connection, because the server starts a process for each."""
        where = f"host={self._folder} user={_SUPERUSER} dbname={database}"
        with psycopg.connect(where, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self._programs / program), *arguments]
        if self._account:
            ids = [f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}", "--clear-groups"]
            command = ["setpriv", *ids, *command]
        # The server keeps its standard output, so a pipe would never end.
        with (self._folder / "start.log").open("ab") as log:
            finished = subprocess.run(command, stdout=log, stderr=log, cwd=self._folder, check=False)
        if finished.returncode:
            said = (self._folder / "start.log").read_text(errors="replace")
            raise RuntimeError(f"{program} ended with {finished.returncode}:\n{said}")


def _runs(pid: int) -> bool:
    """Return whether the process runs. A zombie has released all it had."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _find_programs() -> Path:
    """Return the folder of the server's programs, which Debian keeps off the PATH."""
    found = [Path(p).parent for p in (shutil.which("initdb"), shutil.which("postgres")) if p]
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    for folder in (*found, *reversed(versions)):
        if (folder / "initdb").exists():
            return folder
    raise PostgresMissingError("no PostgreSQL server programs found; `make tools` gets them")


def unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account that runs the server if we are root, else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresMissingError("no account without privileges to run PostgreSQL as")
