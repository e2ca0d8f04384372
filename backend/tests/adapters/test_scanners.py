"""Every scanner says clean or infected, or is unavailable. The fake passes the contract of the real ones."""

import asyncio
import dataclasses
import fcntl
import gzip
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.scan_command import CommandScanner
from app.adapters.scan_messages import LONGEST_ANSWER
from app.adapters.scan_url import UrlScanner
from app.ports import FileToScan, Scanner, ScannerUnavailable, ScanVerdict
from tests.adapters.scanners import (
    AdapterUnderTest,
    CommandUnderTest,
    FakeUnderTest,
    ScannerUnderTest,
    ServiceUnderTest,
)
from tests.adapters.scripted_server import Answer, ScriptedServer
from tests.adapters.tls_server import CertificateAuthority, https_server
from tests.engines.ports import free_port
from tests.waiting import until

SIGNATURE = "5f0c" * 16
FILE = FileToScan(
    uuid.UUID("7a6f0c9e-3b5d-4a59-9c0e-5d1f6a2b8c11"),
    f"https://store.test/slipway/videos/a/b/c.mp4?X-Amz-Expires=600&X-Amz-Signature={SIGNATURE}",
    2**31,
    "video/mp4",
)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def command(tmp_path: Path) -> CommandUnderTest:
    return CommandUnderTest(tmp_path)


@pytest.fixture
def service(server: ScriptedServer) -> ServiceUnderTest:
    return ServiceUnderTest(server)


@pytest.fixture(params=["command", "service"])
def adapter(request: pytest.FixtureRequest) -> AdapterUnderTest:
    made: AdapterUnderTest = request.getfixturevalue(request.param)
    return made


@pytest.fixture(params=["command", "service", "fake"])
def under_test(request: pytest.FixtureRequest) -> ScannerUnderTest:
    if request.param == "fake":
        return FakeUnderTest()
    made: ScannerUnderTest = request.getfixturevalue(request.param)
    return made


async def refusal(scanner: Scanner) -> str:
    """Return why the scanner gives no verdict."""
    with pytest.raises(ScannerUnavailable) as raised:
        await scanner.scan(FILE)
    assert SIGNATURE not in raised.value.reason
    return raised.value.reason


# --- the contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verdict", [ScanVerdict("clean"), ScanVerdict("infected"), ScanVerdict("infected", "Eicar-Test")]
)
async def test_returns_the_verdict(under_test: ScannerUnderTest, verdict: ScanVerdict) -> None:
    under_test.will_say(verdict.verdict, verdict.signature)

    assert await under_test.scanner.scan(FILE) == verdict


async def test_is_told_what_to_scan(under_test: ScannerUnderTest) -> None:
    under_test.will_say("clean")

    await under_test.scanner.scan(FILE)

    asked = await under_test.asked()
    assert dataclasses.replace(asked, video_id=uuid.UUID(str(asked.video_id))) == FILE


async def test_no_verdict_is_unavailable(under_test: ScannerUnderTest) -> None:
    under_test.will_be_unavailable()

    assert await refusal(under_test.scanner)


async def test_a_cancelled_scan_ends(under_test: ScannerUnderTest) -> None:
    under_test.will_hang()
    scan = asyncio.create_task(under_test.scanner.scan(FILE))
    await under_test.asked()
    scan.cancel()

    with pytest.raises(asyncio.CancelledError):
        await scan


# --- what counts as an answer -----------------------------------------------------------------------------------------

NO_VERDICTS = [
    b"",
    b"OK",
    b"clean",
    b'"clean"',
    b"[]",
    b"{}",
    b"null",
    b'{"verdict": "maybe"}',
    b'{"verdict": "CLEAN"}',
    b'{"verdict": true}',
    b'{"verdict": null}',
    b'{"verdict": ["clean"]}',
    b'{"signature": "Eicar-Test"}',
    b'{"verdict": "clean", "signature": 7}',
    b'{"verdict": "clean"} {"verdict": "infected"}',
    b'{"verdict": "clean"',
    b'{"verdict": "cle\xff"}',
    b'{"verdict": "clean"}' + b" " * LONGEST_ANSWER,
]


@pytest.mark.parametrize("answer", NO_VERDICTS, ids=range(len(NO_VERDICTS)))
async def test_anything_else_is_no_verdict(adapter: AdapterUnderTest, answer: bytes) -> None:
    adapter.will_answer(answer)

    assert "the answer" in await refusal(adapter.scanner)


async def test_a_scanner_may_say_more(adapter: AdapterUnderTest) -> None:
    adapter.will_answer(b'  {"engine": "x 1.0", "verdict": "infected", "signature": "Eicar-Test", "ms": 5}\n')

    assert await adapter.scanner.scan(FILE) == ScanVerdict("infected", "Eicar-Test")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Win.Test\x1b[31m\r\nfake: line", "Win.Test?[31m fake: line"),
        ("<b>Würm</b> \u202egnp.exe", "<b>Würm</b> ?gnp.exe"),
        ("x" * 5000, "x" * 200),
        (f"found in {FILE.url} at 5", "found in [URL] at 5"),
        (f"path /c.mp4?x-amz-signature={SIGNATURE}", "path [URL]"),
        ("", None),
    ],
)
async def test_signature_is_one_short_printable_line(
    adapter: AdapterUnderTest, said: str, kept: str | None
) -> None:
    adapter.will_say("infected", said)

    assert (await adapter.scanner.scan(FILE)).signature == kept


