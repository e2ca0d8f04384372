"""docs/reference/configuration.md lists each setting with its default, and nothing else."""

import re
import subprocess
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from app.core.config import Settings

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "reference" / "configuration.md"
ROW = re.compile(r"^\| `(?P<name>[A-Z0-9_]+)` \| (?P<default>[^|]*) \| (?P<meaning>[^|]+) \|$")


def documented() -> Iterator[tuple[str, str, str]]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if found := ROW.match(line):
            yield found["name"], found["default"].strip().strip("`"), found["meaning"].strip()


def written(name: str) -> str:
    """A setting's default as the page writes it."""
    field = Settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    assert default is not PydanticUndefined, f"{name} has no default"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, Path) and default.is_absolute():
        default = default.relative_to(REPOSITORY)
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return "empty" if default in ("", []) else str(default)


def test_the_page_lists_every_setting_once_in_the_codes_order() -> None:
    assert [name for name, _, _ in documented()] == [name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_page_tells_the_default(name: str) -> None:
    defaults = {documented_name: default for documented_name, default, _ in documented()}

    assert defaults.get(name.upper()) == written(name)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_meaning_in_code_and_page(name: str) -> None:
    meanings = {documented_name: meaning for documented_name, _, meaning in documented()}

    assert meanings.get(name.upper())
    assert Settings.model_fields[name].description


PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)[^)]*\)")
_CITED = re.compile(r"\bdocs/[\w/.-]+?\.md\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files(page: Path) -> None:
    targets = _LINK.findall(page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_code_cites_pages_that_exist() -> None:
    cited = {
        page
        for file in _tracked("*.py", "*.ts", "*.tsx", "*.mjs", "*.sh", "Makefile")
        for page in _CITED.findall(file.read_text(encoding="utf-8"))
    }

    assert cited
    assert {page for page in cited if not (REPOSITORY / page).exists()} == set()


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        text=True,
    )
    return [REPOSITORY / name for name in listed.stdout.splitlines() if (REPOSITORY / name).exists()]
