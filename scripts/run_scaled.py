"""Run two apps and two workers behind a proxy on this machine.

PostgreSQL and the store are the tests' own. The store is Ceph RGW if it is installed, else the embedded one as a server
of its own. They start empty and keep nothing. A process that ends is started again, as a supervisor would. Commands
like `slipway user list` have the settings in the folder that it prints.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from round_robin import HOST, RoundRobin  # noqa: E402  # after the path to the tests' engines
from tests.engines import ceph_rgw  # noqa: E402
from tests.engines.ceph_rgw import CephRgw  # noqa: E402
from tests.engines.embedded import EmbeddedStore  # noqa: E402
from tests.engines.ports import free_port  # noqa: E402
from tests.engines.postgres import PostgresServer  # noqa: E402

SLIPWAY = str(ROOT / ".venv/bin/slipway")
COUNT = 2
_START_AGAIN_SECONDS = 0.5
_STOP_SECONDS = 60.0
"""More than an app may take for the requests that it has accepted."""

Environment = Mapping[str, str]


class NotStarted(Exception):
    """A child ended before it was ready. Its log says why."""


class Child:
    """One process of Slipway, started again whenever it ends."""

    def __init__(self, name: str, program: str, command: str, log: Path, environment: Environment) -> None:
        self.name = name
        self._program = program
        self._command = command
        self._log = log
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Return once it says that it is ready. Raise NotStarted if it ends before."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(self._program, self._command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=self._log.parent,
                env={"PATH": os.environ["PATH"], **self._environment},
                # Only this process gets Ctrl-C, and stops the children one after the other.
                start_new_session=True,
            )
        line = await self._process.stdout.readline() if self._process.stdout else b""
        if b"is ready" not in line:
            raise NotStarted(f"{self.name} did not start; see {self._log}")
        say(f"{self.name} is ready, process {self._process.pid}")

    async def keep_alive(self) -> None:
        while self._process:
            await self._process.wait()
            await asyncio.sleep(_START_AGAIN_SECONDS)
            with contextlib.suppress(NotStarted):
                await self.start()

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a server and yield the URL of an empty database."""
    server = PostgresServer().start()
    try:
        yield server.url(server.create_database())
    finally:
        server.stop()


@contextlib.contextmanager
def store(kind: str, folder: Path, origin: str) -> Iterator[Environment]:
    """Run a store and yield the settings that lead to it."""
    if kind == "ceph":
        with CephRgw() as ceph:
            yield s3_settings(ceph.endpoint_url, ceph_rgw.ACCESS_KEY_ID, ceph_rgw.SECRET_ACCESS_KEY)
    else:
        with EmbeddedStore(folder / "store", origins=[origin]) as embedded:
            keys = embedded.credentials
            yield s3_settings(embedded.endpoint_url, keys.access_key_id, keys.secret_access_key)


def s3_settings(endpoint_url: str, access_key_id: str, secret_access_key: str) -> Environment:
    return {
        "S3_ENDPOINT_URL": endpoint_url,
        "S3_BUCKET": "slipway",
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
    }


async def once(program: str, folder: Path, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(program, *command),
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.DEVNULL,
    )
    if await process.wait():
        raise NotStarted(f"`slipway {' '.join(command)}` failed")


@contextlib.asynccontextmanager
async def running(children: list[Child], proxy: RoundRobin, port: int) -> AsyncIterator[None]:
    """Keep all of it alive. Stop what others depend on last."""
    loops: list[asyncio.Task[None]] = []
    try:
        await asyncio.gather(*(child.start() for child in children))
        loops += [asyncio.create_task(child.keep_alive()) for child in children]
        loops.append(asyncio.create_task(proxy.serve(port)))
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in children))


async def run(program: str, port: int, folder: Path, shared: Environment) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in shared.items()))
    await once(program, folder, "db", "upgrade")
    await once(program, folder, "storage", "apply")
    ports = [free_port() for _ in range(COUNT)]
    apps = [
        Child(f"app {n}", program, "serve", folder / f"app-{n}.log", {"SLIPWAY_PORT": str(app_port)})
        for n, app_port in enumerate(ports, 1)
    ]
    workers = [
        Child(f"worker {n}", program, "worker", folder / f"worker-{n}.log", {}) for n in range(1, COUNT + 1)
    ]
    async with running([*apps, *workers], RoundRobin(ports), port):
        say(f"Slipway is ready: {origin_of(port)} (settings and logs: {folder})")
        await stopped.wait()
        say("Stopping ...")


def origin_of(port: int) -> str:
    return f"http://{HOST}:{port}"


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("SLIPWAY_PORT", "8000")))
    parser.add_argument("--program", default=SLIPWAY, help="another `slipway`")
    best = "ceph" if ceph_rgw.is_installed() else "embedded"
    parser.add_argument("--store", choices=("ceph", "embedded"), default=best)
    options = parser.parse_args()
    origin = origin_of(options.port)
    say(f"Starting PostgreSQL and the store ({options.store}) ...")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-scaled-")))
        shared = {
            "DATABASE_URL": stack.enter_context(postgres()),
            "APP_ORIGINS": origin,
            "TRUSTED_PROXIES": HOST,
            **stack.enter_context(store(options.store, folder, origin)),
        }
        try:
            asyncio.run(run(options.program, options.port, folder, shared))
        except NotStarted as error:
            say(str(error))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
