"""Uploads videos through the page, and checks what the user sees and the store contains."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import (
    Account,
    choose,
    ffprobe,
    listed_videos,
    wait_for_upload_status,
    wait_until_ready,
)
from tests.engines.slipway import SlipwayProcess
from tests.media import CONTAINERS, Container, make_video, pad_with_noise

MIB = 1024 * 1024


@pytest.mark.parametrize("container", CONTAINERS)
def test_uploads_video_and_shows_metadata(
    signed_in: Page, slipway: SlipwayProcess, tmp_path: Path, container: Container
) -> None:
    file = tmp_path / f"holiday.{container}"
    make_video(file, container=container, seconds=2, width=640, height=360, fps=25, audio=True)

    choose(signed_in, file)
    wait_until_ready(signed_in)

    (video,) = listed_videos(signed_in)
    assert slipway.stored_sha256(video["id"]) == hashlib.sha256(file.read_bytes()).hexdigest()
    oracle = ffprobe(file)
    assert video["container"] == container
    assert video["duration_seconds"] == pytest.approx(oracle["duration"], rel=0.01, abs=0.1)
    assert (video["width"], video["height"]) == (oracle["video"]["width"], oracle["video"]["height"])
    assert video["video_codec"] == oracle["video"]["codec_name"]
    assert video["audio_codec"] == oracle["audio"]["codec_name"]
    assert video["frame_rate"] == pytest.approx(25, rel=0.01)
    assert video["metadata_complete"] is True
    row = signed_in.get_by_role("main")
    expect(row.get_by_role("link", name="holiday").first).to_be_visible()
    expect(row.get_by_text("640 × 360").first).to_be_visible()
    expect(row.get_by_text(re.compile(r"^[1-9][\d.]* [KM]iB of 100 GiB used$"))).to_be_visible()


@pytest.fixture(scope="module")
def large_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video of six parts, no two of which are equal."""
    file = tmp_path_factory.mktemp("large") / "large.mov"
    return pad_with_noise(make_video(file, "mov"), "mov", 36 * MIB)


def test_large_video_bypasses_api(signed_in: Page, slipway: SlipwayProcess, large_video: Path) -> None:
    before = slipway.metric("slipway_http_request_body_bytes_total")
    calls: list[str] = []
    signed_in.on("request", lambda request: calls.append(upload_call(request)))

    choose(signed_in, large_video)
    wait_until_ready(signed_in)

    (video,) = listed_videos(signed_in)
    assert slipway.stored_sha256(video["id"]) == hashlib.sha256(large_video.read_bytes()).hexdigest()
    assert slipway.metric("slipway_http_request_body_bytes_total") - before < MIB
    assert calls.count("create") == 1
    assert calls.count("complete") == 1
    assert calls.count("part") >= 6


def test_resends_part_that_fails_twice(signed_in: Page, slipway: SlipwayProcess, large_video: Path) -> None:
    failures = 0

    def fail_twice(route: Route) -> None:
        nonlocal failures
        if route.request.method == "PUT" and failures < 2:
            failures += 1
            route.abort("connectionreset")
        else:
            route.continue_()

    signed_in.route(lambda url: "partNumber=2&" in url, fail_twice)
    choose(signed_in, large_video)
    wait_until_ready(signed_in)

    assert failures == 2
    (video,) = listed_videos(signed_in)
    assert slipway.stored_sha256(video["id"]) == hashlib.sha256(large_video.read_bytes()).hexdigest()


def test_progress_stays_below_100_before_complete(signed_in: Page, large_video: Path) -> None:
    release = hold(signed_in, lambda url: url.endswith("/complete"))
    choose(signed_in, large_video)
    wait_for_upload_status(signed_in, "assembling")

    card = signed_in.locator("[data-upload-status]")
    expect(card).not_to_contain_text("100%")
    bar = signed_in.get_by_role("progressbar")
    assert bar.get_attribute("aria-valuenow") in (None, "99")
    release()
    wait_until_ready(signed_in)


def test_rejects_text_named_mp4_before_sending(signed_in: Page, tmp_path: Path) -> None:
    calls: list[str] = []
    signed_in.on("request", lambda request: calls.append(upload_call(request)))
    file = tmp_path / "notes.mp4"
    file.write_text("Milk, bread, and a film for the weekend.\n" * 100)

    choose(signed_in, file)

    alert = signed_in.get_by_role("alert").filter(has_text="notes.mp4")
    expect(alert).to_be_visible()
    expect(alert).to_contain_text(re.compile(r"MP4 \(.*MOV \(.*AVI \(.*WebM \(.*MKV \("))
    assert "create" not in calls
    assert listed_videos(signed_in) == []


