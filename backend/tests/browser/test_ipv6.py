"""A video is uploaded at an IPv6 address, which a Content-Security-Policy can't name, in each browser."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.browser.browser_page import BrowserName
from tests.browser.story import BROWSERS, run_in_thread
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video
from tests.process.test_addresses import needs_ipv6
from tests.waiting import TIMEOUT_SECONDS

NOTE_VIOLATIONS = """
window.__violations = [];
addEventListener("securitypolicyviolation", (event) => window.__violations.push(event.blockedURI));
"""
STATUS = "document.querySelector('[data-upload-status]')?.dataset.uploadStatus ?? 'none'"


@pytest.fixture(scope="module")
def slipway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlipwayProcess]:
    data_dir = tmp_path_factory.mktemp("ipv6") / "data"
    with SlipwayProcess(data_dir, {"SLIPWAY_HOST": "::1"}) as running:
        yield running


@needs_ipv6
@pytest.mark.parametrize("name", get_args(BrowserName))
def test_uploads_at_an_ipv6_address(name: BrowserName, slipway: SlipwayProcess, tmp_path: Path) -> None:
    file = tmp_path / "holiday.mp4"
    make_video(file, container="mp4", seconds=1, width=320, height=240, fps=10, audio=False)
    run_in_thread(_upload(name, slipway, file))


async def _upload(name: BrowserName, slipway: SlipwayProcess, file: Path) -> None:
    async with BROWSERS[name]() as browser, browser.page("IPv6", [NOTE_VIOLATIONS]) as page:
        await page.open(f"http://[::1]:{slipway.port}/register")
        await page.fill("E-mail", f"{name}@example.com")
        await page.fill("Password", "correct horse")
        await page.click("button", "Create account")
        await page.choose_file(file)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while await page.evaluate(STATUS) not in ("done", "failed"):
            assert time.monotonic() < deadline, await page.evaluate("document.body.innerText")
            await asyncio.sleep(0.1)
        assert await page.evaluate(STATUS) == "done"
        assert await page.evaluate("window.__violations") == []
