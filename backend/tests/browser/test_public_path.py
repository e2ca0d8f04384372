"""A video is uploaded and watched below PUBLIC_PATH, behind a proxy that leaves the path and one that removes it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import NOTE_VIOLATIONS, TIMEOUT_MILLISECONDS, choose, wait_until_ready
from tests.engines.folder_proxy import FolderProxy
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

PASSWORD = "correct horse"


@pytest.fixture(params=["/video leaves", "/video removes", "/apps/up leaves", "/apps/up removes"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FolderProxy]:
    folder, how = request.param.split()
    slipway = SlipwayProcess(tmp_path / "data", {"PUBLIC_PATH": folder})
    with FolderProxy(folder, strips=how == "removes") as proxy, slipway:
        proxy.upstream_port = slipway.port
        yield proxy


@pytest.fixture
def site(browser: Browser, proxy: FolderProxy) -> Iterator[Page]:
    """Yield a page. Script errors, violations of the CSP and requests outside the folder fail the test."""
    context = browser.new_context(locale="en-GB", base_url=proxy.url)
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(NOTE_VIOLATIONS)
    yield page
    assert errors == []
    assert page.evaluate("window.__violations") == []
    assert proxy.outside == []
    context.close()


def test_uploads_and_watches_below_the_public_path(site: Page, proxy: FolderProxy, tmp_path: Path) -> None:
    file = tmp_path / "holiday.mp4"
    make_video(file, container="mp4", seconds=1, width=320, height=240, fps=10, audio=False)
    documents: list[str] = []
    site.on(
        "request", lambda request: documents.append(request.url) if request.is_navigation_request() else None
    )

    site.goto(proxy.folder)
    site.wait_for_url(f"{proxy.folder}/login")
    site.get_by_role("link", name="Create an account").click()
    site.wait_for_url(f"{proxy.folder}/register")
    site.get_by_label("E-mail").fill("viewer@example.com")
    site.get_by_label("Password", exact=True).fill(PASSWORD)
    site.get_by_role("button", name="Create account").click()
    expect(site.get_by_role("heading", name="Your videos", exact=True)).to_be_visible()
    site.wait_for_url(f"{proxy.folder}/")
    assert {cookie.get("path") for cookie in site.context.cookies()} == {proxy.folder}

    choose(site, file)
    wait_until_ready(site)
    site.get_by_role("link", name="Watch").click()
    expect(site.get_by_role("heading", name="holiday.mp4")).to_be_visible()
    assert re.fullmatch(rf"{proxy.url}{proxy.folder}/video\?id=[0-9a-f-]+", site.url)
    expect(site.locator("video")).to_have_js_property("videoWidth", 320)
    site.get_by_role("link", name="All videos").click()
    site.wait_for_url(f"{proxy.folder}/")
    expect(site.get_by_role("heading", name="Your videos", exact=True)).to_be_visible()
    site.get_by_role("main").get_by_role("link", name="holiday").first.click()
    expect(site.get_by_role("heading", name="holiday.mp4")).to_be_visible()
    # Next's router found every payload. It would have loaded a document otherwise, which ends an upload.
    assert len(documents) <= 2, documents

    video_address = site.url
    site.reload()
    expect(site.get_by_role("heading", name="holiday.mp4")).to_be_visible()
    site.get_by_role("button", name="Sign out").click()
    site.wait_for_url(re.compile(f"{proxy.folder}/login"))
    assert site.context.cookies() == []
    site.goto(video_address)
    site.wait_for_url(re.compile(f"{proxy.folder}/login.next="))
    site.get_by_label("E-mail").fill("viewer@example.com")
    site.get_by_label("Password", exact=True).fill(PASSWORD)
    site.get_by_role("button", name="Sign in").click()
    expect(site.get_by_role("heading", name="holiday.mp4")).to_be_visible()
    assert site.url == video_address


def test_unknown_address_leads_back_to_the_public_path(site: Page, proxy: FolderProxy) -> None:
    site.goto(f"{proxy.folder}/a/b")
    site.get_by_role("link", name="Go to your videos").click()
    site.wait_for_url(f"{proxy.folder}/login")
