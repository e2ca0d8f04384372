"""Password fields hide what is typed, take a pasted password, and tell password managers what they are for."""

import pytest
from playwright.sync_api import Page, expect

PASTED = "from a password manager, with spaces"


@pytest.mark.parametrize(
    ("path", "purposes"), [("/login", ["current-password"]), ("/register", ["new-password"])]
)
def test_password_fields_hide_take_pastes_and_know_managers(
    page: Page, path: str, purposes: list[str]
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(path)
    fields = page.locator("input[name*=password]")
    expect(fields.first).to_be_visible()

    assert [field.get_attribute("type") for field in fields.all()] == ["password"] * len(purposes)
    assert [field.get_attribute("autocomplete") for field in fields.all()] == purposes
    assert page.get_by_label("E-mail").get_attribute("autocomplete") == "username"
    page.evaluate("(text) => navigator.clipboard.writeText(text)", PASTED)
    for field in fields.all():
        field.focus()
        page.keyboard.press("ControlOrMeta+V")
        expect(field).to_have_value(PASTED)
    page.get_by_role("button", name="Show password").first.click()
    expect(fields.first).to_have_attribute("type", "text")
