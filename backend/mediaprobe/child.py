"""Probes one video in a process of its own, which can neither open a file nor a socket.

The parent runs `main`. It is the only source of bytes and the only reader of the result. Each line to stdout is a JSON
object whose `kind` is one of these.

ready       the limits are set, and what happens from now on is the file's doing
range       ask for `length` bytes from `start`. The answer on stdin is the size of the object and the number of bytes
            that follow, as two unsigned integers of 64 bits (big-endian), then the bytes
found       the last line, with the `metadata`
failed      the last line, with `code` and `detail` of a ProbeError and the `metadata` read until then, or null
crashed     the last line, with the error's type and the place in the code as `reason`
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import signal
import struct
import sys
import time
from types import FrameType
from typing import NoReturn

from mediaprobe.errors import BudgetExceeded, ProbeError
from mediaprobe.probing import probe
from mediaprobe.source import RangeAnswer

ANSWER = struct.Struct(">QQ")

CPU_SECONDS = 0.75
"""The reader's own budget ends every known kind of file in less. With the start of the process, it stays below 1 s."""
LIFE_SECONDS = 60
"""Ends a process that hangs and whose parent is gone. A live parent ends it sooner."""
_MEMORY_BYTES = 128 * 1024 * 1024
"""The interpreter takes 9 MiB of it, and the largest flood of the tests 23."""


class _ParentSource:
    """Implements RangeSource. The parent compares the ETag."""

    def read_range(self, start: int, length: int, etag: str | None) -> RangeAnswer:  # noqa: ARG002
        _tell({"kind": "range", "start": start, "length": length})
        size, count = ANSWER.unpack(_read(ANSWER.size))
        return RangeAnswer(_read(count), size, None)


def _read(count: int) -> bytes:
    data = sys.stdin.buffer.read(count)
    if len(data) < count:
        # The parent has ended or no longer wants the result. A normal exit would call cleanup that nobody needs.
        os._exit(0)
    return data


def _tell(message: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    set_limits()
    _tell({"kind": "ready"})
    _tell(_outcome())


def _outcome() -> dict[str, object]:
    try:
        return {"kind": "found", "metadata": dataclasses.asdict(probe(_ParentSource()))}
    except ProbeError as error:
        partial = error.partial if isinstance(error, BudgetExceeded) else None
        known = dataclasses.asdict(partial) if partial else None
        return {"kind": "failed", "code": error.code, "detail": error.detail, "metadata": known}
    except Exception as error:  # a defect of the parser must not leave the video without an answer
        return {"kind": "crashed", "reason": _place(error)}


def _place(error: Exception) -> str:
    """Return the error's type and the line of code that raised it. Its message may quote the file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + place


def set_limits() -> None:
    """Limit this process for the rest of its life, before it reads anything."""
    # A signal to the whole group, such as Ctrl-C, must not look like the file's doing. The end of stdin stops us.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    # At the first limit the parser ends with what it has read. The second one, in whole seconds of the process, kills.
    signal.signal(signal.SIGPROF, _end_parsing)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    _limit(resource.RLIMIT_CPU, int(time.process_time() + CPU_SECONDS) + 1)
    signal.alarm(LIFE_SECONDS)
    # RLIMIT_AS would also count mapped files, such as a locale archive of hundreds of MiB.
    _limit(resource.RLIMIT_DATA, _MEMORY_BYTES)
    for nothing in (
        resource.RLIMIT_NOFILE,  # no further file or socket can be opened
        resource.RLIMIT_NPROC,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_CORE,
    ):
        _limit(nothing, 0)


def _end_parsing(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise BudgetExceeded(f"Reading the header took more than {CPU_SECONDS:g} s of processor time.")


def _limit(kind: int, most: int) -> None:
    before = resource.getrlimit(kind)[1]
    value = most if before == resource.RLIM_INFINITY else min(most, before)
    # macOS refuses some limits. The parent's limits hold there too.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (value, value))
