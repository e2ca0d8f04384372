"""Two apps and two workers behind a proxy are upgraded, go back, and are upgraded again, while people upload.

They start as `make run-scaled` starts them. In the everyday size only the first app and worker go back, before the
others are upgraded. SLIPWAY_UPGRADES=5 takes all of them forward and back five times before the last upgrade.
SLIPWAY_UPGRADE_FROM=previous begins with the release before this commit, and another value with that commit.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.report import reported, write_line
from tests.engines import versions
from tests.engines.ports import free_port
from tests.engines.versions import Version
from tests.factories import PASSWORD
from tests.mediaprobe.builders import progressive_mp4
from tests.waiting import TIMEOUT_SECONDS

FROM = os.environ.get("SLIPWAY_UPGRADE_FROM")
UPGRADES = int(os.environ.get("SLIPWAY_UPGRADES", "1"))
PEOPLE = 2
WAVES = (("app 1", "worker 1"), ("app 2", "worker 2"))
"""What restarts together."""
THAT_GO_BACK = WAVES if UPGRADES > 1 else WAVES[:1]
PAUSE_SECONDS = 0.5
"""Before each upload of a person. More than 300 a minute are refused, see LIMIT_CREATE_PER_USER."""
_READY = re.compile(r"(?P<name>\w+ \d) is ready, process (?P<pid>\d+)")
_ALL_READY = re.compile(r"Slipway is ready: \S+ \(settings and logs: (?P<folder>.+)\)")


class Installed:
    """The command `slipway` of an installation, which is one version after the other, as with a wheel."""

    def __init__(self, folder: Path, version: Version) -> None:
        self.path = folder / "slipway"
        self.install(version)

    def install(self, version: Version) -> None:
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.symlink_to(version.program)
        new.replace(self.path)


class ScaledSlipway:
    """The script, and what it prints."""

    def __init__(self, process: Process, port: int, installed: Installed) -> None:
        self.process = process
        self.installed = installed
        self.address = f"http://127.0.0.1:{port}"
        self.pids: dict[str, int] = {}
        self.folder = Path()
        """Of the settings and logs, once it is ready."""
        self._said = asyncio.Condition()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._said:
                if found := _READY.match(line.decode()):
                    self.pids[found["name"]] = int(found["pid"])
                elif found := _ALL_READY.match(line.decode()):
                    self.folder = Path(found["folder"])
                self._said.notify_all()

    async def ready(self) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS), self._said:
            await self._said.wait_for(lambda: self.folder.is_absolute())

    async def roll_to(self, version: Version, waves: Sequence[Sequence[str]]) -> None:
        """Install the version and restart one wave after the other."""
        self.installed.install(version)
        for wave in waves:
            await asyncio.gather(*map(self._restart, wave))

    async def _restart(self, name: str) -> None:
        """Send SIGTERM, as a deployment does, and return when the successor is ready."""
        old = self.pids[name]
        os.kill(old, signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS), self._said:
            await self._said.wait_for(lambda: self.pids[name] != old)

    async def command(self, version: Version, *arguments: str) -> None:
        """Run a command of this version with the installation's settings."""
        process = await asyncio.create_subprocess_exec(version.program, *arguments, cwd=self.folder)
        assert await process.wait() == 0, f"slipway {' '.join(arguments)}"

    def log(self, name: str) -> list[dict[str, Any]]:
        *lines, _being_written = (self.folder / f"{name.replace(' ', '-')}.log").read_text().split("\n")
        return [json.loads(line) for line in lines if line.startswith("{")]


@asynccontextmanager
async def scaled(installed: Installed) -> AsyncIterator[ScaledSlipway]:
    port = free_port()
    script = str(versions.ROOT / "scripts/run_scaled.py")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, script, "--store", "embedded", "--port", str(port)),
        *("--program", str(installed.path)),
        stdout=PIPE,
        env={"PATH": os.environ["PATH"]},
        start_new_session=True,
    )
    slipway = ScaledSlipway(process, port, installed)
    listening = asyncio.create_task(slipway.listen())
    try:
        await slipway.ready()
        yield slipway
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await process.wait()
            await listening


