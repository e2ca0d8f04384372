"""Measure the memory of a process and its descendants, and read its pipes."""

import threading
from pathlib import Path
from typing import IO

MIB = 1024 * 1024


class MemoryWatch:
    """Samples the peak memory of a process and its descendants as PSS, which counts shared pages once."""

    def __init__(self, root_pid: int) -> None:
        self._root = root_pid
        self._stop = threading.Event()
        self.idle_bytes = memory_of_tree(root_pid)
        self.peak_bytes = self.idle_bytes
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def growth_mib(self) -> float:
        self._stop.set()
        self._thread.join()
        return (self.peak_bytes - self.idle_bytes) / MIB

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            self.peak_bytes = max(self.peak_bytes, memory_of_tree(self._root))


def memory_of_tree(root_pid: int) -> int:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    total, waiting = 0, [root_pid]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        # The file is empty if the process is ending.
        shares = (int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        total += next(shares, 0) * 1024
    return total


def browser_pid(profile: Path) -> int:
    """Return the main process of Chromium with this profile."""
    wanted = f"--user-data-dir={profile}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in arguments and not any(argument.startswith(b"--type=") for argument in arguments):
                return int(entry.name)
    raise LookupError("no Chromium on this profile")


def opened(pipe: IO[str] | None) -> IO[str]:
    """Return a pipe that is not None."""
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe
