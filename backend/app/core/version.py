"""What runs: the package's version, the commit of its sources, and its schema."""

import subprocess
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from app.core.schema import head_revision

_SOURCES: Final = Path(__file__).parents[3]
_BUILT_FROM: Final = Path(__file__).parents[1] / "commit.txt"
"""Only wheels have it."""
_GIT_SECONDS: Final = 5


@dataclass(frozen=True)
class Version:
    version: str
    commit: str | None
    """None if neither a wheel nor a git repository that this user may read tells it."""
    schema_version: str


@cache
def running() -> Version:
    """Return what this process began to run. A later `git pull` doesn't change it."""
    return Version(metadata.version("slipway"), _commit(), head_revision())


def _commit() -> str | None:
    if _BUILT_FROM.is_file():
        return _BUILT_FROM.read_text().strip()
    if not (_SOURCES / ".git").exists():
        return None
    command = ["git", "-C", str(_SOURCES), "rev-parse", "--short=12", "HEAD"]
    try:
        asked = subprocess.run(  # noqa: S603  # a fixed command
            command, capture_output=True, check=True, text=True, timeout=_GIT_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()
