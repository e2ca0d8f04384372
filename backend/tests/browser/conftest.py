"""Starts one Slipway and one Chromium a session, with a new browser context for each test.

SLIPWAY_TEST_STACK=scaled selects the app with a worker, PostgreSQL and Ceph.
"""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.engines.scaled_slipway import ScaledSlipway
from tests.engines.slipway import LIMITS_OF_USERS, SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS

CHROMIUM = "/usr/bin/chromium"
# Without these, Chromium asks Google's hosts for updates at every start.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MILLISECONDS = TIMEOUT_SECONDS * 1000
# On a busy machine a test may not press Undo within the ten seconds of the default.
_UNDO = {"DELETE_UNDO_SECONDS": "3600"}

NOTE_VIOLATIONS = """
window.__violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
// A link to another origin that opens in this tab would end an upload.
new MutationObserver(() => {
  for (const link of document.querySelectorAll("a[href]"))
    if (link.origin !== location.origin && (link.target !== "_blank" || link.rel !== "noopener"))
      window.__violations.push(`link that leaves the page: ${link.textContent}`);
  // A translator replaces text nodes. React must hold none, which it does if a text is its element's only child.
  const texts = document.createTreeWalker(document.body ?? document, NodeFilter.SHOW_TEXT);
  while (texts.nextNode())
    if (texts.currentNode.parentNode.childNodes.length > 1 && texts.currentNode.data.trim() !== "")
      window.__violations.push(`text beside other nodes: ${texts.currentNode.data}`);
}).observe(document, {subtree: true, childList: true, attributes: true});
"""


@pytest.fixture(scope="session")
def slipway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlipwayProcess]:
    kind = ScaledSlipway if os.environ.get("SLIPWAY_TEST_STACK") == "scaled" else SlipwayProcess
    with kind(tmp_path_factory.mktemp("slipway") / "data", LIMITS_OF_USERS | _UNDO) as running:
        yield running


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Yield the only one. Playwright refuses a second one in the same thread."""
    expect.set_options(timeout=TIMEOUT_MILLISECONDS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    chromium = playwright.chromium.launch(
        executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=TIMEOUT_MILLISECONDS
    )
    yield chromium
    chromium.close()


@pytest.fixture
def locale() -> str:
    """Return the language that the browser asks for. A test takes another one by its parameter `locale`."""
    return "en-GB"


@pytest.fixture
def context(browser: Browser, slipway: SlipwayProcess, locale: str) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=slipway.origin, viewport={"width": 1280, "height": 900}, locale=locale
    )
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    yield context
    # Playwright raises the error of a handler that the end of its page interrupts, but in the next test.
    for page in context.pages:
        page.unroute_all(behavior="ignoreErrors")
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Yield a page. Script errors, violations of the CSP, links that leave the page and loose texts fail the test."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(NOTE_VIOLATIONS)
    yield page
    violations = page.evaluate("window.__violations ?? []")
    assert errors == []
    assert violations == []


@dataclass(frozen=True)
class Account:
    email: str
    password: str = "correct horse"


_numbers = itertools.count(1)


@pytest.fixture
def account(slipway: SlipwayProcess) -> Account:
    """Return an account for this test alone."""
    account = Account(f"viewer{next(_numbers)}@example.com")
    with slipway.api(account.email, account.password):
        return account


@pytest.fixture
def signed_in(page: Page, account: Account) -> Page:
    """Return the page after signing in through its form, once it takes files."""
    page.goto("/login")
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Your videos", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Choose a video")).to_be_visible()
    return page


RETRIES = 3
"""The app ends an idle connection after 5 s. Playwright may use it again at that moment."""


def choose(page: Page, file: Path | FilePayload) -> None:
    """Choose a file with the button and the browser's file chooser. A payload may have any name."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a video").click()
    chooser.value.set_files(file)


def wait_for_upload_status(page: Page, status: str) -> None:
    page.locator(f'[data-upload-status="{status}"]').wait_for()


def wait_until_ready(page: Page) -> None:
    expect(page.locator("[data-upload-status]").get_by_text("Ready", exact=True)).to_be_visible()


def listed_videos(page: Page) -> list[dict[str, Any]]:
    """Return the list that the API gives to this page's session."""
    items: list[dict[str, Any]] = page.request.get("/api/v1/videos", max_retries=RETRIES).json()["items"]
    return items


def ffprobe(file: Path) -> dict[str, Any]:
    """Return ffprobe's first video stream, first audio stream and duration."""
    run = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(file)],
        check=True,
        capture_output=True,
    )
    told = json.loads(run.stdout)
    streams = {stream["codec_type"]: stream for stream in reversed(told["streams"])}
    return {
        "video": streams["video"],
        "audio": streams.get("audio"),
        "duration": float(told["format"]["duration"]),
    }


def last_packets_seconds(file: Path) -> tuple[float, float]:
    """Read the file to its end and return when its last two packets begin."""
    entries = ["-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    run = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v", *entries, str(file)],
        check=True,
        capture_output=True,
        text=True,
    )
    *_, before, last = sorted(float(line.strip(",")) for line in run.stdout.split())
    return before, last
