"""Keep other users of this machine from reading the data folder and the database."""

import os
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

_OTHERS: Final = 0o077


def write_for_this_user_alone() -> None:
    """Let every file that this process and its children make belong to its user alone."""
    os.umask(_OTHERS)


def narrow_database(url: str) -> list[str]:
    """Take the rights of others from a SQLite database that has them. SQLite gives its log the database's mode.

    Return a sentence for each file that stays readable.
    """
    database = make_url(url)
    if database.get_backend_name() != "sqlite" or not database.database:
        return []
    files = [Path(f"{database.database}{end}") for end in ("", "-wal", "-shm")]
    return [sentence for file in files if (sentence := _narrow(file))]


def _narrow(file: Path) -> str | None:
    try:
        mode = file.stat().st_mode
    except OSError:
        return None  # it is missing, or this user may not enter its folder, which says nothing about others
    try:
        if mode & _OTHERS:
            file.chmod(mode & 0o700)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"Other users of this machine may read {file}, which cannot be changed ({error.strerror})."
    return None
