"""Shows why a video doesn't play. The browser calls every failed first request an unsupported format."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Account
from tests.engines.slipway import SlipwayProcess
from tests.media import Container, make_video
from tests.waiting import wait_until

READABLE = {"access-control-allow-origin": "*"}


@pytest.fixture
def show(signed_in: Page, slipway: SlipwayProcess, account: Account, tmp_path: Path) -> "Show":
    return Show(signed_in, slipway, account, tmp_path)


class Show:
    def __init__(self, page: Page, slipway: SlipwayProcess, account: Account, folder: Path) -> None:
        self.page, self.slipway, self.account, self.folder = page, slipway, account, folder

    def __call__(self, container: Container) -> None:
        """Upload a video without the page and open the video's page."""
        file = self.folder / f"film.{container}"
        make_video(file, container, seconds=1, width=320, height=240, fps=10, audio=False)
        with self.slipway.api(self.account.email, self.account.password) as api:
            video_id = self.slipway.upload(api, file.name, f"video/{container}", file.read_bytes())
            wait_until(lambda: api.get(f"/videos/{video_id}").json()["status"] == "ready", "ready")
        self.page.goto(f"/video?id={video_id}")

    def answer(self, status: int, *, is_readable: bool = True) -> None:
        """Let the store answer so from now on."""
        # Playwright adds the header if there is none.
        headers = READABLE if is_readable else {"access-control-allow-origin": "https://elsewhere.example"}
        self.page.route(
            f"{self.slipway.store_origin}/**", lambda route: route.fulfill(status=status, headers=headers)
        )

    def expect_trouble(self, title: str, text: str) -> None:
        alert = self.page.get_by_role("main").get_by_role("alert")
        expect(alert).to_contain_text(title)
        expect(alert).to_contain_text(text)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, "The storage refused the link to the video."),
        (404, "The storage no longer has the file."),
        (503, "The storage can't send the video at the moment."),
    ],
)
def test_answer_of_the_store_is_named(show: Show, status: int, text: str) -> None:
    show.answer(status)
    show("webm")
    show.expect_trouble("The video couldn't be loaded", text)


def test_unreadable_answer_is_not_taken_for_the_format(show: Show) -> None:
    show.answer(503, is_readable=False)
    show("webm")
    show.expect_trouble("The video couldn't be loaded", "Check your connection and try again.")


def test_video_plays_when_the_store_is_back(show: Show) -> None:
    show.page.route(f"{show.slipway.store_origin}/**", lambda route: route.abort())
    show("webm")
    show.expect_trouble("The video couldn't be loaded", "Check your connection and try again.")

    show.page.unroute_all()
    show.page.get_by_role("button", name="Try again").click()
    expect(show.page.locator("video")).to_have_js_property("videoWidth", 320)


def test_refused_link_is_renewed(show: Show) -> None:
    """The clock of the device may be wrong, so the page cannot tell from it that a link has expired."""
    refused: list[str] = []

    def refuse_first(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=403, headers=READABLE)

    def renew(route: Route) -> None:
        answer = route.fetch()
        video = answer.json()
        if refused:
            video["delivery_url"] += "&renewed"
        route.fulfill(response=answer, json=video)

    show.page.route(
        lambda url: url.startswith(show.slipway.store_origin) and "renewed" not in url, refuse_first
    )
    show.page.route(
        lambda url: "&renewed" in url,
        lambda route: route.continue_(url=route.request.url.removesuffix("&renewed")),
    )
    show.page.route("**/api/v1/videos/*", renew)
    show("webm")
    expect(show.page.locator("video")).to_have_js_property("videoWidth", 320)
    assert refused


def test_format_that_the_browser_lacks_is_named(show: Show) -> None:
    show("avi")
    show.expect_trouble("This browser can't play the video", "AVI with")
    expect(show.page.get_by_role("link", name="Download the video")).to_be_visible()


# The engine knows the size only after this event.
SIZE = """
const known = new WeakSet();
addEventListener("%s", (event) => known.add(event.target), true);
const {get} = Object.getOwnPropertyDescriptor(HTMLVideoElement.prototype, "videoWidth");
Object.defineProperty(HTMLVideoElement.prototype, "videoWidth", {
  get() { return known.has(this) ? get.call(this) : 0; },
});
"""


def test_picture_whose_size_is_known_late_is_shown(show: Show) -> None:
    show.page.add_init_script(SIZE % "loadeddata")
    show("webm")
    expect(show.page.locator("video")).to_have_js_property("videoWidth", 320)
    expect(show.page.get_by_text("can't show the picture")).to_have_count(0)


def test_missing_picture_is_explained(show: Show) -> None:
    show.page.add_init_script(SIZE % "ended")
    show("webm")
    show.expect_trouble("This browser can't show the picture", "WebM with")
