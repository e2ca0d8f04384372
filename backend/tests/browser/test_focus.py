"""The focus follows the person through the page, and never falls to the body."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Account, choose, wait_until_ready
from tests.browser.seeding import seed_videos
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

# Notes each time that nothing has the focus once the page has come to rest after a change.
_NOTE_LOSSES = """
window.__losses = [];
new MutationObserver(() => queueMicrotask(() => {
  if (window.__began && document.activeElement === document.body) window.__losses.push(location.pathname);
})).observe(document, {subtree: true, childList: true});
"""

_FOCUSED = """(() => {
  const focused = document.activeElement;
  if (focused === null || focused === document.body) return "";
  return focused.getAttribute("aria-label") ?? focused.textContent;
})()"""


def begin(page: Page) -> None:
    page.evaluate("window.__began = true")


def test_story_by_keyboard_only(signed_in: Page, tmp_path: Path) -> None:
    """Upload, watch, return, delete, take back and sign out, without a pointer."""
    page = signed_in
    page.evaluate(_NOTE_LOSSES)

    def press_on(name: str) -> None:
        """Tab from where the focus is to the control, and press Enter."""
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in page.evaluate(_FOCUSED):
                break
        else:
            raise AssertionError(f"the Tab key doesn't lead to {name}")
        page.keyboard.press("Enter")

    with page.expect_file_chooser() as chooser:
        press_on("Choose a video")
    begin(page)
    chooser.value.set_files(make_video(tmp_path / "keys.webm", "webm", audio=False))
    wait_until_ready(page)
    press_on("Watch")
    expect(page.get_by_role("heading", name="keys.webm")).to_be_focused()
    press_on("All videos")
    expect(page.get_by_role("heading", name="Your videos on Slipway")).to_be_focused()
    press_on("Delete keys.webm")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    # The removal is sent, and can then be taken back.
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.locator("main li")).to_contain_text("keys.webm")
    press_on("Your account")
    expect(page.get_by_role("heading", name="Your account")).to_be_focused()
    press_on("Sign out")
    expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
    assert page.evaluate("window.__losses") == []


_HIDDEN = """(() => {
  const focused = document.activeElement;
  const {left, right, top, bottom} = focused.getBoundingClientRect();
  const found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return found !== null && (focused.contains(found) || found.contains(focused)) ? "" : focused.outerHTML;
})()"""


def test_nothing_covers_what_has_the_focus(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    """WCAG 2.2, 2.4.11. The header and the bar of chosen videos stay in place while the list scrolls."""
    seed_videos(slipway, account.email, 12)
    signed_in.set_viewport_size({"width": 1280, "height": 500})
    signed_in.reload()
    signed_in.get_by_role("checkbox").first.check()
    expect(signed_in.locator("[data-slot=selection-bar]")).to_be_visible()
    signed_in.get_by_label("Search by name").focus()
    for key in ("Tab", "Shift+Tab"):
        for _ in range(30):
            signed_in.keyboard.press(key)
            assert signed_in.evaluate(_HIDDEN) == ""


def test_first_page_leaves_the_focus_to_the_browser(page: Page) -> None:
    page.goto("/login")
    expect(page.get_by_role("link", name="Create an account")).to_be_visible()
    assert page.evaluate("document.activeElement === document.body")


def test_failed_upload_and_its_end_keep_the_focus(signed_in: Page, tmp_path: Path) -> None:
    file = tmp_path / "notes.mp4"
    file.write_text("Milk, bread, and a film for the weekend.\n" * 100)
    choose(signed_in, file)
    card = signed_in.locator("[data-upload-status=failed]")
    expect(card).to_be_focused()
    expect(card.get_by_role("button", name="Copy report")).to_have_count(0)
    card.get_by_role("button", name="Close").press("Enter")
    expect(signed_in.locator("[data-upload-status=idle]")).to_be_focused()


def test_pointer_beside_everything_takes_the_focus_away(signed_in: Page) -> None:
    signed_in.get_by_role("button", name="Choose a video").focus()
    signed_in.mouse.click(5, 850)
    assert signed_in.evaluate("document.activeElement === document.body")
