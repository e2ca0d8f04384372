"""A session that ends by itself is explained at sign-in, and keeps an upload that can be tried again."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Account, choose, listed_videos, wait_for_upload_status, wait_until_ready
from tests.browser.page_user import FILE_BYTES, make_file
from tests.browser.test_upload import hold
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

ENDED = "Your session has ended"
QUOTA = {"code": "quota_exceeded", "detail": "-", "request_id": "-", "used_bytes": 1, "quota_bytes": 1}


@pytest.fixture
def failed(signed_in: Page, context: BrowserContext, tmp_path: Path) -> Page:
    """Return a page at sign-in, whose session ended after an upload that can be tried again."""
    signed_in.route("**/api/v1/videos", lambda route: route.fulfill(status=409, json=QUOTA), times=1)
    choose(signed_in, make_video(tmp_path / "kept.mp4", "mp4", audio=False))
    wait_for_upload_status(signed_in, "failed")
    end_session(signed_in, context)
    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()
    return signed_in


def end_session(page: Page, context: BrowserContext) -> None:
    """Take the cookie away once the list, which would find out at any moment, is no longer shown."""
    release = hold(page, lambda url: url.endswith("/auth/sessions"))
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    context.clear_cookies()
    release()


def sign_in(page: Page, account: Account) -> None:
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill(account.password)
    page.get_by_role("button", name="Sign in").click()


def test_failed_upload_waits_for_its_user(failed: Page, account: Account) -> None:
    expect(failed.get_by_text(ENDED)).to_be_visible()
    sign_in(failed, account)
    failed.get_by_role("link", name="Upload failed").click()
    expect(failed.locator("[data-upload-status=failed]")).to_contain_text("kept.mp4")
    failed.get_by_role("button", name="Try again").click()
    wait_until_ready(failed)


def test_failed_upload_is_not_shown_to_another_user(failed: Page, slipway: SlipwayProcess) -> None:
    other = Account("another.viewer@example.com")
    with slipway.api(other.email, other.password):
        sign_in(failed, other)
    expect(failed.get_by_role("heading", name="Your account")).to_be_visible()
    failed.get_by_role("link", name="Slipway, your videos").click()
    expect(failed.get_by_role("button", name="Choose a video")).to_be_visible()
    expect(failed.get_by_text("kept.mp4")).to_have_count(0)


def test_upload_is_neither_shown_to_another_user_nor_sent_for_them(
    signed_in: Page, context: BrowserContext, slipway: SlipwayProcess, tmp_path: Path
) -> None:
    release = hold(signed_in, lambda url: url.endswith("/api/v1/videos"))
    choose(signed_in, make_video(tmp_path / "private.mp4", "mp4", audio=False))
    wait_for_upload_status(signed_in, "starting")
    other_tab = context.new_page()
    other_tab.goto("/")
    other_tab.get_by_role("button", name="Sign out").click()
    # The upload is refused without the session, and waits for a sign-in.
    release()
    expect(signed_in.get_by_role("dialog")).to_contain_text("Sign in again to continue the upload")
    expect(signed_in.locator("[data-upload-status]")).to_contain_text("private.mp4")
    other = Account("third.viewer@example.com")
    with slipway.api(other.email, other.password):
        sign_in(other_tab, other)
    expect(signed_in.get_by_text(other.email)).to_be_visible()
    expect(signed_in.get_by_role("button", name="Choose a video")).to_be_visible()
    expect(signed_in.get_by_text("private.mp4")).to_have_count(0)
    expect(signed_in.get_by_role("dialog")).to_have_count(0)
    assert listed_videos(signed_in) == []


def test_signing_out_is_no_ended_session(signed_in: Page) -> None:
    signed_in.get_by_role("button", name="Sign out").click()
    expect(signed_in.get_by_text("Welcome back")).to_be_visible()
    expect(signed_in.get_by_text(ENDED)).to_have_count(0)


def test_session_that_ends_during_an_upload_is_not_called_a_silent_server(
    signed_in: Page, context: BrowserContext, account: Account, tmp_path: Path
) -> None:
    file = make_file(tmp_path / "large.mp4", FILE_BYTES)
    release = hold(signed_in, lambda url: "partNumber=3&" in url)
    choose(signed_in, file.path)
    wait_for_upload_status(signed_in, "sending")
    context.clear_cookies()
    # The list is asked for anew.
    signed_in.get_by_label("Sort by").select_option("Largest first")
    dialog = signed_in.get_by_role("dialog")
    expect(dialog).to_contain_text("Sign in again to continue the upload")
    expect(signed_in.get_by_text("isn't answering")).to_have_count(0)
    dialog.get_by_label("Password", exact=True).fill(account.password)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)
    release()
    wait_until_ready(signed_in)
