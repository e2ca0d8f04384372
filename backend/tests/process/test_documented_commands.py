"""The blocks of the tutorial and of the how-to pages work, page by page and in order, against real processes.

The info string of a block says what happens to it:

    sh           bash runs it. All blocks of a page share one shell.
    sh server    It runs in the background until the page ends. The next block waits until it is ready.
    ini          It becomes `.env`, with the engines' addresses and keys in place of the page's.
    python NAME  It becomes the file NAME.

A third word that NOT_RUN knows marks a block that nothing here can run. Its syntax and its settings are checked.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.core.config import Settings
from tests.engines import ceph_rgw, postgres
from tests.engines.ceph_rgw import CephRgw
from tests.engines.clamd import Clamd
from tests.engines.embedded import EmbeddedStore
from tests.engines.moto import MotoServer
from tests.engines.ports import free_port
from tests.engines.postgres import PostgresServer
from tests.engines.slipway import BUCKET, SLIPWAY, SlipwayProcess
from tests.media import make_video
from tests.waiting import TIMEOUT_SECONDS, wait_until

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs"
PAGES = sorted([DOCS / "tutorial.md", *(DOCS / "how-to").glob("*.md")])
NOT_RUN: Mapping[str, str] = {
    "build": "test_container.py builds, installs and starts a wheel",
    "aws": "there is no AWS account",
    "next-version": "there is no newer version",
}
ADDRESS = "127.0.0.1:8000"
MIB = 1024 * 1024
_BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SESSION = 'while IFS= read -r block <&3; do source "$block" </dev/null; echo done >&4; done'


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    kind: str
    word: str
    text: str

    @property
    def name(self) -> str:
        where = f"{self.page.relative_to(DOCS)}:{self.line}"
        return f"{where} (not run: {NOT_RUN[self.word]})" if self.word in NOT_RUN else where


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2] or "", found[3])
        for found in _BLOCK.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


@dataclass
class World:
    """What a page finds when it begins: a folder, an environment, and what its examples stand for."""

    folder: Path
    environment: dict[str, str]
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    """The real values of a page's settings, by name."""
    server_folder: Path | None = None
    real_words: dict[str, str] = field(default_factory=dict)
    """What stands in blocks of this page in place of words."""

    def real(self, text: str) -> str:
        """Return the text with this test's port in place of the default one, and other words of this test."""
        for word, real in {ADDRESS: f"127.0.0.1:{self.port}", **self.real_words}.items():
            text = text.replace(word, real)
        return text

    def write_settings(self, text: str) -> None:
        """Write `.env`. Raise ValidationError if Slipway would not start with it."""
        lines = (line.partition("=") for line in text.splitlines())
        given = [f"{name}={self.settings.get(name, value)}\n" for name, _, value in lines]
        (self.folder / ".env").write_text("".join(given))
        with contextlib.chdir(self.folder):
            Settings()


class Shell:
    """A bash that runs one block after the other and ends at the first command that fails."""

    def __init__(self, world: World) -> None:
        self._folder = world.folder
        self._output = world.folder / "shell.log"
        to_read, self._to_write = os.pipe()
        self._from_read, from_write = os.pipe()
        script = f"exec 3<&{to_read} 4>&{from_write}; {_SESSION}"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                ["bash", "-eu", "-o", "pipefail", "-c", script],
                cwd=world.folder,
                env=world.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(to_read, from_write),
            )
        os.close(to_read)
        os.close(from_write)

    def run(self, block: Block, text: str) -> None:
        """Return when the block is done. Fail with the output of the whole page otherwise."""
        file = self._folder / f"block-{block.line}.sh"
        file.write_text(text)
        os.write(self._to_write, f"{file}\n".encode())
        # An empty answer means that the shell has ended.
        assert os.read(self._from_read, 5), f"{block.name} failed:\n{self._output.read_text()}"

    def close(self) -> None:
        os.close(self._to_write)
        os.close(self._from_read)
        self._process.wait(TIMEOUT_SECONDS)


def start_server(world: World, block: Block, text: str) -> "subprocess.Popen[bytes]":
    """Return once the command says that it is ready."""
    output = world.folder / f"server-{block.line}.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {text}"],
            cwd=world.server_folder or world.folder,
            env=world.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while "is ready" not in output.read_text():
        assert process.poll() is None, f"{block.name} ended:\n{output.read_text()}"
        assert time.monotonic() < deadline, f"{block.name} is not ready:\n{output.read_text()}"
        time.sleep(0.05)
    return process


