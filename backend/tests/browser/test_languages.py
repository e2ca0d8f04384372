"""The page in the language of the browser, in a chosen one, and from right to left."""

from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.conftest import Account, wait_for_upload_status
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video
from tests.waiting import wait_until

SCRIPTS: Final = "**/_next/static/chunks/*.js"
# Notes each heading that a person could see. innerText leaves out what is hidden.
NOTE_HEADINGS: Final = """
window.__headings = [];
window.__frames = 0;
const look = () => {
  const heading = document.querySelector("h1");
  if (heading !== null) {
    window.__headings.push(heading.innerText);
    window.__frames += 1;
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
# The page must not give up waiting for its scripts while this test holds them.
NEVER_GIVE_UP: Final = """
const later = window.setTimeout;
window.setTimeout = (act, ms, ...values) => (ms === 3000 ? 0 : later(act, ms, ...values));
"""
# Return the visible texts, and those of attributes, that are neither in the catalogue nor data of the person.
FORGOTTEN: Final = """() => {
  const units = /\\b(\\d+ \\w+ \\d{4} at|bytes?|[KMGT]iB|[kM]bit\\/s|s|MP4|WebM|VP8|\\d+p)\\b/g;
  const isData = (text) => !/[a-z]/i.test(text.replace(units, ""));
  const isShown = (element) => element.checkVisibility({visibilityProperty: true});
  const isOurs = (text) => /\\[.*~\\]/s.test(text);
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const {data, parentElement: parent} = texts.currentNode;
    if (parent.closest("script, style, noscript, [translate=no], time[title], next-route-announcer")) continue;
    if (isShown(parent) && !isOurs(data) && !isData(data.trim())) found.push(data);
  }
  for (const name of ["aria-label", "title", "placeholder", "alt", "aria-valuetext"])
    for (const element of document.body.querySelectorAll(`[${name}]:not(video)`)) {
      const text = element.getAttribute(name);
      const isFormatted = name === "title" && element.matches("time, dd *, [translate=no]");
      if (isShown(element) && !isFormatted && !isOurs(text) && !isData(text)) found.push(`${name}: ${text}`);
    }
  return found;
}"""


def sign_in(page: Page, account: Account, password: str, button: str) -> None:
    page.locator("#email").fill(account.email)
    page.locator("#password").fill(password)
    page.get_by_role("button", name=button, exact=True).click()


def overflow(page: Page) -> int:
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "Hafen.webm"
    make_video(path, container="webm", seconds=2, width=320, height=240, fps=10, audio=False)
    return path


@pytest.mark.parametrize("locale", ["de-AT"])
def test_page_shows_no_english_before_german(page: Page) -> None:
    held: list[Route] = []
    page.add_init_script(NOTE_HEADINGS)
    page.add_init_script(NEVER_GIVE_UP)
    is_held = True
    page.route(SCRIPTS, lambda route: held.append(route) if is_held else route.continue_())
    page.goto("/login", wait_until="commit")
    wait_until(lambda: page.evaluate("window.__frames > 2"), "three frames")
    root = page.locator("html")
    expect(root).to_have_attribute("lang", "de")
    expect(root).to_have_attribute("dir", "ltr")
    # The form is there for a password manager.
    expect(page.locator("#email")).to_be_visible()
    expect(page.locator("h1")).to_be_hidden()

    is_held = False
    for route in held:
        route.continue_()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    expect(page).to_have_title("Anmelden – Slipway")
    # The heading is there before the next frame notes it.
    wait_until(lambda: page.evaluate("window.__headings.at(-1) !== ''"), "the heading is noted")
    assert set(page.evaluate("window.__headings")) == {"", "Anmelden"}


@pytest.mark.parametrize("locale", ["de-DE"])
def test_page_is_in_english_if_its_scripts_do_not_load(page: Page) -> None:
    page.route(SCRIPTS, lambda route: route.abort())
    page.goto("/login")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize("locale", ["de-DE"])
def test_page_is_in_english_if_german_does_not_load(page: Page) -> None:
    def only_english(route: Route) -> None:
        answer = route.fetch()
        if "Willkommen zurück" in answer.text():
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route(SCRIPTS, only_english)
    page.goto("/login")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(
    ("locale", "heading", "wanted"),
    [
        ("en-US", "Sign in", []),
        ("fr-FR", "Sign in", []),
        ("de-CH", "Anmelden", ["Willkommen zurück"]),
        ("ar-XB", "[Sign in ~~~~]", ["\u2068"]),
    ],
)
def test_page_loads_no_language_but_its_own(page: Page, heading: str, wanted: list[str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/login")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.wait_for_load_state("networkidle")
    scripts = [page.request.get(url).text() for url in asked if url.endswith(".js")]
    signs = ["Willkommen zurück", "\u2068"]
    assert [sign for sign in signs if any(sign in script for script in scripts)] == wanted


@pytest.mark.parametrize("locale", ["de-DE"])
def test_failed_sign_in_upload_and_refusal_in_german(
    page: Page, account: Account, film: Path, tmp_path: Path
) -> None:
    page.goto("/login")
    sign_in(page, account, "falsch geraten", "Anmelden")
    refusal = page.get_by_role("alert").filter(has_text="Die E-Mail-Adresse oder das Passwort ist falsch.")
    expect(refusal).to_be_visible()
    sign_in(page, account, account.password, "Anmelden")
    expect(page.get_by_role("heading", name="Ihre Videos", exact=True)).to_be_visible()
    expect(page.get_by_text("Noch keine Videos")).to_be_visible()
    card = page.locator("[data-upload-status]")
    expect(card).to_contain_text("MP4, MOV, AVI, WebM oder MKV, bis 2 GiB")

    notes = tmp_path / "notes.mp4"
    notes.write_text("Milch, Brot und ein Film fürs Wochenende.\n" * 100)
    page.set_input_files("input[type=file]", notes)
    wait_for_upload_status(page, "failed")
    expect(card).to_contain_text("notes.mp4 ist kein Video, das Slipway annimmt.")
    expect(page).to_have_title("Fehlgeschlagen · Ihre Videos – Slipway")
    page.get_by_role("button", name="Schließen").click()

    page.set_input_files("input[type=file]", film)
    wait_for_upload_status(page, "done")
    expect(card.get_by_text("Bereit", exact=True)).to_be_visible()
    expect(page).to_have_title("Bereit · Ihre Videos – Slipway")
    expect(page.get_by_role("main").locator("li")).to_contain_text("Heute, ")

    page.get_by_role("link", name="Ansehen").click()
    expect(page).to_have_title("Hafen.webm – Slipway")
    expect(page.get_by_role("main")).to_contain_text("Bildrate")
    page.get_by_role("button", name="Löschen").click()
    page.get_by_role("button", name="Rückgängig").click()
    expect(page.get_by_role("link", name="Hafen.webm")).to_be_visible()


def test_language_is_chosen_in_the_account(signed_in: Page, context: BrowserContext) -> None:
    other = context.new_page()
    other.goto("/")
    expect(other.get_by_role("heading", name="Your videos", exact=True)).to_be_visible()
    signed_in.get_by_role("link", name="Your account").click()
    choice = signed_in.locator("#language")
    expect(choice.locator("option")).to_have_text(["Same as the browser (English)", "English", "Deutsch"])
    choice.select_option("Deutsch")
    expect(signed_in.get_by_role("heading", name="Ihr Konto")).to_be_visible()
    expect(signed_in).to_have_title("Konto – Slipway")
    expect(signed_in.locator("html")).to_have_attribute("lang", "de")
    # The other tab follows, and keeps what it does.
    expect(other.get_by_role("heading", name="Ihre Videos", exact=True)).to_be_visible()

    signed_in.reload()
    expect(choice).to_have_value("de")
    expect(signed_in.get_by_role("heading", name="Ihr Konto")).to_be_visible()
    choice.select_option("Wie der Browser (English)")
    expect(signed_in.get_by_role("heading", name="Your account")).to_be_visible()
    assert signed_in.evaluate("Object.keys(localStorage)") == []


def test_account_says_if_a_language_does_not_load(signed_in: Page) -> None:
    signed_in.get_by_role("link", name="Your account").click()
    choice = signed_in.locator("#language")
    expect(choice).to_have_value("")
    signed_in.context.set_offline(True)
    choice.select_option("Deutsch")
    refusal = signed_in.get_by_role("alert").filter(has_text="The language couldn't be loaded.")
    expect(refusal).to_be_visible()
    expect(choice).to_have_value("")
    signed_in.context.set_offline(False)


@pytest.mark.parametrize("locale", ["ar-XB"])
def test_page_runs_from_right_to_left_and_forgets_no_text(
    page: Page, slipway: SlipwayProcess, account: Account, film: Path
) -> None:
    names = ["Hafen.webm", "شريط.webm", f"{'a very long name of a film ' * 4}.webm"]
    with slipway.api(account.email, account.password) as api:
        for name in names:
            slipway.upload(api, name, "video/webm", film.read_bytes())
        slipway.upload(api, "notes.mp4", "video/mp4", b"Milk, bread, and a film for the weekend.\n" * 100)

    def check(what: str) -> None:
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, (what, width)
            assert page.evaluate(FORGOTTEN) == [], what

    for path in ("/register", "/nowhere", "/login"):
        page.goto(path)
        expect(page.get_by_role("heading", name="~]")).to_be_visible()
        check(path)
    sign_in(page, account, "wrong", "[Sign in ~~~~]")
    expect(page.get_by_role("alert").filter(has_text="[The e-mail address")).to_be_visible()
    check("refused sign-in")
    sign_in(page, account, account.password, "[Sign in ~~~~]")
    rows = page.get_by_role("main").locator("li")
    expect(rows).to_have_count(4)
    expect(page.locator("li [data-status=failed]")).to_be_visible()
    check("list")
    page.set_input_files("input[type=file]", film)
    wait_for_upload_status(page, "done")
    expect(page.locator("[data-upload-status]").get_by_role("link")).to_be_visible()
    check("upload")

    # A name begins where the lines of the page begin, whatever its own direction.
    for name in ("Hafen.webm", "شريط.webm"):
        shown = page.get_by_role("link", name=name).first.locator("bdi")
        assert shown.evaluate("(name) => getComputedStyle(name).textAlign") == "right"
    page.get_by_role("link", name="شريط.webm").click()
    expect(page.locator("video")).to_be_visible()
    check("video")
    back = page.get_by_role("main").get_by_role("link").first
    assert back.locator("svg").evaluate("(icon) => getComputedStyle(icon).scale") == "-1 1"
    page.get_by_role("banner").get_by_role("link", name="[Your account").click()
    expect(page.locator("#language")).to_be_visible()
    expect(page.get_by_role("listitem").first).to_be_visible()
    check("account")