class Person:
    """Uploads small videos one after the other, and lists them."""

    def __init__(self, name: str, address: str) -> None:
        self._email = f"{name}@example.com"
        self._api = httpx.AsyncClient(base_url=f"{address}/api/v1", timeout=TIMEOUT_SECONDS)
        self._store = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        source = progressive_mp4(10, 100_000, moov_first=True)
        self._film = source.read_range(0, source.size, None).data
        self._stopping = False
        self.failures: list[str] = []
        self.videos: list[str] = []

    async def sign_in(self) -> None:
        who = {"email": self._email, "password": PASSWORD}
        assert (await self._api.post("/auth/register", json=who)).status_code == 201
        form = {"username": self._email, "password": PASSWORD}
        answer = await self._api.post("/auth/token", data=form)
        self._api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def upload_until_stopped(self) -> None:
        while not self._stopping:
            await asyncio.sleep(PAUSE_SECONDS)
            if video := await self.begin():
                await self._ask("GET", "/videos")
                await self.finish(video)

    def stop(self) -> None:
        self._stopping = True

    async def begin(self) -> str | None:
        """Upload all bytes, and return the video's ID."""
        announced = {"filename": "harbour.mp4", "size_bytes": len(self._film), "content_type": "video/mp4"}
        created = await self._ask("POST", "/videos", json=announced)
        if created is None:
            return None
        (part,) = created.json()["upload"]["parts"]
        assert (await self._store.put(part["url"], content=self._film)).status_code == 200
        return str(created.json()["video"]["id"])

    async def finish(self, video_id: str | None) -> None:
        assert video_id, self.failures
        if await self._ask("POST", f"/videos/{video_id}/complete", json={"parts": []}):
            self.videos.append(video_id)

    async def _ask(self, method: str, path: str, **what: object) -> httpx.Response | None:
        try:
            answer = await self._api.request(method, path, **what)  # type: ignore[arg-type]  # json=
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        if answer.is_error:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")
            return None
        return answer

    async def check(self) -> None:
        """Wait until each video is ready, and compare its bytes."""
        for video_id in self.videos:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while (video := (await self._api.get(f"/videos/{video_id}")).json())["status"] != "ready":
                    assert video["status"] == "processing"
                    await asyncio.sleep(0.1)
            assert (await self._store.get(video["delivery_url"])).content == self._film

    async def close(self) -> None:
        await self._api.aclose()
        await self._store.aclose()


@asynccontextmanager
async def traffic(people: list[Person]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(person.upload_until_stopped())
        try:
            yield
        finally:
            for person in people:
                person.stop()


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def old(tmp_path: Path) -> Version:
    version = versions.released(FROM, tmp_path / "old") if FROM else versions.this_code()
    write_line({"note": f"from {version.name}"})
    return version


@pytest.fixture
def new(tmp_path: Path) -> Version:
    return versions.next_one(tmp_path / "new")


async def test_upgrade_and_way_back_lose_no_request_and_no_upload(
    old: Version, new: Version, tmp_path: Path
) -> None:
    with reported("rolling restarts between two versions") as tally:
        tally.violations = 1  # until all checks have passed
        async with scaled(Installed(tmp_path, old)) as slipway:
            patient, *others = [Person(f"person-{n}", slipway.address) for n in range(1 + PEOPLE)]
            for person in (patient, *others):
                await person.sign_in()
            first = dict(slipway.pids)

            async def roll_to(version: Version, waves: Sequence[Sequence[str]]) -> None:
                video = await patient.begin()
                await slipway.roll_to(version, waves)
                await patient.finish(video)
                tally.runs += 1

            async with traffic(others):
                for _ in range(UPGRADES):
                    await slipway.command(new, "db", "upgrade")
                    await roll_to(new, THAT_GO_BACK)
                    await roll_to(old, THAT_GO_BACK)
                    await slipway.command(new, "db", "downgrade", "--yes")
                await slipway.command(new, "db", "upgrade")
                await roll_to(new, WAVES)

            for person in (patient, *others):
                assert person.failures == []
                assert person.videos
                await person.check()
                await person.close()
            last = set(slipway.pids.values())
            assert last.isdisjoint(first.values())
            for wave in WAVES:
                went_back = UPGRADES if wave in THAT_GO_BACK else 0
                for log in map(slipway.log, wave):
                    ran = [line["schema_version"] for line in log if line["event"] == "process.started"]
                    assert ran == [old.schema, *[new.schema, old.schema] * went_back, new.schema]
                    assert len([line for line in log if line["event"] == "schema.newer"]) == went_back

        assert slipway.process.returncode == 0
        assert not any(lives(pid) for pid in last), "nothing is left running"
        tally.violations = 0
