"""`slipway upload` and `slipway download` go on after failures, and say why when they can't."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app import cli
from app.client import GIVE_UP_SECONDS, Client, GivenUp, NotSlipway, Patience, Refused
from app.domain.video_file import CONTAINERS
from app.schemas.videos import ContainerOut
from app.transfers import Download, TransferFailed, Upload, local_name, wait_until_read
from tests.fakes import content_md5, md5_hex

PART = 5
DATA = b"first second "
"""Three parts."""
VIDEO_ID = "0b6b1d1e-5f6a-4a53-9d0f-6d5a5c9a7d10"
POLICY = {"containers": [ContainerOut.model_validate(c).model_dump() for c in CONTAINERS]}
SECRET = "signature-of-a-url"

Answer = httpx.Response | Exception


def refusal(status: int, code: str, **facts: object) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": f"This is {code}.", **facts})


class Server:
    """The API and the store. `plan` makes the next requests to a path get other answers."""

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.object = DATA
        self.etag = '"abc"'
        self.status = "ready"
        self.seen: list[str] = []
        self.headers: list[httpx.Headers] = []
        self.bodies: dict[str, Any] = {}
        self.slept: list[float] = []
        self._now = 0.0
        self.unmet: list[tuple[str, Answer]] = []

    def plan(self, pattern: str, *answers: Answer) -> None:
        self.unmet += [(pattern, answer) for answer in answers]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def client(self) -> Client:
        def patience() -> Patience:
            return Patience(lambda: self._now, self.sleep)

        return Client("https://video.example/", "ada@example.com", "quiet harbour", patience, self.transport)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def video(self) -> dict[str, Any]:
        url = f"https://store.example/object?X-Amz-Signature={SECRET}" if self.status == "ready" else None
        return {
            "id": VIDEO_ID,
            "status": self.status,
            "size_bytes": len(DATA),
            "delivery_url": url,
            "original_filename": "holiday.mp4",
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        what = f"{request.method} {request.url.path}"
        self.seen.append(what)
        self.headers.append(request.headers)
        for index, (pattern, answer) in enumerate(self.unmet):
            if re.search(pattern, what):
                del self.unmet[index]
                if isinstance(answer, Exception):
                    raise answer
                return answer
        if request.url.host == "store.example":
            return self._of_store(request)
        return self._of_api(what.removeprefix(f"{request.method} /api/v1"), request)

    def _of_api(self, path: str, request: httpx.Request) -> httpx.Response:
        if path == "/auth/token":
            return httpx.Response(200, json={"access_token": "a-token"})
        if path == "/upload-policy":
            return httpx.Response(200, json=POLICY)
        if path.endswith("/parts"):
            numbers = json.loads(request.content)["part_numbers"]
            sizes = {number: len(DATA[(number - 1) * PART : number * PART]) for number in numbers}
            signed = [
                {
                    "part_number": number,
                    "size_bytes": size,
                    "url": f"https://store.example/part/{number}?X-Amz-Signature={SECRET}",
                }
                for number, size in sizes.items()
            ]
            return httpx.Response(200, json={"parts": signed})
        if request.method == "POST":
            self.bodies[path] = json.loads(request.content or b"{}")
        if path == "/videos":
            upload = {"part_size_bytes": PART, "part_count": 3, "parts": []}
            return httpx.Response(201, json={"video": self.video(), "upload": upload})
        return httpx.Response(200, json=self.video())

    def _of_store(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            assert request.headers["Content-MD5"] == content_md5(request.content)
            self.parts[int(request.url.path.rpartition("/")[2])] = request.content
            return httpx.Response(200)
        start = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
        return httpx.Response(206, stream=httpx.ByteStream(self.object[start:]), headers={"ETag": self.etag})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "holiday.mp4"
    file.write_bytes(DATA)
    return file


def nothing(_: int) -> None: ...


def send(server: Server, file: Path, progress: Callable[[int], None] = nothing) -> Any:
    return Upload(server.client(), file, progress, server.transport).run()


def test_sends_every_part_and_completes_with_its_md5(server: Server, file: Path) -> None:
    arrived: list[int] = []

    assert send(server, file, arrived.append)["id"] == VIDEO_ID

    assert b"".join(server.parts[number] for number in (1, 2, 3)) == DATA
    assert sum(arrived) == len(DATA)
    announced = {"filename": "holiday.mp4", "size_bytes": len(DATA), "content_type": "video/mp4"}
    assert server.bodies["/videos"] == announced
    md5s = [md5_hex(server.parts[number]) for number in (1, 2, 3)]
    assert [part["md5"] for part in server.bodies[f"/videos/{VIDEO_ID}/complete"]["parts"]] == md5s
    assert server.slept == []


@pytest.mark.parametrize(
    ("extension", "content_type"),
    [(extension, c.content_types[0]) for c in CONTAINERS for extension in c.extensions],
)
def test_announces_the_type_that_the_server_has_for_the_extension(
    server: Server, file: Path, extension: str, content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that knows no types, as in slim containers."""
    monkeypatch.setattr("mimetypes.guess_type", lambda _: (None, None))

    send(server, file.rename(file.with_suffix(extension.upper())))

    assert server.bodies["/videos"]["content_type"] == content_type


