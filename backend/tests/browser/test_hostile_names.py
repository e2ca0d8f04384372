"""A name with markup is shown as text, wherever the page shows it."""

from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import Account, choose, listed_videos, wait_until_ready
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

RUN = "window.__ran=1"
NAMES = [
    f'<img src=x onerror="{RUN}">.webm',
    f'"><svg onload={RUN}>.webm',
    f"<script>{RUN}</script>.webm",
    f"</title><script>{RUN}</script>.webm",
    f"'\" autofocus onfocus={RUN} x='.webm",
    f"javascript:{RUN}\\.webm",
    "<iframe srcdoc='<script>parent.__ran=1</script>'>.webm",
    f"{{{{constructor.constructor('{RUN}')()}}}}${{{RUN}}}.webm",
    "&lt;b&gt;&#60;i&#62;.webm",
]
INJECTED = "img[src='x'], svg[onload], iframe, [onerror], [onfocus], [onload], title script, main b, main i"


def assert_nothing_ran(page: Page) -> None:
    """The fixture `page` also fails on what the Content-Security-Policy refused."""
    assert page.evaluate("window.__ran") is None
    assert page.locator(INJECTED).count() == 0


def test_markup_in_a_name_runs_nothing(
    signed_in: Page, slipway: SlipwayProcess, account: Account, tmp_path: Path
) -> None:
    file = tmp_path / "a.webm"
    make_video(file, container="webm", seconds=1, width=320, height=240, fps=10, audio=False)
    with slipway.api(account.email, account.password) as api:
        api.patch("/auth/me", json={"full_name": NAMES[0]}).raise_for_status()
        for name in NAMES[1:]:
            slipway.upload(api, name, "video/webm", file.read_bytes())

    payload: FilePayload = {"name": NAMES[0], "mimeType": "video/webm", "buffer": file.read_bytes()}
    choose(signed_in, payload)
    wait_until_ready(signed_in)
    assert_nothing_ran(signed_in)
    videos = {video["original_filename"]: video["id"] for video in listed_videos(signed_in)}
    assert videos.keys() == set(NAMES)

    signed_in.reload()
    for name in NAMES:
        expect(signed_in.get_by_role("link", name=name, exact=True).first).to_be_visible()
    assert_nothing_ran(signed_in)

    for name, video_id in videos.items():
        signed_in.goto(f"/video?id={video_id}")
        expect(signed_in.get_by_role("heading", name=name, exact=True)).to_be_visible()
        assert_nothing_ran(signed_in)

    signed_in.goto("/")
    signed_in.get_by_role("button", name=f"Delete {NAMES[1]}", exact=True).first.click()
    expect(signed_in.get_by_role("region", name="Deleted videos")).to_contain_text(NAMES[1])
    assert_nothing_ran(signed_in)
