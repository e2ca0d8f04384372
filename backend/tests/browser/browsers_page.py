"""The text of docs/reference/browsers.md, with one row for each story and one column for each browser.

`make long-upload` writes the cells of the last row. The other rows come from the stories.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.browser.browser_page import BrowserName
from tests.browser.story import Outcomes, Story

_REPOSITORY = Path(__file__).parents[3]
PAGE = _REPOSITORY / "docs" / "reference" / "browsers.md"
_COLUMNS: Mapping[BrowserName, str] = {
    "chromium": "Chromium",
    "firefox": "Firefox ESR",
    "webkit": "WebKitGTK",
}
_LONG_UPLOAD = "2 GiB arrive byte by byte through an outage, a reset, a killed store and expired URLs"


def render(stories: Sequence[Story], results: Mapping[BrowserName, Outcomes]) -> str:
    """Return the whole page. It shows a failed story as such."""
    failed = {
        (browser, name)
        for browser, outcomes in results.items()
        for name, outcome in outcomes.by_story.items()
        if outcome.error is not None
    }
    ran = ", ".join(results[browser].browser_title for browser in _COLUMNS)
    return "\n".join(
        [
            "# Browsers",
            "",
            floors(),
            "",
            "`make test-browsers` writes this page. It runs each story of `backend/tests/browser/stories/` in three "
            f"browsers, whose engines are those of Chrome and Edge, Firefox, and Safari. The last run used {ran}.",
            "",
            *table(stories, failed),
            _long_upload_row(),
            "",
            "`make long-upload` runs the last row.",
            "",
            "Firefox before 133 can't send the DELETE of a closed page, so the server removes that upload after the "
            "grace.",
            "",
        ]
    )


def write_long_upload(browser: BrowserName, *, passed: bool) -> None:
    """Write one cell of the last row."""
    before = _long_upload_row()
    title, *cells = before.strip("| ").split(" | ")
    cells[list(_COLUMNS).index(browser)] = "yes" if passed else "**fails**"
    after = f"| {title} | {' | '.join(cells)} |"
    PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")


def _long_upload_row() -> str:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"| {_LONG_UPLOAD} |"))


def floors() -> str:
    """Return the sentence about the oldest supported versions, for which the page is built."""
    package = json.loads((_REPOSITORY / "frontend" / "package.json").read_text(encoding="utf-8"))
    names = [floor.title() for floor in package["browserslist"]]
    return f"Slipway supports browsers from {', '.join(names[:-1])} and {names[-1]} on."


def table(stories: Sequence[Story], failed: set[tuple[BrowserName, str]]) -> list[str]:
    """Return the lines of the table without its last row."""
    rows = [
        f"| {story.title} | {' | '.join(_cell(story, name, failed) for name in _COLUMNS)} |"
        for story in stories
    ]
    return [f"| story | {' | '.join(_COLUMNS.values())} |", f"|---|{'---|' * len(_COLUMNS)}", *rows]


def _cell(story: Story, browser: BrowserName, failed: set[tuple[BrowserName, str]]) -> str:
    if (browser, story.name) in failed:
        return "**fails**"
    exception = story.exceptions.get(browser)
    return "yes" if exception is None else f"yes, but {exception}"
