"""Take the pictures in docs/images from the real page in Chromium, with real uploads to a temporary Slipway."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from playwright.sync_api import Page, Route, sync_playwright  # noqa: E402  # after the path to the tests' helpers
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, wait_until_ready  # noqa: E402
from tests.engines.slipway import SlipwayProcess  # noqa: E402
from tests.media import make_video, run_ffmpeg  # noqa: E402

IMAGES = ROOT / "docs/images"


def sign_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password", exact=True).fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Choose a video").wait_for()


def fill_list(page: Page, folder: Path) -> None:
    for name, container, seconds, width, height in (
        ("Grandfather's boat 1998.avi", "avi", 62, 720, 576),
        ("Keel laying.mkv", "mkv", 44, 1280, 720),
        ("IMG_0042.MOV", "mov", 17, 1080, 1920),
        ("Harbour at dawn.mp4", "mp4", 83, 1920, 1080),
    ):
        file = folder / name
        make_video(file, container=container, seconds=seconds, width=width, height=height, fps=10)
        page.set_input_files("input[type=file]", file)
        wait_until_ready(page)
        page.reload()


def stop_half_way(page: Page, folder: Path) -> None:
    """Start an upload whose later parts wait, so that the picture shows one on its way."""
    file = folder / "Launch day, both cameras.mov"
    source = "testsrc2=size=1920x1080:rate=30:duration=4,noise=alls=100:allf=t"
    encoder = ["-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p"]
    run_ffmpeg("-f", "lavfi", "-i", source, *encoder, str(file))

    def hold_later_parts(route: Route) -> None:
        if "partNumber=1&" in route.request.url or "partNumber=2&" in route.request.url:
            route.continue_()

    page.route(lambda url: "partNumber=" in url, hold_later_parts)
    page.set_input_files("input[type=file]", file)
    page.locator('[data-upload-status="sending"]').wait_for()
    page.wait_for_timeout(2500)  # for the speed to settle


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        with SlipwayProcess(folder / "data") as slipway, slipway.api("ada@example.com") as api:
            api.patch("/auth/me", json={"full_name": "Ada Lovelace"})
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
            wide = chromium.new_page(base_url=slipway.origin, viewport={"width": 1280, "height": 860})
            sign_in(wide)
            fill_list(wide, folder)
            stop_half_way(wide, folder)
            wide.screenshot(path=IMAGES / "page-light.png")
            phone = chromium.new_page(
                base_url=slipway.origin,
                viewport={"width": 390, "height": 844},
                device_scale_factor=2,
                color_scheme="dark",
            )
            sign_in(phone)
            phone.get_by_text("Harbour at dawn.mp4").first.wait_for()
            phone.screenshot(path=IMAGES / "page-phone-dark.png")
            chromium.close()


if __name__ == "__main__":
    main()