def test_text_sent_past_the_page_fails_with_reason(
    signed_in: Page, slipway: SlipwayProcess, account: Account
) -> None:
    text = b"Milk, bread, and a film for the weekend.\n" * 100
    with slipway.api(account.email, account.password) as api:
        slipway.upload(api, "notes.mp4", "video/mp4", text)
    signed_in.reload()

    row = signed_in.get_by_role("main")
    expect(row.get_by_role("listitem").get_by_text("Failed", exact=True)).to_be_visible()
    (video,) = listed_videos(signed_in)
    assert video["status"] == "failed"
    assert video["status_reason"]["code"] == "unsupported_container"
    expect(row.get_by_text("This file is not a video that Slipway accepts.").first).to_be_visible()


def test_cancel_leaves_nothing(signed_in: Page, slipway: SlipwayProcess, large_video: Path) -> None:
    hold(signed_in, lambda url: "partNumber=3&" in url)
    choose(signed_in, large_video)
    wait_for_upload_status(signed_in, "sending")
    (video,) = listed_videos(signed_in)

    signed_in.get_by_role("button", name="Cancel").click()
    with signed_in.expect_response(lambda answer: answer.request.method == "DELETE"):
        signed_in.get_by_role("dialog").get_by_role("button", name="Cancel the upload").click()

    expect(signed_in.get_by_role("button", name="Choose a video")).to_be_visible()
    assert listed_videos(signed_in) == []
    slipway.wait_for_empty_store(video["id"])


# Signing out waits for the removal for 5 s, in which a busy machine may not answer.
_WAIT_FOR_LAST_CALLS = """(() => {
  const {setTimeout} = window;
  window.setTimeout = (run, ms, ...values) => setTimeout(run, ms === 5000 ? 600_000 : ms, ...values);
})()"""


def test_sign_out_removes_upload_first(signed_in: Page, slipway: SlipwayProcess, large_video: Path) -> None:
    """Without a session nobody could delete the video, so signing out waits for its removal."""
    hold(signed_in, lambda url: "partNumber=3&" in url)
    choose(signed_in, large_video)
    wait_for_upload_status(signed_in, "sending")
    (video,) = listed_videos(signed_in)
    order: list[str] = []
    signed_in.on("response", lambda answer: order.append(f"{answer.request.method} is answered"))
    signed_in.on("request", lambda asked: order.append("logout is sent") if "/logout" in asked.url else None)

    release_logout = hold(signed_in, lambda url: url.endswith("/logout"))
    signed_in.evaluate(_WAIT_FOR_LAST_CALLS)
    signed_in.get_by_role("button", name="Sign out").click()
    dialog = signed_in.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel and sign out").click()
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_disabled()
    release_logout()

    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()
    ends = [one for one in order if one in ("DELETE is answered", "logout is sent")]
    assert ends == ["DELETE is answered", "logout is sent"]
    slipway.wait_for_empty_store(video["id"])


def test_sign_out_asks_before_cancelling_failed_upload(signed_in: Page, large_video: Path) -> None:
    third = re.compile("partNumber=3&")
    signed_in.route(
        third, lambda route: route.fulfill(status=400, headers={"access-control-allow-origin": "*"})
    )
    choose(signed_in, large_video)
    wait_for_upload_status(signed_in, "failed")

    signed_in.get_by_role("button", name="Sign out").click()
    signed_in.get_by_role("dialog").get_by_role("button", name="Stay signed in").click()

    signed_in.unroute(third)
    signed_in.get_by_role("button", name="Try again").click()
    wait_until_ready(signed_in)


def test_delete_is_taken_back(signed_in: Page, tmp_path: Path) -> None:
    """The story `video_is_deleted` waits until the video can no longer be restored, and looks for its object."""
    file = tmp_path / "short.mp4"
    make_video(file, container="mp4", seconds=1, width=320, height=240, fps=10, audio=False)
    choose(signed_in, file)
    wait_until_ready(signed_in)
    (video,) = listed_videos(signed_in)

    row = signed_in.get_by_role("main").locator("li")
    signed_in.get_by_role("button", name="Delete short.mp4").click()
    expect(signed_in.get_by_text("No videos yet")).to_be_visible()
    notice = signed_in.get_by_role("region", name="Deleted videos")
    undo = notice.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    signed_in.route("**/api/v1/videos/restore", lambda route: route.abort(), times=1)
    undo.click()
    expect(notice.get_by_role("alert")).to_contain_text("The server isn't answering.")
    undo.click()
    expect(row).to_contain_text("short.mp4")
    expect(notice).to_have_count(0)
    assert [one["id"] for one in listed_videos(signed_in)] == [video["id"]]