@pytest.mark.parametrize(
    ("pattern", "answers"),
    [
        ("PUT .*/part/2", [httpx.Response(403), httpx.Response(503), httpx.ReadTimeout("")]),
        ("POST .*/auth/token", [httpx.ConnectError("")]),
        ("POST .*/videos$", [httpx.ReadError(""), httpx.Response(502)]),
        ("POST .*/parts", [refusal(503, "storage_unavailable")]),
        ("POST .*/complete", [httpx.Response(202, json={}), httpx.ReadError("")]),
        ("POST .*/complete", [refusal(409, "parts_incomplete", missing=[2], mismatched=[3])]),
        ("POST .*/complete", [refusal(401, "not_authenticated")]),
    ],
)
def test_goes_on_after_a_failure(server: Server, file: Path, pattern: str, answers: list[Answer]) -> None:
    server.plan(pattern, *answers)

    assert send(server, file)["id"] == VIDEO_ID

    assert server.unmet == []
    assert b"".join(server.parts[number] for number in (1, 2, 3)) == DATA
    assert not any(seen.startswith("DELETE") for seen in server.seen)


def test_sends_the_parts_again_that_the_server_lacks(server: Server, file: Path) -> None:
    server.plan("POST .*/complete", refusal(409, "parts_incomplete", missing=[2], mismatched=[3]))

    send(server, file)

    sent = sorted(seen for seen in server.seen if seen.startswith("PUT"))
    assert sent == [f"PUT /part/{number}" for number in (1, 2, 2, 3, 3)]


def test_a_repeated_create_has_the_same_idempotency_key(server: Server, file: Path) -> None:
    server.plan("POST .*/videos$", httpx.ReadError(""))

    send(server, file)

    creates = zip(server.seen, server.headers, strict=True)
    keys = [headers["Idempotency-Key"] for seen, headers in creates if seen == "POST /api/v1/videos"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_waits_as_long_as_the_server_says(server: Server, file: Path) -> None:
    server.plan("POST .*/videos$", httpx.Response(429, headers={"Retry-After": "17"}, json={}))

    send(server, file)

    assert server.slept == [17]


def test_gives_up_without_progress_and_cancels(server: Server, file: Path) -> None:
    server.plan("PUT .*/part/2", *[httpx.ConnectError(f"no route to {SECRET}")] * 100)

    with pytest.raises(GivenUp) as given_up:
        send(server, file)

    assert "The store doesn't answer (ConnectError)." in str(given_up.value)
    assert SECRET not in str(given_up.value)
    assert GIVE_UP_SECONDS < sum(server.slept) < 2 * GIVE_UP_SECONDS
    assert server.seen[-1] == f"DELETE /api/v1/videos/{VIDEO_ID}"


def test_a_refusal_ends_it_with_the_servers_sentence(server: Server, file: Path) -> None:
    server.plan("POST .*/videos$", refusal(409, "quota_exceeded"))

    with pytest.raises(Refused, match=r"This is quota_exceeded\."):
        send(server, file)

    assert server.slept == []


def test_another_web_server_is_not_taken_for_slipway(server: Server, file: Path) -> None:
    server.plan("POST .*/auth/token", httpx.Response(200, html="<p>Welcome"))

    with pytest.raises(NotSlipway, match=r"https://video\.example/api/v1/ is not Slipway"):
        send(server, file)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("video.example", "Write https:// or http:// in front"),
        ("ftp://video.example", "another scheme than http and https"),
        ("https://video.example:port", "no port from 1 to 65535"),
        ("https://video.example/?q=1", "is not a path"),
        ("https://ada:secret@video.example", "it has a user name"),
    ],
)
def test_a_wrong_address_is_refused_at_once(file: Path, url: str, said: str) -> None:
    ended = CliRunner().invoke(
        cli.app, ["upload", str(file), "--user", "ada@example.com", "--url", url], env={"COLUMNS": "999"}
    )

    assert ended.exit_code == 2
    assert said in ended.stderr
    assert "secret" not in ended.stderr


