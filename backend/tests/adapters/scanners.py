"""Scanners that say what a test wants, one for each adapter and the fake, with the same controls."""

import json
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Literal

from app.adapters.scan_command import CommandScanner
from app.adapters.scan_url import UrlScanner
from app.ports import FileToScan, Scanner, ScannerUnavailable, ScanVerdict
from tests.adapters.scripted_server import Answer, ScriptedServer
from tests.fakes import FakeScanner, Gate
from tests.waiting import until

_PROGRAM = """
import json, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
asked = {"question": sys.stdin.read(), "arguments": sys.argv[1:], "environment": dict(os.environ)}
(folder / "asking").write_text(json.dumps(asked))
(folder / "asking").rename(folder / "asked")
while not (folder / "answer").exists():
    time.sleep(0.01)
sys.stdout.buffer.write((folder / "answer").read_bytes())
"""


Said = Literal["clean", "infected"]


class ScannerUnderTest(ABC):
    scanner: Scanner

    @abstractmethod
    def will_say(self, verdict: Said, signature: str | None = None) -> None: ...

    @abstractmethod
    def will_be_unavailable(self) -> None: ...

    @abstractmethod
    def will_hang(self) -> None: ...

    @abstractmethod
    async def asked(self) -> FileToScan:
        """Return the question once it has arrived."""


class FakeUnderTest(ScannerUnderTest):
    def __init__(self) -> None:
        self.scanner: FakeScanner = FakeScanner()
        self._gate: Gate | None = None

    def will_say(self, verdict: Said, signature: str | None = None) -> None:
        self.scanner.usual = ScanVerdict(verdict, signature)

    def will_be_unavailable(self) -> None:
        self.scanner.usual = ScannerUnavailable("away")

    def will_hang(self) -> None:
        self._gate = self.scanner.hold_next()

    async def asked(self) -> FileToScan:
        if self._gate:
            await self._gate.reached()
        return self.scanner.files[-1]


class AdapterUnderTest(ScannerUnderTest):
    """Both adapters ask and understand the same JSON."""

    def will_say(self, verdict: Said, signature: str | None = None) -> None:
        self.will_answer(json.dumps({"verdict": verdict, "signature": signature}).encode())

    def will_be_unavailable(self) -> None:
        self.will_answer(b"no verdict")

    @abstractmethod
    def will_answer(self, answer: bytes) -> None: ...

    async def asked(self) -> FileToScan:
        question = json.loads(await self.question())
        return FileToScan(**question)

    @abstractmethod
    async def question(self) -> str: ...


class CommandUnderTest(AdapterUnderTest):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scanner = CommandScanner(self.command_of(_PROGRAM))

    def command_of(self, program: str) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", "-c", program, str(self.folder))

    def will_answer(self, answer: bytes) -> None:
        (self.folder / "writing").write_bytes(answer)
        (self.folder / "writing").rename(self.folder / "answer")

    def will_hang(self) -> None:
        (self.folder / "answer").unlink(missing_ok=True)

    async def seen(self) -> dict[str, Any]:
        file = self.folder / "asked"
        await until(file.exists, "the command has read its question")
        seen: dict[str, Any] = json.loads(file.read_text())
        return seen

    async def question(self) -> str:
        return str((await self.seen())["question"])


class ServiceUnderTest(AdapterUnderTest):
    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.scanner = UrlScanner(f"{server.url}/scan")

    def will_answer(self, answer: bytes) -> None:
        self.server.script(Answer(200, answer))

    def will_hang(self) -> None:
        self.will_answer(b"too late")
        self.server.hold()

    async def question(self) -> str:
        await until(lambda: self.server.seen, "the service has the question")
        return self.server.seen[-1].body.decode()
