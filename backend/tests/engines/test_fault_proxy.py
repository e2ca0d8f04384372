"""Tests each fault of the proxy from the client's and the server's side."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from tests.adapters.scripted_server import Answer as Scripted
from tests.adapters.scripted_server import ScriptedServer
from tests.engines.fault_proxy import FaultProxy
from tests.engines.faults import (
    LOST_ANSWER,
    STORE_COMPLETE,
    Corrupt,
    CutAnswer,
    DelayUntilExpired,
    Fault,
    Hang,
    Match,
    Reset,
    ResetBefore,
    Throttle,
    part,
    s3_error,
)
from tests.waiting import TIMEOUT_SECONDS, wait_until

PART = bytes(range(256)) * 4096
"""1 MiB, more than the buffers of sockets."""
PART_URL = "/slipway/key?partNumber=2&uploadId=u&X-Amz-Signature=secret"
PAGE = "http://127.0.0.1:1"
_QUIET_SECONDS = 0.5
"""How long a client waits to see that nothing comes."""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.script(Scripted(200, b"well done", {"ETag": '"e"'}))
        yield running


@pytest.fixture
def proxy(server: ScriptedServer) -> Iterator[FaultProxy]:
    port = urlsplit(server.url).port
    assert port is not None
    with FaultProxy(port) as running:
        yield running


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=proxy.origin, timeout=TIMEOUT_SECONDS, headers={"User-Agent": "page/one"}
    ) as running:
        yield running


def put(
    client: httpx.Client, url: str = PART_URL, timeout: float | httpx.Timeout = TIMEOUT_SECONDS
) -> httpx.Response:
    return client.put(url, content=PART, headers={"Origin": PAGE}, timeout=timeout)


def test_forwards_unchanged_without_fault(
    proxy: FaultProxy, server: ScriptedServer, client: httpx.Client
) -> None:
    for _ in range(2):
        answer = put(client)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, b"well done", '"e"')

    for came in server.seen:
        assert came.body == PART
        assert came.path == PART_URL
        # The signature of a presigned URL covers the Host.
        assert came.headers["host"] == urlsplit(proxy.origin).netloc


def test_logs_requests_without_signatures(proxy: FaultProxy, client: httpx.Client) -> None:
    put(client)
    client.head("/slipway/key")

    first, second = proxy.seen
    assert (first.method, first.path, first.sender) == ("PUT", "/slipway/key", "page/one")
    assert dict(first.query) == {"partNumber": "2", "uploadId": "u"}
    assert (first.received_bytes, first.status) == (len(PART), 200)
    assert (second.method, second.received_bytes, second.status) == ("HEAD", 0, 200)


def test_rule_applies_only_to_matches(proxy: FaultProxy, client: httpx.Client) -> None:
    rule = proxy.fault(part(2, sender="page/one"), s3_error(503, "SlowDown"), times=2)

    others = [
        client.put("/slipway/key?partNumber=3&uploadId=u"),
        client.post("/slipway/key?partNumber=2"),
        client.put(PART_URL, headers={"User-Agent": "page/two"}),
    ]
    assert [answer.status_code for answer in others] == [200, 200, 200]
    assert [put(client).status_code for _ in range(3)] == [503, 503, 200]
    assert rule.hits == 2


def test_withdrawn_rule_has_no_effect(proxy: FaultProxy, client: httpx.Client) -> None:
    rule = proxy.fault(STORE_COMPLETE, s3_error(500, "InternalError"), times=None)
    assert [client.post("/slipway/key?uploadId=u").status_code for _ in range(3)] == [500] * 3
    proxy.withdraw(rule)
    assert client.post("/slipway/key?uploadId=u").status_code == 200


def test_resets_before_upstream(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.fault(part(), ResetBefore())
    with pytest.raises(httpx.TransportError):
        put(client)
    assert server.seen == []
    assert put(client).status_code == 200


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_resets_within_body(proxy: FaultProxy, client: httpx.Client, share: float) -> None:
    proxy.fault(part(), Reset(share))
    with pytest.raises(httpx.TransportError):
        put(client)
    (broken,) = proxy.seen
    assert share * len(PART) <= broken.received_bytes < share * len(PART) + 128 * 1024
    assert broken.status is None
    assert put(client).status_code == 200


def test_loses_answer_after_effect(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.fault(part(), LOST_ANSWER)
    with pytest.raises(httpx.TransportError):
        put(client)
    assert [came.body for came in server.seen] == [PART]
    assert proxy.seen[0].status is None


def test_cuts_answer(proxy: FaultProxy, client: httpx.Client) -> None:
    proxy.fault(part(), CutAnswer(0.97))
    with pytest.raises(httpx.RemoteProtocolError):
        put(client)
    assert proxy.seen[0].status == 200


def test_answers_in_place_of_store(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.fault(part(), s3_error(503, "SlowDown"))
    answer = put(client)
    assert answer.status_code == 503
    assert "<Code>SlowDown</Code>" in answer.text
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert proxy.seen[0].received_bytes == len(PART)
    assert server.seen == []


def test_answers_without_cors_headers(proxy: FaultProxy, client: httpx.Client) -> None:
    proxy.fault(part(), s3_error(503, "SlowDown", is_readable=False))
    assert "access-control-allow-origin" not in put(client).headers


def test_answers_error_in_200_after_effect(
    proxy: FaultProxy, server: ScriptedServer, client: httpx.Client
) -> None:
    proxy.fault(STORE_COMPLETE, s3_error(200, "InternalError", is_passed_on=True))
    answer = client.post("/slipway/key?uploadId=u", content=b"<parts/>")
    assert answer.status_code == 200
    assert "<Code>InternalError</Code>" in answer.text
    assert [came.body for came in server.seen] == [b"<parts/>"]


def test_hang_reads_body_and_never_answers(
    proxy: FaultProxy, server: ScriptedServer, client: httpx.Client
) -> None:
    proxy.fault(part(), Hang())
    with pytest.raises(httpx.ReadTimeout):
        put(client, timeout=httpx.Timeout(TIMEOUT_SECONDS, read=_QUIET_SECONDS))
    # The last bytes may still be in the buffers on their way.
    wait_until(lambda: proxy.seen[0].received_bytes == len(PART), "the proxy has read the whole body")
    assert server.seen == []
    assert put(client).status_code == 200


def test_hang_without_reading_body(proxy: FaultProxy) -> None:
    proxy.fault(part(), Hang(reads_body=False))
    head = f"PUT {PART_URL} HTTP/1.1\r\nHost: x\r\nContent-Length: {64 * len(PART)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.settimeout(_QUIET_SECONDS)
        connection.sendall(head.encode())
        # Far more than all buffers on the way.
        with pytest.raises(TimeoutError):
            connection.sendall(PART * 64)


def test_black_hole_delays_matching_requests(proxy: FaultProxy, client: httpx.Client) -> None:
    answers: list[int] = []
    held = threading.Thread(target=lambda: answers.append(put(client).status_code))
    with proxy.black_hole(part()):
        held.start()
        wait_until(lambda: proxy.seen, "the held request")
        assert httpx.get(f"{proxy.origin}/other", timeout=TIMEOUT_SECONDS).status_code == 200
        held.join(_QUIET_SECONDS)
        assert answers == []
    held.join()
    assert answers == [200]


def test_black_hole_begins_within_body(proxy: FaultProxy, client: httpx.Client) -> None:
    half = len(PART) // 2
    sending = threading.Thread(target=lambda: put(client))
    with proxy.black_hole(part(), after_bytes=half):
        sending.start()
        wait_until(lambda: proxy.seen and proxy.seen[0].received_bytes >= half, "half of the body")
        sending.join(_QUIET_SECONDS)
        assert half <= proxy.seen[0].received_bytes < half + 128 * 1024
        assert proxy.seen[0].status is None
    sending.join()
    assert proxy.seen[0].status == 200


def test_delays_request_until_its_url_has_expired(
    proxy: FaultProxy, server: ScriptedServer, client: httpx.Client
) -> None:
    proxy.fault(part(), DelayUntilExpired())
    signed_at = datetime.now(UTC).replace(microsecond=0)
    put(client, f"{PART_URL}&X-Amz-Date={signed_at:%Y%m%dT%H%M%SZ}&X-Amz-Expires=1")
    assert datetime.now(UTC) > signed_at + timedelta(seconds=1)
    assert server.seen[0].body == PART


def test_refusing_resets_and_refuses(proxy: FaultProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(b"PUT /slow HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
        wait_until(lambda: proxy.seen, "the open request")
        with proxy.refusing():
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", proxy.port))
    assert httpx.get(proxy.origin, timeout=TIMEOUT_SECONDS).status_code == 200


def test_throttles_body(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.fault(part(), Throttle(1 << 16))
    # At 64 KiB/s the end of 1 MiB arrives after 16 s, long after half a second without progress.
    with pytest.raises(httpx.TimeoutException):
        put(client, timeout=_QUIET_SECONDS)
    proxy.fault(part(), Throttle(1 << 22))
    assert put(client).status_code == 200
    assert server.seen[-1].body == PART


def test_corrupts_one_byte(proxy: FaultProxy, server: ScriptedServer, client: httpx.Client) -> None:
    proxy.fault(part(), Corrupt(0.5))
    assert put(client).status_code == 200
    changed = [index for index, (a, b) in enumerate(zip(server.seen[0].body, PART, strict=True)) if a != b]
    assert changed == [len(PART) // 2]


@pytest.mark.parametrize("fault", [None, Throttle(1 << 30)])
def test_forwards_chunked_bodies(fault: Fault | None) -> None:
    with _chunked_echo() as upstream, FaultProxy(upstream) as chunked:
        if fault is not None:
            chunked.fault(Match(), fault)
        answer = httpx.post(chunked.origin, content=iter([b"one", b"", PART]), timeout=TIMEOUT_SECONDS)
        assert answer.content == b"one" + PART


@contextmanager
def _chunked_echo() -> Iterator[int]:
    """Yield the port of a server that returns the body of one chunked request, chunked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def echo() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as stream:
                while stream.readline() != b"\r\n":
                    pass
                stream.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                size = -1
                while size != 0:
                    line = stream.readline()
                    size = int(line, 16)
                    stream.write(line + stream.read(size + 2))

        thread = threading.Thread(target=echo)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
