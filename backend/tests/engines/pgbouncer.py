"""Runs PgBouncer in front of a PostgreSQL on a unix socket."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from sqlalchemy.engine import make_url

from tests.engines.guardian import Guardian
from tests.engines.postgres import unprivileged_account
from tests.waiting import wait_until

SERVERS = 2
"""Fewer than the clients of a test, so that they share them."""


class PgBouncerMissingError(Exception):
    """This machine has no PgBouncer."""


class PgBouncer:
    """Lends the sessions of the server at `direct_url` for one transaction each."""

    def __init__(self, direct_url: str, *, ignores_options: bool) -> None:
        self._direct = make_url(direct_url)
        self._ignored = "options" if ignores_options else ""
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-pgbouncer-"))
        self._guardian: Guardian | None = None

    @property
    def url(self) -> str:
        through = self._direct.set(query={"host": str(self._folder)})
        return through.render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise PgBouncerMissingError("no pgbouncer found; `make tools` gets it")
        settings = self._folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={self._direct.query['host']}\n"
            f"[pgbouncer]\nunix_socket_dir = {self._folder}\nlisten_port = 5432\nauth_type = trust\n"
            f"auth_file = {self._folder}/users\npidfile = {self._folder}/pid\nlogfile = {self._folder}/log\n"
            f"pool_mode = transaction\ndefault_pool_size = {SERVERS}\n"
            f"ignore_startup_parameters = {self._ignored}\n"
        )
        (self._folder / "users").write_text(f'"{self._direct.username}" ""\n')
        command = [program, "--daemon", "--quiet", str(settings)]
        if account := unprivileged_account():
            for path in (self._folder, *self._folder.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
            ids = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
            command = ["setpriv", *ids, *command]
        self._guardian = Guardian(self._folder, ["pid"], signal.SIGTERM)
        subprocess.run(command, cwd=self._folder, check=True)
        wait_until(lambda: (self._folder / ".s.PGSQL.5432").exists(), "PgBouncer listens")
        return self

    def __exit__(self, *_: object) -> None:
        if self._guardian:
            self._guardian.end()
