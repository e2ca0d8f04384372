"""Ends daemons that a test session started, also when the session itself is killed.

Run as a program it waits for the end of its standard input, which the session holds open: however the session ends,
the daemons named by their pid files are stopped and their folder is removed.
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
    """Started before the daemons; `end` stops them in the order of their pid files and waits for it."""

    def __init__(self, folder: Path, pid_files: list[str], stop_signal: signal.Signals) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder), stop_signal.name, *pid_files],
            stdin=subprocess.PIPE,
            # Its own session: Ctrl-C in the terminal goes to the tests alone.
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
        if _works_in(folder, pid):
            os.kill(pid, stop_signal)
        while _works_in(folder, pid):
            if time.monotonic() > kill_at:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _works_in(folder: Path, pid: int) -> bool:
    """A pid is used again one day: only a process whose command names our folder is ours. A zombie's names nothing."""
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