def test_a_file_that_changes_is_not_completed(server: Server, file: Path) -> None:
    upload = Upload(server.client(), file, nothing, server.transport)
    file.write_bytes(DATA[::-1] + b"more")

    with pytest.raises(TransferFailed, match="changed while it was sent"):
        upload.run()

    assert not any(seen.endswith("/complete") for seen in server.seen)
    assert server.seen[-1].startswith("DELETE")


def test_waits_until_the_video_is_read(server: Server) -> None:
    processing = {**server.video(), "status": "processing"}
    server.plan("GET .*/videos/", httpx.Response(200, json=processing))

    assert wait_until_read(server.client(), processing, server.sleep)["status"] == "ready"
    assert server.slept == [1, 1]
    assert server.unmet == []


# --- download ---------------------------------------------------------------------------------------------------


def fetch(server: Server, target: Path) -> None:
    Download(server.client(), server.video(), target, nothing, server.transport).run()


class BreaksAfter(httpx.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Any:
        yield self._data
        raise httpx.ReadError("")


def test_goes_on_where_a_connection_broke(server: Server, tmp_path: Path) -> None:
    broken = httpx.Response(206, stream=BreaksAfter(DATA[:4]), headers={"ETag": server.etag})
    server.plan("GET /object", httpx.ConnectError(""), broken, httpx.Response(403))

    fetch(server, tmp_path / "copy.mp4")

    assert server.unmet == []
    assert (tmp_path / "copy.mp4").read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["copy.mp4"]
    asked = [headers for seen, headers in zip(server.seen, server.headers, strict=True) if "/object" in seen]
    assert [headers["Range"] for headers in asked] == ["bytes=0-", "bytes=0-", "bytes=4-", "bytes=4-"]
    assert [headers.get("If-Match") for headers in asked] == [None, None, server.etag, server.etag]


@pytest.mark.parametrize(
    "answer", [httpx.Response(412), httpx.Response(206, stream=httpx.ByteStream(DATA + b"!"))]
)
def test_leaves_no_file_that_is_not_the_video(server: Server, tmp_path: Path, answer: httpx.Response) -> None:
    server.plan("GET /object", answer)

    with pytest.raises(TransferFailed):
        fetch(server, tmp_path / "copy.mp4")

    assert list(tmp_path.iterdir()) == []


def test_leaves_other_files_of_the_folder(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "copy.mp4.part"
    other.write_bytes(b"somebody's own")

    fetch(server, tmp_path / "copy.mp4")

    assert other.read_bytes() == b"somebody's own"


def test_writes_the_longest_name_that_a_server_has(server: Server, tmp_path: Path) -> None:
    target = tmp_path / local_name(f"{'東京' * 125}.webm")

    fetch(server, target)

    assert target.read_bytes() == DATA
    assert target.suffix == ".webm"


def test_waits_while_the_server_cannot_sign_a_url(server: Server, tmp_path: Path) -> None:
    unsigned = server.video() | {"delivery_url": None}
    server.plan("GET .*/videos/", httpx.Response(200, json=unsigned))

    Download(server.client(), unsigned, tmp_path / "copy.mp4", nothing, server.transport).run()

    assert server.unmet == []
    assert (tmp_path / "copy.mp4").read_bytes() == DATA


def test_a_video_that_is_not_ready_is_refused(server: Server, tmp_path: Path) -> None:
    server.status = "processing"

    with pytest.raises(TransferFailed, match="only ready ones"):
        fetch(server, tmp_path / "copy.mp4")


@pytest.mark.parametrize(
    ("filename", "written"),
    [
        ("holiday.mp4", "holiday.mp4"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "video"),
        ("a\\b\x1b\u202e.mp4", "a_b__.mp4"),
        (f"{'東' * 80}.mp4", f"{'東' * 66}.mp4"),
        (f"a.{'é' * 99}", f"a.{'é' * 27}"),
    ],
)
def test_a_servers_name_stays_in_the_folder(filename: str, written: str) -> None:
    assert local_name(filename) == written
