"""An HTTP proxy that injects faults between page and store, app and store, or page and API.

    with FaultProxy(store_port) as proxy:               # S3_PUBLIC_ENDPOINT_URL=proxy.origin
        rule = proxy.fault(part(2), Reset(0.5), times=2)  # its first two attempts break half way
        with proxy.black_hole(Match()):                 # nothing flows in this block
            ...
        proxy.seen                                      # requests and the status of their answers

Heads and bodies pass unchanged, Host included, so a URL signed for the proxy's address stays valid. No body is held
in memory. The proxy runs in its own thread, so that synchronous and asynchronous tests can use it.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.engines.faults import Fault, Match, Rule, Seen
from tests.engines.http_wire import PIECE_BYTES, Head, exactly, read_body, read_head, reset
from tests.engines.ports import free_port

_BROKEN = (ConnectionError, asyncio.IncompleteReadError, TimeoutError)


@dataclass(frozen=True)
class BlackHole:
    match: Match
    after_bytes: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def holds(self, request: Seen) -> bool:
        return request.received_bytes >= self.after_bytes and self.match.fits(request)


class FaultProxy:
    """Listens on a port of 127.0.0.1 and forwards to another one. Any thread may call it."""

    def __init__(self, upstream_port: int = 0) -> None:
        self.seen: list[Seen] = []
        self.upstream_port = upstream_port
        """May be set later, because a server that must know the proxy's address has its own port only afterwards.
        """
        self._rules: list[Rule] = []
        self._holes: list[BlackHole] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy")
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = free_port()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, match: Match, fault: Fault, times: int | None = 1) -> Rule:
        """Inject a fault into so many matching requests, or until `withdraw` if None. The first rule wins."""
        rule = Rule(match, fault, times)
        self._rules.append(rule)
        return rule

    def withdraw(self, rule: Rule) -> None:
        self._rules.remove(rule)

    @contextmanager
    def black_hole(self, match: Match, after_bytes: int = 0) -> Iterator[None]:
        """Forward nothing of these requests, in either direction, after so many bytes of their bodies.

        Their connections stay open.
        """
        hole = BlackHole(match, after_bytes)
        self._holes.append(hole)
        try:
            yield
        finally:
            self._holes.remove(hole)
            self._loop.call_soon_threadsafe(hole.ended.set)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse new connections and reset open ones."""
        self._run(self._close())
        try:
            yield
        finally:
            self._run(self._open())

    def requests(self, match: Match) -> list[Seen]:
        return [request for request in list(self.seen) if match.fits(request)]

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # With a larger buffer the kernel would accept whole parts for a proxy that reads nothing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * PIECE_BYTES)
        listener.bind(("127.0.0.1", self.port))
        self._server = await asyncio.start_server(self._accepted, sock=listener, limit=4 * PIECE_BYTES)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            reset(self._connections[task])
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await read_head(reader):
                exchange = Exchange(self, head, reader, writer)
                self.seen.append(exchange.seen)
                await self.flowing(exchange.seen)
                rule = next((rule for rule in list(self._rules) if rule.takes(exchange.seen)), None)
                await (exchange.relay() if rule is None else rule.fault.play(exchange))
                if exchange.is_over:
                    break
        except _BROKEN:
            reset(writer)
        finally:
            writer.close()
            with contextlib.suppress(*_BROKEN):
                await writer.wait_closed()

    async def flowing(self, request: Seen) -> None:
        """Wait until no black hole holds this request."""
        while hole := next((hole for hole in list(self._holes) if hole.holds(request)), None):
            await hole.ended.wait()

    async def upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.upstream_port, limit=4 * PIECE_BYTES)


