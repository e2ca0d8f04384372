"""Tests what people do with their account on the page."""

import json
import re
from importlib import metadata
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import RETRIES, Account, choose, listed_videos, wait_until_ready
from tests.browser.seeding import seed_videos
from tests.browser.test_upload import hold
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

NEW_PASSWORD = "another quiet harbour"


def test_every_page_says_its_version_at_its_foot(signed_in: Page) -> None:
    for path in ("/", "/account"):
        signed_in.goto(path)
        expect(signed_in.get_by_role("contentinfo")).to_have_text(f"Slipway {metadata.version('slipway')}")


def test_password_is_changed_on_the_page(signed_in: Page, slipway: SlipwayProcess, account: Account) -> None:
    with slipway.api(account.email, account.password) as elsewhere:
        signed_in.get_by_role("link", name="Your account").click()
        current = signed_in.get_by_label("Current password", exact=True)
        new = signed_in.get_by_label("New password", exact=True)
        assert [field.get_attribute("type") for field in (current, new)] == ["password", "password"]
        current.fill("not the password")
        new.fill(NEW_PASSWORD)
        signed_in.get_by_role("button", name="Change password").click()
        expect(signed_in.get_by_role("alert").filter(has_text="password")).to_be_visible()
        assert elsewhere.get("/auth/me").status_code == 200

        current.fill(account.password)
        signed_in.get_by_role("button", name="Change password").click()
        expect(signed_in.get_by_text("The password is changed.")).to_be_visible()

        assert elsewhere.get("/auth/me").status_code == 401
    assert signed_in.request.get("/api/v1/auth/me").status == 200
    with slipway.api(account.email, NEW_PASSWORD) as again:
        assert again.get("/auth/me").status_code == 200


def test_sessions_are_listed_and_ended_with_the_password(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    with slipway.api(account.email, account.password) as elsewhere:
        signed_in.get_by_role("link", name="Your account").click()
        expect(signed_in.get_by_text("This session", exact=True)).to_be_visible()
        other = signed_in.get_by_role("listitem").filter(has_text="python-httpx")
        expect(other).to_have_count(2)
        expect(other.first).to_contain_text("Last used on")
        expect(other.first).to_contain_text("IP address 127.0.0.1")
        password = signed_in.get_by_label("Password", exact=True)
        password.fill("not the password")
        signed_in.get_by_role("button", name="End all other sessions").click()
        expect(signed_in.get_by_role("alert").filter(has_text="password")).to_be_visible()
        assert elsewhere.get("/auth/me").status_code == 200

        password.fill(account.password)
        other.first.get_by_role("button", name="End").click()
        expect(other).to_have_count(1)
        # The form is emptied after the list is there.
        expect(password).to_have_value("")
        password.fill(account.password)
        signed_in.get_by_role("button", name="End all other sessions").click()
        expect(other).to_have_count(0)
        expect(signed_in.get_by_role("button", name="End all other sessions")).to_have_count(0)
        expect(signed_in.get_by_role("form", name="Where you are signed in")).to_be_focused()
        told = signed_in.get_by_role("status").filter(has_text="Your other sessions have ended.")
        expect(told).to_have_count(1)

        assert elsewhere.get("/auth/me").status_code == 401
    assert signed_in.request.get("/api/v1/auth/me").status == 200


def test_account_fits_a_phone(signed_in: Page) -> None:
    signed_in.set_viewport_size({"width": 320, "height": 700})
    signed_in.get_by_role("link", name="Your account").click()
    expect(signed_in.get_by_text("Chrome on Linux")).to_be_visible()
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 320


def test_name_is_changed_and_cleared(signed_in: Page, account: Account) -> None:
    signed_in.get_by_role("link", name="Your account").click()
    name = signed_in.get_by_label("Name", exact=True)
    header = signed_in.get_by_role("banner")
    for typed, shown in (("  Åsa Ö. ", "Åsa Ö."), ("", account.email)):
        name.fill(typed)
        name.press("Enter")
        expect(header.get_by_text(shown, exact=True)).to_be_visible()
        expect(signed_in.get_by_text("The name is saved.")).to_be_visible()
        expect(name).to_be_focused()
        expect(name).to_have_value(typed.strip())
    assert signed_in.request.get("/api/v1/auth/me").json()["full_name"] is None


def test_own_data_is_downloaded(signed_in: Page, slipway: SlipwayProcess, account: Account) -> None:
    seed_videos(slipway, account.email, 120)
    signed_in.get_by_role("link", name="Your account").click()
    with signed_in.expect_download() as started:
        signed_in.get_by_role("button", name="Download your data").click()
    assert re.fullmatch(r"slipway-\d{4}-\d\d-\d\d\.json", started.value.suggested_filename)
    data = json.loads(Path(started.value.path()).read_text())
    assert data["account"]["email"] == account.email
    assert len({video["id"] for video in data["videos"]}) == 120
    assert [session["current"] for session in data["sessions"]].count(True) == 1
    assert {session["address"] for session in data["sessions"]} == {"127.0.0.1"}
    assert "delivery_url" not in data["videos"][0]


def test_account_is_deleted_with_its_videos(
    signed_in: Page, slipway: SlipwayProcess, account: Account, tmp_path: Path
) -> None:
    choose(signed_in, make_video(tmp_path / "last.mp4", "mp4", audio=False))
    wait_until_ready(signed_in)
    (video,) = listed_videos(signed_in)
    signed_in.get_by_role("link", name="Your account").click()
    signed_in.get_by_role("button", name="Delete the account…").click()
    dialog = signed_in.get_by_role("dialog")
    dialog.get_by_label("Password", exact=True).fill("not the password")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog.get_by_role("alert")).to_contain_text("This password is wrong.")
    assert signed_in.request.get("/api/v1/auth/me", max_retries=RETRIES).status == 200

    dialog.get_by_label("Password", exact=True).fill(account.password)
    release = hold(signed_in, lambda url: url.endswith("/auth/me/delete"))
    dialog.get_by_role("button", name="Delete for good").click()
    # A deletion that was sent goes on, so the dialog doesn't look as if it could be stopped.
    expect(dialog.get_by_role("button", name="Deleting…")).to_be_visible()
    for _ in range(2):
        signed_in.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Keep the account")).to_be_disabled()
    release()
    expect(signed_in.get_by_text("Your account is deleted.")).to_be_visible()
    slipway.wait_for_empty_store(video["id"])
    signed_in.get_by_label("E-mail").fill(account.email)
    signed_in.get_by_label("Password", exact=True).fill(account.password)
    signed_in.get_by_role("button", name="Sign in").click()
    expect(signed_in.get_by_role("alert").filter(has_text="Check both and try again")).to_be_visible()


def test_operators_word_on_forgotten_passwords_is_shown(page: Page) -> None:
    def with_help(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"password_help": "Call 1234."})

    page.goto("/login")
    expect(page.get_by_role("link", name="Create an account")).to_be_visible()
    expect(page.get_by_text("Forgot your password?")).to_have_count(0)
    page.route("**/upload-policy", with_help)
    page.reload()
    expect(page.get_by_text("Forgot your password? Call 1234.")).to_be_visible()
