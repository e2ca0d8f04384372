"""docs/configuration.md lists each setting with its default, and nothing else."""

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from app.core.config import Settings

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "configuration.md"
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
