"""Proxy HTTP to several apps on one machine, in turns, and ask the next app if one is stopping.

    python scripts/round_robin.py 8000 8001 8002

This is for tests and for a look at several processes. In production use a real proxy. It reads whole requests, which
are at most 64 KiB, and asks for one answer a connection. So a request that a stopping app did not accept goes to the
next app. An app that has accepted a request answers it before it ends.
"""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

HOST = "127.0.0.1"
_HEALTH = b"GET /api/v1/health/live HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n"
_CHECK_EVERY_SECONDS = 0.25
_LONGEST_HEAD = 64 * 1024
_LONGEST_BODY = 1024 * 1024
_BLOCK = 64 * 1024
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_LENGTH_REQUIRED = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Refused(Exception):
    """A request that this proxy refuses, with the `answer` that says why."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass
class Backend:
    port: int
    is_well: bool = False


class RoundRobin:
    def __init__(self, ports: Sequence[int]) -> None:
        self._backends = [Backend(port) for port in ports]

    async def serve(self, port: int) -> None:
        """Serve until cancelled."""
        server = await asyncio.start_server(self._take, HOST, port, limit=_LONGEST_HEAD)
        async with server, asyncio.TaskGroup() as checks:
            for backend in self._backends:
                checks.create_task(_watch(backend))

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that goes away or sends no request needs no answer.
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError), contextlib.closing(writer):
            try:
                request = await _read_request(reader, writer.get_extra_info("peername")[0])
            except Refused as refused:
                writer.write(refused.answer)
            else:
                if not await self._pass_on(request, writer):
                    writer.write(_UNAVAILABLE)
            await writer.drain()

    async def _pass_on(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        for backend in self._in_turn():
            if await _ask(backend, request, writer):
                return True
        return False

    def _in_turn(self) -> list[Backend]:
        """Yield the healthy apps, each time from another one on, then the others, because one may have come back."""
        self._backends.append(self._backends.pop(0))
        return sorted(self._backends, key=lambda backend: not backend.is_well)


async def _read_request(reader: asyncio.StreamReader, client: str) -> bytes:
    """Return the request for an app, one a connection, with the client's address."""
    head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    named = [(field.partition(b":")[0].strip().lower(), field) for field in fields]
    values = {name: field.partition(b":")[2].strip() for name, field in named}
    if b"transfer-encoding" in values:
        raise Refused(_LENGTH_REQUIRED)
    length = int(values.get(b"content-length", b"0"))
    if length > _LONGEST_BODY:
        raise Refused(_TOO_LARGE)
    ours = (b"connection", b"keep-alive", b"x-forwarded-for", b"expect")
    kept = [field for name, field in named if name not in ours]
    lines = [first, *kept, b"Connection: close", b"X-Forwarded-For: " + client.encode()]
    return b"\r\n".join(lines) + b"\r\n\r\n" + await reader.readexactly(length)


async def _ask(backend: Backend, request: bytes, writer: asyncio.StreamWriter) -> bool:
    """Pass the answer on as it comes. Return False if there was none, so that another app may be asked."""
    answered = False
    try:
        app_reader, app_writer = await asyncio.open_connection(HOST, backend.port)
        with contextlib.closing(app_writer):
            app_writer.write(request)
            while block := await app_reader.read(_BLOCK):
                answered = True
                writer.write(block)
                await writer.drain()
    except OSError:
        backend.is_well = False
    return answered


async def _watch(backend: Backend) -> None:
    while True:
        backend.is_well = await _is_well(backend.port)
        await asyncio.sleep(_CHECK_EVERY_SECONDS)


async def _is_well(port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(HOST, port)
            with contextlib.closing(writer):
                writer.write(_HEALTH)
                return b" 200 " in await reader.readline()
    return False


if __name__ == "__main__":
    asyncio.run(RoundRobin([int(port) for port in sys.argv[2:]]).serve(int(sys.argv[1])))
