"""Chromium by the DevTools protocol and Firefox by WebDriver BiDi, both with Playwright."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser as Launched
from playwright.async_api import Page, async_playwright

from tests.browser.browser_page import Browser, BrowserName, BrowserPage, Role
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, TIMEOUT_MILLISECONDS

_FIREFOX = "/usr/bin/firefox-esr"


class PlaywrightPage:
    def __init__(self, page: Page) -> None:
        self._page = page
        page.on("dialog", lambda dialog: dialog.accept())

    async def open(self, url: str) -> None:
        await self._page.goto(url)

    async def reload(self) -> None:
        await self._page.reload()

    async def close(self) -> None:
        await self._page.close()

    async def choose_file(self, file: Path) -> None:
        async with self._page.expect_file_chooser() as chooser:
            await self.click("button", "Choose a video")
        await (await chooser.value).set_files(file)

    async def click(self, role: Role, name: str, *, in_dialog: bool = False) -> None:
        within = self._page.locator("dialog[open]" if in_dialog else "body")
        await within.get_by_role(role, name=name, exact=True).first.click()

    async def fill(self, label: str, text: str) -> None:
        await self._page.get_by_label(label, exact=True).fill(text)

    async def evaluate(self, expression: str) -> Any:
        return await self._page.evaluate(expression)

    async def set_online(self, is_online: bool) -> None:
        await self._page.context.set_offline(not is_online)


@dataclass(frozen=True)
class PlaywrightBrowser:
    name: BrowserName
    title: str
    sends_of_a_broken_request: int
    launched: Launched
    user_agent: str

    @asynccontextmanager
    async def page(self, comment: str, scripts: Sequence[str]) -> AsyncIterator[BrowserPage]:
        context = await self.launched.new_context(
            viewport={"width": 1280, "height": 900},
            user_agent=f"{self.user_agent} ({comment})",
            locale="en-GB",
            # Animations on twenty pages would cost more than the uploads.
            reduced_motion="reduce",
        )
        try:
            context.set_default_timeout(TIMEOUT_MILLISECONDS)
            for script in scripts:
                await context.add_init_script(script)
            yield PlaywrightPage(await context.new_page())
        finally:
            await context.close()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=TIMEOUT_MILLISECONDS
        )
        # Chromium sends a request again if a reused connection breaks.
        yield PlaywrightBrowser(
            "chromium", f"Chromium {launched.version}", 2, launched, await _user_agent(launched)
        )
        await launched.close()


@asynccontextmanager
async def firefox() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.firefox.launch(
            channel="moz-firefox", executable_path=_FIREFOX, timeout=TIMEOUT_MILLISECONDS
        )
        # The default of its preference network.http.request.max-attempts.
        yield PlaywrightBrowser(
            "firefox", f"Firefox ESR {launched.version}", 10, launched, await _user_agent(launched)
        )
        await launched.close()


async def _user_agent(launched: Launched) -> str:
    page = await launched.new_page()
    user_agent: str = await page.evaluate("navigator.userAgent")
    await page.close()
    return user_agent
