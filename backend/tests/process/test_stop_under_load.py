"""Sends SIGTERM under load. Accepted requests are completed, and others are refused."""

import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.engines.embedded import EmbeddedStore
from tests.engines.slipway import BUCKET, SlipwayProcess
from tests.engines.tcp_fault_proxy import TcpFaultProxy
from tests.waiting import TIMEOUT_SECONDS, wait_until

CLIENTS = 10
WAITING = 3
"""Clients of a silent store. The app gives it up after 7 s, and more would take a loaded machine longer."""
BODY = {"filename": "harbour.mp4", "size_bytes": 1000, "content_type": "video/mp4"}
MANY = {"USER_MAX_UPLOADS_IN_FLIGHT": "100000", "PAGE_DIR": "/nonexistent"}


@pytest.fixture
def store_line(tmp_path: Path) -> Iterator[TcpFaultProxy]:
    with EmbeddedStore(tmp_path / "store") as store:
        store.client().create_bucket(Bucket=BUCKET)
        with TcpFaultProxy(("127.0.0.1", store.port)) as line:
            yield line


@pytest.fixture
def slipway(tmp_path: Path, store_line: TcpFaultProxy) -> Iterator[SlipwayProcess]:
    """Yield an app in front of a store that a test can hang."""
    keys = EmbeddedStore(tmp_path / "store").credentials
    settings = MANY | {
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{store_line.port}",
        "S3_BUCKET": BUCKET,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
    }
    made = SlipwayProcess(tmp_path / "data", settings)
    yield made
    made.stop()


def listed(api: httpx.Client) -> set[str]:
    found: set[str] = set()
    cursor = ""
    while True:
        page = api.get("/videos", params={"limit": "100", **({"cursor": cursor} if cursor else {})}).json()
        found |= {video["id"] for video in page["items"]}
        cursor = page["next_cursor"]
        if not cursor:
            return found


def held_creates(store_line: TcpFaultProxy) -> set[bytes]:
    """Return the paths of held creates. The background loops' calls are held, too."""
    return {block.split(b" ")[1] for block in list(store_line.held) if b"?uploads " in block}


def test_answers_running_requests_before_exit(slipway: SlipwayProcess, store_line: TcpFaultProxy) -> None:
    slipway.start()
    with slipway.api("ann@example.com") as api, ThreadPoolExecutor(WAITING) as pool:
        store_line.hang()
        waiting = [pool.submit(api.post, "/videos", json=BODY) for _ in range(WAITING)]
        wait_until(lambda: len(held_creates(store_line)) == WAITING, "every request waits for the store")

        slipway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(slipway), "nobody new is let in")
        store_line.heal()

        answers = [request.result(TIMEOUT_SECONDS) for request in waiting]
    assert [answer.status_code for answer in answers] == [201] * WAITING
    slipway.wait()
    with slipway, slipway.api("ann@example.com") as api:
        assert listed(api) == {answer.json()["video"]["id"] for answer in answers}


def accepts(slipway: SlipwayProcess) -> bool:
    """Return whether the app listens. A request would take longer."""
    try:
        socket.create_connection(("127.0.0.1", slipway.port), TIMEOUT_SECONDS).close()
    except ConnectionError:
        return False
    return True


def test_busy_clients_see_no_error(slipway: SlipwayProcess) -> None:
    """Ten clients write to SQLite without a pause, and every answer is a success."""
    slipway.start()
    created: set[str] = set()
    statuses: set[int] = set()
    begun = threading.Semaphore(0)

    def work(api: httpx.Client) -> None:
        while True:
            try:
                answer = api.post("/videos", json=BODY)
            except httpx.TransportError:
                return  # The app no longer accepts connections.
            statuses.add(answer.status_code)
            if answer.status_code != 201:
                return
            created.add(answer.json()["video"]["id"])
            begun.release()

    with slipway.api("ann@example.com") as api, ThreadPoolExecutor(CLIENTS) as pool:
        working = [pool.submit(work, api) for _ in range(CLIENTS)]
        for _ in range(CLIENTS * 10):
            assert begun.acquire(timeout=TIMEOUT_SECONDS)
        slipway.stop()
        for client in working:
            client.result(TIMEOUT_SECONDS)

    assert statuses == {201}
    assert "locked" not in slipway.log_file.read_text()
    with slipway, slipway.api("ann@example.com") as api:
        assert created <= listed(api)
