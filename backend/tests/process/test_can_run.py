"""On a system without the embedded store, `make run` says what to do before it installs anything."""

import os
import subprocess
from pathlib import Path

import pytest

from app.embedded import EmbeddedStoreProcess, StoreNotStarted

REPOSITORY = Path(__file__).parents[3]
SYSTEMS = ("Darwin", "MINGW64_NT-10.0-22631", "MSYS_NT-10.0", "CYGWIN_NT-10.0", "FreeBSD")


def on(system: str, folder: Path, command: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder` with a `uname` that names this system."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "uname").write_text(f'#!/bin/sh\necho "{system}"\n')
    (tools / "uname").chmod(0o755)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", **settings}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=False, text=True)


def can_run(system: str, folder: Path, **settings: str) -> bool:
    return on(system, folder, [str(REPOSITORY / "scripts" / "can_run.sh")], **settings).returncode == 0


@pytest.mark.parametrize("system", SYSTEMS)
def test_make_run_says_what_is_needed(system: str, tmp_path: Path) -> None:
    (tmp_path / "Makefile").symlink_to(REPOSITORY / "Makefile")
    (tmp_path / "scripts").symlink_to(REPOSITORY / "scripts")

    ended = on(system, tmp_path, ["make", "run"])

    assert ended.returncode != 0
    assert ended.stdout == ""
    first_line, end_of_make = ended.stderr.splitlines()
    assert "run" in end_of_make
    for word in ("Linux", system, "Docker", "WSL 2", "S3_BUCKET", "README.md"):
        assert word in first_line
    assert not (tmp_path / ".boot").exists()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "settings", [{"S3_BUCKET": "videos"}, {"S3_ENDPOINT_URL": "http://s3.example"}], ids=str
)
def test_every_system_runs_with_an_external_s3(system: str, settings: dict[str, str], tmp_path: Path) -> None:
    assert can_run(system, tmp_path, **settings)


@pytest.mark.parametrize(
    ("line", "is_set"),
    [
        ("S3_BUCKET=videos", True),
        ("s3_bucket = 'videos'", True),
        ('export S3_ENDPOINT_URL="http://s3.example"', True),
        ("S3_BUCKET=", False),
        ('S3_BUCKET=""', False),
        ("S3_BUCKET= # none", False),
        ("#S3_BUCKET=videos", False),
        ("MY_S3_BUCKET=videos", False),
        ("S3_REGION=eu-central-1", False),
    ],
)
def test_reads_the_env_file(line: str, tmp_path: Path, *, is_set: bool) -> None:
    (tmp_path / ".env").write_text(f"SLIPWAY_PORT=8000\n{line}\n")

    assert can_run("Darwin", tmp_path) is is_set


def test_linux_needs_nothing(tmp_path: Path) -> None:
    assert can_run("Linux", tmp_path)


async def test_store_names_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")

    with pytest.raises(StoreNotStarted, match=r"only on Linux and this is Darwin.*S3_BUCKET"):
        await EmbeddedStoreProcess(tmp_path, "127.0.0.1", 0, []).start()
