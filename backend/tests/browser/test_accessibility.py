"""axe-core finds nothing on any page and in any state, in both themes and on a phone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import (
    Account,
    choose,
    wait_for_upload_status,
    wait_until_ready,
)
from tests.browser.page_user import FILE_BYTES, make_file
from tests.browser.seeding import seed_videos
from tests.browser.test_upload import hold
from tests.engines.slipway import SlipwayProcess

AXE: Final = (Path(__file__).parents[3] / "frontend/node_modules/axe-core/axe.min.js").read_text()
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
  ({id, nodes}) => nodes.map(({html, failureSummary}) => `${id}: ${html}\\n${failureSummary}`))"""
# Return the states in a list that lie on the button beside them.
COVERING: Final = """() => [...document.querySelectorAll("main li")].flatMap((row) => {
  const [badge, button] = ["[data-slot=badge]", "[data-slot=button]"].map((part) => row.querySelector(part));
  if (badge === null) return [];
  const [state, press] = [badge, button].map((element) => element.getBoundingClientRect());
  const isApart = state.right <= press.left || press.right <= state.left || state.bottom <= press.top;
  return isApart ? [] : [badge.textContent];
})"""
VIEWS: Final = [(width, theme) for width in (1280, 390) for theme in ("light", "dark")]


def check(page: Page, what: str) -> None:
    """Run axe-core in each theme and width."""
    page.evaluate(AXE)
    for width, theme in VIEWS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        # The theme follows the system by a listener, and rows are measured anew.
        expect(page.locator("html")).to_have_class(re.compile(rf"\b{theme}\b"))
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        assert page.evaluate(RUN) == [], f"{what}, {width} px, {theme}"
    page.set_viewport_size({"width": 1280, "height": 900})


def refuse(page: Page, pattern: str, status: int, code: str) -> None:
    body = {"code": code, "detail": "-", "request_id": "a-request"}
    page.route(pattern, lambda route: route.fulfill(status=status, json=body))


def test_pages_for_strangers(page: Page) -> None:
    for path, heading in (
        ("/login", "Sign in"),
        ("/login?why=ended", "Sign in"),
        ("/login#rate_limited", "Sign in"),
        ("/register", "Create an account"),
        ("/nowhere", "Page not found"),
    ):
        page.goto(path)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        check(page, path)


def test_refused_registration(page: Page) -> None:
    page.goto("/register")
    page.get_by_label("E-mail").fill("somebody@nodots")
    page.get_by_label("Password", exact=True).fill("a ship leaves the slipway")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    check(page, "a refused registration")


def test_loading_and_silent_server(signed_in: Page) -> None:
    held: list[Route] = []
    signed_in.route("**/api/v1/auth/session", lambda route: held.append(route))
    for path in ("/", "/video?id=1", "/account"):
        signed_in.goto(path, wait_until="commit")
        expect(signed_in.locator("h1")).to_have_count(1)
        check(signed_in, f"{path} while it loads")
    signed_in.unroute("**/api/v1/auth/session")
    refuse(signed_in, "**/api/v1/auth/session", 503, "overloaded")
    signed_in.goto("/")
    expect(signed_in.get_by_role("heading", name="Slipway isn't answering")).to_be_attached()
    check(signed_in, "a silent server")


def test_list_and_account(signed_in: Page, slipway: SlipwayProcess, account: Account) -> None:
    check(signed_in, "an empty list")
    seed_videos(slipway, account.email, 12, mixed=True)
    signed_in.goto("/")
    rows = signed_in.locator("main li")
    expect(rows).to_have_count(12)
    check(signed_in, "a list")
    rows.nth(3).get_by_role("checkbox").check()
    check(signed_in, "a selection")
    signed_in.get_by_role("button", name="Delete", exact=True).click()
    expect(signed_in.get_by_role("dialog")).to_be_visible()
    check(signed_in, "the question before a deletion")
    signed_in.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(signed_in.get_by_role("button", name="Undo")).to_be_visible()
    check(signed_in, "the notice of a removal")
    signed_in.get_by_label("Search by name").fill("no such name")
    expect(signed_in.get_by_text("No video matches")).to_be_visible()
    check(signed_in, "a search that finds nothing")
    signed_in.goto("/account")
    expect(signed_in.get_by_text("Chrome on Linux")).to_be_visible()
    check(signed_in, "the account")
    signed_in.get_by_role("button", name="Delete the account…").click()
    check(signed_in, "the question before the account's deletion")


