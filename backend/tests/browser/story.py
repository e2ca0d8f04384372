"""Stories, each of which happens to one user, and how one browser runs many of them side by side."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
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
_WATCH_SECONDS: Final = 0.5
_STANDSTILL_SECONDS: Final = 5.0
"""Half of what the page takes for a machine that slept."""

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
    error_in_standstill: BaseException | None = None
    """Why a run before this one failed while the machine stood still."""

    def check(self) -> None:
        if self.error is not None:
            raise self.error


@dataclass(frozen=True)
class Outcomes:
    """What one browser did."""

    browser_title: str
    by_story: Mapping[str, Outcome]


class Standstills:
    """Counts how often this process did not run for some seconds, because its machine slept or had no time for it.

    Pages, proxies and stores then had no time either, and those with limits of their own may have given requests up.
    """

    def __init__(self, limit_seconds: float = _STANDSTILL_SECONDS) -> None:
        self.count = 0
        self._limit_seconds = limit_seconds

    async def watch(self) -> None:
        """Run until cancelled. It reads the wall clock, because the monotonic one may stop while a machine sleeps."""
        while True:
            began = time.time()
            await asyncio.sleep(_WATCH_SECONDS)
            self.note(time.time() - began)

    def note(self, elapsed_seconds: float) -> None:
        """Count a wait of `_WATCH_SECONDS` that took so long. It is negative if the clock was set back."""
        if abs(elapsed_seconds - _WATCH_SECONDS) >= self._limit_seconds:
            self.count += 1


async def run_again_after_standstill(
    standstills: Standstills, run: Callable[[int], Awaitable[Outcome]]
) -> Outcome:
    """Run a story, and once more if it failed while the machine stood still. `run` takes the number of the run."""
    before = standstills.count
    outcome = await run(1)
    if outcome.error is None:
        return outcome
    # A standstill may be noticed only now.
    await asyncio.sleep(2 * _WATCH_SECONDS)
    if standstills.count == before:
        return outcome
    return replace(await run(2), error_in_standstill=outcome.error)


def run_side_by_side(
    browser_name: BrowserName,
    stories: Sequence[Story],
    worlds: Mapping[str, ProxiedSlipway],
    file: VideoFile,
    *,
    may_run_again: bool = True,
) -> Outcomes:
    """Run the stories in one browser, all slow ones at once and a few quick ones at a time.

    A failed one does not affect the others. If it failed while the machine stood still, another user runs it again,
    where it may.
    """
    outcomes: dict[str, Outcome] = {}
    standstills = Standstills()
    title = ""

    async def run_once(browser: Browser, one: Story, number: int) -> Outcome:
        user = PageUser(f"{one.name}-{number}", browser, worlds[one.world], file)
        began = time.monotonic()
        error: BaseException | None = None
        try:
            async with user.signed_in():
                await one.run(user)
        except (Exception, AssertionError) as reason:
            error = reason
        return Outcome(time.monotonic() - began, error)

    async def run(browser: Browser, one: Story) -> None:
        run_number = partial(run_once, browser, one)
        outcomes[one.name] = await (
            run_again_after_standstill(standstills, run_number) if may_run_again else run_number(1)
        )

    async def run_all() -> None:
        nonlocal title
        # By default, an event loop has few threads, and stories would wait for each other's.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(len(stories)))
        watch = asyncio.create_task(standstills.watch())
        async with BROWSERS[browser_name]() as browser:
            title = browser.title
            few = asyncio.Semaphore(_CONCURRENT_QUICK)

            async def run_with_limit(one: Story) -> None:
                async with few:
                    await run(browser, one)

            slow = [run(browser, one) for one in stories if one.is_slow]
            quick = [run_with_limit(one) for one in stories if not one.is_slow]
            await asyncio.gather(*slow, *quick)
        watch.cancel()

    run_in_thread(run_all())
    return Outcomes(title, outcomes)


def run_in_thread(coroutine: Coroutine[None, None, None]) -> None:
    """Run it in an event loop of its own, because the session's Chromium uses this thread's."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, coroutine).result()
