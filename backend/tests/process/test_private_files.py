"""Other users of the machine read nothing of what Slipway writes, whatever umask and folder it starts with."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.private_files import narrow_database
from tests.engines.slipway import SlipwayProcess


@pytest.fixture(autouse=True)
def _wide_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    # A folder that the store removes meanwhile ends rglob() with an error, and os.walk() leaves it out.
    paths = [Path(place) / name for place, folders, files in os.walk(folder) for name in (*folders, *files)]
    assert paths
    return [str(path.relative_to(folder)) for path in paths if is_open_to_others(path)]


def is_open_to_others(path: Path) -> bool:
    try:
        return not path.is_symlink() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
    except FileNotFoundError:  # the store removed it after it was listed
        return False


def test_serve_writes_private_files_into_a_folder_that_existed(tmp_path: Path) -> None:
    slipway = SlipwayProcess(tmp_path / "data")
    slipway.data_dir.mkdir(mode=0o755)
    with slipway, slipway.api("ann@example.com"):
        assert (slipway.data_dir / "slipway.db-wal").exists()
        assert open_to_others(slipway.data_dir) == []


def test_commands_write_private_files(tmp_path: Path) -> None:
    slipway = SlipwayProcess(tmp_path / "data")
    slipway.data_dir.mkdir(mode=0o755)

    assert slipway.command("db", "upgrade").returncode == 0

    assert (slipway.data_dir / "slipway.db").exists()
    assert open_to_others(slipway.data_dir) == []


def test_start_narrows_a_database_of_before(tmp_path: Path) -> None:
    slipway = SlipwayProcess(tmp_path / "data")
    slipway.command("db", "upgrade")
    (slipway.data_dir / "slipway.db").chmod(0o664)

    ended = slipway.command("db", "upgrade")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert stat.S_IMODE((slipway.data_dir / "slipway.db").stat().st_mode) == 0o600


def test_says_so_if_the_database_cannot_be_narrowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "slipway.db"
    database.touch(mode=0o644)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    url = f"sqlite+aiosqlite:///{database}"

    assert narrow_database(url) == [
        f"Other users of this machine may read {database}, which cannot be changed (Operation not permitted)."
    ]


def test_says_nothing_of_a_folder_that_this_user_may_not_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)

    assert narrow_database(f"sqlite+aiosqlite:///{tmp_path / 'slipway.db'}") == []
