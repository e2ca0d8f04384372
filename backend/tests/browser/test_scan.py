"""With a scanner, the page says that the file is checked, and why an infected one is refused."""

import json
import shlex
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import choose, listed_videos, wait_until_ready
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

MARK = b"what this scanner takes for a virus"
NAME = "<img src=x onerror=alert(1)>"
SCANNER = f"""
import json, pathlib, sys, time, urllib.request
url = json.load(sys.stdin)["url"]
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
found = {MARK!r} in urllib.request.urlopen(url).read()
print(json.dumps({{"verdict": "infected" if found else "clean", "signature": {NAME!r}}}))
"""


@pytest.fixture(scope="module")
def may_decide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scanner decides nothing until this file exists."""
    return tmp_path_factory.mktemp("scanner") / "go"


@pytest.fixture(scope="module")
def slipway(tmp_path_factory: pytest.TempPathFactory, may_decide: Path) -> Iterator[SlipwayProcess]:
    command = shlex.join([sys.executable, "-I", "-S", "-c", SCANNER, str(may_decide)])
    with SlipwayProcess(tmp_path_factory.mktemp("slipway") / "data", {"SCAN_COMMAND": command}) as running:
        yield running


def test_infected_file_is_checked_and_then_refused(
    signed_in: Page, slipway: SlipwayProcess, may_decide: Path, tmp_path: Path
) -> None:
    may_decide.unlink(missing_ok=True)
    file = make_video(tmp_path / "holiday.mp4")
    file.write_bytes(file.read_bytes() + struct.pack(">I4s", 8 + len(MARK), b"free") + MARK)

    choose(signed_in, file)

    expect(signed_in.get_by_text("Uploaded. Checking the file…")).to_be_visible()
    expect(signed_in.locator("[data-status=processing]").get_by_text("Checking the file")).to_be_visible()
    (video,) = listed_videos(signed_in)
    assert (video["status"], video["delivery_url"]) == ("processing", None)
    may_decide.touch()
    expect(signed_in.locator("[data-status=failed]").first).to_be_visible()
    said = "A virus scanner found something harmful in this file"
    expect(signed_in.get_by_text(said).first).to_be_visible()
    signed_in.goto(f"/video?id={video['id']}")
    expect(signed_in.get_by_text(said).first).to_be_visible()
    assert "onerror" not in signed_in.content()
    slipway.wait_for_empty_store(video["id"])
    lines = [json.loads(line) for line in slipway.log_file.read_text().splitlines() if "taken_down" in line]
    assert [line["found"] for line in lines] == [NAME]


def test_clean_file_is_ready(signed_in: Page, may_decide: Path, tmp_path: Path) -> None:
    may_decide.touch()

    choose(signed_in, make_video(tmp_path / "holiday.mp4"))

    wait_until_ready(signed_in)
