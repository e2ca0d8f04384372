"""One user of the page in any browser, with what the user sees, and what the proxies and the store got."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

import httpx

from tests.browser.browser_page import Browser, BrowserPage
from tests.browser.proxied_slipway import ProxiedSlipway
from tests.engines.faults import Match, Seen, part
from tests.engines.slipway import BRIEF, BUCKET
from tests.media import Container, make_video, pad_with_noise
from tests.waiting import TIMEOUT_SECONDS, until, wait_until

MIB = 1024 * 1024
PASSWORD = "correct horse"  # Of accounts that only tests have.
_POLL_SECONDS: Final = 0.1
CARD: Final = "[data-upload-status]"
FILE_BYTES = 12 * MIB
FILE_PARTS = 3
"""Of 5, 5 and 2 MiB."""

Waiting = Literal["offline", "retrying", "signed_out"]

# Notes each script error, each violation of the content security policy, and that the page is being left.
_NOTE_PROBLEMS = """
window.__problems = [];
addEventListener("error", (event) => window.__problems.push(event.message));
addEventListener("unhandledrejection", (event) => window.__problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) =>
  window.__problems.push(`${event.effectiveDirective} ${event.blockedURI}`));
addEventListener("beforeunload", () => window.__problems.push("the page is being left"));
"""

# Records each change of what the card and the title show.
_RECORD_SHOWN = """
window.__shown = [];
const WAITS = {
  offline: "You're offline",
  retrying: "The page keeps trying.",
  signed_out: "You were signed out",
};
const look = () => {
  const card = document.querySelector("[data-upload-status]");
  if (card === null) return;
  const bar = card.querySelector("progress");
  const waiting = Object.entries(WAITS).find(([, words]) => card.textContent.includes(words));
  const title = /^(\\d+)% · /.exec(document.title);
  const shown = {
    status: card.dataset.uploadStatus,
    percent: bar !== null && bar.hasAttribute("value") ? bar.value : null,
    title: title === null ? null : Number(title[1]),
    waiting: waiting === undefined ? null : waiting[0],
  };
  if (JSON.stringify(shown) !== JSON.stringify(window.__shown.at(-1))) window.__shown.push(shown);
};
new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""


@dataclass(frozen=True)
class Shown:
    """What the page showed of the upload at one moment."""

    status: str
    percent: float | None
    title: int | None
    waiting: Waiting | None


@dataclass(frozen=True)
class VideoFile:
    path: Path
    sha256: str

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


def make_file(path: Path, size_bytes: int, container: Container = "mp4") -> VideoFile:
    make_video(path, container, 1, 320, 240, 10, audio=False)
    pad_with_noise(path, container, size_bytes)
    with path.open("rb") as file:
        return VideoFile(path, hashlib.file_digest(file, "sha256").hexdigest())


