"""How much JavaScript a page loads before a person can use it."""

import re
from pathlib import Path

import pytest

EXPORT = Path(__file__).parents[3] / "frontend/out"
GALLERY = b"gallery-wall"
"""A class of the developers' gallery (frontend/src/gallery)."""
_SCRIPT = re.compile(r'<script src="([^"]+)"(?! noModule)')
"""Supported browsers know modules, so they load no `noModule` script."""


@pytest.mark.parametrize(("page", "limit_kb"), [("index", 176), ("login", 150)])
def test_scripts_of_a_page_are_light(page: str, limit_kb: int) -> None:
    """The files are those that the app sends in Brotli. The upload engine follows them."""
    named = set(_SCRIPT.findall((EXPORT / f"{page}.html").read_text(encoding="utf-8")))
    assert named
    assert sum((EXPORT / f"{path[1:]}.br").stat().st_size for path in named) <= limit_kb * 1000


def test_gallery_is_not_exported() -> None:
    files = [file for file in EXPORT.rglob("*") if file.suffix in {".css", ".html", ".js", ".txt"}]
    assert files
    assert [file for file in files if GALLERY in file.read_bytes()] == []