def stop_server(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait(TIMEOUT_SECONDS)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """What the page under test needs, by its name."""
    page: Path = request.param
    folder = tmp_path / "page"
    folder.mkdir()
    make_video(folder / "holiday.mp4", size_bytes=12 * MIB)
    slipway = SlipwayProcess(folder / "data")
    path = f"{Path(SLIPWAY[0]).parent}:{postgres._find_programs()}:{os.environ['PATH']}"
    world = World(folder, {**slipway.environment, "PATH": path, "HOME": str(tmp_path)}, slipway.port)
    with ExitStack() as stack:
        match page.stem:
            case "install":
                pass  # none of its blocks is run
            case "tutorial":
                world.server_folder = REPOSITORY
            case "postgresql":
                run_postgresql(world, stack)
                run_store(world, stack)
            case "s3":
                run_ceph(world, stack)
            case "rotate-secrets":
                run_postgresql(world, stack)
                run_in(world, "createuser slipway_app")
                stack.enter_context(slipway)
            case "watch":
                run_postgresql(world, stack)
                run_store(world, stack)
                run_in(world, "createdb slipway")
                world.environment["DATABASE_URL"] = local_url(world)
                run_in(world, "slipway db upgrade")
                world.environment["METRICS_TOKEN"] = "a token for metrics"
                world.real_words = {"9100": str(free_port())}
            case "move":
                run_postgresql(world, stack)
                run_new_store(world, stack)
                slipway.settings["DATABASE_URL"] = local_url(world)
                run_in(world, "createdb slipway")
                slipway.settings["METRICS_TOKEN"] = "a token for metrics"
                world.environment["METRICS_TOKEN"] = "a token for metrics"
                stack.enter_context(slipway)
                add_a_video(world, slipway)
                # If the first sweep marks the database after the page has copied the bucket, the copy has no marker,
                # and `slipway storage verify` refuses it.
                swept = slipway.command("sweep", "--wait", str(TIMEOUT_SECONDS))
                assert swept.returncode == 0, swept.stdout + swept.stderr
                pid = slipway.process.pid
                # It stays as a zombie until the test asks for its status.
                stop = f"kill {pid}; until grep -q '^State:.Z' /proc/{pid}/status; do sleep 0.05; done"
                url = f"postgresql+psycopg://slipway@/videos?host={world.environment['PGHOST']}"
                world.settings["DATABASE_URL"] = url
                world.real_words = {
                    "systemctl stop slipway": stop,
                    "127.0.0.1:9000": f"127.0.0.1:{slipway.store_port}",
                    "--host=db.internal ": "",
                    "https://rgw.internal": world.settings["S3_ENDPOINT_URL"],
                }
            case "backup":
                run_postgresql(world, stack)
                with_a_video(world, slipway)
            case "scan":
                clamd = stack.enter_context(Clamd(folder / "clamd"))
                world.real_words = {
                    "/run/clamav/clamd.ctl": str(clamd.socket),
                    "scripts/": f"{REPOSITORY / 'scripts'}/",
                    "8099": str(free_port()),
                }
            case _:
                stack.enter_context(slipway)
        yield world


def run_postgresql(world: World, stack: ExitStack) -> None:
    """Run a server that psql, pg_dump and the page's DATABASE_URL reach."""
    server = PostgresServer(survives_kill=True)
    stack.callback(server.stop)
    server.start()
    where = parse_qs(urlsplit(server.url("postgres")).query)["host"][0]
    world.environment |= {"PGHOST": where, "PGUSER": "slipway"}
    world.settings["DATABASE_URL"] = f"postgresql+psycopg://slipway_app:secret@/slipway?host={where}"


def run_store(world: World, stack: ExitStack) -> None:
    """Run a store that several processes share, with its bucket."""
    store = EmbeddedStore(world.folder / "store").start()
    stack.callback(store.stop)
    world.environment |= {
        "S3_ENDPOINT_URL": store.endpoint_url,
        "S3_BUCKET": BUCKET,
        "AWS_ACCESS_KEY_ID": store.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": store.credentials.secret_access_key,
    }
    run_in(world, "slipway storage apply")


def run_ceph(world: World, stack: ExitStack) -> None:
    store = stack.enter_context(CephRgw())
    world.settings |= {
        "S3_ENDPOINT_URL": store.endpoint_url,
        "S3_PUBLIC_ENDPOINT_URL": store.endpoint_url,
        "AWS_ACCESS_KEY_ID": ceph_rgw.ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": ceph_rgw.SECRET_ACCESS_KEY,
    }


def run_new_store(world: World, stack: ExitStack) -> None:
    """Run an empty store, to which the page moves."""
    store = stack.enter_context(MotoServer())
    world.settings |= {
        "S3_ENDPOINT_URL": store.endpoint_url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


def with_a_video(world: World, slipway: SlipwayProcess) -> None:
    """Leave a database and a data folder with one video, and nothing running."""
    run_in(world, "createdb slipway")
    slipway.settings["DATABASE_URL"] = world.environment["DATABASE_URL"] = local_url(world)
    with slipway:
        add_a_video(world, slipway)
    run_in(world, "slipway sweep")


def add_a_video(world: World, slipway: SlipwayProcess) -> None:
    """Leave a ready video in a running Slipway."""
    with slipway.api("ada@example.com") as api:
        data = (world.folder / "holiday.mp4").read_bytes()
        video_id = slipway.upload(api, "holiday.mp4", "video/mp4", data)
        wait_until(lambda: api.get(f"/videos/{video_id}").json()["status"] == "ready", "it is ready")


def local_url(world: World) -> str:
    return f"postgresql+psycopg://slipway@/slipway?host={world.environment['PGHOST']}"


def run_in(world: World, command: str) -> None:
    subprocess.run(command.split(), cwd=world.folder, env=world.environment, check=True)


@pytest.mark.parametrize("world", PAGES, indirect=True, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_page_works(world: World, request: pytest.FixtureRequest) -> None:
    page: Path = request.node.callspec.params["world"]
    shell, servers = Shell(world), []
    try:
        for block in blocks_of(page):
            text = world.real(block.text)
            match (block.kind, block.word):
                case (_, word) if word in NOT_RUN:
                    continue
                case ("sh", ""):
                    shell.run(block, text)
                case ("sh", "server"):
                    servers.append(start_server(world, block, text))
                case ("ini", ""):
                    world.write_settings(text)
                case ("python", name):
                    (world.folder / name).write_text(text)
                case _:
                    raise AssertionError(f"{block.name}: nothing says what to do with it")
    finally:
        shell.close()
        for server in servers:
            stop_server(server)


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.word in NOT_RUN], ids=lambda block: block.name
)
def test_a_block_that_is_not_run_is_valid(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "block"
    file.write_text(block.text)
    if block.kind == "ini":
        Settings(_env_file=file)
    else:
        subprocess.run(["bash", "-n", str(file)], check=True)
