"""A store that gives the answers of a test, such as errors, truncated bodies or none."""

import ssl
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType

from tests.engines.loopback_server import LoopbackServer
from tests.waiting import TIMEOUT_SECONDS


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    announced_bytes: int | None = None
    """More than the body contains, so the connection breaks in the middle."""
    is_none: bool = False
    """The connection closes without an answer."""


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


STORES_HEADERS = {"Content-Type": "application/xml", "x-amz-request-id": "tx1"}


def s3_error(status: int, code: str) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return Answer(status, body.encode(), STORES_HEADERS)


class ScriptedServer(LoopbackServer):
    """Gives its answers in order and repeats the last one. `hold` delays every answer."""

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque()
        self._open = threading.Event()
        self._open.set()
        self._waiting = threading.Semaphore(0)
        self.seen: list[Seen] = []
        super().__init__(self._handler())

    def use_tls(self, context: ssl.SSLContext) -> None:
        """Speak TLS. Each connection's own thread does the handshake."""
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def script(self, *answers: Answer) -> None:
        """Replace the answers."""
        self._answers = deque(answers)
        self._waiting = threading.Semaphore(0)
        self.seen = []

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def wait_for_request(self) -> None:
        """Wait for one more request."""
        assert self._waiting.acquire(timeout=TIMEOUT_SECONDS), "no request came"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
        super().__exit__(kind, error, traceback)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.command, request.path, headers, body)
        answers = self._answers
        self.seen.append(seen)
        self._waiting.release()
        self._open.wait(TIMEOUT_SECONDS)
        answer = self._pick(seen, answers)
        if answer.is_none:
            request.close_connection = True
            return
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        length = len(answer.body) if answer.announced_bytes is None else answer.announced_bytes
        request.send_header("Content-Length", str(length))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(answer.body)
        if answer.announced_bytes is not None:
            request.close_connection = True

    def _pick(self, _seen: Seen, answers: deque[Answer]) -> Answer:
        return answers.popleft() if len(answers) > 1 else answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                try:
                    server._answer(self)
                except (ConnectionError, TimeoutError):
                    self.close_connection = True  # the client did not wait

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                """Tests read `seen` instead."""

        return Handler
