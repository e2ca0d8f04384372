"""Runs the stories in Chromium, Firefox and WebKit, concurrently in each, because the slow ones wait for real limits.

Without SLIPWAY_TEST_BROWSERS=all, Firefox and WebKit run the everyday stories only.
"""

import itertools
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.browser.browser_page import BrowserName
from tests.browser.browsers_page import PAGE, floors, render, table
from tests.browser.page_user import FILE_BYTES, VideoFile, make_file
from tests.browser.proxied_slipway import ProxiedSlipway, embedded_store, remote_store
from tests.browser.stories import STORIES
from tests.browser.story import BROWSERS, Outcomes, run_side_by_side

WORLDS: Mapping[str, Callable[[Path], AbstractContextManager[ProxiedSlipway]]] = {
    "embedded": embedded_store,
    "killed": embedded_store,
    "remote": remote_store,
    "expiring": remote_store,
}
WITH_ALL = os.environ.get("SLIPWAY_TEST_BROWSERS") == "all"
CASES = [
    (browser, one.name)
    for browser in BROWSERS
    for one in STORIES.values()
    if WITH_ALL or one.is_everyday or browser == "chromium"
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> VideoFile:
    return make_file(tmp_path_factory.mktemp("file") / "holiday.mp4", FILE_BYTES)


@pytest.fixture(scope="module")
def results() -> dict[BrowserName, Outcomes]:
    """Return what each browser did, as far as they have run."""
    return {}


@pytest.fixture(scope="module")
def outcomes_of(
    request: pytest.FixtureRequest,
    file: VideoFile,
    results: dict[BrowserName, Outcomes],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[BrowserName], Outcomes]:
    """Return a function that runs all asked stories of a browser at its first call."""
    asked = {item.name for item in request.session.items}

    @cache
    def run(browser: BrowserName) -> Outcomes:
        stories = [one for one in STORIES.values() if f"test_story[{browser}-{one.name}]" in asked]
        folder = tmp_path_factory.mktemp(browser)
        with ExitStack() as stack:
            worlds = {
                name: stack.enter_context(WORLDS[name](folder / name))
                for name in {one.world for one in stories}
            }
            results[browser] = run_side_by_side(browser, stories, worlds, file)
        return results[browser]

    return run


@pytest.mark.parametrize(("browser", "name"), CASES)
def test_story(
    browser: BrowserName,
    name: str,
    outcomes_of: Callable[[BrowserName], Outcomes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = outcomes_of(browser).by_story[name]
    if outcome.error_in_standstill is not None:
        with capsys.disabled():
            # A fault of the product may show only then.
            print(f"\n{name} ran again after a standstill: {outcome.error_in_standstill!r}")  # noqa: T201
    outcome.check()


def test_page_has_the_floors_and_a_row_for_each_story(results: dict[BrowserName, Outcomes]) -> None:
    """A run of every story in every browser writes the page first."""
    stories = list(STORIES.values())
    ran = {(browser, name) for browser, outcomes in results.items() for name in outcomes.by_story}
    if ran == set(itertools.product(BROWSERS, STORIES)):
        PAGE.write_text(render(stories, results), encoding="utf-8")
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert floors() in lines
    *written, long_upload = [line for line in lines if line.startswith("|")]
    assert written == table(stories, failed=set()), "run `make test-browsers` and commit the page"
    assert long_upload.endswith("| yes | yes | yes |"), "run `make long-upload` and commit the page"
