"""Shows why a video doesn't play. The browser calls every failed first request an unsupported format."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import RETRIES, Account
from tests.browser.test_upload import hold
from tests.engines.slipway import SlipwayProcess
from tests.media import Container, Layout, make_video
from tests.waiting import wait_until

KEPT = 200_000
"""Bytes of a video that the store sends before it refuses a link."""
READABLE = {"access-control-allow-origin": "*"}


@pytest.fixture
def show(signed_in: Page, slipway: SlipwayProcess, account: Account, tmp_path: Path) -> "Show":
    return Show(signed_in, slipway, account, tmp_path)


class Show:
    def __init__(self, page: Page, slipway: SlipwayProcess, account: Account, folder: Path) -> None:
        self.page, self.slipway, self.account, self.folder = page, slipway, account, folder

    def __call__(
        self,
        container: Container,
        *,
        seconds: int = 1,
        size: tuple[int, int] = (320, 240),
        audio: bool = False,
        layout: Layout = "moov_first",
        keep_bytes: int | None = None,
    ) -> None:
        """Upload a video, or only its first bytes, without the page, and open the video's page."""
        file = self.folder / f"film.{container}"
        make_video(file, container, seconds, *size, 10, audio=audio, layout=layout)
        if keep_bytes is not None:
            os.truncate(file, keep_bytes)
        with self.slipway.api(self.account.email, self.account.password) as api:
            video_id = self.slipway.upload(api, file.name, f"video/{container}", file.read_bytes())
            wait_until(lambda: api.get(f"/videos/{video_id}").json()["status"] == "ready", "ready")
        self.video_id = video_id
        self.page.goto(f"/video?id={video_id}")

    def answer(self, status: int, *, is_readable: bool = True) -> None:
        """Let the store answer so from now on."""
        # Playwright adds the header if there is none.
        headers = READABLE if is_readable else {"access-control-allow-origin": "https://elsewhere.example"}
        self.page.route(
            f"{self.slipway.store_origin_of_page}/**",
            lambda route: route.fulfill(status=status, headers=headers),
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
    show.page.route(f"{show.slipway.store_origin_of_page}/**", lambda route: route.abort())
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
        answer = route.fetch(max_retries=RETRIES)
        video = answer.json()
        if refused:
            video["delivery_url"] += "&renewed"
        route.fulfill(response=answer, json=video)

    show.page.route(
        lambda url: url.startswith(show.slipway.store_origin_of_page) and "renewed" not in url, refuse_first
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
    expect(show.page.get_by_role("button", name="Try again")).to_have_count(0)


def test_file_with_too_little_data_is_not_called_a_wrong_format(show: Show) -> None:
    show("mp4", seconds=20, size=(640, 360), keep_bytes=6_000)
    show.expect_trouble("This browser can't play what there is of the video", "This file ends early.")


# Where the page's content begins below the header and how high the player is, which tell whether anything moved.
PLACE = """() => {
  const box = (name) => document.querySelector(name).getBoundingClientRect();
  const player = box("video"), title = box("h1");
  return {width: player.width, height: player.height, title: title.y, wide: document.documentElement.scrollWidth};
}"""


def test_player_has_the_proportions_of_a_phone_video_before_it_loads(show: Show) -> None:
    show.page.set_viewport_size({"width": 390, "height": 844})
    release = hold(show.page, lambda url: url.startswith(show.slipway.store_origin_of_page))
    show("mp4", size=(180, 320))
    show.page.locator("video").wait_for()
    before = show.page.evaluate(PLACE)
    assert before["width"] / before["height"] == pytest.approx(180 / 320, rel=0.01)
    assert before["width"] > 330
    assert before["height"] < 844
    assert before["wide"] <= 390

    release()
    expect(show.page.locator("video")).to_have_js_property("videoWidth", 180)
    assert show.page.evaluate(PLACE) == before
    show.page.set_viewport_size({"width": 1280, "height": 600})
    assert show.page.evaluate(PLACE)["height"] < 600


def test_page_of_a_video_names_and_copies_it(show: Show) -> None:
    show.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show("mp4", audio=True)
    expect(show.page).to_have_title("film.mp4 – Slipway")
    expect(show.page.get_by_text("H.264 video, AAC mono, 10 fps")).to_be_visible()
    for name, copied in (("Copy link", show.page.url), ("Copy ID", show.video_id)):
        button = show.page.get_by_role("button", name=name)
        button.click()
        expect(button).to_have_count(0)
        assert show.page.evaluate("navigator.clipboard.readText()") == copied
    show.page.get_by_role("link", name="All videos").click()
    expect(show.page).to_have_title("Your videos – Slipway")


PLAYBACK = "({currentTime, paused, volume, playbackRate}) => ({currentTime, paused, volume, playbackRate})"


def test_player_carries_on_with_a_new_link(show: Show) -> None:
    """The store refuses the old link for all but the first bytes, as if it ended while the video plays."""
    old: list[str] = []

    def renew(route: Route) -> None:
        answer = route.fetch(max_retries=RETRIES)
        video = answer.json()
        if old:
            video["delivery_url"] += "&renewed"
        route.fulfill(response=answer, json=video)

    def serve(route: Route) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", route.request.headers.get("range", ""))
        if "&renewed" in route.request.url:
            route.continue_(url=route.request.url.removesuffix("&renewed"))
        elif wanted is None or int(wanted[1]) >= KEPT:
            old.append(route.request.url)
            route.fulfill(status=403, headers=READABLE)
        else:
            whole = route.fetch(headers=route.request.headers | {"range": ""}).body()
            start = int(wanted[1])
            headers = READABLE | {
                "content-range": f"bytes {start}-{KEPT - 1}/{len(whole)}",
                "accept-ranges": "bytes",
                "content-type": "video/mp4",
            }
            route.fulfill(status=206, headers=headers, body=whole[start:KEPT])

    show.page.route(f"{show.slipway.store_origin_of_page}/**", serve)
    show.page.route("**/api/v1/videos/*", renew)
    show("mp4", seconds=60, size=(640, 360))
    player = show.page.locator("video")
    expect(player).to_have_js_property("videoWidth", 640)
    player.evaluate(
        "player => player.addEventListener('error', () => { window.__stoppedAt = player.currentTime; })"
    )
    player.evaluate("player => Object.assign(player, {volume: 0.25, muted: true, playbackRate: 2}).play()")
    wait_until(lambda: player.evaluate("player => player.currentSrc.includes('renewed')"), "the new address")
    wait_until(lambda: player.evaluate("player => player.currentTime > 0"), "it plays")
    after = player.evaluate(PLAYBACK)
    assert after["currentTime"] >= show.page.evaluate("window.__stoppedAt") > 0
    assert (after["paused"], after["volume"], after["playbackRate"]) == (False, 0.25, 2)


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
