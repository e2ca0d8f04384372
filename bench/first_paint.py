"""Measure when the sign-in form and the list are first painted, beside the same of an earlier version.

Both versions run at once and are asked in turn by a new Chromium at 1.6 Mbit/s, 150 ms and a quarter of the CPU. Its
own tracing tells when it drew the first frame with the content. Medians count. Prints a table and writes
bench/results/first_paint.json.
"""

# ruff: noqa: S603, S607  # starts git and make, by name as `make` does

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Playwright, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS  # noqa: E402  # after the path to the tests
from tests.engines.slipway import SlipwayProcess  # noqa: E402

BEFORE = "ff5c6fe"
"""The version that the targets compare with."""
ROUNDS = 7
VIDEOS = 10
BYTES_PER_SECOND = 1_600_000 // 8
LATENCY_MS = 150
CPU_SLOWDOWN = 4
TIMEOUT_MS = 60_000
ATTEMPTS = 3
"""A slowed Chromium seldom stops in the middle of a page."""
CATEGORIES = ["blink.user_timing", "devtools.timeline", "disabled-by-default-devtools.timeline.frame"]
PAGES = {
    "sign-in form": ("/login", "form input[type=password]", 0.35),
    "list": ("/", "main li[data-video-id]", 0.55),
}
"""By what is waited for, where it is, its selector, and how much of the earlier time it may take."""

MARK = """
(selector) => {
  const watch = new MutationObserver(() => {
    if (!document.querySelector(selector)?.checkVisibility()) return;
    watch.disconnect();
    performance.mark("content");
    requestAnimationFrame(() => requestAnimationFrame(() => console.debug("drawn")));
  });
  watch.observe(document, { subtree: true, childList: true, attributes: true });
}
"""
"""The next frame has the content. It is drawn after the first callback."""


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--before", type=Path, help=f"a folder with {BEFORE}, installed and built")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with earlier_version(given.before, folder) as before:
            took = measure({"before": before, "now": ROOT}, folder, given.rounds)
    return report(took)


@contextmanager
def earlier_version(built: Path | None, folder: Path) -> Iterator[Path]:
    """Yield a folder with the earlier version, which is made from git's history if none is given."""
    if built is not None:
        yield built
        return
    tree = folder / "tree"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree), BEFORE], cwd=ROOT, check=True)
    try:
        # The Makefile that called this one has variables of its own.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        subprocess.run(["make", "install", "page"], cwd=tree, env=environment, check=True)
        yield tree
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


def measure(trees: dict[str, Path], folder: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds of each page and version."""
    took: dict[str, dict[str, list[float]]] = {page: {version: [] for version in trees} for page in PAGES}
    servers = {version: server_of(tree, folder / version) for version, tree in trees.items()}
    try:
        cookies = {version: prepare(server) for version, server in servers.items()}
        with sync_playwright() as playwright:
            for turn in range(rounds + 1):
                for page, (path, selector, _) in PAGES.items():
                    for version, server in servers.items():
                        cookie = None if path == "/login" else cookies[version]
                        elapsed = first_paint(playwright, server.origin + path, selector, cookie)
                        # The first turn warms up what the servers and the system keep.
                        if turn > 0:
                            took[page][version].append(elapsed)
    finally:
        for server in servers.values():
            server.stop()
    return took


def server_of(tree: Path, data: Path) -> SlipwayProcess:
    server = SlipwayProcess(data)
    server.program = [str(tree / ".venv/bin/slipway")]
    # An own folder, because PAGE_DIR of this process would be that of the other version too.
    server.settings["PAGE_DIR"] = str(tree / "frontend/out")
    return server.start()


def prepare(server: SlipwayProcess) -> dict[str, Any]:
    """Make an account with videos, and return the cookie of its session."""
    email, password = "viewer@example.com", "correct horse"
    with server.api(email, password) as api:
        for number in range(VIDEOS):
            server.upload(api, f"clip-{number}.mp4", "video/mp4", b"\0\0\0\x18ftypisom" + bytes(100))
        answer = api.post(
            "/auth/login", json={"email": email, "password": password}, headers={"Origin": server.origin}
        )
        answer.raise_for_status()
        return {"name": "slipway_session", "value": answer.cookies["slipway_session"], "url": server.origin}


def first_paint(playwright: Playwright, url: str, selector: str, cookie: dict[str, Any] | None) -> float:
    """Return the milliseconds from navigation to the first frame with the content."""
    for attempt in range(ATTEMPTS):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        try:
            return paint_in(traced(browser, url, selector, cookie))
        except TimeoutError:
            if attempt == ATTEMPTS - 1:
                raise
        finally:
            browser.close()
    raise AssertionError("no attempt")


def traced(browser: Browser, url: str, selector: str, cookie: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Visit the page until it has drawn the content. Return the events of Chromium's tracing."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    if cookie is not None:
        context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict with other keys too
    page = context.new_page()
    page.add_init_script(f"({MARK})({json.dumps(selector)})")
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    limits = {
        "latency": LATENCY_MS,
        "downloadThroughput": BYTES_PER_SECOND,
        "uploadThroughput": BYTES_PER_SECOND,
    }
    devtools.send("Network.emulateNetworkConditions", {"offline": False, **limits})
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    browser.start_tracing(page=page, categories=CATEGORIES)
    with page.expect_console_message(lambda line: line.text == "drawn", timeout=TIMEOUT_MS):
        page.goto(url, wait_until="commit")
    # Chromium may draw the frame after the page's second callback, and a trace that ends there lacks it.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    events: list[dict[str, Any]] = json.loads(browser.stop_tracing())["traceEvents"]
    return events


def paint_in(events: list[dict[str, Any]]) -> float:
    (content,) = [event for event in events if event["name"] == "content"]
    drawn = first_after(events, "DrawFrame", first_after(events, "Paint", content))
    # A mark has its own time since the navigation began.
    return float(drawn["ts"] - content["ts"]) / 1000 + float(content["args"]["data"]["startTime"])


def first_after(events: list[dict[str, Any]], name: str, earlier: dict[str, Any]) -> dict[str, Any]:
    """Return the first event of this name in the same process."""
    later = [
        e for e in events if e["name"] == name and e["pid"] == earlier["pid"] and e["ts"] >= earlier["ts"]
    ]
    return min(later, key=lambda event: event["ts"])


def report(took: dict[str, dict[str, list[float]]]) -> int:
    rows = {}
    for page, (_, _, target) in PAGES.items():
        before, now = (statistics.median(took[page][version]) for version in ("before", "now"))
        rows[page] = {
            "before_ms": round(before),
            "now_ms": round(now),
            "ratio": round(now / before, 2),
            "target": target,
        }
    folder = ROOT / "bench/results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "first_paint.json").write_text(
        json.dumps({"before": BEFORE, "p50": rows, "all": took}, indent=2) + "\n"
    )
    say(f"| first paint, ms | {BEFORE} | now | ratio | target |\n|---|---|---|---|---|")
    for page, row in rows.items():
        met = "met" if row["ratio"] <= row["target"] else "MISSED"
        say(f"| {page} | {row['before_ms']} | {row['now_ms']} | {row['ratio']} | <= {row['target']}, {met} |")
    return 1 if any(row["ratio"] > row["target"] for row in rows.values()) else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
