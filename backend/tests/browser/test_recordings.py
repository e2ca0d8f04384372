"""Uploads videos as phones, browsers and screen recorders make them, and checks the metadata shown."""

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose, last_packets_seconds, listed_videos, wait_until_ready
from tests.media import make_fragmented_mp4, make_live_webm, make_portrait_phone_video, make_video

# Records as a page with MediaRecorder does. The file states neither its duration nor its frame rate.
RECORD = """
async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = 180;
  const paint = canvas.getContext("2d");
  let frame = 0;
  const painting = setInterval(() => {
    paint.fillStyle = `hsl(${(frame += 7) % 360} 80% 50%)`;
    paint.fillRect(0, 0, 320, 180);
  }, 40);
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
  const chunks = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start(250);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  recorder.stop();
  await stopped;
  clearInterval(painting);
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
"""


def test_portrait_video_is_rotated(signed_in: Page, tmp_path: Path) -> None:
    choose(signed_in, make_portrait_phone_video(tmp_path / "IMG_0042.MOV"))
    wait_until_ready(signed_in)
    (video,) = listed_videos(signed_in)
    assert (video["width"], video["height"], video["rotation"]) == (1080, 1920, 90)
    expect(signed_in.get_by_role("main").get_by_text("1080 × 1920").first).to_be_visible()
    signed_in.get_by_role("link", name="Watch").click()
    expect(signed_in.get_by_text("Rotated 90° clockwise")).to_be_visible()


def test_browser_recording_shows_duration(signed_in: Page, tmp_path: Path) -> None:
    file = tmp_path / "me.webm"
    file.write_bytes(base64.b64decode(signed_in.evaluate(RECORD)))
    choose(signed_in, file)
    wait_until_ready(signed_in)
    (video,) = listed_videos(signed_in)
    assert (video["width"], video["height"], video["video_codec"]) == (320, 180, "vp8")
    # ffprobe reports no duration. The last frame counts as long as the one before it, which a busy machine paints late.
    before, last = last_packets_seconds(file)
    assert video["duration_seconds"] == pytest.approx(last + (last - before), abs=0.1)


def test_live_webm_shows_duration(signed_in: Page, tmp_path: Path) -> None:
    choose(signed_in, make_live_webm(tmp_path / "live.webm", seconds=4))
    wait_until_ready(signed_in)
    (video,) = listed_videos(signed_in)
    assert video["duration_seconds"] == pytest.approx(4, abs=0.1)
    expect(signed_in.get_by_role("main").get_by_text("0:04").first).to_be_visible()


@pytest.mark.parametrize("index", [True, False], ids=["with-index", "after-a-crash"])
def test_fragmented_mp4_shows_duration(signed_in: Page, tmp_path: Path, index: bool) -> None:
    choose(signed_in, make_fragmented_mp4(tmp_path / "obs.mp4", seconds=5, index=index))
    wait_until_ready(signed_in)
    (video,) = listed_videos(signed_in)
    assert video["duration_seconds"] == pytest.approx(5, abs=0.1)


def test_file_that_ends_early_is_ready_and_says_so(signed_in: Page, tmp_path: Path) -> None:
    """A camera lost power, or half a file was copied."""
    signed_in.set_viewport_size({"width": 390, "height": 844})
    file = make_video(tmp_path / "half.mp4", seconds=5, layout="moov_first")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    choose(signed_in, file)

    notice = re.compile(r"This file ends early\. It contains about 4\d% of the video")
    wait_until_ready(signed_in)
    expect(signed_in.locator("[data-upload-status]").get_by_text(notice)).to_be_visible()
    expect(signed_in.get_by_role("status")).to_have_text(notice)
    row = signed_in.get_by_role("listitem").filter(has_text="half.mp4")
    expect(row.get_by_text(notice)).to_be_visible()
    expect(row.get_by_text("Ready")).to_be_visible()
    row.get_by_role("link").click()
    expect(signed_in.get_by_role("article").get_by_text(notice)).to_be_visible()
