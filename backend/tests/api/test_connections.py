"""Limits of connections, and requests that are no HTTP or that two servers could read in two ways."""

import asyncio
import gc
import json
import re
import socket
import struct
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from io import StringIO
from typing import Any

import pytest
import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from app.api.middleware import SAFE_HEADERS, RequestContext
from app.core.client_address import TrustedProxies
from app.core.connection_table import ConnectionTable
from app.core.turns import Turns
from app.http_protocol import SECONDS, LimitedHttp, Phase
from tests.waiting import TIMEOUT_SECONDS, until

LIVE = b"GET /api/v1/health/live HTTP/1.1\r\nHost: a\r\n\r\n"
SECOND = b"GET /api/v1/health/live?second HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reset(self) -> None:
        """Close with RST, as a program that is killed with unread bytes."""
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.writer.transport.abort()

    async def until_closed(self) -> bytes:
        """Return everything until the server closes."""
        received = b""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                while block := await self.reader.read(65536):
                    received += block
            except ConnectionError:
                pass  # unread bytes of ours make the close a reset
        return received

    async def answer(self) -> tuple[int, bytes]:
        """Return status and body of the next answer."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            return int(head[9:12]), await self.reader.readexactly(int(length[1]))


class Server:
    def __init__(
        self,
        app: ASGIApp,
        most: int = 100,
        most_of_a_client: int = 100,
        proxies: tuple[str, ...] = (),
        seconds_between_refusals: float = 0.0,
    ):
        self.state = ServerState()
        self._opened: list[asyncio.StreamWriter] = []
        self.table = ConnectionTable[LimitedHttp](most, most_of_a_client)
        self.refusals = Turns(seconds_between=seconds_between_refusals)
        config = uvicorn.Config(app, http=LimitedHttp, ws="none", lifespan="off", log_config=None)
        config.load()
        self._make: Callable[[], LimitedHttp] = partial(
            LimitedHttp,
            config,
            self.state,
            {},
            table=self.table,
            turns=Turns(),
            refusals=self.refusals,
            proxies=TrustedProxies(proxies),
            headers=SAFE_HEADERS,
        )

    def accept(self, transport: asyncio.Transport) -> None:
        self._make().connection_made(transport)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._make, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for connection in list(self.state.connections):
                connection.transport.abort()
            for writer in self._opened:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()
            await asyncio.gather(*self.state.tasks, return_exceptions=True)

    async def connect(self, source: str = "127.0.0.1", receive_bytes: int | None = None) -> Connection:
        """Connect, with a buffer of `receive_bytes` that nothing reads until the test does."""
        client = socket.socket()
        client.setblocking(False)
        if receive_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self._port))
        opened = await asyncio.open_connection(sock=client, limit=receive_bytes or 65536)
        self._opened.append(opened[1])
        return Connection(*opened)


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[Server]:
    async with Server(app).running() as made:
        yield made


def assert_refused(received: bytes, status: int) -> None:
    """Assert one answer in the error shape with the safe headers, which announces that the connection closes."""
    assert received.count(b"HTTP/1.1 ") == 1, received
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    assert len(headers) == len(lines), "a header is repeated"
    assert first.split()[1] == str(status)
    assert headers.items() >= {name.lower(): value for name, value in SAFE_HEADERS.items()}.items()
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/json"
    error = json.loads(body)
    assert set(error) == {"code", "detail", "request_id"}
    assert error["request_id"] == headers["x-request-id"]


# --- shapes -------------------------------------------------------------------------------------------------------


AMBIGUOUS = {
    "length and coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding after chunked": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "vertical tab before coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "coding in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "coding of HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",
    "same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "negative length": POST + b"Content-Length: -5\r\n\r\nabcde",
    "length with plus": POST + b"Content-Length: +5\r\n\r\nabcde",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nabcde",
    "empty length": POST + b"Content-Length: \r\n\r\nabcde",
    "length with space": POST + b"Content-Length: 5 5\r\n\r\nabcde",
    "length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabcde",
    "length with underscore": POST + b"Content-Length: 1_0\r\n\r\nabcdeabcde",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nbroken\r\n\r\n",
    "space before first header": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare LF in header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n",
    "NUL in value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "NUL in name": b"GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n",
    "NUL in path": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "empty name": b"GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n",
    "absolute form with other host": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute form with user": b"GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "same host twice": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "space in host": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "path in host": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "user in host": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "lower-case version": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "tabs": b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown method": b"SMUGGLE / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "path without slash": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes beyond ASCII in path": "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "no chunk size": CHUNKED + b"zz\r\n\r\n",
    "chunk size with 0x": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "negative chunk size": CHUNKED + b"-1\r\n\r\n",
    "chunk size and bare LF": CHUNKED + b"5\nabcde\r\n0\r\n\r\n",
    "chunk without its end": CHUNKED + b"5\r\nabcdeXX0\r\n\r\n",
    "chunk size and space": CHUNKED + b"5 \r\nabcde\r\n0\r\n\r\n",
    "bare LF in chunk extension": CHUNKED + b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": CHUNKED + b"fffffffffffffffff\r\nabcde\r\n0\r\n\r\n",
    "length in trailer": CHUNKED + b"0\r\nContent-Length: 9\r\n\r\n",
}


async def test_refuses_ambiguous_requests_and_what_follows(
    subtests: pytest.Subtests, server: Server, log: StringIO
) -> None:
    for name, shape in AMBIGUOUS.items():
        with subtests.test(name):
            connection = await server.connect()
            connection.send(shape + SECOND)
            assert_refused(await connection.until_closed(), 400)
    refused = [json.loads(line) for line in log.getvalue().splitlines() if "request.refused" in line]
    assert len(refused) == len(AMBIGUOUS)
    assert {line["client"] for line in refused} == {"127.0.0.1"}


async def test_answers_shapes_that_have_one_meaning(subtests: pytest.Subtests, server: Server) -> None:
    for name, shape in {
        "absolute form": b"GET http://A/api/v1/health/live HTTP/1.1\r\nHost: a\r\n\r\n",
        "empty host": LIVE.replace(b"Host: a", b"Host:"),
        "host with port": LIVE.replace(b"Host: a", b"Host: [::1]:8000"),
        "line break in front": b"\r\n" + LIVE,
        "HTTP/1.0 without host": b"GET /api/v1/health/live HTTP/1.0\r\n\r\n",
        "body of GET": LIVE.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nabcde"),
        "chunk extension": LIVE.replace(
            b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nabcde\r\n0\r\n\r\n"
        ),
    }.items():
        with subtests.test(name):
            connection = await server.connect()
            connection.send(shape)
            assert (await connection.answer())[0] == 200


async def test_answers_pipelined_requests_in_order(server: Server) -> None:
    connection = await server.connect()
    connection.send(LIVE + SECOND.replace(b"live", b"nothing") + LIVE)
    assert [(await connection.answer())[0] for _ in range(3)] == [200, 404, 200]


async def test_request_knows_nothing_of_an_earlier_one() -> None:
    """Log lines have the user of the request. The end of an answer starts the next one of its connection."""
    user: ContextVar[str] = ContextVar("user", default="nobody")
    found: list[str] = []
    under_way, gate = asyncio.Event(), asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        found.append(user.get())
        user.set("the user of this request")
        under_way.set()
        await gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with Server(app).running() as server:
        connection = await server.connect()
        connection.send(LIVE + SECOND)
        await under_way.wait()
        gate.set()
        for _ in range(2):
            assert (await connection.answer())[0] == 200

    assert found == ["nobody", "nobody"]


async def test_ends_a_connection_with_many_pipelined_requests(server: Server) -> None:
    connection = await server.connect()
    connection.send(LIVE * 1000)
    received = await connection.until_closed()
    assert received.count(b"HTTP/1.1 200") == 1
    assert received.count(b"HTTP/1.1 ") == 1


async def test_garbage_after_a_request_gets_no_answer_in_its_place(server: Server) -> None:
    connection = await server.connect()
    connection.send(LIVE + b"\x00garbage\r\n\r\n" + SECOND)
    received = await connection.until_closed()
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"anything"])
async def test_answers_an_upgrade_as_plain_request_and_closes(server: Server, protocol: bytes) -> None:
    connection = await server.connect()
    upgrade = b"Connection: upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    connection.send(LIVE.replace(b"\r\n\r\n", b"\r\n" + upgrade) + SECOND)
    received = await connection.until_closed()
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 200")


async def test_trailer_is_no_header(server: Server, log: StringIO) -> None:
    connection = await server.connect()
    chunked = LIVE.replace(b"health/live", b"nothing").replace(
        b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    connection.send(chunked + b"0\r\nX-Request-Id: of-the-trailer\r\n\r\n")
    assert (await connection.answer())[0] == 404
    assert "of-the-trailer" not in log.getvalue()


# --- bodies -------------------------------------------------------------------------------------------------------


SIGN_IN = b"username=nobody%40example.com&password=" + b"x" * 100
FORM = POST + b"Content-Type: application/x-www-form-urlencoded\r\n"
WITH_LENGTH = FORM + b"Content-Length: %d\r\n\r\n" % len(SIGN_IN)


async def test_request_starts_when_its_body_is_here(app: FastAPI) -> None:
    async with Server(app).running() as server:
        connection = await server.connect()
        for byte in (WITH_LENGTH + SIGN_IN)[:-1]:
            connection.send(bytes([byte]))
        other = await server.connect()
        other.send(LIVE)
        await other.answer()
        assert not server.state.tasks
        connection.send(SIGN_IN[-1:])
        assert (await connection.answer())[0] == 401


async def test_asks_for_a_body_that_waits_to_be_asked(server: Server) -> None:
    connection = await server.connect()
    connection.send(WITH_LENGTH.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(SIGN_IN)
    assert (await connection.answer())[0] == 401


async def test_answers_pipelined_bodies_in_order(server: Server) -> None:
    connection = await server.connect()
    connection.send(LIVE + WITH_LENGTH + SIGN_IN + LIVE + WITH_LENGTH + SIGN_IN[:20])
    assert [(await connection.answer())[0] for _ in range(3)] == [200, 401, 200]
    connection.send(SIGN_IN[20:])
    assert (await connection.answer())[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 70000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n11170\r\n" + b"x" * 70_000 + b"\r\n",
    ],
    ids=["announced", "chunked"],
)
async def test_refuses_a_large_body_before_its_end(server: Server, body: bytes) -> None:
    connection = await server.connect()
    connection.send(FORM + body)
    status, answer = await connection.answer()
    assert (status, json.loads(answer)["code"]) == (413, "body_too_large")


# --- sizes --------------------------------------------------------------------------------------------------------


async def test_takes_headers_of_30_kib(server: Server) -> None:
    connection = await server.connect()
    connection.send(LIVE.replace(b"\r\n\r\n", b"\r\nCookie: a=" + b"x" * 30_000 + b"\r\n\r\n"))
    assert (await connection.answer())[0] == 200


async def test_takes_100_headers_and_no_more(server: Server) -> None:
    """Code that compares each header with all others took 0.4 s for 4,500, in which the app answered nobody."""
    for more, status in ((99, 200), (100, 431)):
        connection = await server.connect()
        connection.send(LIVE.replace(b"\r\n\r\n", b"\r\n" + b"A: b\r\n" * more + b"\r\n"))
        assert (await connection.answer())[0] == status


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: a\r\nX",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
    ],
    ids=["target", "value", "name", "headers"],
)
async def test_refuses_endless_head(server: Server, endless: bytes) -> None:
    connection = await server.connect()
    connection.send(endless)
    connection.send(b"X: y\r\n" * 100_000 if endless.endswith(b"\n") else b"x" * 600_000)
    assert_refused(await connection.until_closed(), 431)


@pytest.mark.parametrize(
    "endless", [b"5;" + b"x" * 2_000_000, b"0\r\n" + b"X: y\r\n" * 350_000], ids=["extension", "trailers"]
)
async def test_ends_endless_framing_of_a_body(server: Server, endless: bytes) -> None:
    connection = await server.connect()
    connection.send(CHUNKED + endless)
    assert_refused(await connection.until_closed(), 413)


async def test_body_after_an_early_answer_gets_no_second_one(server: Server) -> None:
    """The route doesn't read its body, which has begun to arrive."""
    connection = await server.connect()
    chunked = LIVE.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.send(chunked + b"11170\r\n" + b"x" * 70_000 + b"\r\n")
    assert (await connection.answer())[0] == 200
    connection.send(b"no chunk\r\n" + SECOND)
    assert await connection.until_closed() == b""


