"""Stops the daemons of a test session, even if the session is killed.

As a program it waits for the end of its standard input, which the session holds open. Then it stops the daemons of
the PID files and removes their folder.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

_KILL_AFTER_SECONDS = 20.0
"""A daemon that ignores its signal for so long gets SIGKILL."""


class Guardian:
    """Start it before the daemons. `end` stops them in the order of their PID files and waits."""

    def __init__(self, folder: Path, pid_files: list[str], stop_signal: signal.Signals) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder), stop_signal.name, *pid_files],
            stdin=subprocess.PIPE,
            # In its own session, so that Ctrl-C in the terminal reaches only the tests.
            start_new_session=True,
        )

    def end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def _stop(folder: Path, pid_file: Path, stop_signal: signal.Signals) -> None:
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    kill_at = time.monotonic() + _KILL_AFTER_SECONDS
    with contextlib.suppress(ProcessLookupError):
        if works_in(folder, pid):
            os.kill(pid, stop_signal)
        while works_in(folder, pid):
            if time.monotonic() > kill_at:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def works_in(folder: Path, pid: int) -> bool:
    """Return whether the process is ours.

    PIDs are reused, so its command must name our folder. A zombie's names nothing.
    """
    try:
        return os.fsencode(folder) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _main(folder: Path, stop_signal: signal.Signals, pid_files: list[str]) -> None:
    sys.stdin.buffer.read()
    for name in pid_files:
        _stop(folder, folder / name, stop_signal)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), signal.Signals[sys.argv[2]], sys.argv[3:])
