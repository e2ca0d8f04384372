"""Runs Redis on a free port of the loopback address, in memory alone."""

import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.engines.guardian import Guardian
from tests.engines.ports import free_port
from tests.waiting import wait_until


class RedisMissingError(Exception):
    """This machine has no Redis server program."""


class RedisServer:
    """A server that can stop and start again at the same port."""

    def __init__(self) -> None:
        self._program = _find_program()
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-redis-"))
        self._guardian = Guardian(self._folder, ["pid"], signal.SIGKILL)
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> Self:
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "dir": str(self._folder),
            "pidfile": str(self._folder / "pid"),
            "save": "",
            "appendonly": "no",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        # Debian's package redis-tools has the server's program under another name, and starts no service.
        self._process = subprocess.Popen(
            ["redis-server", *arguments], executable=self._program, stdout=subprocess.DEVNULL
        )
        wait_until(self._answers, "Redis answers")
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        self.kill()
        self._guardian.end()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port)) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


def _find_program() -> str:
    for name in ("redis-server", "redis-check-rdb"):
        if found := shutil.which(name):
            return found
    raise RedisMissingError("no Redis server program found; `make tools` gets it")