# --- times --------------------------------------------------------------------------------------------------------


def hurry(monkeypatch: pytest.MonkeyPatch, phase: Phase) -> None:
    monkeypatch.setitem(SECONDS, phase, 0.05)


async def test_ends_a_connection_without_a_request(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, Phase.HEAD)
    assert await (await server.connect()).until_closed() == b""


@pytest.mark.parametrize("start", [b"GET", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n"])
async def test_ends_a_head_that_does_not_end(
    server: Server, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    # The time begins with the connection, before the server reads the first bytes.
    monkeypatch.setitem(SECONDS, Phase.HEAD, 0.5)
    connection = await server.connect()
    connection.send(start)
    assert_refused(await connection.until_closed(), 408)


async def test_bytes_do_not_prolong_a_head(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECONDS, Phase.HEAD, 2.0)
    connection = await server.connect()
    connection.send(LIVE[:-2])
    await until(lambda: server.table, "the deadline has begun")
    monkeypatch.setitem(SECONDS, Phase.HEAD, 2 * TIMEOUT_SECONDS)
    connection.send(b"X: y\r\n")
    assert_refused(await connection.until_closed(), 408)


async def test_ends_a_body_that_does_not_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, Phase.BODY)
    connection = await server.connect()
    connection.send(
        POST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50\r\n\r\na=b"
    )
    assert_refused(await connection.until_closed(), 408)


@pytest.mark.parametrize("more", [b"", b"\r\n"])
async def test_ends_an_idle_connection(server: Server, monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    connection = await server.connect()
    hurry(monkeypatch, Phase.IDLE)
    monkeypatch.setitem(SECONDS, Phase.HEAD, 0.5 if more else TIMEOUT_SECONDS)
    connection.send(LIVE + more)
    assert (await connection.answer())[0] == 200
    await connection.until_closed()


async def test_each_request_of_a_connection_has_its_own_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SECONDS, Phase.IDLE, TIMEOUT_SECONDS)
    connection = await server.connect()
    for _ in range(3):
        connection.send(LIVE)
        assert (await connection.answer())[0] == 200
    hurry(monkeypatch, Phase.HEAD)
    connection.send(b"GET")
    assert_refused(await connection.until_closed(), 408)


class UnreadAnswers:
    """An app whose answers are larger than the buffers on their way."""

    began = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.began += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def connections(server: Server) -> list[LimitedHttp]:
    return [each for each in server.state.connections if isinstance(each, LimitedHttp)]


async def test_ends_a_client_that_takes_nothing_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch, Phase.READER)
    app = UnreadAnswers()
    async with Server(app).running() as server:
        connection = await server.connect()
        connection.send(LIVE)
        await until(lambda: app.began, "the answer has begun")
        await until(lambda: not len(server.table), "the connection has ended")


def test_client_that_leaves_while_answers_wait_leaves_no_traceback(log: StringIO) -> None:
    """On uvloop, as in the server. Its transports raise if one writes after the end, those of asyncio do not."""

    async def reset_while_two_are_answered() -> None:
        reader = UnreadAnswers()
        async with Server(RequestContext(reader)).running() as server:
            connection = await server.connect(receive_bytes=2048)
            connection.send(LIVE + LIVE)
            await until(
                lambda: any(each.flow.write_paused for each in connections(server)), "the client is awaited"
            )
            connection.reset()
            await until(lambda: not server.state.tasks, "no request runs")
        assert reader.began == 1, "the second request started although nobody awaits its answer"

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(reset_while_two_are_answered())

    assert "Traceback" not in log.getvalue()
    assert "request.failed" not in log.getvalue()


# --- numbers ------------------------------------------------------------------------------------------------------


async def test_client_with_too_many_connections_loses_the_oldest_that_waits(app: FastAPI) -> None:
    async with Server(app, most_of_a_client=3).running() as server:
        oldest, *others = [await server.connect() for _ in range(3)]
        for other in others:
            other.send(LIVE)
            await other.answer()
        newest = await server.connect()
        assert await oldest.until_closed() == b""
        newest.send(LIVE)
        assert (await newest.answer())[0] == 200


class UnconnectedTransport(asyncio.Transport):
    """For clients with addresses that this machine may not have."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 50_000)})
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::1", "2001:db8:1:3::1"),
        ("203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8"),
    ],
)
async def test_a_client_has_a_block_of_addresses(app: FastAPI, first: str, same: str, other: str) -> None:
    async with Server(app, most_of_a_client=1).running() as server:
        transports = [UnconnectedTransport(host) for host in (first, other, same)]
        for transport in transports:
            server.accept(transport)
        assert [transport.is_aborted for transport in transports] == [True, False, False]


async def test_flood_of_one_client_costs_others_no_connection(app: FastAPI) -> None:
    async with Server(app, most_of_a_client=3).running() as server:
        other = await server.connect("127.0.0.2")
        for _ in range(20):
            await server.connect()
        other.send(LIVE)
        assert (await other.answer())[0] == 200
        assert len(server.table) == 4


async def test_new_client_gets_in_however_many_wait(app: FastAPI) -> None:
    async with Server(app, most=10, most_of_a_client=3).running() as server:
        for number in range(2, 30):
            await server.connect(f"127.0.0.{number}")
        new = await server.connect("127.0.1.1")
        new.send(LIVE)
        assert (await new.answer())[0] == 200
        assert len(server.table) == 10


async def take_nothing(server: Server, number: int, source: str) -> list[Connection]:
    """Open connections that ask for much and read nothing of it. Wait until the server waits for each."""
    opened = [await server.connect(source, receive_bytes=2048) for _ in range(number)]
    for connection in opened:
        connection.send(LIVE)
    await until(
        lambda: sum(each.flow.write_paused for each in connections(server)) == number,
        "all clients are awaited",
    )
    return opened


async def test_clients_that_take_nothing_of_answers_keep_nobody_out() -> None:
    async with Server(UnreadAnswers(), most=4, most_of_a_client=4).running() as server:
        await take_nothing(server, 4, "127.0.0.2")
        new = await server.connect("127.0.0.3")
        new.send(LIVE)
        assert (await new.reader.readline()).startswith(b"HTTP/1.1 200")
        assert len(server.table) == 4


async def test_client_that_takes_nothing_of_answers_makes_room_for_its_next() -> None:
    async with Server(UnreadAnswers(), most_of_a_client=2).running() as server:
        oldest, _ = await take_nothing(server, 2, "127.0.0.2")
        new = await server.connect("127.0.0.2")
        new.send(LIVE)
        assert (await new.reader.readline()).startswith(b"HTTP/1.1 200")
        received = await oldest.until_closed()
        assert not received.endswith(b"0\r\n\r\n")


async def test_trusted_proxy_may_have_any_number(app: FastAPI) -> None:
    async with Server(app, most_of_a_client=1, proxies=("127.0.0.1",)).running() as server:
        for connection in [await server.connect() for _ in range(5)]:
            connection.send(LIVE)
            assert (await connection.answer())[0] == 200


async def test_refuses_a_connection_if_all_are_being_answered(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, gate = asyncio.Event(), asyncio.Event()

    async def wait(*_: object) -> None:
        reached.set()
        await gate.wait()

    monkeypatch.setattr(app.state.application.readiness, "check", wait)
    async with Server(app, most_of_a_client=1).running() as server:
        busy = await server.connect()
        busy.send(LIVE.replace(b"live", b"ready"))
        await reached.wait()
        assert_refused(await (await server.connect()).until_closed(), 503)
        gate.set()
        assert (await busy.answer())[0] == 200


@pytest.mark.parametrize("sent", [LIVE, POST + b"Content-Length: 9\r\n\r\na"])
def test_ended_connection_leaves_nothing_that_python_must_search_for(sent: bytes) -> None:
    """A search stops the app, and whoever opens connections again and again would cause many."""
    gate = Gate()

    async def end_one() -> weakref.ref[LimitedHttp]:
        async with Server(gate).running() as server:
            connection = await server.connect()
            connection.send(sent)
            await until(lambda: any(each.cycle for each in connections(server)), "a head has arrived")
            [ended] = [weakref.ref(each) for each in connections(server)]
            connection.reset()
            await until(lambda: not len(server.table), "the connection has ended")
            gate.opened.set()
            await asyncio.gather(*server.state.tasks)
            return ended

    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(end_one())() is None
    finally:
        gc.enable()


# --- turns --------------------------------------------------------------------------------------------------------


class Gate:
    """An app that answers when the gate is open."""

    def __init__(self) -> None:
        self.reached = 0
        self.opened = asyncio.Event()

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.reached += 1
        await self.opened.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setattr(Turns.__init__, "__defaults__", (2, TIMEOUT_SECONDS, 0.0))
    return Gate()


@asynccontextmanager
async def gated(gate: Gate, **limits: Any) -> AsyncIterator[Server]:
    async with Server(gate, **limits).running() as server:
        try:
            yield server
        finally:
            gate.opened.set()


def forwarded(client: str) -> bytes:
    return LIVE.replace(b"Host: a", f"Host: a\r\nX-Forwarded-For: {client}".encode())


async def test_requests_of_a_client_wait_for_each_other_and_others_do_not(gate: Gate) -> None:
    async with gated(gate) as server:
        crowd = [await server.connect("127.0.0.2") for _ in range(5)]
        for connection in crowd:
            connection.send(LIVE)
        await until(lambda: gate.reached == 2, "the bound of the client is reached")
        other = await server.connect("127.0.0.3")
        other.send(LIVE)
        await until(lambda: gate.reached == 3, "the other client is answered")

        gate.opened.set()
        for connection in (*crowd, other):
            assert (await connection.answer())[0] == 200


async def test_refusals_wait_for_each_other_and_requests_do_not(app: FastAPI) -> None:
    async with Server(app, seconds_between_refusals=TIMEOUT_SECONDS).running() as server:
        for source in ("127.0.0.2", "127.0.0.3"):
            (await server.connect(source)).send(b"broken\r\n\r\n")
        await until(lambda: len(unread(server)) == 2, "two refusals wait")
        honest = await server.connect("127.0.0.2")
        honest.send(LIVE)
        assert (await honest.answer())[0] == 200
        assert len(unread(server)) == 2


async def test_who_leaves_before_its_refusal_costs_nothing(app: FastAPI) -> None:
    async with Server(app, seconds_between_refusals=TIMEOUT_SECONDS).running() as server:
        malformed = await server.connect()
        malformed.send(b"broken\r\n\r\n")
        await until(lambda: unread(server), "its refusal waits")
        malformed.reset()
        await until(lambda: not len(server.table), "it has gone")
        assert not server.refusals._waiting


def unread(server: Server) -> list[LimitedHttp]:
    return [each for each in connections(server) if not each._reads]


async def test_clients_behind_a_proxy_have_turns_of_their_own(gate: Gate) -> None:
    async with gated(gate, proxies=("127.0.0.1",)) as server:
        for _ in range(5):
            (await server.connect()).send(forwarded("203.0.113.7"))
        await until(lambda: gate.reached == 2, "the bound of the client is reached")
        (await server.connect()).send(forwarded("203.0.113.8"))
        await until(lambda: gate.reached == 3, "the other client is answered")


async def test_header_of_a_stranger_makes_it_no_other_client(gate: Gate) -> None:
    async with gated(gate) as server:
        crowd = [await server.connect() for _ in range(5)]
        for number, connection in enumerate(crowd):
            connection.send(forwarded(f"203.0.113.{number}"))
        await until(lambda: gate.reached == 2, "the bound of the client is reached")
        await until(lambda: len(phases(server, Phase.TURN)) == 3, "the others wait for their turn")
        assert gate.reached == 2


async def test_who_leaves_before_its_turn_costs_nothing(gate: Gate) -> None:
    async with gated(gate) as server:
        first, second, third = [await server.connect() for _ in range(3)]
        for connection in (first, second):
            connection.send(LIVE)
        await until(lambda: gate.reached == 2, "the bound of the client is reached")
        third.send(LIVE)
        await until(lambda: phases(server, Phase.TURN), "the third waits for its turn")
        third.reset()
        await until(lambda: not phases(server, Phase.TURN), "the third has gone")
        gate.opened.set()
        assert (await first.answer())[0] == 200
        first.send(LIVE)
        assert (await first.answer())[0] == 200
        assert gate.reached == 3


async def test_who_leaves_during_its_answer_still_counts(gate: Gate) -> None:
    async with gated(gate) as server:
        for _ in range(2):
            connection = await server.connect()
            connection.send(LIVE)
        await until(lambda: gate.reached == 2, "the bound of the client is reached")
        connection.reset()
        await until(lambda: len(server.table) == 1, "it has gone")
        (await server.connect()).send(LIVE)
        await until(lambda: phases(server, Phase.TURN), "the next waits for its turn")
        assert gate.reached == 2


async def test_requests_that_wait_for_their_turn_keep_nobody_out(gate: Gate) -> None:
    async with gated(gate, most=4, most_of_a_client=4) as server:
        for connection in [await server.connect("127.0.0.2") for _ in range(4)]:
            connection.send(LIVE)
        await until(lambda: len(phases(server, Phase.TURN)) == 2, "two wait for their turn")
        (await server.connect("127.0.0.3")).send(LIVE)
        await until(lambda: gate.reached == 3, "the new client is answered")


def phases(server: Server, phase: Phase) -> list[LimitedHttp]:
    return [each for each in connections(server) if each._phase is phase]
