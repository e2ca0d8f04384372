"""Send a 2 GiB video through the page in Chromium and measure API requests, memory, time and bytes past the API.

Prints a table against the targets and writes bench/results/large_upload.json. Loopback only.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "backend"), str(ROOT / "bench/upload")]

from contest import part_md5s  # noqa: E402  # after the path
from measuring import MIB, MemoryWatch, browser_pid  # noqa: E402  # after the path to the tests' helpers
from playwright.sync_api import Request, sync_playwright  # noqa: E402
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS  # noqa: E402
from tests.engines.slipway import SlipwayProcess  # noqa: E402
from tests.media import make_video  # noqa: E402

SIZE_BYTES = 2048 * MIB
PART_BYTES = 16 * MIB


def rss_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024


def upload_requests(seen: list[Request]) -> int:
    return sum(request.method == "POST" and "/api/v1/videos" in request.url for request in seen)


def wrong_md5s(seen: list[Request], video: Path) -> int:
    """Count the parts whose MD5 the complete call lacks or has wrong."""
    *_, told = [request.post_data_json for request in seen if request.url.endswith("/complete")]
    found = {part["part_number"]: part["md5"] for part in told["parts"]}
    return sum(found.get(number) != md5 for number, md5 in part_md5s(video, PART_BYTES).items())


def measure(folder: Path) -> dict[str, float]:
    video = folder / "large.mp4"
    make_video(
        video, container="mp4", seconds=2, width=1280, height=720, layout="moov_first", size_bytes=SIZE_BYTES
    )
    with SlipwayProcess(folder / "data") as slipway, sync_playwright() as playwright:
        chromium = playwright.chromium.launch_persistent_context(
            folder / "profile", executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, base_url=slipway.origin
        )
        page = chromium.new_page()
        with slipway.api("bench@example.com"):
            pass
        page.goto("/login")
        page.get_by_label("E-mail").fill("bench@example.com")
        page.get_by_label("Password", exact=True).fill("correct horse")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Choose a video").wait_for()
        seen: list[Request] = []
        page.on("request", lambda request: seen.append(request))
        page.wait_for_timeout(2000)

        browser_watch = MemoryWatch(browser_pid(folder / "profile"))
        app_before = rss_of(slipway.process.pid)
        body_before = slipway.metric("slipway_http_request_body_bytes_total")
        began = time.monotonic()
        page.set_input_files("input[type=file]", video)
        page.locator('[data-upload-status="done"]').wait_for(timeout=540_000)
        seconds = time.monotonic() - began
        result = {
            "seconds": round(seconds, 1),
            "mib_per_second": round(SIZE_BYTES / MIB / seconds, 1),
            "api_requests": upload_requests(seen),
            "wrong_md5s": wrong_md5s(seen, video),
            "browser_growth_mib": round(browser_watch.growth_mib(), 1),
            "app_growth_mib": round((rss_of(slipway.process.pid) - app_before) / MIB, 1),
            "api_body_kib": round(
                (slipway.metric("slipway_http_request_body_bytes_total") - body_before) / 1024, 1
            ),
        }
        chromium.close()
    return result


# The targets. A figure without one is only reported.
TARGETS = {
    "api_requests": 8,
    "wrong_md5s": 0,
    "browser_growth_mib": 64,
    "app_growth_mib": 30,
    "api_body_kib": 2048,
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    (ROOT / "bench/results").mkdir(exist_ok=True)
    (ROOT / "bench/results/large_upload.json").write_text(json.dumps(result, indent=2) + "\n")
    print("A 2 GiB video through the page, everything on this machine")  # noqa: T201
    for name, value in result.items():
        target = f"   at most {TARGETS[name]}" if name in TARGETS else ""
        missed = "   MISSED" if name in TARGETS and value > TARGETS[name] else ""
        print(f"  {name:20} {value:>10}{target}{missed}")  # noqa: T201
    return any(result[name] > target for name, target in TARGETS.items())


if __name__ == "__main__":
    sys.exit(main())
