"""Tests signing in and out, the page of a video, and unknown addresses."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.browser.conftest import Account, choose, listed_videos, wait_until_ready
from tests.browser.test_upload import hold
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video


def test_new_user_registers_and_sees_empty_list(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    # The page before has a field with the same name.
    page.get_by_role("heading", name="Create an account").wait_for()
    page.get_by_label("E-mail").fill("Newcomer@Example.com")
    page.get_by_label("Password", exact=True).fill("a ship leaves the slipway")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("No videos yet")).to_be_visible()


def test_wrong_password_is_explained(page: Page, account: Account) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="Check both and try again")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/login"])
def test_visit_without_a_session_is_no_error_of_the_console(page: Page, path: str) -> None:
    lines: list[str] = []
    page.on("console", lambda line: lines.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: lines.append(str(error)))
    with page.expect_response(re.compile("/api/v1/auth/")):
        page.goto(path)
    # It is there once the page has heard of the settings too.
    expect(page.get_by_role("link", name="Create an account")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    with page.expect_console_message(lambda line: line.text == "the last"):
        page.evaluate("console.error('the last')")
    assert lines == ["the last"]


def test_late_answer_keeps_new_session(page: Page, account: Account) -> None:
    """On a slow connection the answer to the first page arrives after somebody has signed in."""
    late: list[Route] = []
    page.route("**/api/v1/auth/session", lambda route: late.append(route))
    # Before the script asks, the browser itself would send the form and load another page.
    with page.expect_request("**/api/v1/auth/session"):
        page.goto("/login")
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Sign in").click()
    your_videos = page.get_by_role("heading", name="Your videos", exact=True)
    expect(your_videos).to_be_visible()

    assert late
    for asked in late:
        asked.fulfill(json={"user": None})
    # After one more round trip the page has processed the earlier answers.
    page.evaluate("fetch('/api/v1/upload-policy').then((answer) => answer.text())")
    expect(your_videos).to_be_visible()
    assert page.url.endswith("/")


def test_signing_out_ends_the_session(signed_in: Page) -> None:
    signed_in.get_by_role("button", name="Sign out").click()
    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()
    assert signed_in.request.get("/api/v1/auth/me").status == 401
    signed_in.goto("/")
    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()


def upload(page: Page, file: Path) -> None:
    """Make a WebM of 320 x 240 pixels at this path, and upload it."""
    make_video(file, container="webm", seconds=2, width=320, height=240, fps=10, audio=False)
    choose(page, file)
    wait_until_ready(page)


def test_signing_out_leaves_the_signed_in_view_of_other_tabs(
    signed_in: Page, context: BrowserContext, tmp_path: Path
) -> None:
    upload(signed_in, tmp_path / "private.webm")
    other = context.new_page()
    other.goto("/")
    other.get_by_role("link", name="private.webm").click()
    expect(other.locator("video")).to_be_visible()

    signed_in.get_by_role("button", name="Sign out").click()

    expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    expect(other.locator("video")).to_have_count(0)


def test_ended_session_leaves_the_signed_in_view_of_other_tabs(
    signed_in: Page, context: BrowserContext, tmp_path: Path
) -> None:
    upload(signed_in, tmp_path / "private.webm")
    other = context.new_page()
    other.goto("/")
    expect(other.get_by_role("link", name="private.webm")).to_be_visible()
    # Once the cookie is gone, either tab may leave before the link is clicked.
    release = hold(signed_in, lambda url: re.search(r"/api/v1/videos/[0-9a-f-]+$", url) is not None)
    signed_in.get_by_role("link", name="Watch").first.click()
    expect(signed_in.get_by_role("link", name="All videos")).to_be_visible()
    context.clear_cookies()
    release()

    expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()


def test_scripts_cannot_read_session_token(signed_in: Page) -> None:
    assert signed_in.evaluate("document.cookie") == ""
    assert signed_in.evaluate("Object.keys(localStorage).filter((key) => key !== 'theme')") == []


def test_video_page_plays_the_video(signed_in: Page, tmp_path: Path) -> None:
    upload(signed_in, tmp_path / "playable.webm")
    signed_in.get_by_role("link", name="Watch").click()
    expect(signed_in.locator("video")).to_have_js_property("videoWidth", 320)
    expect(signed_in.get_by_role("main")).to_contain_text("320 × 240")


def test_store_never_gets_the_session_cookie(
    signed_in: Page, slipway: SlipwayProcess, tmp_path: Path
) -> None:
    asked: list[Request] = []
    signed_in.on(
        "request", lambda request: asked.append(request) if str(slipway.store_port) in request.url else None
    )
    upload(signed_in, tmp_path / "playable.webm")
    signed_in.get_by_role("link", name="Watch").click()
    expect(signed_in.locator("video")).to_have_js_property("videoWidth", 320)

    assert {request.method for request in asked} >= {"PUT", "GET"}
    assert [request.url for request in asked if "cookie" in request.all_headers()] == []


def test_video_page_offers_the_download_where_the_browser_cannot_play(
    signed_in: Page, tmp_path: Path
) -> None:
    file = tmp_path / "old.avi"
    make_video(file, container="avi", seconds=1, width=320, height=240, fps=10, audio=False)
    choose(signed_in, file)
    wait_until_ready(signed_in)
    (video,) = listed_videos(signed_in)
    signed_in.goto(f"/video?id={video['id']}")
    download = signed_in.get_by_role("link", name="Download").first
    expect(download).to_be_visible()
    with signed_in.expect_download() as started:
        download.click()
    assert started.value.suggested_filename == "old.avi"
    assert Path(started.value.path()).read_bytes() == file.read_bytes()


def test_unknown_video_is_not_found(signed_in: Page) -> None:
    signed_in.goto("/video?id=00000000-0000-4000-8000-000000000000")
    expect(signed_in.get_by_text("no such video", exact=False).first).to_be_visible()


def test_unknown_address_is_not_found(page: Page) -> None:
    answer = page.goto("/nowhere")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading").first).to_be_visible()


def test_registration_names_the_field_that_is_wrong(page: Page) -> None:
    page.goto("/register")
    # The browser's own check lets it pass, because an intranet may have such a host.
    page.get_by_label("E-mail").fill("somebody@nodots")
    page.get_by_label("Name").fill("N" * 250)
    assert len(page.get_by_label("Name").input_value()) == 200
    page.get_by_label("Password", exact=True).fill("a ship leaves the slipway")
    page.get_by_role("button", name="Create account").click()
    alert = page.get_by_role("alert").filter(has_text="@")
    expect(alert).to_contain_text("This e-mail address can't be right.")
    email = page.get_by_label("E-mail")
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(email).to_have_accessible_description(alert.inner_text())
    expect(page.get_by_label("Name")).not_to_have_attribute("aria-invalid", "true")
