"""The page of an installation where only the operator creates accounts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.engines.slipway import SlipwayProcess

EMAIL, PASSWORD = "guest@example.com", "a ship leaves the slipway"
REFUSAL = "Accounts can't be created here."


@pytest.fixture
def slipway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlipwayProcess]:
    """An installation that is open at first."""
    with SlipwayProcess(tmp_path_factory.mktemp("closing") / "data") as running:
        yield running


def fill(page: Page) -> None:
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)


def test_closed_installation_offers_no_account_and_says_who_does(page: Page, slipway: SlipwayProcess) -> None:
    page.goto("/register")
    fill(page)
    slipway.restart({"REGISTRATION": "closed"})

    # A page that was opened before gets the API's refusal.
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert").filter(has_text=REFUSAL)).to_be_visible()

    page.goto("/register")
    expect(page.get_by_text(f"{REFUSAL} Ask the operator of this site for one.")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_count(0)

    page.goto("/login")
    expect(page.get_by_text("Ask the operator of this site for an account.")).to_be_visible()
    expect(page.get_by_role("link", name="Create an account")).to_have_count(0)
    made = slipway.command("user", "create", EMAIL, typed=f"{PASSWORD}\n")
    assert made.returncode == 0, made.stderr
    fill(page)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("No videos yet")).to_be_visible()
