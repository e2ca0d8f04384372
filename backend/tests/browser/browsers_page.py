"""The text of docs/reference/browsers.md, with one row for each story and one column for each browser."""

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
            "",
        ]
    )


def floors() -> str:
    """Return the sentence about the oldest supported versions, for which the page is built."""
    package = json.loads((_REPOSITORY / "frontend" / "package.json").read_text(encoding="utf-8"))
    names = [floor.title() for floor in package["browserslist"]]
    return f"Slipway supports browsers from {', '.join(names[:-1])} and {names[-1]} on."


def table(stories: Sequence[Story], failed: set[tuple[BrowserName, str]]) -> list[str]:
    """Return the lines of the table."""
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
