"""People who upload side by side in one Chromium, each in a browser context of their own, while things break."""

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
from tests.browser.faulty_world import World
from tests.engines.faults import Match, Seen, part
from tests.engines.slipway import BUCKET
from tests.media import make_video, pad_with_noise
from tests.waiting import until

MIB = 1024 * 1024
PASSWORD = "correct horse"  # of accounts that live for a test
_QUICK_AT_ONCE = 4
FILM_BYTES = 12 * MIB
FILM_PARTS = 3
"""Of 5, 5 and 2 MiB."""

Waiting = Literal["offline", "retrying", "signed_out"]

# Notes whatever a person could have read on the card and in the title, each time that it changes.
_NOTE_WHAT_IS_SHOWN = """
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
  const said = Object.entries(WAITS).find(([, words]) => card.textContent.includes(words));
  const title = /^(\\d+) % · /.exec(document.title);
  const shown = {
    status: card.dataset.uploadStatus,
    percent: bar !== null && bar.hasAttribute("value") ? bar.value : null,
    title: title === null ? null : Number(title[1]),
    waiting: said === undefined ? null : said[0],
  };
  if (JSON.stringify(shown) !== JSON.stringify(window.__shown.at(-1))) window.__shown.push(shown);
};
new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""


@dataclass(frozen=True)
class Shown:
    """One moment of what the page showed of the upload."""

    status: str
    percent: float | None
    title: int | None
    waiting: Waiting | None


@dataclass(frozen=True)
class Film:
    path: Path
    sha256: str

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


def make_film(path: Path, size_bytes: int) -> Film:
    make_video(path, "mp4", 1, 320, 240, 10, audio=False)
    pad_with_noise(path, "mp4", size_bytes)
    with path.open("rb") as file:
        return Film(path, hashlib.file_digest(file, "sha256").hexdigest())


class Visit:
    """One signed-in person on the page. Their requests carry `sender`, so that only theirs meet a fault."""

    def __init__(self, name: str, world: World, film: Film) -> None:
        self.name = name
        self.sender = f"visit/{name};"
        self.world = world
        self.film = film
        self.email = f"{name}@example.com"
        self.user_id = ""
        self._errors: list[str] = []

    async def begin(self, browser: Browser) -> None:
        self.context: BrowserContext = await browser.new_context(
            base_url=self.world.origin,
            viewport={"width": 1280, "height": 900},
            user_agent=f"Chromium {self.sender}",
            # Nobody watches: a moving bar on each of twenty pages would cost more than the uploads.
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(TIMEOUT_MILLISECONDS)
        await self.context.add_init_script(NOTE_VIOLATIONS)
        await self.context.add_init_script(_NOTE_WHAT_IS_SHOWN)
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
        await (await chooser.value).set_files(self.film.path)

    async def is_in(self, status: str) -> None:
        await self.page.locator(f'[data-upload-status="{status}"]').wait_for()

    async def reads(self, words: str) -> None:
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
                lambda: len([one for one in self.sent_parts() if one.received_bytes >= MIB]) == FILM_PARTS,
                "all parts in flight",
            )
            yield

    async def videos(self) -> list[dict[str, Any]]:
        answer = await self.context.request.get("/api/v1/videos")
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return items

    # how each story ends

    async def arrives(self) -> None:
        """The video is ready, the store holds exactly its bytes and nothing unfinished, and the page never lied."""
        await expect(self.card.get_by_text("Ready", exact=True)).to_be_visible(timeout=TIMEOUT_MILLISECONDS)
        (video,) = await self.videos()
        assert video["status"] == "ready"
        await asyncio.to_thread(self._is_stored_whole, video["id"])
        _is_truthful(await self.shown())
        assert self._errors == []
        assert await self.page.evaluate("window.__violations") == []

    def _is_stored_whole(self, video_id: str) -> None:
        assert self.world.slipway.stored_sha256(video_id) == self.film.sha256
        with self.world.slipway.bucket() as client:
            unfinished = client.list_multipart_uploads(Bucket=BUCKET, Prefix=f"videos/{self.user_id}/")
        assert unfinished.get("Uploads", []) == []


def _is_truthful(moments: Iterable[Shown]) -> None:
    """Percent never runs backwards, and is below 100 until the video is there; the title says the same."""
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
class Story:
    """What happens to one visitor."""

    tell: Callable[[Visit], Awaitable[None]]
    world: str
    """The name of the one it happens in."""
    is_slow: bool
    """It waits for the engine's real limits, so it begins at once."""

    @property
    def name(self) -> str:
        return self.tell.__name__


@dataclass(frozen=True)
class Outcome:
    seconds: float
    error: BaseException | None

    def check(self) -> None:
        if self.error is not None:
            raise self.error


def run_side_by_side(
    stories: Sequence[Story], worlds: Mapping[str, World], film: Film
) -> Mapping[str, Outcome]:
    """The slow ones at once, the quick ones a few at a time, in one Chromium; one that fails disturbs no other.

    In a thread: the session's own Chromium already has this thread's event loop.
    """
    outcomes: dict[str, Outcome] = {}

    async def run(browser: Browser, story: Story) -> None:
        visit = Visit(story.name, worlds[story.world], film)
        began = time.monotonic()
        error: BaseException | None = None
        try:
            await visit.begin(browser)
            await story.tell(visit)
        except (Exception, AssertionError) as reason:
            error = reason
        outcomes[story.name] = Outcome(time.monotonic() - began, error)
        await visit.end()

    async def run_all() -> None:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=TIMEOUT_MILLISECONDS
            )
            few = asyncio.Semaphore(_QUICK_AT_ONCE)

            async def run_in_turn(story: Story) -> None:
                async with few:
                    await run(browser, story)

            slow = [run(browser, story) for story in stories if story.is_slow]
            quick = [run_in_turn(story) for story in stories if not story.is_slow]
            await asyncio.gather(*slow, *quick)
            await browser.close()

    thread = threading.Thread(target=asyncio.run, args=(run_all(),))
    thread.start()
    thread.join()
    return outcomes
