"""Reads a client's bytes at the pace that the store allows."""

import io
import time
from typing import Any, Final

from localstore import pace

SEND_SECONDS: Final = 60.0
"""Wait for a client to take bytes of an answer."""

_GATHER_SECONDS: Final = 10.0
"""Swift drops a client whose next 64 KiB take 60 s. A slow part is passed on in smaller pieces before that."""


class PacedSocket(io.RawIOBase):
    """A connection's bytes. It raises TimeoutError if the client takes longer than its pace allows."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.pace = pace.for_idle()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self.pace.credit_seconds <= 0:
            raise TimeoutError("the client sends too slowly")
        began = time.monotonic()
        self._connection.settimeout(self.pace.credit_seconds)
        try:
            received: int = self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(SEND_SECONDS)
        self.pace.waited(time.monotonic() - began, received)
        return received


class GatheringReader(io.BufferedReader):
    """Returns less than asked after a while, so that a slow client's bytes reach the disk before Swift drops it."""

    def __init__(self, raw: io.RawIOBase, gather_seconds: float = _GATHER_SECONDS) -> None:
        super().__init__(raw)
        self._gather_seconds = gather_seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return super().read(size)
        pieces, missing, until = [], size, time.monotonic() + self._gather_seconds
        while missing and (piece := self.read1(missing)):
            pieces.append(piece)
            missing -= len(piece)
            if time.monotonic() > until:
                break
        return b"".join(pieces)
