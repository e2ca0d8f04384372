"""Runs users of the page concurrently in one Chromium, each in a browser context of their own, with faults."""

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, NOTE_VIOLATIONS, TIMEOUT_MILLISECONDS
from tests.browser.proxied_slipway import ProxiedSlipway
from tests.engines.faults import Match, Seen, part
from tests.engines.slipway import BUCKET
from tests.media import make_video, pad_with_noise
from tests.waiting import until

MIB = 1024 * 1024
PASSWORD = "correct horse"  # Of accounts that only tests have.
_CONCURRENT_QUICK = 4
FILE_BYTES = 12 * MIB
FILE_PARTS = 3
"""Of 5, 5 and 2 MiB."""

Waiting = Literal["offline", "retrying", "signed_out"]

# Records each change of what the card and the title show.
_RECORD_SHOWN = """
window.__shown = [];
const WAITS = {
  offline: "You're offline",
  retrying: "The connection was interrupted",
  signed_out: "You were signed out",
};
const look = () => {
  const card = document.querySelector("[data-upload-status]");
  if (card === null) return;
  const bar = card.querySelector("progress");
  const waiting = Object.entries(WAITS).find(([, words]) => card.textContent.includes(words));
  const title = /^(\\d+) % · /.exec(document.title);
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


def make_file(path: Path, size_bytes: int) -> VideoFile:
    make_video(path, "mp4", 1, 320, 240, 10, audio=False)
    pad_with_noise(path, "mp4", size_bytes)
    with path.open("rb") as file:
        return VideoFile(path, hashlib.file_digest(file, "sha256").hexdigest())


class PageUser:
    """One signed-in user of the page. Requests carry `sender`, so that faults match only this user's."""

    def __init__(self, name: str, world: ProxiedSlipway, file: VideoFile) -> None:
        self.name = name
        self.sender = f"user/{name};"
        self.world = world
        self.file = file
        self.email = f"{name}@example.com"
        self.user_id = ""
        self._errors: list[str] = []

    async def open(self, browser: Browser) -> None:
        self.context: BrowserContext = await browser.new_context(
            base_url=self.world.origin,
            viewport={"width": 1280, "height": 900},
            user_agent=f"Chromium {self.sender}",
            # Animations on twenty pages would cost more than the uploads.
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(TIMEOUT_MILLISECONDS)
        await self.context.add_init_script(NOTE_VIOLATIONS)
        await self.context.add_init_script(_RECORD_SHOWN)
        account = {"email": self.email, "password": PASSWORD}
        registered = await self.context.request.post("/api/v1/auth/register", data=account)
        self.user_id = (await registered.json())["id"]
        await self.context.request.post("/api/v1/auth/login", data=account)
        self.page: Page = await self.context.new_page()
        self.page.on("pageerror", lambda error: self._errors.append(str(error)))
        await self.page.goto("/")

    async def end(self) -> None:
        await self.context.close()

    # what a person does and sees

    @property
    def card(self) -> Locator:
        return self.page.locator("[data-upload-status]")

    async def choose(self) -> None:
        async with self.page.expect_file_chooser() as chooser:
            await self.page.get_by_role("button", name="Choose a video").click()
        await (await chooser.value).set_files(self.file.path)

    async def wait_for_status(self, status: str) -> None:
        await self.page.locator(f'[data-upload-status="{status}"]').wait_for()

    async def expect_text(self, words: str) -> None:
        await expect(self.card).to_contain_text(words, timeout=TIMEOUT_MILLISECONDS)

    async def shown(self) -> list[Shown]:
        return [Shown(**moment) for moment in await self.page.evaluate("window.__shown")]

    # what comes through the proxies

    def requests(self, *, api: Match | None = None, store: Match | None = None) -> list[Seen]:
        if api is not None:
            return [one for one in self.world.page_to_api.requests(api) if self.sender in one.sender]
        return [
            one for one in self.world.page_to_store.requests(store or Match()) if self.sender in one.sender
        ]

    def sent_parts(self, number: int | None = None) -> list[Seen]:
        return self.requests(store=part(number))

    @asynccontextmanager
    async def halfway(self) -> AsyncIterator[None]:
        """Choose the file and hold every part in flight, after its first MiB, for the length of the block."""
        with self.world.page_to_store.black_hole(part(sender=self.sender), after_bytes=MIB):
            await self.choose()
            await until(
                lambda: len([one for one in self.sent_parts() if one.received_bytes >= MIB]) == FILE_PARTS,
                "all parts in flight",
            )
            yield

    async def videos(self) -> list[dict[str, Any]]:
        answer = await self.context.request.get("/api/v1/videos")
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return items

    # how each scenario ends

    async def expect_uploaded(self) -> None:
        """Check that the video is ready, the store has its bytes and no open upload, and the page showed true
        progress.
        """
        await expect(self.card.get_by_text("Ready", exact=True)).to_be_visible(timeout=TIMEOUT_MILLISECONDS)
        (video,) = await self.videos()
        assert video["status"] == "ready"
        await asyncio.to_thread(self._check_stored, video["id"])
        _check_progress(await self.shown())
        assert self._errors == []
        assert await self.page.evaluate("window.__violations") == []

    def _check_stored(self, video_id: str) -> None:
        assert self.world.slipway.stored_sha256(video_id) == self.file.sha256
        with self.world.slipway.bucket() as client:
            unfinished = client.list_multipart_uploads(Bucket=BUCKET, Prefix=f"videos/{self.user_id}/")
        assert unfinished.get("Uploads", []) == []


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


# --- side by side ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """What happens to one user."""

    run: Callable[[PageUser], Awaitable[None]]
    world: str
    """The name of its installation."""
    is_slow: bool
    """Whether it waits for real limits of the engine. Such scenarios start first."""

    @property
    def name(self) -> str:
        return self.run.__name__


@dataclass(frozen=True)
class Outcome:
    seconds: float
    error: BaseException | None

    def check(self) -> None:
        if self.error is not None:
            raise self.error


def run_side_by_side(
    scenarios: Sequence[Scenario], worlds: Mapping[str, ProxiedSlipway], file: VideoFile
) -> Mapping[str, Outcome]:
    """Run the scenarios in one Chromium, all slow ones at once and a few quick ones at a time.

    A failed one does not affect the others. They run in a thread, because the session's Chromium uses this thread's
    event loop.
    """
    outcomes: dict[str, Outcome] = {}

    async def run(browser: Browser, scenario: Scenario) -> None:
        user = PageUser(scenario.name, worlds[scenario.world], file)
        began = time.monotonic()
        error: BaseException | None = None
        try:
            await user.open(browser)
            await scenario.run(user)
        except (Exception, AssertionError) as reason:
            error = reason
        outcomes[scenario.name] = Outcome(time.monotonic() - began, error)
        await user.end()

    async def run_all() -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=TIMEOUT_MILLISECONDS
            )
            few = asyncio.Semaphore(_CONCURRENT_QUICK)

            async def run_with_limit(scenario: Scenario) -> None:
                async with few:
                    await run(browser, scenario)

            slow = [run(browser, scenario) for scenario in scenarios if scenario.is_slow]
            quick = [run_with_limit(scenario) for scenario in scenarios if not scenario.is_slow]
            await asyncio.gather(*slow, *quick)
            await browser.close()

    thread = threading.Thread(target=asyncio.run, args=(run_all(),))
    thread.start()
    thread.join()
    return outcomes
