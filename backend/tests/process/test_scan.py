"""With clamd and the script of docs/how-to/scan.md, an MP4 with the antivirus makers' test file is taken down."""

import json
import shlex
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.adapters.scripted_server import Answer, ScriptedServer
from tests.engines.clamd import EICAR, SIGNATURE, Clamd
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video
from tests.waiting import wait_until

SCRIPT = Path(__file__).parents[3] / "scripts" / "scan_with_clamd.py"


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with Clamd(tmp_path_factory.mktemp("clamd") / "c") as clamd:
        yield clamd


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("media") / "clean.mp4").read_bytes()


@pytest.fixture(scope="module")
def infected(clean: bytes) -> bytes:
    """A playable MP4 with the test file in a box that players skip."""
    return clean + struct.pack(">I4s", 8 + len(EICAR), b"free") + EICAR


def command(socket: Path) -> str:
    return shlex.join([sys.executable, str(SCRIPT), str(socket)])


def upload(slipway: SlipwayProcess, api: httpx.Client, data: bytes) -> str:
    return slipway.upload(api, "holiday.mp4", "video/mp4", data)


def settled(api: httpx.Client, video_id: str) -> dict[str, Any]:
    """Return the video once its scan has decided."""

    def video() -> dict[str, Any]:
        answer: dict[str, Any] = api.get(f"/videos/{video_id}").raise_for_status().json()
        return answer

    wait_until(lambda: video()["status"] not in ("completing", "processing"), "the scan decides")
    return video()


def test_infected_video_fails_and_a_clean_one_is_ready(
    tmp_path: Path, clamd: Clamd, clean: bytes, infected: bytes
) -> None:
    slipway = SlipwayProcess(tmp_path / "data", {"SCAN_COMMAND": command(clamd.socket)})
    with slipway, slipway.api("ada@example.com") as api:
        kept, taken = upload(slipway, api, clean), upload(slipway, api, infected)

        assert settled(api, kept)["status"] == "ready"
        video = settled(api, taken)
        assert (video["status"], video["status_reason"]["code"]) == ("failed", "infected")
        assert (video["delivery_url"], SIGNATURE in json.dumps(video)) == (None, False)
        slipway.wait_for_empty_store(taken)

    (line,) = slipway.events("video.taken_down")
    assert (line["video_id"], line["found"], line["audit"]) == (taken, SIGNATURE, True)
    assert "X-Amz-Signature" not in slipway.log_file.read_text()


def test_videos_wait_while_the_scanner_is_away(tmp_path: Path, clean: bytes, infected: bytes) -> None:
    away = Clamd(tmp_path / "clamd")
    slipway = SlipwayProcess(tmp_path / "data", {"SCAN_COMMAND": command(away.socket)})
    with slipway, slipway.api("ada@example.com") as api:
        first, second = upload(slipway, api, clean), upload(slipway, api, infected)
        wait_until(lambda: len(slipway.events("scan.unavailable")) > 3, "the scanner was asked again")
        assert [api.get(f"/videos/{one}").json()["status"] for one in (first, second)] == ["processing"] * 2
        assert "FileNotFoundError" in slipway.events("scan.unavailable")[0]["reason"]

        with away:
            assert [settled(api, one)["status"] for one in (first, second)] == ["ready", "failed"]


# --- the script alone -------------------------------------------------------------------------------------------------


def scan(socket: Path, server: ScriptedServer) -> "subprocess.CompletedProcess[str]":
    question = json.dumps({"url": f"{server.url}/video.mp4?X-Amz-Signature=5f0c"})
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(socket)],
        input=question,
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_file_that_the_store_breaks_off_has_no_verdict(clamd: Clamd, clean: bytes) -> None:
    with ScriptedServer() as server:
        server.script(Answer(200, clean, announced_bytes=len(clean) + 1))

        ended = scan(clamd.socket, server)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"sent {len(clean)} of {len(clean) + 1} bytes" in ended.stderr


def test_a_file_that_the_store_refuses_has_no_verdict(clamd: Clamd) -> None:
    with ScriptedServer() as server:
        server.script(Answer(403))

        ended = scan(clamd.socket, server)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "403" in ended.stderr


@contextmanager
def clamd_that_reads_all(socket: Path, answer: bytes) -> Iterator[bytearray]:
    """Read a stream to its end, and only then answer. clamd itself answers or closes first, by chance."""
    was_read = bytearray()

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            assert self.rfile.read(len(b"zINSTREAM\0")) == b"zINSTREAM\0"
            while length := struct.unpack("!L", self.rfile.read(4))[0]:
                was_read.extend(self.rfile.read(length))
            self.wfile.write(answer + b"\0")

    with socketserver.UnixStreamServer(str(socket), Stream) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield was_read
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"INSTREAM size limit exceeded. ERROR", "StreamMaxLength"),
        (b"stream: Heuristics.Encrypted.PDF FOUND", "Heuristics.Encrypted.PDF"),
        (b"", "clamd says ''"),
    ],
)
def test_an_answer_that_is_no_verdict_is_named(
    tmp_path: Path, clean: bytes, answer: bytes, said: str
) -> None:
    socket = tmp_path / "clamd.ctl"
    with clamd_that_reads_all(socket, answer) as was_read, ScriptedServer() as server:
        server.script(Answer(200, clean))

        ended = scan(socket, server)

    assert was_read == clean
    assert (ended.returncode, ended.stdout) == (1, "")
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [("StreamMaxLength", "StreamMaxLength"), ("MaxFileSize", "Heuristics.Limits.Exceeded.MaxFileSize")],
)
def test_a_file_beyond_a_limit_of_clamd_has_no_verdict(
    tmp_path: Path, infected: bytes, setting: str, said: str
) -> None:
    """Such a file is neither clean nor infected, because clamd did not read it all."""
    with Clamd(tmp_path / "clamd", {setting: "1K"}) as clamd, ScriptedServer() as server:
        server.script(Answer(200, infected))

        ended = scan(clamd.socket, server)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert said in ended.stderr
