"""Clicks through the page during an upload, which must survive."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import Account, choose, wait_for_upload_status, wait_until_ready
from tests.browser.page_user import FILE_BYTES, VideoFile, make_file
from tests.browser.test_upload import hold
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> VideoFile:
    return make_file(tmp_path_factory.mktemp("large") / "large.mp4", FILE_BYTES)


@pytest.fixture
def uploading(
    signed_in: Page, slipway: SlipwayProcess, account: Account, large_file: VideoFile, tmp_path: Path
) -> Iterator[Page]:
    """Yield a page that lists another video and sends the large file. Check afterwards that the upload ends well."""
    small = make_video(tmp_path / "small.mp4", "mp4", 1, 320, 240, 10).read_bytes()
    with slipway.api(account.email, account.password) as api:
        slipway.upload(api, "small.mp4", "video/mp4", small)
    # The upload would keep the network busy.
    signed_in.reload(wait_until="networkidle")
    release = hold(signed_in, lambda url: "partNumber=3&" in url)
    leave_prompts: list[str] = []

    def leave(prompt: Dialog) -> None:
        leave_prompts.append(prompt.type)
        prompt.accept()

    signed_in.on("dialog", leave)
    choose(signed_in, large_file.path)
    wait_for_upload_status(signed_in, "sending")

    yield signed_in

    release()
    signed_in.get_by_role("link", name="Slipway, your videos").click()
    wait_until_ready(signed_in)
    assert leave_prompts == []


def test_download_keeps_upload(uploading: Page) -> None:
    uploading.get_by_role("link", name="small.mp4").click()
    with uploading.context.expect_event("download"):
        uploading.get_by_role("link", name="Download").click()
    expect(uploading.get_by_role("link", name="Uploading")).to_be_visible()


def test_navigation_keeps_upload_while_server_is_away(uploading: Page) -> None:
    """Next loads the whole page if it cannot fetch the payload of a page that it holds to be stale."""
    uploading.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=1))
    uploading.route(lambda url: ".txt?" in url, lambda route: route.abort())
    uploading.get_by_role("link", name="small.mp4").click()
    expect(uploading.get_by_role("link", name="Uploading")).to_be_visible()
    uploading.go_back()
    expect(uploading.get_by_role("button", name="Cancel")).to_be_visible()
