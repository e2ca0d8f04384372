"""Records every request, answer and console line of a visit in Chromium, and searches all of it for secrets."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, Request, Route, expect

from localstore.credentials import load_or_create_credentials
from tests.browser.conftest import TIMEOUT_MILLISECONDS, choose, wait_until_ready
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

EMAIL, PASSWORD, WRONG_PASSWORD = "visitor@example.com", "planted-pass-phrase", "planted-wrong-phrase"
METRICS_TOKEN = "planted-metrics-token"
HOSTILE_NAME = "\"><img src=x onerror=console.error(`ran`)>'`${7*7}.mp4"
SIZE_BYTES = 12 * 1024**2
"""Three parts of 5 MiB."""
KEPT_BY_THE_BROWSER = """
async () => JSON.stringify([
  {...localStorage}, {...sessionStorage}, document.cookie, history.state, location.href,
  (await indexedDB.databases()).map(({name}) => name), await caches.keys(),
])
"""


@dataclass(frozen=True)
class Exchange:
    """A request of the page, with its answer if one came."""

    method: str
    url: str
    sent: str
    """Headers and body."""
    referer: str
    answer: str

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def what(self) -> str:
        return f"{self.method} {urlsplit(self.url).path}"


@dataclass(frozen=True)
class Visit:
    """What a visit sent, got and left behind."""

    exchanges: list[Exchange]
    origin: str
    store_origin: str
    token: str
    store_key: str
    left_behind: dict[str, str]

    @property
    def signatures(self) -> set[str]:
        urls = [each.url for each in self.exchanges if each.origin == self.store_origin]
        return {
            value
            for url in urls
            for name, value in parse_qsl(urlsplit(url).query)
            if name.endswith("Signature")
        }

    @property
    def secrets(self) -> list[str]:
        return [PASSWORD, WRONG_PASSWORD, METRICS_TOKEN, self.token, self.store_key]


@pytest.fixture(scope="module")
def visit(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("visit")
    file = make_video(folder / HOSTILE_NAME, seconds=1, size_bytes=SIZE_BYTES)
    started: list[Request] = []
    headers: dict[Request, dict[str, str]] = {}
    finished: dict[Request, Exchange] = {}
    console: list[str] = []
    with SlipwayProcess(folder / "data", {"METRICS_TOKEN": METRICS_TOKEN}) as slipway:
        context = browser.new_context(locale="en-GB", base_url=slipway.origin)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        context.on("request", lambda request: started.append(request))
        context.on("response", lambda answer: headers.update({answer.request: answer.request.all_headers()}))
        # At once, because Chromium forgets bodies when the page changes.
        context.on("requestfinished", lambda request: finished.update({request: exchange(request)}))
        context.on("console", lambda line: console.append(line.text))
        context.on("weberror", lambda error: console.append(str(error.error)))
        page = context.new_page()
        register(page)
        sign_in(page)
        (token,) = [cookie.get("value", "") for cookie in context.cookies()]
        upload_with_failures(page, slipway.store_origin_of_page, file)
        look_around(page)
        left = {"browser": page.evaluate(KEPT_BY_THE_BROWSER), "HTML": page.content()}
        exchanges = [
            finished.get(request) or sent(request, headers.get(request, request.headers))
            for request in started
        ]
        context.close()
        slipway.stop()
        left |= {"console": "\n".join(console), "log": slipway.log_file.read_text()}
        files = [path for path in slipway.data_dir.glob("slipway.db*") if path.is_file()]
        left["database"] = b"".join(path.read_bytes() for path in files).decode("latin-1")
        store_key = load_or_create_credentials(slipway.data_dir / "store").secret_access_key
        yield Visit(exchanges, slipway.origin, slipway.store_origin_of_page, token, store_key, left)


def register(page: Page) -> None:
    page.goto("/login")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("heading", name="Create an account").wait_for()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_text("No videos yet").wait_for()
    page.get_by_role("button", name="Sign out").click()


def sign_in(page: Page) -> None:
    """Sign in at the second try."""
    page.get_by_role("button", name="Sign in").wait_for()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(WRONG_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").filter(has_text="Check both").wait_for()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Your videos", exact=True).wait_for()


def upload_with_failures(page: Page, store_origin: str, file: Path) -> None:
    """Upload a file whose first two requests to the store break."""
    failures = iter(range(2))

    def fail_twice(route: Route) -> None:
        if next(failures, None) is None:
            route.continue_()
        else:
            route.abort()

    page.route(f"{store_origin}/**", fail_twice)
    choose(page, file)
    wait_until_ready(page)
    page.unroute(f"{store_origin}/**")


def look_around(page: Page) -> None:
    page.get_by_role("link", name="Watch").click()
    expect(page.locator("video")).to_have_js_property("videoWidth", 320)
    page.goto("/video?id=00000000-0000-4000-8000-000000000000")
    page.get_by_role("heading").first.wait_for()
    page.goto("/")
    page.get_by_role("link", name=HOSTILE_NAME).wait_for()


def exchange(request: Request) -> Exchange:
    answer = request.response()
    text = str(answer.all_headers()) if answer else ""
    if answer and not request.url.endswith(".mp4"):
        with suppress(Error):  # an answer without a body, as after PUT
            text += answer.text()
    return sent(request, request.all_headers(), text)


def sent(request: Request, headers: dict[str, str], answer: str = "") -> Exchange:
    body = request.post_data_buffer or b""
    return Exchange(request.method, request.url, f"{headers} {body!r}", headers.get("referer", ""), answer)


def test_only_own_origin_and_store_are_asked(visit: Visit) -> None:
    assert {each.origin for each in visit.exchanges} == {visit.origin, visit.store_origin}


def test_store_does_not_learn_the_address_of_the_page(visit: Visit) -> None:
    to_store = [each for each in visit.exchanges if each.origin == visit.store_origin]
    assert {each.method for each in to_store} >= {"PUT", "GET"}
    assert [each.referer for each in to_store if each.referer] == []


def test_passwords_are_sent_only_to_sign_in_and_register(visit: Visit) -> None:
    senders = {
        each.what
        for each in visit.exchanges
        for password in (PASSWORD, WRONG_PASSWORD)
        if password in each.sent or password in each.url
    }
    assert senders == {"POST /api/v1/auth/register", "POST /api/v1/auth/login"}


def test_session_token_is_sent_only_to_the_app(visit: Visit) -> None:
    senders = [each for each in visit.exchanges if visit.token in each.sent]
    assert senders
    assert {each.origin for each in senders} == {visit.origin}
    assert [each.what for each in visit.exchanges if visit.token in each.url] == []


def test_answers_have_no_secret_but_the_cookie_and_signed_urls(visit: Visit) -> None:
    having = {each.what for each in visit.exchanges for secret in visit.secrets if secret in each.answer}
    assert having == {"POST /api/v1/auth/login"}  # Set-Cookie
    assert visit.signatures
    signed = {each.what for each in visit.exchanges for one in visit.signatures if one in each.answer}
    assert [what for what in signed if not re.match(r"(GET|POST) /api/v1/videos", what)] == []


@pytest.mark.parametrize("where", ["browser", "console", "log", "database"])
def test_nothing_that_stays_has_a_secret(visit: Visit, where: str) -> None:
    text = visit.left_behind[where]
    assert [secret for secret in [*visit.secrets, *visit.signatures] if secret in text] == []


def test_page_that_is_open_has_no_secret(visit: Visit) -> None:
    """Only an open list has signed URLs, which end."""
    assert [secret for secret in visit.secrets if secret in visit.left_behind["HTML"]] == []


def test_hostile_name_is_shown_as_text(visit: Visit) -> None:
    assert "&lt;img src=x onerror" in visit.left_behind["HTML"]
    assert "<img src=x" not in visit.left_behind["HTML"]
    assert "ran" not in visit.left_behind["console"].splitlines()
