"""Implement the MediaProbe port. Each video's metadata is read by a process of its own (`mediaprobe.child`).

The process has limits and no environment. It asks us for ranges, which we read through the ObjectStorage port.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import mediaprobe
from app.adapters.probe_messages import (
    LONGEST_LINE,
    Crashed,
    Failed,
    Found,
    Message,
    NotUnderstood,
    RangeWanted,
    Ready,
    read_message,
)
from app.ports import ObjectChanged, ObjectStorage, ReaderCrashed, ReaderNotStarted
from mediaprobe.child import ANSWER

READER = (
    *(sys.executable, "-I", "-S", "-c"),
    # Being nice comes first, because the imports take longer than most files.
    "import os, sys; os.nice(10); sys.path.insert(0, sys.argv[1]); from mediaprobe.child import main; main()",
    str(Path(mediaprobe.__file__).parents[1]),
)
"""The command of the reader's process, without the environment (-I) and the installed packages (-S)."""

_START_SECONDS = 10.0
"""A start takes 54 ms of processor time (decision 14), and on a machine without memory or processor far longer."""
_KILLED_BY_A_LIMIT = {-signal.SIGKILL, -signal.SIGXCPU}


@dataclass(frozen=True)
class StoredObjectProbe:
    storage: ObjectStorage
    command: Sequence[str] = READER
    seconds: float = 4.0
    """The time that the reader's process may take in all, without the time of our reads. It limits its processor time
    itself, so only a process that hangs or gets no processor reaches this."""

    async def probe(self, object_key: str, etag: str) -> mediaprobe.Metadata:
        async with _started(self.command) as reader:
            conversation = _Conversation(reader, self.storage, object_key, etag, self.seconds)
            try:
                return await conversation.hold()
            except TimeoutError as error:
                detail = f"Reading the header took longer than {self.seconds:g} seconds."
                raise mediaprobe.BudgetExceeded(detail, container=conversation.container) from error
            except NotUnderstood as error:
                raise ReaderCrashed(conversation.container, "unknown message") from error
            except mediaprobe.SourceChanged as error:
                raise ObjectChanged from error


@dataclass(frozen=True)
class _Reader:
    process: subprocess.Popen[bytes]
    lines: asyncio.StreamReader
    answers: asyncio.WriteTransport


@asynccontextmanager
async def _started(command: Sequence[str]) -> AsyncIterator[_Reader]:
    """Start the reader, and kill it at the end."""
    loop = asyncio.get_running_loop()
    try:
        process = _spawn(command)
    except OSError as error:
        raise ReaderNotStarted(str(error)) from error
    try:
        lines = asyncio.StreamReader(LONGEST_LINE)
        incoming, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), process.stdout
        )
        answers, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        try:
            yield _Reader(process, lines, answers)
        finally:
            incoming.close()
            if not answers.is_closing():  # asyncio closes it itself if the process has ended
                answers.abort()
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the process as `subprocess` does. It stops the event loop for 2 ms, and uvloop's own way for 40 ms."""
    pipe = subprocess.PIPE
    return subprocess.Popen(  # noqa: S603  # our own program
        command, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={}, cwd="/"
    )


@dataclass
class _Conversation:
    """Answers one reader until it says what it found."""

    reader: _Reader
    storage: ObjectStorage
    object_key: str
    etag: str
    seconds_left: float
    container: str | None = None
    """What the first bytes say, which needs no parser."""
    size: int | None = None
    requests: int = 0
    bytes_read: int = 0
    budget: mediaprobe.Budget = field(default_factory=mediaprobe.Budget)

    async def hold(self) -> mediaprobe.Metadata:
        """Raise a ProbeError, TimeoutError, NotUnderstood, ReaderCrashed, ReaderNotStarted or an error of the store."""
        await self._wait_until_ready()
        message = await self._exchange()
        while isinstance(message, RangeWanted):
            message = await self._exchange(await self._read(message))
        if isinstance(message, Found):
            return message.metadata
        if isinstance(message, Failed):
            raise message.error(self.container)
        if isinstance(message, Crashed):
            raise ReaderCrashed(self.container, message.reason)
        raise NotUnderstood

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                message = await self._next()
        except (TimeoutError, NotUnderstood, ReaderCrashed, mediaprobe.BudgetExceeded) as error:
            raise ReaderNotStarted("the reader's process did not get ready") from error
        if not isinstance(message, Ready):
            raise ReaderNotStarted("the reader's process did not get ready")

    async def _exchange(self, answer: bytes = b"") -> Message:
        """Send the answer and return the next message."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(self.seconds_left):
            # The budget limits what may wait in memory for a reader that does not read.
            self.reader.answers.write(answer)
            message = await self._next()
        self.seconds_left -= loop.time() - began
        return message

    async def _next(self) -> Message:
        try:
            line = await self.reader.lines.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise NotUnderstood from error
        except asyncio.IncompleteReadError as error:
            status = await asyncio.to_thread(self.reader.process.wait)
            if status in _KILLED_BY_A_LIMIT:
                detail = "Reading the header took more than the limit of processor time."
                raise mediaprobe.BudgetExceeded(detail, container=self.container) from error
            raise ReaderCrashed(self.container, f"exit status {status}") from error
        return read_message(line)

    async def _read(self, wanted: RangeWanted) -> bytes:
        """Return a range of the object, as `mediaprobe.child` reads it."""
        self.requests += 1
        self.bytes_read += wanted.length
        if self.requests > self.budget.requests or self.bytes_read > self.budget.bytes:
            raise NotUnderstood
        if self.size is not None and wanted.start >= self.size:
            raise NotUnderstood
        # The ETag of the completion ensures that the metadata belongs to this object.
        piece = await self.storage.read_range(self.object_key, wanted.start, wanted.length, self.etag or None)
        self.size = piece.total_bytes
        if wanted.start == 0 and self.container is None:
            with contextlib.suppress(mediaprobe.UnsupportedContainer):
                self.container = mediaprobe.sniff(piece.data)
        return ANSWER.pack(piece.total_bytes, len(piece.data)) + piece.data
