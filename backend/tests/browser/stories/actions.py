"""What a person does with videos when nothing breaks."""

import asyncio

from tests.browser.page_user import FILE_BYTES, FILE_PARTS, MIB, PageUser, make_file
from tests.browser.story import story
from tests.engines.faults import Match
from tests.media import CONTAINERS, Container
from tests.waiting import until


def _register_container(container: Container) -> None:
    @story(name=f"{container}_is_uploaded", everyday=True)
    async def _is_uploaded(user: PageUser) -> None:
        path = user.file.path.with_name(f"film.{container}")
        user.file = await asyncio.to_thread(make_file, path, FILE_BYTES, container)
        await user.choose()
        video = await user.expect_uploaded()
        assert (video["container"], video["width"], video["height"]) == (container, 320, 240)
        assert video["metadata_complete"] is True


for _container in CONTAINERS:
    _register_container(_container)


@story()
async def file_of_200_MiB_is_uploaded(user: PageUser) -> None:  # It is the row's title.
    user.file = await asyncio.to_thread(make_file, user.file.path.with_name("large.mp4"), 200 * MIB)
    await user.choose()
    await user.expect_uploaded()


@story(everyday=True)
async def upload_is_cancelled(user: PageUser) -> None:
    async with user.halfway():
        (video,) = await user.videos()
        await user.page.click("button", "Cancel")
        await user.page.click("button", "Cancel the upload", in_dialog=True)
        await user.expect_text("Choose a video")
    await user.expect_removed(video["id"])


@story(everyday=True)
async def video_is_deleted(user: PageUser) -> None:
    await user.choose()
    video = await user.expect_uploaded()
    await user.page.click("button", f"Delete {user.file.path.name}")
    await user.expect_text("No videos yet")
    # The page hides the row before the API has answered.
    await asyncio.to_thread(user.world.slipway.wait_for_empty_store, video["id"])
    assert await user.videos() == []


@story(everyday=True)
async def video_is_played(user: PageUser) -> None:
    await user.choose()
    await user.expect_uploaded()
    await user.page.click("link", "Watch")
    await user.wait_for("document.querySelector('video')?.videoWidth === 320", "the picture")
    # A browser may forbid sound before the user has clicked.
    await user.page.evaluate(
        "((player) => { player.muted = true; return player.play(); })(document.querySelector('video'))"
    )
    await user.wait_for("document.querySelector('video').currentTime > 0", "the film runs")


@story(everyday=True)
async def user_signs_out_during_an_upload(user: PageUser) -> None:
    async with user.halfway():
        (video,) = await user.videos()
        await user.page.click("button", "Sign out")
        await user.page.click("button", "Cancel and sign out", in_dialog=True)
        await user.wait_for("location.pathname === '/login'", "signed out")
    assert await user.fetch_status("GET", "/api/v1/auth/me") == 401
    # Without a session nobody could delete the video, so the page does it first.
    await user.expect_removed(video["id"])


@story()
async def other_video_is_downloaded_during_an_upload(user: PageUser) -> None:
    other_id = await asyncio.to_thread(_upload_other, user)
    await user.open("/")
    async with user.halfway():
        await user.page.click("link", "other.mp4")
        await user.page.click("link", "Download")
        download = Match("GET", f"/{other_id}/")
        await until(lambda: user.world.page_to_store.requests(download), "the download")
    await user.page.click("link", "All videos")
    await user.expect_uploaded()
    # The engine lost no part, and sent none a second time.
    assert [one.status for one in user.sent_parts()] == [200] * FILE_PARTS


def _upload_other(user: PageUser) -> str:
    slipway = user.world.slipway
    with slipway.api(user.account["email"], user.account["password"]) as api:
        return slipway.upload(api, "other.mp4", "video/mp4", user.file.path.read_bytes())
