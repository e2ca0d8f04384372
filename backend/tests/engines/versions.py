"""Installed versions of Slipway, which are this code, a release before it, and a made-up version that follows it."""

import io
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.core import schema
from tests.engines.slipway import SLIPWAY

ROOT: Final = Path(__file__).parents[3]
_UV: Final = ROOT / ".boot" / "bin" / "uv"
_FIRST: Final = "c0d9a23688fd5a1050daaf2189b2bf342f0e8dee"
"""Stands for the previous release until one has a tag. Earlier commits don't start on a newer schema."""
_PACKAGES: Final = ("app", "localstore", "mediaprobe")
_EXPANSION: Final = '''"""Expand the tables as the next version may."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{head}"
undo_loses = "moods"


def upgrade() -> None:
    op.create_table("moods", sa.Column("id", sa.Integer(), primary_key=True))
    # One statement, because requests wait for its lock until the commit.
    op.execute("ALTER TABLE videos ADD mood varchar(8), ADD moods integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.drop_table("moods")
    op.execute("ALTER TABLE videos DROP mood, DROP moods")
'''


@dataclass(frozen=True)
class Version:
    name: str
    program: Path
    """Takes the arguments of `slipway`."""
    schema: str


def this_code() -> Version:
    return Version("this code", Path(SLIPWAY[0]), schema.head_revision())


def next_one(folder: Path) -> Version:
    """Return this code with a further migration, on whose schema every version runs that runs on this one's."""
    folder.mkdir()
    for package in _PACKAGES:
        subprocess.run(["cp", "-R", ROOT / "backend" / package, folder], check=True)
    head = schema.head_revision()
    runs_from = head.partition("_from_")[2] or head
    revision = f"9999_from_{runs_from}"
    migration = _EXPANSION.format(revision=revision, head=head)
    (folder / "app" / "alembic" / "versions" / "9999_expand.py").write_text(migration)
    program = _script(folder, f"PYTHONPATH={folder} exec {SLIPWAY[0]}")
    return Version("a next version", program, revision)


def released(ref: str, folder: Path) -> Version:
    """Return the commit, with the packages that it locked. `previous` is the newest release before this commit."""
    commit = _previous() if ref == "previous" else ref
    archive = _git("archive", "--format=tar", commit, "backend", "LICENSE")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    python = folder / "venv" / "bin" / "python"
    run = ("pip", "install", "--quiet", "--python", python)
    _uv("venv", "--quiet", "--no-python-downloads", "--python", sys.executable, folder / "venv")
    _uv(*run, "--require-hashes", "-r", folder / "backend" / "requirements.txt")
    _uv(*run, "--no-deps", "-e", folder / "backend")
    program = folder / "venv" / "bin" / "slipway"
    said = subprocess.run([program, "version", "--json"], cwd=folder, check=True, stdout=subprocess.PIPE)
    return Version(commit[:12], program, json.loads(said.stdout)["schema_version"])


def _previous() -> str:
    try:
        return _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^").decode().strip()
    except subprocess.CalledProcessError:
        return _FIRST


def _script(folder: Path, command: str) -> Path:
    program = folder / "slipway"
    program.write_text(f'#!/bin/sh\n{command} "$@"\n')
    program.chmod(0o755)
    return program


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout


def _uv(*arguments: str | Path) -> None:
    subprocess.run([_UV, *arguments], check=True)
