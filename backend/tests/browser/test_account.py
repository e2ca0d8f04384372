"""Tests changing the password and ending sessions on the page."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Account
from tests.engines.slipway import SlipwayProcess

NEW_PASSWORD = "another quiet harbour"


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
        password = signed_in.get_by_label("Password", exact=True)
        password.fill("not the password")
        signed_in.get_by_role("button", name="End all other sessions").click()
        expect(signed_in.get_by_role("alert").filter(has_text="password")).to_be_visible()
        assert elsewhere.get("/auth/me").status_code == 200

        password.fill(account.password)
        other.first.get_by_role("button", name="End").click()
        expect(other).to_have_count(1)
        password.fill(account.password)
        signed_in.get_by_role("button", name="End all other sessions").click()
        expect(other).to_have_count(0)

        assert elsewhere.get("/auth/me").status_code == 401
    assert signed_in.request.get("/api/v1/auth/me").status == 200


def test_account_fits_a_phone(signed_in: Page) -> None:
    signed_in.set_viewport_size({"width": 320, "height": 700})
    signed_in.get_by_role("link", name="Your account").click()
    expect(signed_in.get_by_text("Chrome on Linux")).to_be_visible()
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 320
