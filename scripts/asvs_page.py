"""Write docs/reference/asvs.md from backend/tests/security/asvs.toml. Run by `make asvs`."""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "backend" / "tests" / "security" / "asvs.toml"
PAGE = ROOT / "docs" / "reference" / "asvs.md"
REASONS: Mapping[str, str] = {
    "review": "Review.",
    "deployment": "Deployment.",
    "not_applicable": "Does not apply.",
    "open": "**Does not hold.**",
}

Rows = Mapping[str, Mapping[str, Any]]


def main() -> int:
    """Write the page, or with --check return 1 if it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page is out of date")
    check: bool = parser.parse_args().check
    text = ROWS.read_text(encoding="utf-8")
    chapters: dict[str, str] = dict(re.findall(r"^# V(\d+) (.+)$", text, re.MULTILINE))
    fresh = "\n".join(page(tomllib.loads(text), chapters)) + "\n"
    if check:
        return int(not PAGE.exists() or PAGE.read_text(encoding="utf-8") != fresh)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


def page(rows: Rows, chapters: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# OWASP ASVS\n"
    yield (
        "This list says what proves each requirement of the OWASP Application Security Verification Standard 5.0.0, "
        "levels 1 and 2, and of level 3 where it is cheap. `make asvs` writes it from "
        "`backend/tests/security/asvs.toml`. `backend/tests/security/test_asvs.py` fails if a requirement is missing, "
        "or if a test that is named here does not exist or can be skipped.\n"
    )
    yield (
        "Numbers and levels are [the standard's](https://github.com/OWASP/ASVS). The words are ours, so read there "
        "what a requirement says. Nobody has certified Slipway.\n"
    )
    yield "| level | requirements | tested | review | deployment | does not apply | does not hold |"
    yield "|---|---|---|---|---|---|---|"
    for level in (1, 2, 3):
        yield count(level, [row for row in rows.values() if row["level"] == level])
    yield "\n## What does not hold\n"
    for number, row in rows.items():
        if "open" in row:
            yield f"- {number} (level {row['level']}). {sentence(row['about'])} {sentence(linked(row['open']))}"
    yield "\n## What a deployment decides\n"
    for number, row in rows.items():
        if "deployment" in row:
            yield f"- {number}. {sentence(row['about'])} {sentence(linked(row['deployment']))}"
    for chapter, name in chapters.items():
        yield f"\n## V{chapter} {name}\n"
        yield "| number | level | requirement | proof |"
        yield "|---|---|---|---|"
        for number, row in rows.items():
            if number.split(".")[0] == chapter:
                yield f"| {number} | {row['level']} | {row['about']} | {proof(row)} |"


def count(level: int, rows: list[Mapping[str, Any]]) -> str:
    """Return the numbers of a level. A row counts by the first of its kinds."""
    kinds = ("tests", "review", "deployment", "not_applicable", "open")
    first = [next(kind for kind in kinds if kind in row) for row in rows]
    return f"| {level} | {len(rows)} | {' | '.join(str(first.count(kind)) for kind in kinds)} |"


def proof(row: Mapping[str, Any]) -> str:
    """Return the tests and the reasons of a row."""
    tests = ", ".join(f"`{test}`" for test in row.get("tests", ()))
    reasons = [f"{word} {sentence(linked(row[kind]))}" for kind, word in REASONS.items() if kind in row]
    return " ".join([tests, *reasons]).strip()


def sentence(text: str) -> str:
    """Return the text with a full stop."""
    return text if text.endswith(".") else f"{text}."


def linked(text: str) -> str:
    """Return the text with links for the pages that it names."""
    return re.sub(
        r"docs/([\w/-]+)\.md(#[\w-]+)?",
        lambda found: f"[{found[1].rpartition('/')[2]}](../{found[1]}.md{found[2] or ''})",
        text,
    )


if __name__ == "__main__":
    sys.exit(main())
