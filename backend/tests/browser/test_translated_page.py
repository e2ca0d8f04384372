"""Uses the page while a translator replaces its text nodes with <font> elements, as Chrome's does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Account, wait_for_upload_status
from tests.browser.page_user import FILE_BYTES, VideoFile, make_file
from tests.browser.test_browser_floors import NOTICE
from tests.browser.test_upload import hold
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video
from tests.waiting import wait_until

# Chrome's translator also leaves out what says translate="no". It translates each node that is added later.
TRANSLATE = """(() => {
  const translate = (text) => {
    const parent = text.parentElement;
    if (parent === null || text.data.trim() === "" || parent.closest("script, style, font, textarea, [translate=no]"))
      return;
    const font = document.createElement("font");
    font.append(Object.assign(document.createElement("font"), {textContent: `[${text.data}]`}));
    text.replaceWith(font);
  };
  const translateAll = (root) => {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) found.push(texts.currentNode);
    found.forEach(translate);
  };
  translateAll(document.documentElement);
  new MutationObserver((changes) => {
    for (const {addedNodes} of changes)
      for (const node of addedNodes) node.nodeType === Node.TEXT_NODE ? translate(node) : translateAll(node);
  }).observe(document.documentElement, {childList: true, subtree: true});
})()"""
# Note in each frame the percent of the card, if it is a new one and the title has it too.
NOTE_PERCENTS = r"""(() => {
  window.__percents = [];
  const look = () => {
    const card = document.querySelector("[data-upload-status=sending]");
    const percent = /\[(\d+)\]\s*\[%\]/.exec(card?.innerText)?.[1];
    const isShown = document.title === `${percent}% · [Your videos – Slipway]`;
    if (isShown && window.__percents.at(-1) !== Number(percent)) window.__percents.push(Number(percent));
    requestAnimationFrame(look);
  };
  look();
})()"""


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> VideoFile:
    return make_file(tmp_path_factory.mktemp("large") / "large.mp4", FILE_BYTES)


@pytest.fixture
def translated(page: Page) -> Iterator[Page]:
    """Yield the sign-in page, translated since React rendered it. React may report no error afterwards."""
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if "NotFoundError" in said.text else None)
    page.goto("/")
    # The first page leads here without a load, so React has rendered this one.
    page.locator("#password").wait_for()
    page.evaluate(TRANSLATE)
    yield page
    assert errors == []


def sign_in(page: Page, account: Account, password: str | None = None) -> None:
    page.locator("#email").fill(account.email)
    page.locator("#password").fill(password or account.password)
    button(page, "Sign in").click()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


def card(page: Page) -> Locator:
    return page.locator("[data-upload-status]")


def alert(page: Page) -> Locator:
    # Next's route announcer is an alert too, and until a form is sent, its hidden alerts wait for a server's answer.
    return page.locator("[data-slot=alert]:visible")


def choose_file(page: Page, file: Path) -> None:
    page.set_input_files("input[type=file]", file)


def test_sign_in_and_registration_live(translated: Page, account: Account) -> None:
    sign_in(translated, account, "not the password")
    expect(alert(translated)).to_contain_text("[The e-mail address or the password")
    translated.get_by_role("link", name="Create an account").click()
    expect(translated.get_by_role("heading")).to_have_text("[Create an account]")
    translated.locator("#full-name").fill("Ada")
    translated.get_by_role("link", name="Sign in").click()
    # The page before has fields with the same names.
    expect(translated.get_by_role("heading")).to_have_text("[Sign in]")
    sign_in(translated, account)
    expect(translated.get_by_text("[No videos yet]")).to_be_visible()
    button(translated, "Sign out").click()
    expect(translated.locator("#password")).to_be_visible()


def test_percent_moves(translated: Page, account: Account, large_file: VideoFile) -> None:
    sign_in(translated, account)
    translated.locator("input[type=file]").wait_for(state="attached")
    network = translated.context.new_cdp_session(translated)
    slow = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 2_000_000}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", slow)
    translated.evaluate(NOTE_PERCENTS)
    choose_file(translated, large_file.path)
    wait_until_done(translated)
    seen = translated.evaluate("window.__percents")
    assert len(seen) >= 3
    assert seen == sorted(set(seen))
    expect(translated).to_have_title("Ready · [Your videos – Slipway]")


def wait_until_done(page: Page) -> None:
    wait_for_upload_status(page, "done")
    expect(card(page).get_by_text("[Ready]")).to_be_visible()


def test_upload_and_its_video_live(translated: Page, account: Account, large_file: VideoFile) -> None:
    sign_in(translated, account)
    translated.locator("input[type=file]").wait_for(state="attached")
    release_third = hold(translated, lambda url: "partNumber=3&" in url)
    release_complete = hold(translated, lambda url: url.endswith("/complete"))
    choose_file(translated, large_file.path)
    row = translated.get_by_role("main").locator("li")
    expect(row).to_contain_text("[Uploading]")
    translated.context.set_offline(True)
    expect(card(translated)).to_contain_text("[You're offline.")
    translated.context.set_offline(False)
    expect(card(translated)).not_to_contain_text("offline")
    button(translated, "Cancel").click()
    button(translated, "Keep uploading").click()
    translated.get_by_role("link", name="large.mp4").click()
    expect(translated.get_by_role("main")).to_contain_text("[This page is still uploading the video.]")
    pill = translated.get_by_role("banner").get_by_role("link", name="[Uploading")
    expect(pill).to_be_visible()
    release_third()
    expect(translated.get_by_role("banner")).to_contain_text("[Assembling]")
    translated.go_back()
    expect(card(translated)).to_contain_text("[All sent.")
    release_complete()
    wait_until_done(translated)
    expect(row).to_contain_text("[Ready]")
    translated.get_by_role("link", name="Watch").click()
    # The list's row also has such a button, until the page of the video is there.
    translated.get_by_role("article").get_by_role("button", name="Delete").click()
    expect(translated.get_by_text("[No videos yet]")).to_be_visible()


def test_signing_in_again_lives(translated: Page, account: Account, large_file: VideoFile) -> None:
    sign_in(translated, account)
    translated.locator("input[type=file]").wait_for(state="attached")
    release_third = hold(translated, lambda url: "partNumber=3&" in url)
    choose_file(translated, large_file.path)
    wait_for_upload_status(translated, "sending")
    translated.context.clear_cookies()
    release_third()
    dialog = translated.get_by_role("dialog", name="[Sign in to continue]")
    expect(dialog).to_be_visible()
    translated.keyboard.press("Escape")
    expect(card(translated)).to_contain_text("[You were signed out.")
    button(translated, "Sign in").click()
    for password in ("not the password", account.password):
        dialog.locator("#again-password").fill(password)
        dialog.get_by_role("button", name="Sign in").click()
    wait_until_done(translated)


def test_failed_video_lives(translated: Page, slipway: SlipwayProcess, account: Account) -> None:
    with slipway.api(account.email, account.password) as api:
        slipway.upload(api, "notes.mp4", "video/mp4", b"Milk, bread, and a film for the weekend.\n" * 100)
    sign_in(translated, account)
    row = translated.get_by_role("main").locator("li")
    expect(row).to_contain_text("[Failed]")
    translated.get_by_role("link", name="notes.mp4").click()
    expect(alert(translated)).to_contain_text("[The server couldn't accept this video]")
    translated.go_back()
    button(translated, "Delete").click()
    expect(row).to_have_count(0)


def test_refusals_and_notices_live(translated: Page, account: Account, tmp_path: Path) -> None:
    sign_in(translated, account)
    translated.locator("input[type=file]").wait_for(state="attached")
    first, second = tmp_path / "notes.mp4", tmp_path / "other.txt"
    first.write_text("Milk, bread, and a film for the weekend.\n" * 100)
    second.write_text("Milk")
    for refused, words in (
        (first, "[notes.mp4 is not a video that Slipway accepts."),
        (second, "[other.txt can't be uploaded."),
    ):
        choose_file(translated, refused)
        expect(alert(translated)).to_contain_text(words)
    full = {"code": "quota_exceeded", "detail": "-", "request_id": "-"}
    translated.route("**/api/v1/videos", lambda route: route.fulfill(status=409, json=full), times=1)
    choose_file(translated, make_video(tmp_path / "film.mp4", "mp4", audio=False))
    expect(alert(translated)).to_contain_text("[Your space is too small for this file.")
    button(translated, "Copy report").click()
    copied = button(translated, "Report copied").or_(translated.get_by_label("Report on the failed upload"))
    expect(copied).to_be_visible()
    for wanted in ("no file", "2 files"):
        translated.evaluate(
            """(count) => {
                const dataTransfer = new DataTransfer();
                if (count === 0) dataTransfer.setData("text/plain", "words");
                for (let i = 0; i < count; i += 1) dataTransfer.items.add(new File(["x"], `${i}.mp4`));
                for (const kind of ["dragenter", "dragover", "drop"])
                    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
            }""",
            0 if wanted == "no file" else 2,
        )
        expect(alert(translated).last).to_contain_text(wanted)
    button(translated, "Close").click()
    expect(alert(translated)).to_have_count(0)
    expect(button(translated, "Choose a video")).to_be_visible()


def test_try_again_works_after_the_page_broke(page: Page, account: Account, large_file: VideoFile) -> None:
    page.goto("/")
    page.locator("#password").wait_for()
    page.evaluate(TRANSLATE)
    sign_in(page, account)
    page.locator("input[type=file]").wait_for(state="attached")
    # An extension moves an element. React then fails to remove it.
    page.evaluate(
        """() => {
            const shown = document.querySelector("[data-upload-status] [data-slot=card]").firstElementChild;
            const moved = document.createElement("div");
            shown.replaceWith(moved);
            moved.append(shown);
        }"""
    )
    choose_file(page, large_file.path)
    expect(page.get_by_role("heading", name="[Something went wrong]")).to_be_visible()
    button(page, "Try again").click()
    wait_until_done(page)


def test_page_translated_before_react_hydrates_it_works(context: BrowserContext, account: Account) -> None:
    page = context.new_page()
    page.add_init_script(f'addEventListener("DOMContentLoaded", () => {TRANSLATE})')
    page.goto("/login")
    # React reports that it renders the page anew.
    is_rendered = "Object.keys(document.querySelector('form')).some((key) => key.startsWith('__react'))"
    wait_until(lambda: page.evaluate(is_rendered), "React rendered the form")
    sign_in(page, account)
    expect(page.get_by_text("[No videos yet]")).to_be_visible()
    expect(page.get_by_text(NOTICE)).to_be_hidden()
