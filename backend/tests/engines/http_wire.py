"""Reads HTTP/1.1 heads and bodies as bytes on the wire."""

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Head:
    """First line and headers of a message, with their bytes."""

    raw: bytes
    first_line: str
    headers: Mapping[str, str]
    """Names in lower case."""

    @property
    def length(self) -> int | None:
        """Content-Length, if there is one."""
        length = self.headers.get("content-length")
        return None if length is None else int(length)

    @property
    def is_chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "")

    @property
    def wants_close(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Return the next head, or None if the connection ended between two messages."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines)
    return Head(raw, first, {name.lower(): value.strip() for name, value in headers.items()})


async def read_body(reader: asyncio.StreamReader, head: Head, *, is_until_end: bool) -> AsyncIterator[bytes]:
    """Yield the body with its framing. An answer without a length lasts until the connection ends."""
    if head.is_chunked:
        async for piece in _chunks(reader):
            yield piece
    elif head.length is not None or not is_until_end:
        async for piece in exactly(reader, head.length or 0):
            yield piece
    else:
        while piece := await reader.read(PIECE_BYTES):
            yield piece


async def exactly(reader: asyncio.StreamReader, count: int) -> AsyncIterator[bytes]:
    while count > 0:
        piece = await reader.read(min(count, PIECE_BYTES))
        if not piece:
            raise ConnectionResetError("a body ended too early")
        count -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    size = -1
    while size != 0:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        yield line
        async for piece in exactly(reader, size):
            yield piece
        yield await reader.readuntil(b"\r\n")


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    if writer.transport.is_closing():
        return
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
