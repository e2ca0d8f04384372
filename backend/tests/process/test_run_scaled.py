"""A rolling restart of two apps and two workers behind a proxy, started as `make run-scaled` does."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.engines.ports import free_port
from tests.factories import PASSWORD
from tests.mediaprobe.builders import progressive_mp4
from tests.waiting import TIMEOUT_SECONDS

REPOSITORY = Path(__file__).parents[3]
CHILDREN = ("app 1", "app 2", "worker 1", "worker 2")
_READY = re.compile(r"(?P<name>\w+ \d) is ready, process (?P<pid>\d+)")


class ScaledSlipway:
    """The script, and the PIDs that it prints."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.address = f"http://127.0.0.1:{port}"
        self.pids: dict[str, int] = {}
        self._said = asyncio.Condition()
        self._is_ready = False

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._said:
                if found := _READY.match(line.decode()):
                    self.pids[found["name"]] = int(found["pid"])
                self._is_ready = self._is_ready or self.address in line.decode()
                self._said.notify_all()

    async def ready(self) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS), self._said:
            await self._said.wait_for(lambda: self._is_ready)

    async def restart(self, name: str) -> None:
        """Send SIGTERM, as a deployment does, and return when the successor is ready."""
        old = self.pids[name]
        os.kill(old, signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT_SECONDS), self._said:
            await self._said.wait_for(lambda: self.pids[name] != old)


@asynccontextmanager
async def scaled() -> AsyncIterator[ScaledSlipway]:
    port = free_port()
    command = [str(REPOSITORY / "scripts/run_scaled.py"), "--store", "embedded", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=PIPE, env={"PATH": os.environ["PATH"]}, start_new_session=True
    )
    slipway = ScaledSlipway(process, port)
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


class Load:
    """Clients that upload small videos one after the other and list them."""

    def __init__(self, address: str) -> None:
        self._api = httpx.AsyncClient(base_url=f"{address}/api/v1", timeout=TIMEOUT_SECONDS)
        self._store = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        source = progressive_mp4(10, 100_000, moov_first=True)
        self._video = source.read_range(0, source.size, None).data
        self._stopping = False
        self.requests = 0
        self.failures: list[str] = []
        self.videos: list[str] = []

    async def sign_in(self) -> None:
        who = {"email": "ann@example.com", "password": PASSWORD}
        assert (await self._api.post("/auth/register", json=who)).status_code == 201
        form = {"username": who["email"], "password": PASSWORD}
        answer = await self._api.post("/auth/token", data=form)
        self._api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    @asynccontextmanager
    async def steadily(self, people: int) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for _ in range(people):
                group.create_task(self._upload_and_look())
            try:
                yield
            finally:
                self._stopping = True

    async def close(self) -> None:
        await self._api.aclose()
        await self._store.aclose()

    async def _upload_and_look(self) -> None:
        while not self._stopping:
            announced = {
                "filename": "harbour.mp4",
                "size_bytes": len(self._video),
                "content_type": "video/mp4",
            }
            created = await self._ask("POST", "/videos", json=announced)
            if created is None:
                continue
            body = created.json()
            (part,) = body["upload"]["parts"]
            assert (await self._store.put(part["url"], content=self._video)).status_code == 200
            video_id = body["video"]["id"]
            await self._ask("GET", "/videos")
            if await self._ask("POST", f"/videos/{video_id}/complete", json={"parts": []}):
                self.videos.append(video_id)

    async def _ask(self, method: str, path: str, **what: object) -> httpx.Response | None:
        self.requests += 1
        try:
            answer = await self._api.request(method, path, **what)  # type: ignore[arg-type]  # json=
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        if answer.is_error:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")
            return None
        return answer

    async def statuses(self) -> set[str]:
        answers = [await self._api.get(f"/videos/{video_id}") for video_id in self.videos]
        return {answer.json()["status"] for answer in answers}


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_rolling_restart_causes_no_error() -> None:
    async with scaled() as slipway:
        load = Load(slipway.address)
        await load.sign_in()
        first = dict(slipway.pids)
        assert set(first) == set(CHILDREN)
        async with load.steadily(people=3):
            for name in CHILDREN:
                await slipway.restart(name)

        assert load.failures == []
        assert load.videos
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while await load.statuses() != {"ready"}:  # noqa: ASYNC110  # other processes set no event here
                await asyncio.sleep(0.1)
        await load.close()
        last = set(slipway.pids.values())
        assert last.isdisjoint(first.values())

    assert slipway.process.returncode == 0
    assert not any(lives(pid) for pid in last), "nothing is left running"
