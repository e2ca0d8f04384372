"""Emulate a wide-area link between two network namespaces, and remove them whatever happens."""

# ruff: noqa: S603, S607  # starts programs of this folder and of the system, by name as `make` does

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from measuring import opened  # noqa: E402  # after the path

FAR_ADDRESS = "10.94.7.2"
NEAR_ADDRESS = "10.94.7.1"


class LinkUnavailable(Exception):
    """This machine cannot emulate a link, for the reason in the text."""


def why_not() -> str | None:
    if os.geteuid() != 0:
        return "no root, which network namespaces need"
    for program in ("ip", "gcc", "sysctl"):
        if shutil.which(program) is None:
            return f"no {program}"
    if not Path("/dev/net/tun").exists():
        return "no /dev/net/tun"
    return None


class Link:
    """`near` and `far` prefix a command so that it runs on that side. The browser is near, the servers are far."""

    def __init__(
        self, folder: Path, *, megabits: float, round_trip_ms: float, loss_percent: float = 0
    ) -> None:
        self._program = folder / "link"
        self._near_name = f"slipway-near-{os.getpid()}"
        self._far_name = f"slipway-far-{os.getpid()}"
        self._megabits, self._round_trip_ms, self._loss_percent = megabits, round_trip_ms, loss_percent
        self._process: subprocess.Popen[str] | None = None
        self.near = ["ip", "netns", "exec", self._near_name]
        self.far = ["ip", "netns", "exec", self._far_name]

    def __enter__(self) -> Self:
        reason = why_not()
        if reason is not None:
            raise LinkUnavailable(reason)
        try:
            self._set_up()
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            said = getattr(error, "stderr", None) or str(error)
            raise LinkUnavailable(str(said).strip().splitlines()[-1]) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        for name in (self._near_name, self._far_name):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def set_rate(self, megabits: float) -> None:
        if self._process is None:
            raise LinkUnavailable("the link is not up")
        orders = opened(self._process.stdin)
        orders.write(f"{megabits * 1e6:.0f}\n")
        orders.flush()

    def _set_up(self) -> None:
        if not self._program.exists():
            _run(["gcc", "-O2", "-o", str(self._program), str(HERE / "wan/link.c")])
        _run(["ip", "netns", "add", self._near_name])
        _run(["ip", "netns", "add", self._far_name])
        # One bandwidth-delay product of buffer, and no less than a few packets.
        buffer_bytes = max(30_000, self._megabits * 1e6 / 8 * self._round_trip_ms / 1000)
        figures = [self._megabits * 1e6, self._round_trip_ms / 2, self._loss_percent, buffer_bytes]
        self._process = subprocess.Popen(
            [str(self._program), self._near_name, self._far_name, *(f"{figure:g}" for figure in figures)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if opened(self._process.stdout).readline() != "up\n":
            raise OSError(opened(self._process.stderr).read())
        for side, address in ((self.near, NEAR_ADDRESS), (self.far, FAR_ADDRESS)):
            for command in (
                ["ip", "link", "set", "lo", "up"],
                ["ip", "addr", "add", f"{address}/24", "dev", "wan0"],
                ["ip", "link", "set", "wan0", "up"],
                # The same sender for all. cubic is not offered everywhere, and at this loss runs as reno does.
                ["sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno"],
            ):
                _run([*side, *command])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
