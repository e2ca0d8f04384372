"""Opens the page in browsers below its floors, which are `browserslist` in frontend/package.json."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import TIMEOUT_MILLISECONDS
from tests.engines.ports import free_port
from tests.engines.slipway import SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS, wait_until

NOTICE = "Slipway doesn't support this browser."
FLOORS = json.loads((Path(__file__).parents[3] / "frontend/package.json").read_text())["browserslist"]
WPE_OF_SAFARI_16_4 = (2, 40)


def test_supported_browser_never_shows_notice(page: Page) -> None:
    # Before any script of the app runs.
    page.route("**/_next/static/chunks/*.js", lambda route: route.abort())
    page.goto("/")
    expect(page.get_by_text(NOTICE)).to_be_hidden()
    expect(page.get_by_text(NOTICE)).to_have_count(1)


@pytest.mark.parametrize("path", ["/", "/login", "/register", "/account", "/video", "/nowhere"])
def test_notice_names_floors_without_javascript(browser: Browser, slipway: SlipwayProcess, path: str) -> None:
    context = browser.new_context(locale="en-GB", base_url=slipway.origin, java_script_enabled=False)
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    page = context.new_page()
    page.goto(path)
    notice = page.get_by_text(NOTICE)
    expect(notice).to_be_visible()
    expect(notice).to_contain_text("JavaScript")
    for floor in FLOORS:
        expect(notice).to_contain_text(floor.title())
    context.close()


@pytest.mark.parametrize("lacks", ["window.CSSPropertyRule", "window.CSS.supports = () => false"])
def test_browser_without_css_of_floors_shows_notice(page: Page, lacks: str) -> None:
    page.add_init_script(lacks if "=" in lacks else f"delete {lacks}")
    page.goto("/login")
    expect(page.get_by_text(NOTICE)).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


class WpeWebKit:
    """A session of WPE WebKit by WebDriver (W3C)."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        options = {"binary": shutil.which("cog"), "args": ["--automation", "--platform=headless"]}
        wanted = {"alwaysMatch": {"wpe:browserOptions": options}}
        started = self._post("/session", {"capabilities": wanted})
        self._session = f"/session/{started['sessionId']}"
        version: str = started["capabilities"]["browserVersion"]
        self.version = tuple(int(number) for number in version.split(".")[:2])

    def open(self, url: str) -> str:
        """Return the text that the page shows."""
        self._post(f"{self._session}/url", {"url": url})
        script = {"script": "return document.body.innerText", "args": []}
        text: str = self._post(f"{self._session}/execute/sync", script)
        return text

    def end(self) -> None:
        self._client.delete(self._session)

    def _post(self, path: str, body: object) -> Any:
        return self._client.post(path, json=body).raise_for_status().json()["value"]


@pytest.fixture
def wpe(tmp_path: Path) -> Iterator[WpeWebKit]:
    driver = shutil.which("WPEWebDriver")
    if driver is None or shutil.which("cog") is None:
        pytest.skip("WPE WebKit isn't installed. `make tools` gets it.")
    port = free_port()
    home = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    with (
        (tmp_path / "driver.log").open("wb") as log,
        subprocess.Popen([driver, f"--port={port}"], env=home, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_SECONDS) as client,
    ):
        try:
            wait_until(lambda: is_answering(client), "WPEWebDriver answers")
            session = WpeWebKit(client)
            yield session
            session.end()
        finally:
            process.terminate()


def is_answering(client: httpx.Client) -> bool:
    try:
        return client.get("/status").is_success
    except httpx.TransportError:
        return False


def test_webkit_below_safari_16_4_shows_notice(wpe: WpeWebKit, slipway: SlipwayProcess) -> None:
    is_below = wpe.version < WPE_OF_SAFARI_16_4
    for path in ("/", "/login"):
        assert (NOTICE in wpe.open(slipway.origin + path)) == is_below, wpe.version
