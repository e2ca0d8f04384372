"""HTTP/1.1 connections with limits, on uvicorn's httptools protocol. docs/decisions/0015 compares servers."""

import asyncio
import re
import uuid
from collections.abc import Mapping
from contextvars import Context
from enum import Enum, auto
from typing import Any, Final

import httptools
import structlog
from starlette.datastructures import Headers
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.api.errors import ApiError, api_error, plain_error, render
from app.api.middleware import MAX_BODY_BYTES
from app.core.client_address import TrustedProxies, normalised_address
from app.core.connection_table import ConnectionTable
from app.core.metrics import HTTP_REQUESTS
from app.core.turns import Turn, Turns
from app.domain.errors import Overloaded
from localstore.client_address import address_block

log = structlog.get_logger()

MAX_HEAD_BYTES: Final = 32 * 1024
MAX_HEADERS: Final = 100
"""As many as the embedded store takes. Each look at a header passes all those before it."""
_MAX_REST_BYTES: Final = 1024 * 1024
"""A body of 64 KiB in chunks of one byte has 384 KiB. Trailers and chunk extensions have no other limit."""
_PIECE_BYTES: Final = 4 * 1024
"""Between two looks at the limits. Sockets deliver up to 256 KiB at once."""
_MAX_PIPELINED: Final = 8
"""Requests that wait for the answer to an earlier one. Browsers send none."""

_HOST: Final = re.compile(rb"[^\s/?#@\\,]*")


class Phase(Enum):
    """What a connection waits for."""

    HEAD = auto()
    BODY = auto()
    TURN = auto()
    """For other requests of its client, or those of others that came before."""
    ANSWER = auto()
    READER = auto()
    """For the client to take some of an answer."""
    IDLE = auto()


SECONDS: Final = {Phase.HEAD: 10.0, Phase.BODY: 30.0, Phase.READER: 60.0, Phase.IDLE: 5.0}
"""How long each phase may take. For an answer, the app has limits of its own, and the turn comes with those."""


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


def _nothing() -> None:
    pass


