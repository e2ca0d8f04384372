"""Reading from a client that stops or drips."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from localstore.pace import Pace
from localstore.paced_reader import GatheringReader, PacedSocket
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    client, server = socket.socketpair()
    with client, server:
        yield client, server


def paced(server: socket.socket, pace: Pace) -> PacedSocket:
    connection = PacedSocket(server)
    connection.pace = pace
    return connection


def test_silent_client_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    _, server = pair

    with pytest.raises(TimeoutError):
        GatheringReader(paced(server, Pace(0.05))).readline()


def test_dripping_client_is_given_up_although_bytes_come(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    connection = paced(server, Pace(TIMEOUT_SECONDS))
    client.sendall(b"drip")

    assert connection.readinto(bytearray(1)) == 1
    connection.pace.waited(TIMEOUT_SECONDS, 0)

    with pytest.raises(TimeoutError):
        connection.readinto(bytearray(1))


def test_slow_body_is_passed_on_in_pieces(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    reader = GatheringReader(paced(server, Pace(TIMEOUT_SECONDS)), gather_seconds=-1.0)
    client.sendall(b"slow")

    assert reader.read(65536) == b"slow"


def test_fast_body_is_passed_on_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    reader = GatheringReader(paced(server, Pace(TIMEOUT_SECONDS)), gather_seconds=TIMEOUT_SECONDS)

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(reader.read, 6)
        client.sendall(b"abc")
        client.sendall(b"def")
        assert reading.result(TIMEOUT_SECONDS) == b"abcdef"


def test_end_of_connection_ends_a_body(pair: tuple[socket.socket, socket.socket]) -> None:
    client, server = pair
    client.sendall(b"half")
    client.shutdown(socket.SHUT_WR)

    assert GatheringReader(paced(server, Pace(TIMEOUT_SECONDS))).read(100) == b"half"
