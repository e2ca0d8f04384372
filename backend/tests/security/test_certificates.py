"""The database's client refuses a server whose certificate it does not trust. test_s3_causes.py shows the store's."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.core.db import Database
from app.domain.errors import DatabaseUnavailable
from tests.adapters.tls_server import CertificateAuthority

_SSL_REQUEST_BYTES = 8
"""Length and code. The answer is S, and TLS begins, or N (PostgreSQL's protocol, SSL Session Encryption)."""


class Startups:
    """Answers SSLRequests, and notes whether a client said anything after the handshake."""

    def __init__(self, certificate: Path | None) -> None:
        self.said_after_handshake: list[bytes] = []
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)

    def answer(self, client: socket.socket) -> None:
        assert len(client.recv(_SSL_REQUEST_BYTES)) == _SSL_REQUEST_BYTES
        if not self._context:
            client.sendall(b"N")
            self.said_after_handshake.append(client.recv(1024))
            return
        client.sendall(b"S")
        try:
            with self._context.wrap_socket(client, server_side=True) as encrypted:
                self.said_after_handshake.append(encrypted.recv(1024))
        except (OSError, ssl.SSLError):
            self.said_after_handshake.append(b"")


@contextmanager
def server(certificate: Path | None) -> Iterator[tuple[int, Startups]]:
    """Yield the port of a PostgreSQL that gets as far as the handshake, for one client."""
    startups = Startups(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                startups.answer(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], startups
        thread.join()


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.make(tmp_path_factory.mktemp("trusted"), "trusted")


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority.make(tmp_path_factory.mktemp("unknown"), "unknown")


@pytest.mark.parametrize("fault", ["another CA", "another host", "expired", "no TLS"])
async def test_postgresql_with_a_wrong_certificate_is_refused(
    trusted: CertificateAuthority, unknown: CertificateAuthority, fault: str
) -> None:
    certificates = {
        "another CA": unknown.issue("server"),
        "another host": trusted.issue("other", host="127.0.0.2"),
        "expired": trusted.issue("expired", ends_in=timedelta(hours=-1)),
    }
    with server(certificates.get(fault)) as (port, startups):
        with pytest.raises(DatabaseUnavailable):
            await connect(trusted, port)

    assert startups.said_after_handshake == [b""]


async def test_postgresql_with_a_trusted_certificate_gets_the_startup_message(
    trusted: CertificateAuthority,
) -> None:
    """So the refusals above are due to the certificate."""
    with server(trusted.issue("right")) as (port, startups):
        with pytest.raises(DatabaseUnavailable):
            await connect(trusted, port)

    assert b"slipway_app" in startups.said_after_handshake[0]


async def connect(trusted: CertificateAuthority, port: int) -> None:
    authority = trusted.folder / "trusted.pem"
    query = f"sslmode=verify-full&sslrootcert={authority}&gssencmode=disable"
    database = Database(f"postgresql+psycopg://slipway_app@127.0.0.1:{port}/slipway?{query}", 1)
    try:
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))
    finally:
        await database.close()
