"""Implement the Scanner port with a command of the operator, which reads the question from stdin."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final

from app.adapters.scan_messages import LONGEST_ANSWER, for_the_log, question, verdict_in
from app.ports import FileToScan, ScannerUnavailable, ScanVerdict

_PASSED_ON: Final = ("HOME", "LANG", "PATH", "TMPDIR")
"""Slipway's other variables have its passwords and keys, which are nothing for a scanner."""


@dataclass(frozen=True)
class CommandScanner:
    """Starts the command for each file. The URL goes to stdin, because others can read arguments in /proc."""

    command: Sequence[str]

    async def scan(self, file: FileToScan) -> ScanVerdict:
        try:
            # A start of asyncio's own stops the event loop for longer (app/adapters/probe.py).
            process = _spawn(self.command)
        except OSError as error:
            raise ScannerUnavailable(f"the command did not start ({error.strerror})") from error
        try:
            status, answer, said = await _talk(process, question(file))
        finally:
            if process.returncode is None:
                # What the command started is in its group, and would hold the pipes.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await asyncio.to_thread(process.wait)
        if status != 0:
            raise ScannerUnavailable(f"the command ended with {status}. {for_the_log(said)}".strip())
        return verdict_in(answer)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # the operator's own command, without a shell
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        start_new_session=True,
    )


async def _talk(process: subprocess.Popen[bytes], text: bytes) -> tuple[int, bytes, str]:
    """Return exit status, stdout, of which too much ends with more than LONGEST_ANSWER, and the end of stderr."""
    if process.stdin is None:
        raise ValueError("the command has no stdin")
    # A command need not read it. A new pipe takes 4 KiB and more without waiting.
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(text)
    answer, said = await asyncio.gather(
        _read_end(process.stdout, LONGEST_ANSWER + 1), _read_end(process.stderr, LONGEST_ANSWER)
    )
    status = await asyncio.to_thread(process.wait)
    return status, answer, said.decode(errors="replace")


async def _read_end(pipe: IO[bytes] | None, longest: int) -> bytes:
    """Read until the pipe is closed, and return its last bytes."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    end = b""
    try:
        while piece := await reader.read(longest):
            end = (end + piece)[-longest:]
    finally:
        transport.close()
    return end