class LimitedHttp(HttpToolsProtocol):
    """Bounds what a client can send and how long it may take, and answers what is no HTTP in the API's error shape."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        table: ConnectionTable["LimitedHttp"],
        turns: Turns,
        refusals: Turns,
        proxies: TrustedProxies,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._table = table
        self._turns = turns
        self._refusals = refusals
        self._turn: Turn | None = None
        """Of the request that is being answered or will be next."""
        self._has_begun = False
        self._proxies = proxies
        self._headers = headers
        self._peer = ""
        self._phase: Phase | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._in_head = True
        self._in_body = False
        self._received = 0
        """Bytes of the current request."""
        self._piece = 0
        self._reads = True
        self._running: RequestResponseCycle | None = None
        self._held: Any = None
        """The app for a request whose body has not arrived yet."""

    # --- connections ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        self._peer = normalised_address(host) or host
        client = None if self._peer in self._proxies else address_block(self._peer)
        victim = self._table.enter(self, client)
        if victim is self:
            self._refuse(api_error(Overloaded()), "connections")
            return
        if victim is not None:
            victim.transport.abort()
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self._table.leave(self)
        self._disarm()
        self._unset_keepalive_if_required()
        self._reads = False
        self._held = None
        self.pipeline.clear()
        if self._turn is not None and not self._has_begun:
            self._turn.leave()
        if self._running is not None:
            # uvicorn tells only the newest request. An earlier one would write to a closed transport, which raises.
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)
        self._let_go()

    def _let_go(self) -> None:
        """Free this connection now. Python's search for objects that refer to each other stops the app for its time."""
        for cycle in (self._running, self.cycle):
            if cycle is not None:
                cycle.on_response = _nothing
        self._turn = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._settle()

    # --- what the client sends --------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            if not self._reads:
                return
            self._feed(data[start : start + _PIECE_BYTES])
        if self._reads:
            self._settle()

    def _feed(self, piece: bytes) -> None:
        if not self._in_body:
            self._in_head = True
        self._piece = len(piece)
        self._received += self._piece
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            # We answer it as a plain request (RFC 9110, 7.8). What follows may be in the other protocol.
            self._end_after_answer()
        except httptools.HttpParserError as error:
            cause = error.__context__
            status = cause.status if isinstance(cause, _Refused) else 400
            self._refuse(plain_error(status), type(error).__name__)
        else:
            if self._in_head and self._received > MAX_HEAD_BYTES:
                self._refuse(plain_error(431), "head")
            elif self._in_body and self._received > MAX_HEAD_BYTES + _MAX_REST_BYTES:
                self._refuse(plain_error(413), "body")

    def on_message_begin(self) -> None:
        self._in_head = True
        self._received = self._piece
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # A trailer would pass for a header, such as an X-Forwarded-For that no proxy has seen (RFC 9110, 6.5.1).
        if self._in_body:
            return
        if len(self.headers) >= MAX_HEADERS:
            raise _Refused(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise _Refused(400)
        _check_head(self.parser.get_http_version(), self.url, self.headers)
        super().on_headers_complete()
        self._in_head, self._in_body = False, True
        self._phase = None  # the time of a body begins anew with each request
        announced = dict(self.headers).get(b"content-length", b"0")
        if int(announced) > MAX_BODY_BYTES:
            self._start_held()  # the app refuses it without the body

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if len(self.cycle.body) > MAX_BODY_BYTES:
            self._start_held()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._received = 0
        super().on_message_complete()
        self._start_held()

    # --- what the app answers ---------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Hold a request until its body is here, so that slow bodies cost the app nothing."""
        if not cycle.more_body:
            self._take_turn(cycle, app)
            return
        # One is enough. The parser goes on to the next request when a body has ended, so only the newest request, which
        # is `self.cycle`, can lack a part of its body.
        self._held = app
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _start_held(self) -> None:
        if self._held is not None:
            app, self._held = self._held, None
            self._take_turn(self.cycle, app)

    def _take_turn(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Start the request when its client's turn comes."""
        self._running = cycle
        self._has_begun = False

        def start() -> None:
            self._has_begun = True
            self._settle()
            # The end of an earlier request may call this, and its user must not stand in the log lines of this one.
            Context().run(super(LimitedHttp, self)._start_asgi_task, cycle, answer)

        async def answer(*asgi: Any) -> None:
            try:
                await app(*asgi)
            finally:
                turn.leave()

        turn = self._turn = self._turns.enter(self._client_of(cycle), start)

    def _client_of(self, cycle: RequestResponseCycle) -> str:
        """Return whose turn it is. Proxies send requests of many clients."""
        named = Headers(raw=list(cycle.scope["headers"])).getlist("x-forwarded-for")
        return address_block(self._proxies.client(self._peer, named))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # our own deadlines also end clients that send line breaks for ever
        self._settle()

    # --- deadlines --------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Begin the deadline of a new phase. Bytes within a phase do not prolong it."""
        phase = self._current_phase()
        if phase is self._phase:
            return
        self._phase = phase
        self._disarm()
        if phase is Phase.ANSWER:
            self._table.work(self)
        else:
            self._table.wait(self)
        if phase in SECONDS:
            self._deadline = self.loop.call_later(SECONDS[phase], self._too_late)

    def _current_phase(self) -> Phase:
        if self.flow.write_paused:
            return Phase.READER
        if self._in_body:
            return Phase.BODY
        if self.cycle is not None and not self.cycle.response_complete:
            return Phase.ANSWER if self._has_begun else Phase.TURN
        return Phase.HEAD if self._in_head else Phase.IDLE

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        sent_something = self._phase is Phase.BODY or (self._phase is Phase.HEAD and self._received)
        if sent_something:
            self._refuse(plain_error(408), "time")
        else:
            self.transport.abort()

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end_after_answer(self) -> None:
        """Read nothing more, finish the answer that is being made, and close."""
        self._reads = False
        self.pipeline.clear()
        if self._running is not None:
            self._running.keep_alive = False

    def _refuse(self, error: ApiError, cause: str) -> None:
        """Answer with this error and close. Answer nothing if that would stand in place of another answer."""
        is_answering = self._running is not None and not self._running.response_complete
        if is_answering and not (self._in_body and self._running is self.cycle):
            self._end_after_answer()
            return
        self._reads = False
        self._disarm()
        if is_answering or cause == "connections":
            self._refuse_now(error, cause)
            return

        def answer() -> None:
            self._has_begun = True
            turn.leave()
            self._refuse_now(error, cause)

        self._has_begun = False
        turn = self._turn = self._refusals.enter(address_block(self._peer), answer)

    def _refuse_now(self, error: ApiError, cause: str) -> None:
        if not (self._in_body and self.cycle.response_started):
            self.transport.write(self._answer(error, cause))
        if self._in_body:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _answer(self, error: ApiError, cause: str) -> bytes:
        request_id = uuid.uuid4().hex
        status = error.status_code
        log.info("request.refused", status=status, cause=cause, request_id=request_id, client=self._peer)
        HTTP_REQUESTS.labels("other", "none", str(status)).inc()
        response = render(error, {"type": "http", "state": {"request_id": request_id}})
        own = {"X-Request-Id": request_id, "Connection": "close", **self._headers}
        lines = [
            *self.server_state.default_headers,
            *response.raw_headers,
            *((name.lower().encode(), value.encode()) for name, value in own.items()),
        ]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        return STATUS_LINE[status] + head + b"\r\n" + bytes(response.body)


def _check_head(version: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Refuse what a proxy in front may read in another way, although llhttp takes it (RFC 9112, 3.2 and 6.1)."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    hosts = values.get(b"host", [])
    codings = values.get(b"transfer-encoding", [])
    if version not in ("1.0", "1.1") or b"#" in target:
        raise _Refused(400)
    if len(hosts) > 1 or (version == "1.1" and not hosts) or not all(map(_HOST.fullmatch, hosts)):
        raise _Refused(400)
    if codings and (version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]):
        raise _Refused(400)
    if not target.startswith(b"/"):
        _, is_absolute, rest = target.partition(b"://")
        authority = re.split(rb"[/?]", rest, maxsplit=1)[0]
        if is_absolute and [authority.lower()] != [host.lower() for host in hosts]:
            raise _Refused(400)
