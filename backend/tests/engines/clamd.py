"""Starts ClamAV's daemon with one signature of the tests, on its own folder and socket."""

import re
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from tests.engines.guardian import Guardian
from tests.waiting import wait_until

DOCUMENTED: Final = Path(__file__).parents[3] / "docs" / "how-to" / "scan.md"
# In two pieces, so that no scanner takes this file for the test file itself.
EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE: Final = "Slipway.Test.EICAR.UNOFFICIAL"


def documented_settings() -> dict[str, str]:
    """Return what the how-to page asks for in clamd.conf."""
    found = re.search(r"^```\n(StreamMaxLength .*?)^```$", DOCUMENTED.read_text(), re.MULTILINE | re.DOTALL)
    assert found, "the page has no block for clamd.conf"
    return dict(line.split() for line in found[1].splitlines())


class Clamd:
    """clamd with the settings of docs/how-to/scan.md, or those given in their place."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._settings = {**documented_settings(), **(settings or {})}
        self.socket = folder / "clamd.ctl"

    def start(self) -> Self:
        """Return when the socket answers."""
        database = self._folder / "signatures"
        database.mkdir(parents=True)
        # The extended format. ClamAV adds UNOFFICIAL to names that are not its own.
        name = SIGNATURE.removesuffix(".UNOFFICIAL")
        (database / "test.ndb").write_text(f"{name}:0:*:{EICAR.hex()}\n")
        config = self._folder / "clamd.conf"
        lines = {
            "LocalSocket": self.socket,
            "PidFile": self._folder / "clamd.pid",
            "DatabaseDirectory": database,
            "Foreground": "yes",
            **self._settings,
        }
        config.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        self._guardian = Guardian(self._folder, ["clamd.pid"], signal.SIGTERM)
        with (self._folder / "clamd.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["clamd", f"--config-file={config}"], stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._answers, "clamd answers")
        return self

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "clamd.log").read_text()
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
                client.sendall(b"zPING\0")
                return client.recv(16) == b"PONG\0"
            except OSError:
                return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._guardian.end()
