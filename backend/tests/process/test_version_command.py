"""`slipway version`, and `slipway db` with a schema of another version."""

import json
import re
import sqlite3
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from app.core.schema import alembic_config, head_revision
from tests.engines.slipway import SlipwayProcess

ROOT = Path(__file__).parents[3]
PACKAGE = tomllib.loads((ROOT / "backend" / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    slipway = SlipwayProcess(tmp_path / "data")
    yield slipway
    slipway.stop()  # if the test failed


def set_schema(slipway: SlipwayProcess, revision: str) -> None:
    with sqlite3.connect(slipway.data_dir / "slipway.db") as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])


def test_version_names_package_commit_and_schema(slipway: SlipwayProcess) -> None:
    # As the process asks. Without a home, git refuses a folder of another user, which is no commit.
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"],
        env={"PATH": slipway.environment["PATH"]},
        capture_output=True,
        check=False,
        text=True,
    )
    commit = asked.stdout[:12] or None

    said = slipway.command("version", DATABASE_URL="not an address")

    assert said.stdout == f"Slipway {PACKAGE}, commit {commit or 'unknown'}, schema {head_revision()}\n"
    assert json.loads(slipway.command("version", "--json").stdout) == {
        "version": PACKAGE,
        "commit": commit,
        "schema_version": head_revision(),
    }


def test_page_has_the_version_of_the_package() -> None:
    page = json.loads((ROOT / "frontend" / "package.json").read_text())

    assert page["version"] == PACKAGE


def test_changelog_has_the_package_as_its_newest_release() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)

    if "There is no release yet." in changelog:
        assert releases == []
    else:
        assert releases[0] == PACKAGE


def test_starts_on_a_newer_schema_that_allows_it(slipway: SlipwayProcess) -> None:
    slipway.command("db", "upgrade")
    newer = f"9999_from_{head_revision()[:4]}"
    set_schema(slipway, newer)

    upgraded = slipway.command("db", "upgrade")
    assert (upgraded.returncode, upgraded.stdout) == (
        0,
        f"The database has schema {newer} of a newer version, on which this version runs too.\n",
    )
    with slipway, slipway.api("ada@example.com") as api:
        assert api.get("/auth/me").status_code == 200
    assert f'"database_schema": "{newer}", "event": "schema.newer"' in slipway.log_file.read_text()


def test_a_schema_that_is_too_new_is_said_in_a_sentence(slipway: SlipwayProcess) -> None:
    slipway.command("db", "upgrade")
    set_schema(slipway, "9999")

    for command in (("db", "upgrade"), ("serve", "--upgrade"), ("user", "list")):
        ended = slipway.command(*command)
        assert ended.returncode == 1
        assert "The database has schema 9999 of a newer version" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_downgrade_says_what_is_lost_and_needs_a_yes(slipway: SlipwayProcess) -> None:
    slipway.command("db", "upgrade")

    refused = slipway.command("db", "downgrade")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    undone = slipway.command("db", "downgrade", "--yes")
    assert undone.returncode == 0, undone.stderr
    newest = ScriptDirectory.from_config(alembic_config("sqlite://")).get_revision("head")
    assert f"The database loses {newest.module.undo_loses}." in undone.stderr
    assert undone.stdout == f"The database has schema {newest.down_revision}.\n"
    assert "Run `slipway db upgrade`" in slipway.command("user", "list").stderr
    assert slipway.command("db", "upgrade").stdout == "The database is up to date.\n"


def test_upgrade_says_where_it_made_a_new_database(slipway: SlipwayProcess) -> None:
    """In a shell without the service's settings it makes one beside the service's."""
    stray = {"DATABASE_URL": "sqlite+aiosqlite:///stray.db"}
    place = f"at {slipway.data_dir.parent / 'stray.db'}. "
    assert place in slipway.command("user", "list", **stray).stderr

    made = slipway.command("db", "upgrade", **stray)

    assert (made.returncode, made.stdout.startswith(f"Made a new database {place}")) == (0, True), made.stdout
    assert slipway.command("db", "upgrade", **stray).stdout == "The database is up to date.\n"


def test_says_that_a_step_cannot_be_undone(slipway: SlipwayProcess) -> None:
    slipway.command("db", "upgrade")
    set_schema(slipway, "0010")

    ended = slipway.command("db", "downgrade", "--yes")
    assert (ended.returncode, "Schema 0010 can't be undone" in ended.stderr) == (1, True)
