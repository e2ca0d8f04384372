"""Sends bytes to the store as they are."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.engines.embedded import EmbeddedStore
from tests.localstore.s3 import OpenUpload
from tests.waiting import TIMEOUT_SECONDS


@dataclass(frozen=True)
class RawAnswer:
    """Everything the store sent until it closed the connection."""

    text: str

    @property
    def statuses(self) -> list[int]:
        return [int(line[9:12]) for line in self.text.split("\r\n") if line.startswith("HTTP/1.")]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.text.partition("\r\n\r\n")[0].split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def connect(store: EmbeddedStore, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", store.port), TIMEOUT_SECONDS, source_address=(source, 0))


def read_to_end(connection: socket.socket) -> RawAnswer:
    """Return when the store closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return RawAnswer(received.decode("latin-1"))


def exchange(store: EmbeddedStore, request: bytes) -> RawAnswer:
    with connect(store) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
        return read_to_end(connection)


def target_of_part(upload: OpenUpload, part_number: int, size_bytes: int) -> str:
    url = urlsplit(upload.presign_part(part_number, size_bytes))
    return f"{url.path}?{url.query}"


def part_request(
    upload: OpenUpload, *headers: str, size_bytes: int = 1, version: str = "HTTP/1.1", part_number: int = 1
) -> bytes:
    """Return the head of a PUT of a part with these header lines and no other but Host."""
    lines = [
        f"PUT {target_of_part(upload, part_number, size_bytes)} {version}",
        f"Host: 127.0.0.1:{upload.store.port}",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"
