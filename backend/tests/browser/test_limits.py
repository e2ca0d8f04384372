"""The page says when to try again after a limit."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Account
from tests.engines.slipway import SlipwayProcess


@pytest.fixture(scope="module")
def slipway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlipwayProcess]:
    settings = {"LIMIT_SIGN_IN_PER_ADDRESS": "1/10 minutes", "LIMIT_READ_PER_USER": "1/hour"}
    with SlipwayProcess(tmp_path_factory.mktemp("limits") / "data", settings) as running:
        yield running


def test_list_and_sign_in_form_say_when_to_try_again(page: Page, account: Account) -> None:
    def sign_in(password: str) -> None:
        page.get_by_label("E-mail").fill(account.email)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()

    page.goto("/login")
    sign_in(account.password)
    expect(page.get_by_text("No videos yet")).to_be_visible()
    page.reload()
    later = re.compile(r"Too many requests\. Try again in \d+ minutes\.")
    expect(page.get_by_role("alert").filter(has_text=later)).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    sign_in("not the password")
    expect(page.get_by_role("alert").filter(has_text="Check both")).to_be_visible()
    sign_in(account.password)
    later = re.compile(r"Too many attempts to sign in\. Try again in \d+ (seconds|minutes)\.")
    expect(page.get_by_role("alert").filter(has_text=later)).to_be_visible()
