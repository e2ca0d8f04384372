"""docs/reference/data.md gives every column a class, and its numbers are the settings."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from app import models
from app.core.config import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "data.md").read_text(encoding="utf-8")
CLASSES = {"secret", "personal", "pseudonymous", "operational"}
_UNITS = {"minutes": 60, "hour": 3600, "hours": 3600, "days": 86400}


def test_every_column_has_a_class() -> None:
    _, _, listed = PAGE.partition("## Columns")
    classified = {
        table: re.findall(r"`(\w+)`", columns)
        for table, columns in re.findall(r"^- `(\w+)`: (.+)$", listed, re.MULTILINE)
    }

    assert models.Video.__tablename__ in classified
    assert {table: sorted(columns) for table, columns in classified.items()} == {
        name: sorted(column.name for column in table.columns)
        for name, table in SQLModel.metadata.tables.items()
    }


def test_every_row_has_a_class() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)

    assert len(rows) > 10
    assert {row[1] for row in rows[1:]} - {"---"} <= CLASSES | {"as what they contain"}


@pytest.mark.parametrize(
    "setting",
    [
        "SESSION_IDLE_SECONDS",
        "SESSION_ABSOLUTE_SECONDS",
        "UPLOAD_GRACE_SECONDS",
        "PRESIGN_TTL_SECONDS",
        "DELIVERY_URL_TTL_SECONDS",
    ],
)
def test_numbers_are_the_settings(setting: str) -> None:
    found = re.search(rf"(\d+) (\w+)[\w ]* \(`{setting}`\)", PAGE)

    assert found is not None
    documented = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    assert documented == timedelta(seconds=Settings.model_fields[setting.lower()].default)
