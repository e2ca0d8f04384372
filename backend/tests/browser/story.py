"""Stories, each of which happens to one user, and how one browser runs many of them side by side."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final

from tests.browser.browser_page import Browser, BrowserName
from tests.browser.page_user import PageUser, VideoFile
from tests.browser.playwright_browser import chromium, firefox
from tests.browser.proxied_slipway import ProxiedSlipway
from tests.browser.webkit_browser import webkit

BROWSERS: Final[Mapping[BrowserName, Callable[[], AbstractAsyncContextManager[Browser]]]] = {
    "chromium": chromium,
    "firefox": firefox,
    "webkit": webkit,
}
_CONCURRENT_QUICK: Final = 4

Run = Callable[[PageUser], Awaitable[None]]


@dataclass(frozen=True)
class Story:
    name: str
    run: Run
    world: str
    """The name of its installation."""
    is_slow: bool = False
    """Whether it waits for real limits of the engine. Such stories start first."""
    is_everyday: bool = False
    """Whether `make test` runs it in Firefox and WebKit too. Chromium runs every story each time."""
    exceptions: Mapping[BrowserName, str] = field(default_factory=dict)
    """What the test does in place of a browser that cannot, and why."""

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")


STORIES: Final[dict[str, Story]] = {}
"""Every story by its name, in the order of the page docs/reference/browsers.md."""


def story(
    world: str = "embedded",
    *,
    name: str = "",
    slow: bool = False,
    everyday: bool = False,
    exceptions: Mapping[BrowserName, str] | None = None,
) -> Callable[[Run], Run]:
    """Register a story. Its name is the function's, unless one is given."""

    def keep(run: Run) -> Run:
        made = Story(name or run.__name__, run, world, slow, everyday, exceptions or {})
        assert made.name not in STORIES, made.name
        STORIES[made.name] = made
        return run

    return keep


@dataclass(frozen=True)
class Outcome:
    seconds: float
    error: BaseException | None

    def check(self) -> None:
        if self.error is not None:
            raise self.error


@dataclass(frozen=True)
class Outcomes:
    """What one browser did."""

    browser_title: str
    by_story: Mapping[str, Outcome]


def run_side_by_side(
    browser_name: BrowserName,
    stories: Sequence[Story],
    worlds: Mapping[str, ProxiedSlipway],
    file: VideoFile,
) -> Outcomes:
    """Run the stories in one browser, all slow ones at once and a few quick ones at a time.

    A failed one does not affect the others.
    """
    outcomes: dict[str, Outcome] = {}
    title = ""

    async def run(browser: Browser, one: Story) -> None:
        user = PageUser(one.name, browser, worlds[one.world], file)
        began = time.monotonic()
        error: BaseException | None = None
        try:
            async with user.signed_in():
                await one.run(user)
        except (Exception, AssertionError) as reason:
            error = reason
        outcomes[one.name] = Outcome(time.monotonic() - began, error)

    async def run_all() -> None:
        nonlocal title
        async with BROWSERS[browser_name]() as browser:
            title = browser.title
            few = asyncio.Semaphore(_CONCURRENT_QUICK)

            async def run_with_limit(one: Story) -> None:
                async with few:
                    await run(browser, one)

            slow = [run(browser, one) for one in stories if one.is_slow]
            quick = [run_with_limit(one) for one in stories if not one.is_slow]
            await asyncio.gather(*slow, *quick)

    run_in_thread(run_all())
    return Outcomes(title, outcomes)


def run_in_thread(coroutine: Coroutine[None, None, None]) -> None:
    """Run it in an event loop of its own, because the session's Chromium uses this thread's."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, coroutine).result()
