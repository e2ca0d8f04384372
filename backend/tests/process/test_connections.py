"""A started Slipway whose file descriptors run out, or that strangers flood."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.engines.slipway import SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS, wait_until


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    with SlipwayProcess(tmp_path / "data") as slipway:
        yield slipway


def is_live(slipway: SlipwayProcess) -> bool:
    try:
        return httpx.get(f"{slipway.origin}/api/v1/health/live", timeout=TIMEOUT_SECONDS).status_code == 200
    except httpx.TransportError:
        return False


def test_says_once_that_descriptors_ran_out_and_recovers(slipway: SlipwayProcess) -> None:
    pid = slipway.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    few = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    assert is_live(slipway)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, before[1]))
    with ExitStack() as connections:
        for _ in range(50):
            opened = socket.create_connection(("127.0.0.1", slipway.port), TIMEOUT_SECONDS)
            connections.enter_context(opened)
        wait_until(lambda: slipway.events("descriptors.exhausted"), "the log says so")

    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    wait_until(lambda: is_live(slipway), "the app answers again")
    wait_until(lambda: slipway.events("descriptors.available"), "the log says so")
    assert len(slipway.events("descriptors.exhausted")) == 1


def test_half_open_connections_of_one_address_keep_nobody_out(slipway: SlipwayProcess) -> None:
    with ExitStack() as connections, slipway.api("ann@example.com") as api:
        for _ in range(1100):
            opened = socket.create_connection(("127.0.0.1", slipway.port), TIMEOUT_SECONDS, ("127.0.0.2", 0))
            connections.enter_context(opened).sendall(b"GET / HTTP/1.1\r\n")
        assert api.get("/videos").status_code == 200
        assert api.get("/health/ready").status_code == 200