class Exchange:
    """A request, its answer, and what a fault can do with them."""

    def __init__(
        self, proxy: FaultProxy, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, target, _ = head.first_line.split(" ")
        url = urlsplit(target)
        # Credential, date and signature are left out, so that it may be printed.
        query = {name: value for name, value in parse_qsl(url.query, True) if not name.startswith("X-Amz-")}
        self.seen = Seen(method, url.path, query, head.headers.get("user-agent", ""))
        self.url_expires_at = _expiry(dict(parse_qsl(url.query)))
        """When the presigned URL expires, or None if it is not presigned."""
        self.head = head
        self.is_over = False
        """The connection serves no further request."""
        self._proxy = proxy
        self._reader = reader
        self._writer = writer

    async def relay(
        self, body: AsyncIterator[bytes] | None = None, *, deliver: float = 1.0, breaks: bool = True
    ) -> None:
        """Forward the request, and return this share of the answer. After a part of it, the connection `breaks`."""
        reader, writer = await self._proxy.upstream()
        try:
            writer.write(self.head.raw)
            sending = asyncio.create_task(self._send(writer, body or self.body()))
            answering = asyncio.create_task(self._answer_of(reader, deliver, breaks))
            try:
                await asyncio.gather(sending, answering)
            finally:
                sending.cancel()
                answering.cancel()
                await asyncio.gather(sending, answering, return_exceptions=True)
        finally:
            writer.transport.abort()

    async def send_on(self, limit: int) -> None:
        """Send the head and so many bytes of the body to the upstream, then reset it."""
        _, writer = await self._proxy.upstream()
        try:
            writer.write(self.head.raw)
            sent = 0
            async for piece in self.body():
                writer.write(piece[: limit - sent])
                await writer.drain()
                sent += len(piece)
                if sent >= limit:
                    break
        finally:
            reset(writer)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the request's body as it is on the wire."""
        async for piece in read_body(self._reader, self.head, is_until_end=False):
            await self._proxy.flowing(self.seen)
            self.seen.received_bytes += len(piece)
            yield piece

    async def drain(self) -> None:
        if "expect" in self.head.headers:
            self.is_over = True  # It waits for 100 Continue, which never comes.
            return
        async for _ in self.body():
            pass

    async def answer(self, status: int, body: bytes, *, is_readable: bool) -> None:
        lines = [
            f"HTTP/1.1 {status} Ordered",
            f"Content-Length: {len(body)}",
            "Content-Type: application/xml",
        ]
        origin = self.head.headers.get("origin")
        if is_readable and origin is not None:
            lines += [f"Access-Control-Allow-Origin: {origin}", "Vary: Origin"]
        self.seen.status = status
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self._writer.drain()

    async def wait_until_client_leaves(self) -> None:
        while await self._reader.read(PIECE_BYTES):
            pass
        self.is_over = True

    async def wait_for_end_of_proxy(self) -> None:
        await asyncio.Event().wait()

    def reset(self) -> None:
        self.is_over = True
        reset(self._writer)

    async def _send(self, writer: asyncio.StreamWriter, body: AsyncIterator[bytes]) -> None:
        is_taken = True
        async for piece in body:
            if is_taken:
                try:
                    writer.write(piece)
                    await writer.drain()
                except ConnectionError:
                    # The upstream may have answered early. Read the rest, because a close with unread bytes would
                    # discard that answer.
                    is_taken = False

    async def _answer_of(self, reader: asyncio.StreamReader, deliver: float, breaks: bool) -> None:
        while True:
            head = await read_head(reader)
            if head is None:
                raise ConnectionResetError("the upstream closed without an answer")
            status = int(head.first_line.split(" ")[1])
            if status >= 200:
                break
            self._writer.write(head.raw)
        has_body = self.seen.method != "HEAD" and status not in (204, 304)
        body = read_body(reader, head, is_until_end=True) if has_body else exactly(reader, 0)
        if deliver < 1.0:
            whole = head.raw + b"".join([piece async for piece in body])
            if breaks:
                await self._deliver_beginning(status, whole[: int(deliver * len(whole))])
            return
        await self._proxy.flowing(self.seen)
        self.seen.status = status
        self._writer.write(head.raw)
        async for piece in body:
            await self._proxy.flowing(self.seen)
            self._writer.write(piece)
            await self._writer.drain()
        is_endless = has_body and head.length is None and not head.is_chunked
        self.is_over = self.is_over or is_endless or head.wants_close or self.head.wants_close

    async def _deliver_beginning(self, status: int, beginning: bytes) -> None:
        if not beginning:
            return self.reset()
        self.seen.status = status
        self._writer.write(beginning)
        await self._writer.drain()
        # A reset would discard what the client has not read yet, so close in order, but too early.
        self.is_over = True


def _expiry(query: Mapping[str, str]) -> datetime | None:
    if "X-Amz-Expires" not in query:
        return None
    signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query["X-Amz-Expires"]))