def test_refused_list_and_missing_video(signed_in: Page) -> None:
    refuse(signed_in, "**/api/v1/videos?*", 503, "database_unavailable")
    refuse(signed_in, "**/api/v1/upload-policy", 503, "database_unavailable")
    signed_in.goto("/")
    expect(signed_in.get_by_text("Your videos couldn't be loaded")).to_be_visible()
    expect(signed_in.get_by_text("You can't upload at the moment")).to_be_visible()
    check(signed_in, "a list that is not loaded")
    signed_in.goto("/video?id=00000000-0000-4000-8000-000000000000")
    expect(signed_in.get_by_role("heading", name="No such video")).to_be_visible()
    check(signed_in, "a missing video")


def test_videos_that_cannot_be_watched(signed_in: Page, slipway: SlipwayProcess, account: Account) -> None:
    seed_videos(slipway, account.email, 10, mixed=True)
    with slipway.api(account.email, account.password) as api:
        items = api.get("/videos").json()["items"]
    for status in ("failed", "uploading", "processing"):
        video = next(item for item in items if item["status"] == status)
        signed_in.goto(f"/video?id={video['id']}")
        expect(signed_in.get_by_role("heading", name=video["original_filename"])).to_be_visible()
        check(signed_in, f"a video that is {status}")


def test_questions_during_an_upload_and_its_failures(
    signed_in: Page, context: BrowserContext, tmp_path: Path
) -> None:
    page = signed_in
    full = {"code": "quota_exceeded", "detail": "-", "request_id": "-"}
    page.route("**/api/v1/videos", lambda route: route.fulfill(status=409, json=full), times=1)
    file = make_file(tmp_path / "large.mp4", FILE_BYTES)
    choose(page, file.path)
    wait_for_upload_status(page, "failed")
    check(page, "an upload that can be tried again")
    hold(page, lambda url: "partNumber=3&" in url)
    page.get_by_role("button", name="Try again").click()
    wait_for_upload_status(page, "sending")
    page.get_by_role("button", name="Cancel").click()
    check(page, "the question before an upload is cancelled")
    page.get_by_role("dialog").get_by_role("button", name="Keep uploading").click()
    page.get_by_role("link", name="Your account").click()
    expect(page.get_by_role("link", name="Uploading")).to_be_visible()
    check(page, "an upload on another page")
    page.get_by_role("link", name="Slipway, your videos").click()
    expect(page.get_by_role("heading", name="Your videos", exact=True)).to_be_visible()
    context.clear_cookies()
    page.get_by_label("Sort by").select_option("Largest first")
    expect(page.get_by_role("dialog")).to_contain_text("Sign in again to continue the upload")
    check(page, "the sign-in during an upload")


def test_upload_and_its_video(signed_in: Page, tmp_path: Path) -> None:
    check_phases(signed_in, tmp_path, lambda phase: check(signed_in, f"an upload: {phase}"))
    signed_in.get_by_role("link", name="Watch").click()
    expect(signed_in.locator("video")).to_have_js_property("videoWidth", 320)
    check(signed_in, "a video")