class PageUser:
    """One signed-in user of the page. Requests carry `sender`, so that faults match only this user's."""

    def __init__(self, name: str, browser: Browser, world: ProxiedSlipway, file: VideoFile) -> None:
        self.name = name
        self.sender = f"user/{name};"
        self.browser = browser
        self.world = world
        self.file = file
        self.account = {"email": f"{name}@{browser.name}.example.com", "password": PASSWORD}
        self.user_id = ""

    async def _unless_busy(self, path: str, **body: Any) -> httpx.Response:
        """Send it again after 503, because more stories begin than one address may have hashes waiting."""
        while (answer := await self._api.post(path, **body)).status_code == 503:  # noqa: ASYNC110  # the server says when
            await asyncio.sleep(int(answer.headers["Retry-After"]))
        return answer.raise_for_status()

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[None]:
        """Register, sign the page in and show the list of videos."""
        api = f"{self.world.slipway.origin}/api/v1"
        async with (
            httpx.AsyncClient(base_url=api, timeout=TIMEOUT_SECONDS, limits=BRIEF) as self._api,
            self.browser.page(self.sender, [_NOTE_PROBLEMS, _RECORD_SHOWN]) as page,
        ):
            self.page: BrowserPage = page
            registered = await self._unless_busy("/auth/register", json=self.account)
            self.user_id = registered.json()["id"]
            form = {"username": self.account["email"], "password": PASSWORD}
            token = (await self._unless_busy("/auth/token", data=form)).json()
            self._api.headers["Authorization"] = f"Bearer {token['access_token']}"
            # The page /login leaves by itself once it sees the session, and Firefox then refuses the next `open`.
            await self.open("/nowhere")
            while (status := await self.fetch_status("POST", "/api/v1/auth/login", self.account)) == 503:  # noqa: ASYNC110
                await asyncio.sleep(1)
            assert status == 200
            await self.open("/")
            yield

    # what a person does and sees

    async def open(self, path: str) -> None:
        await self.page.open(f"{self.world.origin}{path}")

    async def choose(self) -> None:
        await self.page.choose_file(self.file.path)

    async def wait_for(self, expression: str, state: str) -> None:
        """Poll until this JavaScript expression is true. Fail with `state` if the test hangs."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not await self.page.evaluate(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"not reached: {state}; the page says {await self.text()}"
            await asyncio.sleep(_POLL_SECONDS)

    async def text(self) -> str:
        text: str = await self.page.evaluate("document.body.innerText")
        return text

    async def expect_text(self, words: str, within: str = "body") -> None:
        """Wait until the page shows this."""
        shows = f"document.querySelector({json.dumps(within)})?.innerText.includes({json.dumps(words)})"
        await self.wait_for(shows, words)

    async def wait_for_end(self) -> str:
        """Return `done` or `failed`, the status in which the upload ended."""
        status = f"document.querySelector('{CARD}')?.dataset.uploadStatus"
        await self.wait_for(f"['done', 'failed'].includes({status})", "the upload's end")
        ended: str = await self.page.evaluate(status)
        return ended

    async def fetch_status(self, method: str, path: str, body: object = None) -> int:
        """Send a request from the page, with its cookies, and return the status of the answer."""
        options = {"method": method, "headers": {"Content-Type": "application/json"}}
        if body is not None:
            options["body"] = json.dumps(body)
        call = f"fetch({json.dumps(path)}, {json.dumps(options)})"
        status: int = await self.page.evaluate(f"{call}.then((answer) => answer.status)")
        return status

    async def shown(self) -> list[Shown]:
        return [Shown(**moment) for moment in await self.page.evaluate("window.__shown")]

    # what comes through the proxies

    def requests(self, *, api: Match | None = None, store: Match | None = None) -> list[Seen]:
        if api is not None:
            return [one for one in self.world.page_to_api.requests(api) if self.sender in one.sender]
        return [
            one for one in self.world.page_to_store.requests(store or Match()) if self.sender in one.sender
        ]

    def deletions(self, video_id: str) -> list[int | None]:
        """Return the statuses of the video's DELETEs, of any sender. Chromium sends keepalive requests of a closed
        page with its own User-Agent.
        """
        asked = self.world.page_to_api.requests(Match("DELETE", f"/{video_id}"))
        return [one.status for one in asked]

    def sent_parts(self, number: int | None = None) -> list[Seen]:
        return self.requests(store=part(number))

    @asynccontextmanager
    async def halfway(self) -> AsyncIterator[None]:
        """Choose the file and hold every part in flight, after its first MiB, for the length of the block.

        One held part is enough to begin. All pages of a browser share its six connections to the store, so pages that
        waited for several would block each other.
        """
        with self.world.page_to_store.black_hole(part(sender=self.sender), after_bytes=MIB):
            await self.choose()
            await until(
                lambda: any(one.received_bytes >= MIB for one in self.sent_parts()), "a part in flight"
            )
            yield

    async def videos(self) -> list[dict[str, Any]]:
        """Return what the API tells this user, whether the page is signed in or not."""
        answer = await self._api.get("/videos")
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items

    # how each story ends

    async def expect_uploaded(self) -> dict[str, Any]:
        """Check that the video is ready, the store has its bytes, its upload is closed, and the page showed true
        progress. Return the video.
        """
        assert await self.wait_for_end() == "done", await self.text()
        says_ready = f"[...document.querySelectorAll('{CARD} p')].some((one) => one.innerText === 'Ready')"
        await self.wait_for(says_ready, "the video is ready")
        name = self.file.path.name
        (video,) = [video for video in await self.videos() if video["original_filename"] == name]
        assert video["status"] == "ready"
        await asyncio.to_thread(self._check_stored, video["id"])
        _check_progress(await self.shown())
        problems = await self.page.evaluate("window.__problems")
        assert problems == [], problems
        return video

    async def expect_removed(self, video_id: str) -> None:
        """Check that the page deleted the video, and that nothing of it is left.

        A page that waited too long for the answer asks again.
        """
        await until(lambda: 204 in self.deletions(video_id), "the page deletes the video")
        assert await self.videos() == []
        await asyncio.to_thread(self.world.slipway.wait_for_empty_store, video_id)

    def _check_stored(self, video_id: str) -> None:
        """Check the video's bytes, and wait until no upload to which the page sent its parts is open.

        A store that answers the app too late has begun uploads that no page knows. A later sweep removes them.
        """
        assert self.world.slipway.stored_sha256(video_id) == self.file.sha256
        prefix = f"videos/{self.user_id}/{video_id}/"
        used = {one.query["uploadId"] for one in self.sent_parts() if prefix in one.path}
        assert used, "no part of the video was sent"

        def open_uploads() -> set[str]:
            listed = client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", [])
            return {upload["UploadId"] for upload in listed}

        with self.world.slipway.bucket() as client:
            # On a busy machine the embedded store lists an upload for some seconds after its end.
            wait_until(lambda: used.isdisjoint(open_uploads()), "the video's upload is closed")


def _check_progress(moments: Iterable[Shown]) -> None:
    """Check that the percentage never decreases and stays below 100, and that the title shows the same."""
    moments = list(moments)
    percents = [moment.percent for moment in moments if moment.percent is not None]
    assert percents, "no percent was ever shown"
    assert all(before <= after for before, after in pairwise(percents))
    assert percents[-1] <= 99
    titles = [moment.title for moment in moments if moment.title is not None]
    assert titles, "the title never told the percent"
    assert all(before <= after for before, after in pairwise(titles))
    assert set(titles) <= set(percents)
