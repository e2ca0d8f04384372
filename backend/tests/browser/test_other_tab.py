"""What a person sees of an upload in another tab, and how the next file is taken."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Account, choose, wait_until_ready
from tests.browser.test_upload import hold
from tests.media import make_video

# A page of Playwright is never hidden, and notifications have no window to appear in.
_HIDE_AND_RECORD = """
window.__told = [];
window.Notification = class extends EventTarget {
  static requestPermission = async () => "granted";
  constructor(title, {body}) { super(); window.__told.push([title, body]); }
};
Object.defineProperty(document, "hidden", {get: () => true});
"""

_ANDROID = """
window.Notification = class {
  static requestPermission = async () => "granted";
  constructor() { throw new TypeError("Failed to construct 'Notification': Illegal constructor."); }
};
Object.defineProperty(document, "hidden", {get: () => true});
"""

_PASTE = """async (name) => {
  const bytes = await (await fetch("/icon.svg")).blob();
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], name, {type: "video/mp4"}));
  document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
}"""


def test_upload_is_followed_from_another_tab(signed_in: Page, tmp_path: Path) -> None:
    page = signed_in
    page.add_init_script(_HIDE_AND_RECORD)
    page.reload()
    file = make_video(tmp_path / "film.mp4", "mp4", audio=False)
    release = hold(page, lambda url: url.endswith("/complete"))
    choose(page, file)
    expect(page).to_have_title("Assembling · Your videos – Slipway")
    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.get_by_role("button", name="Tell me when it is done", pressed=True)).to_be_visible()
    release()
    expect(page).to_have_title("Ready · Your videos – Slipway")
    assert page.evaluate("window.__told") == [["Your video is ready", "film.mp4"]]

    with page.expect_file_chooser():
        page.get_by_role("button", name="Upload another").click()
    expect(page).to_have_title("Your videos – Slipway")
    page.evaluate(_PASTE, "pasted.mp4")
    expect(page).to_have_title("Failed · Your videos – Slipway")
    expect(page.locator("[data-upload-status=failed]").get_by_text("pasted.mp4", exact=True)).to_be_visible()


def test_upload_outlives_a_notification_that_the_browser_refuses(signed_in: Page, tmp_path: Path) -> None:
    page = signed_in
    page.evaluate(_ANDROID)
    release = hold(page, lambda url: url.endswith("/complete"))
    choose(page, make_video(tmp_path / "film.mp4", "mp4", audio=False))
    page.get_by_role("button", name="Tell me when it is done").click()
    expect(page.get_by_role("button", name="Tell me when it is done", pressed=True)).to_be_visible()
    release()
    expect(page).to_have_title("Ready · Your videos – Slipway")
    wait_until_ready(page)


def test_refused_sign_in_keeps_the_focus(page: Page, account: Account) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(account.email)
    page.get_by_label("Password", exact=True).fill("not the password")
    button = page.get_by_role("button", name="Sign in")
    button.click()
    expect(page.locator("[data-slot=alert]:visible")).to_be_visible()
    expect(button).to_be_focused()
