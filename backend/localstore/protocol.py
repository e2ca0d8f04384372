"""Reads requests from connections of the public port, within the limits of `request_head`, `pace` and `places`."""

import io
import logging
from contextlib import suppress
from typing import Any, Final

from eventlet.green import socket
from swift.common.http_protocol import SwiftHttpProtocol

from localstore import pace, request_head
from localstore.answers import NOT_STORED, PROTECTION, REFUSED_KEY, UNREAD_KEY, error_body, error_headers
from localstore.logs import LOGGER_NAME
from localstore.paced_reader import GatheringReader, PacedSocket
from localstore.places import PLACE_KEY, Place
from localstore.request_head import MAX_HEAD_BYTES, MalformedHead
from localstore.tally import Tally
from localstore.turns import Turns

_log = logging.getLogger(LOGGER_NAME)

_END_OF_HEAD: Final = b"\r\n"
_LINGER_BYTES: Final = 256 * 1024
_NO_REQUEST: Final = b""


class PublicProtocol(SwiftHttpProtocol):  # type: ignore[misc]  # Swift ships no types
    """Serves one connection, whose place is freed at its end."""

    def __init__(self, conn_state: list[Any], server: Any) -> None:
        self._place: Place = server.socket.place_of(conn_state[0])
        self._tally: Tally = server.socket.tally
        self._turns: Turns = server.socket.turns
        try:
            super().__init__(conn_state, server)
        except OSError:
            pass  # The client is gone or too slow.
        except Exception:
            # eventlet would print it, as often as a client can cause it.
            _log.exception("connection.failed")
        finally:
            self._place.leave()

    def setup(self) -> None:
        self.rfile: io.BufferedIOBase
        super().setup()
        self.rfile.close()
        self._paced = PacedSocket(self.connection)
        self.rfile = self._reader = GatheringReader(self._paced)

    def _read_request_line(self) -> bytes:
        """Return the first line of a head that was read whole, or nothing if the connection ends here."""
        try:
            return self._read_request()
        except OSError:
            # The client is gone, too slow, or was given up for another one.
            return _NO_REQUEST

    def _read_request(self) -> bytes:
        self._head = _NO_REQUEST
        self._place.wait()
        self._paced.pace = pace.for_idle()
        if not self._reader.peek(1):
            return _NO_REQUEST
        self._paced.pace = pace.for_head()
        try:
            head = self._read_head()
            self._turns.wait(self._place)
            self._head = request_head.check(head)
        except MalformedHead as error:
            self._refuse(str(error))
            return _NO_REQUEST
        self._paced.pace = pace.for_body()
        return self._head[: self._head.index(_END_OF_HEAD) + len(_END_OF_HEAD)]

    def _read_head(self) -> bytes:
        """Return a head, or what there is of one that is malformed. Raise OSError if the connection ends before."""
        head = bytearray()
        while not head.endswith(_END_OF_HEAD * 2) and len(head) < MAX_HEAD_BYTES:
            line = self._reader.readline(MAX_HEAD_BYTES - len(head))
            head += line
            if len(head) < MAX_HEAD_BYTES and not line.endswith(b"\n"):
                raise ConnectionAbortedError
            if not line.endswith(_END_OF_HEAD):
                break
        return bytes(head)

    def parse_request(self) -> bool:
        # handle_one_request puts the connection's reader back.
        self.rfile = io.BytesIO(self._head[self._head.index(_END_OF_HEAD) + len(_END_OF_HEAD) :])
        parsed: bool = super().parse_request()
        return parsed

    def get_environ(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ(*args, **kwargs)
        environ[PLACE_KEY] = self._place
        return environ

    def handle_one_response(self) -> None:
        super().handle_one_response()
        is_refused = self.environ.get(REFUSED_KEY)
        if is_refused is not None:
            self._turns.note(self._place.client, is_refused=is_refused)
        if self.environ.get(UNREAD_KEY):
            self.close_connection = True
            self._let_client_read()

    def send_error(self, _code: int, message: str | None = None, _explain: str | None = None) -> None:
        """Answer what Swift's parser refuses, which `request_head` should have refused already."""
        self._refuse(message or "The request is malformed.")

    def _refuse(self, message: str) -> None:
        self._tally.note("malformed")
        self._turns.note(self._place.client, is_refused=True)
        body = error_body("InvalidRequest", message)
        headers = [
            *error_headers(body),
            *PROTECTION,
            ("Cache-Control", NOT_STORED),
            ("Connection", "close"),
        ]
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.wfile.write(f"HTTP/1.1 400 Bad Request\r\n{lines}\r\n".encode("ascii") + body)
        self.wfile.flush()
        self.close_connection = True
        self._let_client_read()

    def _let_client_read(self) -> None:
        """Take a little of what the client still sends. A reset would remove the answer from its buffer."""
        self._place.wait()
        self._paced.pace = pace.Pace(pace.LINGER_SECONDS)
        taken = 0
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while taken < _LINGER_BYTES and (piece := self._reader.read1(65536)):
                taken += len(piece)