# --- a command --------------------------------------------------------------------------------------------------------


async def test_url_and_secrets_are_neither_argument_nor_variable(
    command: CommandUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret key")
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://ann:password@host/name")
    command.will_say("clean")

    await command.scanner.scan(FILE)

    seen = await command.seen()
    assert seen["arguments"] == [str(command.folder)]
    assert set(seen["environment"]) - {"LC_CTYPE"} <= {"HOME", "LANG", "PATH", "TMPDIR"}
    assert SIGNATURE in seen["question"]


@pytest.mark.parametrize("status", [1, 2, 100])
async def test_a_status_other_than_0_is_no_verdict(command: CommandUnderTest, status: int) -> None:
    program = f"""import sys; sys.stdin.read(); print('{{"verdict": "infected"}}'); sys.exit({status})"""

    assert f"ended with {status}" in await refusal(CommandScanner(command.command_of(program)))


async def test_a_killed_command_is_no_verdict(command: CommandUnderTest) -> None:
    program = """import os; print('{"verdict": "clean"}', flush=True); os.kill(os.getpid(), 9)"""

    assert "ended with -9" in await refusal(CommandScanner(command.command_of(program)))


async def test_reason_has_the_end_of_stderr_without_the_url(command: CommandUnderTest) -> None:
    program = """import json, sys; sys.exit("a" * 100_000 + " cannot read " + json.load(sys.stdin)["url"])"""

    reason = await refusal(CommandScanner(command.command_of(program)))

    assert reason.endswith("cannot read [URL]")
    assert len(reason) < 300


async def test_a_command_need_not_read_its_question(command: CommandUnderTest) -> None:
    program = """print('{"verdict": "clean"}')"""
    long = dataclasses.replace(FILE, url=f"https://store.test/?token={'x' * 8000}")

    assert await CommandScanner(command.command_of(program)).scan(long) == ScanVerdict("clean")


async def test_missing_program_is_unavailable(tmp_path: Path) -> None:
    assert "did not start" in await refusal(CommandScanner((str(tmp_path / "scanner"),)))


async def test_what_the_command_started_ends_with_a_cancelled_scan(command: CommandUnderTest) -> None:
    """The program that the command starts holds a lock and the pipes."""
    child = f"import fcntl, sys; fcntl.flock(open({str(command.folder / 'lock')!r}, 'w'), fcntl.LOCK_EX); "
    child += f"open({str(command.folder / 'asked')!r}, 'w'); sys.stdin.read()"
    program = f"import os, subprocess; r, w = os.pipe(); subprocess.run([{sys.executable!r}, '-c', {child!r}], stdin=r)"
    scan = asyncio.create_task(CommandScanner(command.command_of(program)).scan(FILE))
    await until((command.folder / "asked").exists, "the command's own program runs")

    scan.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scan

    with (command.folder / "lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)


# --- a service --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [201, 204, 400, 403, 404, 429, 500, 503])
async def test_a_status_other_than_200_is_no_verdict(service: ServiceUnderTest, status: int) -> None:
    service.server.script(Answer(status, b"" if status == 204 else b'{"verdict": "infected"}'))

    assert str(status) in await refusal(service.scanner)


async def test_follows_no_redirect(service: ServiceUnderTest) -> None:
    """Another host would learn the presigned URL."""
    with ScriptedServer() as other:
        other.script(Answer(200, b'{"verdict": "clean"}'))
        service.server.script(Answer(307, headers={"Location": f"{other.url}/scan"}))

        assert "307" in await refusal(service.scanner)
        assert other.seen == []


async def test_posts_json(service: ServiceUnderTest) -> None:
    service.will_say("clean")

    await service.scanner.scan(FILE)

    (seen,) = service.server.seen
    assert (seen.method, seen.path) == ("POST", "/scan")
    assert (seen.headers["content-type"], SIGNATURE in str(seen.headers)) == ("application/json", False)


@pytest.mark.parametrize(
    "answer",
    [Answer(200, is_none=True), Answer(200, b'{"verdict": "clean"}', announced_bytes=900)],
    ids=["no answer", "broken"],
)
async def test_a_broken_answer_is_no_verdict(service: ServiceUnderTest, answer: Answer) -> None:
    service.server.script(answer)

    assert "RemoteProtocolError" in await refusal(service.scanner)


async def test_a_service_that_is_away_is_unavailable() -> None:
    assert "ConnectError" in await refusal(UrlScanner(f"http://127.0.0.1:{free_port()}/scan"))


async def test_a_compressed_answer_is_no_verdict(service: ServiceUnderTest) -> None:
    """A small one could fill the memory."""
    packed = gzip.compress(b'{"verdict": "clean"}')
    service.server.script(Answer(200, packed, {"Content-Encoding": "gzip"}))

    assert "the answer" in await refusal(service.scanner)


async def test_an_unknown_certificate_is_unavailable(tmp_path: Path) -> None:
    certificate = CertificateAuthority.make(tmp_path, "unknown").issue("scanner")
    with https_server(certificate) as url:
        assert "CERTIFICATE_VERIFY_FAILED" in await refusal(UrlScanner(f"{url}/scan"))