CARD: Final = "[data-upload-status]"
PHASES: Final = {
    "idle": """
- heading "Upload a video" [level=2]
- paragraph: Drop a video anywhere on this page
- button "Choose a video"
- paragraph: MP4, MOV, AVI, WebM or MKV, up to 2 GiB
""",
    "refused": """
- heading "Upload a video" [level=2]
- paragraph: Not uploaded
- text: notes.mp4
- button "Close"
- alert: /notes\\.mp4 is not a video that Slipway accepts\\. .+/
- button "Choose another file"
""",
    "sending": """
- heading "Upload a video" [level=2]
- paragraph: Uploading
- text: phases.webm
- button "Cancel"
- progressbar "Upload of phases.webm"
- paragraph: /\\d+ MiB of 12 MiB/
- button "Tell me when it is done"
""",
    "offline": """
- progressbar "Upload of phases.webm"
- text: You're offline. The upload continues when the connection is back.
""",
    "assembling": """
- paragraph: Assembling the video
- progressbar "Upload of phases.webm"
- paragraph: All sent. The storage is assembling the parts.
""",
    "ready": """
- paragraph: Ready
- text: phases.webm
- paragraph: /WebM/
- button "Upload another"
- link "Watch"
""",
}


def check_phases(page: Page, folder: Path, look: Callable[[str], None]) -> None:
    """Take an upload through each phase. `look` gets the name of the phase that the card shows."""
    look("idle")
    (folder / "notes.mp4").write_text("Milk, bread, and a film for the weekend.\n" * 100)
    choose(page, folder / "notes.mp4")
    wait_for_upload_status(page, "failed")
    look("refused")
    page.get_by_role("button", name="Close", exact=True).click()
    file = make_file(folder / "phases.webm", FILE_BYTES, "webm")
    release_part = hold(page, lambda url: "partNumber=3&" in url)
    release_complete = hold(page, lambda url: url.endswith("/complete"))
    choose(page, file.path)
    wait_for_upload_status(page, "sending")
    look("sending")
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator(CARD).get_by_text("You're offline")).to_be_visible()
    look("offline")
    page.evaluate("dispatchEvent(new Event('online'))")
    release_part()
    wait_for_upload_status(page, "assembling")
    look("assembling")
    release_complete()
    wait_until_ready(page)
    look("ready")


def test_card_reads_well_in_each_phase(signed_in: Page, tmp_path: Path) -> None:
    seen: list[str] = []

    def look(phase: str) -> None:
        expect(signed_in.locator(CARD)).to_match_aria_snapshot(PHASES[phase])
        seen.append(phase)

    check_phases(signed_in, tmp_path, look)
    assert seen == list(PHASES)


def test_bar_and_buttons_are_visible_in_forced_colours(signed_in: Page, tmp_path: Path) -> None:
    signed_in.emulate_media(forced_colors="active")
    border = "element => getComputedStyle(element).borderTopStyle + getComputedStyle(element).borderTopWidth"
    assert signed_in.get_by_role("button", name="Choose a video").evaluate(border) == "solid1px"
    file = make_file(tmp_path / "large.mp4", FILE_BYTES)
    hold(signed_in, lambda url: "partNumber=3&" in url)
    choose(signed_in, file.path)
    bar = signed_in.get_by_role("progressbar")
    expect(bar).to_be_visible()
    assert bar.evaluate(border) == "solid1px"


@pytest.mark.parametrize(
    ("locale", "sign_in", "title"),
    [("de-DE", "Anmelden", "Ihre Videos"), ("ar-XB", "[Sign in ~~~~]", "[Your videos ~~~~]")],
)
def test_main_states_in_other_languages(
    page: Page, slipway: SlipwayProcess, account: Account, sign_in: str, title: str
) -> None:
    seed_videos(slipway, account.email, 12, mixed=True)
    page.goto("/login")
    expect(page.get_by_role("heading", name=sign_in)).to_be_visible()
    check(page, "/login")
    page.locator("#email").fill(account.email)
    page.locator("#password").fill(account.password)
    page.get_by_role("button", name=sign_in, exact=True).click()
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.locator("main li")).to_have_count(12)
    check(page, "a list")
    assert page.evaluate(COVERING) == []
    page.set_input_files("input[type=file]", {"name": "a.pdf", "mimeType": "", "buffer": b"%PDF-1.7"})
    wait_for_upload_status(page, "failed")
    check(page, "a refused file")