def test_uploads_dropped_file(signed_in: Page, tmp_path: Path) -> None:
    file = tmp_path / "dropped.webm"
    make_video(file, container="webm", seconds=1, width=320, height=240, fps=10, audio=False)
    transfer = signed_in.evaluate_handle(
        """([name, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name));
            return transfer;
        }""",
        [file.name, list(file.read_bytes())],
    )
    # Drop it on the list, because the whole page accepts files.
    heading = signed_in.get_by_role("heading", name="Your videos", exact=True)
    for kind in ("dragenter", "dragover", "drop"):
        heading.dispatch_event(kind, {"dataTransfer": transfer})
    wait_until_ready(signed_in)
    assert [video["original_filename"] for video in listed_videos(signed_in)] == ["dropped.webm"]


@pytest.mark.parametrize("name", ["1000012345", "Holiday 12.05.2024", "film.mp4\u200e", "film.mp4."])
def test_content_completes_name(signed_in: Page, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    make_video(tmp_path / "made.mp4", "mp4", 1, 320, 240, 10).rename(file)
    shown = "film.mp4" if name.startswith("film") else f"{name}.mp4"

    choose(signed_in, file)
    wait_until_ready(signed_in)

    (video,) = listed_videos(signed_in)
    assert video["original_filename"] == shown
    expect(signed_in.locator("[data-upload-status]")).to_contain_text(shown)
    signed_in.goto(f"/video?id={video['id']}")
    with signed_in.expect_download() as started:
        signed_in.get_by_role("link", name="Download").first.click()
    assert started.value.suggested_filename == shown


# Each gives a DataTransfer. Mail programs announce a file and bring none.
DROPS_WITHOUT_FILE = {
    "a mail's attachment": "{types: ['text/uri-list', 'Files'], items: [], files: []}",
    "a promised file": "{types: ['Files'], items: [{kind: 'file', type: ''}], files: []}",
    "a link": "made({'text/uri-list': 'https://example.com/film.mp4', 'text/plain': 'https://example.com/film.mp4'})",
    "a picture of a page": "made({'text/html': '<img src=https://example.com/a.png>'})",
    "words": "made({'text/plain': 'some words'})",
}
DROP = """(target, transfer) => {
    const outcomes = [];
    for (const kind of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(kind, {bubbles: true, cancelable: true});
        Object.defineProperty(event, "dataTransfer", {value: transfer});
        outcomes.push(target.dispatchEvent(event));
    }
    return outcomes;
}"""
MADE = """(texts) => {
    const transfer = new DataTransfer();
    for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
    return transfer;
}"""


@pytest.mark.parametrize("drop", DROPS_WITHOUT_FILE)
def test_explains_drop_without_file(signed_in: Page, drop: str) -> None:
    heading = signed_in.get_by_role("heading", name="Your videos", exact=True)

    taken = heading.evaluate(
        f"(heading) => {{ const made = {MADE}; return ({DROP})(heading, {DROPS_WITHOUT_FILE[drop]}); }}"
    )

    assert taken == [False] * 3, "the browser would open what is dropped"
    expect(signed_in.locator("[data-slot=alert]")).to_have_text(
        "What you dropped contains no file. Save the video on this device, then choose it here."
    )


def test_leaves_drags_of_its_own_alone(signed_in: Page) -> None:
    heading = signed_in.get_by_role("heading", name="Your videos", exact=True)
    heading.dispatch_event("dragstart")

    left = heading.evaluate(
        f"(heading) => {{ const made = {MADE}; return ({DROP})(heading, made({{'text/plain': 'a'}})); }}"
    )

    assert left == [True] * 3
    expect(signed_in.locator("[data-slot=alert]")).to_have_count(0)


def test_leaves_words_for_text_field_alone(page: Page) -> None:
    page.goto("/login")
    left = page.get_by_label("E-mail").evaluate(
        f"(field) => {{ const made = {MADE}; return ({DROP})(field, made({{'text/plain': 'a'}})); }}"
    )
    assert left == [True] * 3


def hold(page: Page, matches: Callable[[str], bool]) -> Callable[[], None]:
    """Hold matching requests. The returned function lets them pass, and later ones, which may repeat them."""
    held: list[Route] = []
    is_over = False

    def keep(route: Route) -> None:
        if is_over:
            route.continue_()
        else:
            held.append(route)

    def release() -> None:
        nonlocal is_over
        is_over = True
        for route in held:
            route.continue_()

    page.route(matches, keep)
    return release


def upload_call(request: Request) -> str:
    """Return the kind of a request in the upload conversation."""
    if request.method == "POST" and request.url.endswith("/api/v1/videos"):
        return "create"
    if request.method == "POST" and request.url.endswith("/parts"):
        return "sign"
    if request.method == "POST" and request.url.endswith("/complete"):
        return "complete"
    return "part" if request.method == "PUT" and "partNumber=" in request.url else "other"
