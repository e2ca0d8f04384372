"""A TCP proxy that refuses, resets, blocks or slows connections, or loses one answer.

It does not interpret the bytes, so it works in front of PostgreSQL and of a store.
"""

import contextlib
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

Upstream = tuple[str, int] | Path
"""Host and port, or a unix socket."""

_BLOCK_BYTES = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of 0 s makes close() send RST instead of FIN."""


class TcpFaultProxy:
    """Listens on loopback and forwards everything. `heal` ends any fault."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._pairs: set[_Pair] = set()
        self._resets = False
        self._awaited: bytes | None = None
        self._spared = 0
        self.flow = threading.Event()
        self.bytes_per_second: float | None = None
        self.ended = threading.Event()
        self.lost_answers = 0
        self.held: list[bytes] = []
        """What a black hole holds or has held."""
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    # --- faults -----------------------------------------------------------------------------------------------

    def refuse(self) -> None:
        """Refuse new connections and reset open ones."""
        self._stop_listening()
        self._reset_all()

    def reset(self) -> None:
        """Reset every connection, open or new."""
        self._resets = True
        self._reset_all()

    def hang(self) -> None:
        """Keep and accept connections, and forward no byte."""
        self.flow.clear()

    def throttle(self, bytes_per_second: float) -> None:
        """Limit each direction of each connection to this speed."""
        self.bytes_per_second = bytes_per_second

    def lose_answer_to(self, request: bytes, *, after: int = 0) -> None:
        """Lose one answer.

        After `after` matching blocks, forward the block that contains `request`, wait for its answer, discard it and
        reset the connection. The request had its effect, and its sender cannot know.
        """
        self._awaited, self._spared = request, after

    def heal(self) -> None:
        """Forward held bytes, as after a link failure. Reset and refused connections stay closed."""
        self._resets = False
        self._awaited = None
        self.bytes_per_second = None
        if self._listener.fileno() == -1:
            self._listener = self._listen(self.port)
        self.flow.set()

    # --- its life ---------------------------------------------------------------------------------------------

    def close(self) -> None:
        self.ended.set()
        self.flow.set()
        self._stop_listening()
        self._reset_all()

    def __enter__(self) -> Self:
        self.flow.set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # This wakes accept().
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self._resets:
                _reset(client)
                continue
            try:
                server = self._connect()
            except OSError:
                _reset(client)
                continue
            pair = _Pair(self, client, server)
            with self._lock:
                self._pairs.add(pair)
            # A fault that began meanwhile has not found this pair.
            if self._resets or listener.fileno() == -1:
                self.forget(pair)
                pair.reset()
                continue
            pair.start()

    def _connect(self) -> socket.socket:
        if isinstance(self._upstream, Path):
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._upstream))
            return server
        return socket.create_connection(self._upstream)

    def _reset_all(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            pair.reset()

    def forget(self, pair: "_Pair") -> None:
        with self._lock:
            self._pairs.discard(pair)

    def pass_on_when_healed(self, block: bytes) -> None:
        if not self.flow.is_set():
            self.held.append(block)
            self.flow.wait()

    def take_awaited(self, block: bytes) -> bool:
        """Return whether the answer to this block is to be lost. It is true once."""
        with self._lock:
            if self._awaited is None or self._awaited not in block:
                return False
            self._spared -= 1
            if self._spared >= 0:
                return False
            self._awaited = None
            self.lost_answers += 1
            return True


class _Pair:
    """A client's connection and ours to the server. A thread forwards each direction."""

    def __init__(self, proxy: TcpFaultProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._answer_is_lost = False
        self._open_ends = 2

    def start(self) -> None:
        for source, target in ((self._client, self._server), (self._server, self._client)):
            threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def reset(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                end.shutdown(socket.SHUT_RD)  # This wakes recv().
            end.close()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while block := source.recv(_BLOCK_BYTES):
                self._proxy.pass_on_when_healed(block)
                if source is self._server and self._answer_is_lost:
                    self.reset()
                    break
                if source is self._client and self._proxy.take_awaited(block):
                    self._answer_is_lost = True
                self._send(target, block)
            else:
                target.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()
        self._end_one()

    def _send(self, target: socket.socket, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rate = self._proxy.bytes_per_second
            step = len(rest) if rate is None else max(1, int(rate / 10))
            target.sendall(rest[:step])
            rest = rest[step:]
            if rate is not None:
                self._proxy.ended.wait(0.1)

    def _end_one(self) -> None:
        self._open_ends -= 1
        if self._open_ends == 0:
            self._client.close()
            self._server.close()
            self._proxy.forget(self)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.close()
