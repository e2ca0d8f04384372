"""What the page does before its script has loaded and without JavaScript."""

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import TIMEOUT_MILLISECONDS, Account
from tests.engines.slipway import SlipwayProcess


@pytest.fixture(params=["JavaScript is off", "the script does not load"])
def bare(request: pytest.FixtureRequest, browser: Browser, slipway: SlipwayProcess) -> Iterator[Page]:
    is_off = request.param == "JavaScript is off"
    context = browser.new_context(locale="en-GB", base_url=slipway.origin, java_script_enabled=not is_off)
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    page = context.new_page()
    page.route("**/_next/static/chunks/*.js", lambda route: route.abort())
    yield page
    page.unroute_all(behavior="ignoreErrors")
    context.close()


def fill(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(password)


def test_form_alone_signs_in(bare: Page, account: Account, slipway: SlipwayProcess) -> None:
    bare.goto("/login?next=%2Faccount")
    fill(bare, account.email, "not the password")
    with bare.expect_request(lambda asked: asked.method == "POST") as posted:
        bare.get_by_role("button", name="Sign in").click()
    expect(bare.locator("#invalid_credentials")).to_be_visible()
    expect(bare.locator("#rate_limited")).to_be_hidden()
    assert bare.url == f"{slipway.origin}/login?next=%2Faccount#invalid_credentials"
    # Without https a browser sends no Sec-Fetch-Site, and the server knows its own page by this header alone.
    assert posted.value.all_headers()["origin"] == slipway.origin

    fill(bare, account.email, account.password)
    bare.get_by_role("button", name="Sign in").click()
    expect(bare).to_have_url(re.compile("/account#$"))
    assert bare.context.request.get("/api/v1/auth/me").json()["email"] == account.email


def test_form_alone_registers(bare: Page) -> None:
    bare.goto("/register")
    # At the limit of the field's own check, and common.
    fill(bare, "early@example.com", "password1")
    bare.get_by_role("button", name="Create account").click()
    expect(bare.locator("#password_too_weak")).to_be_visible()
    fill(bare, f"early{uuid.uuid4()}@example.com", "a ship leaves the slipway")
    bare.get_by_role("button", name="Create account").click()
    expect(bare).to_have_url(re.compile("/#$"))
    assert bare.context.request.get("/api/v1/auth/me").ok


def test_refusal_of_the_form_leaves_when_the_script_takes_over(page: Page, account: Account) -> None:
    page.goto("/login#rate_limited")
    expect(page.get_by_role("alert").filter(has_text="Too many attempts")).to_be_visible()
    fill(page, account.email, "not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="Check both and try again")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="Too many attempts")).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/video?id=1", "/account", "/login", "/register"])
def test_page_says_what_it_needs_javascript_for(browser: Browser, slipway: SlipwayProcess, path: str) -> None:
    context = browser.new_context(locale="en-GB", base_url=slipway.origin, java_script_enabled=False)
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    page = context.new_page()
    page.goto(path)
    is_form = path in ("/login", "/register")
    says = "This form works without JavaScript" if is_form else "This page needs JavaScript"
    # Playwright's search by text leaves <noscript> out.
    notice = page.locator("noscript > p")
    expect(notice).to_be_visible()
    expect(notice).to_contain_text(says)
    context.close()
