"""Runs moto, an S3 in memory that checks no signature, on a free port of the loopback address."""

import subprocess
import sys
from pathlib import Path
from typing import Self

import httpx

from tests.engines.ports import free_port
from tests.waiting import wait_until

PROGRAM = Path(sys.executable).with_name("moto_server")


class MotoServer:
    def __init__(self) -> None:
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        command = [str(PROGRAM), "-H", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "moto answers")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.endpoint_url}/moto-api/").is_success
        except httpx.TransportError:
            return False
