"""Commands end with a sentence whatever their standard streams are."""

import io
import os
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app import cli
from app.cli_support import ask_password
from app.core.config import Settings
from app.core.operator_errors import OperatorError
from tests.engines.slipway import SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS

SLIPWAY = 'exec "$0" "$@"'


@pytest.fixture(scope="module")
def slipway(tmp_path_factory: pytest.TempPathFactory) -> SlipwayProcess:
    slipway = SlipwayProcess(tmp_path_factory.mktemp("streams") / "data")
    assert slipway.command("db", "upgrade").returncode == 0
    return slipway


def in_shell(slipway: SlipwayProcess, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `slipway` as $0 "$@" of this script."""
    return subprocess.run(
        ["bash", "-c", script, *slipway.program, *arguments],
        env=slipway.environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.parametrize(
    ("arguments", "status"), [(("create", "ada@example.com"), 1), (("delete", "ada@example.com"), 2)]
)
def test_closed_input_is_no_terminal_and_no_password(
    slipway: SlipwayProcess, arguments: tuple[str, ...], status: int
) -> None:
    ended = in_shell(slipway, f"{SLIPWAY} <&-", "user", *arguments)

    assert ended.returncode == status
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr


def test_a_command_works_with_all_streams_closed(slipway: SlipwayProcess) -> None:
    assert in_shell(slipway, f"{SLIPWAY} <&- >&- 2>&-", "user", "list").returncode == 0


@pytest.mark.parametrize("arguments", [("user", "list"), ("version",)])
def test_a_full_disk_behind_the_output_is_named(slipway: SlipwayProcess, arguments: tuple[str, ...]) -> None:
    ended = in_shell(slipway, f"{SLIPWAY} >/dev/full", *arguments)

    assert (ended.returncode, ended.stderr) == (1, "The output or a file: No space left on device.\n")


def test_a_reader_that_goes_away_is_no_error(slipway: SlipwayProcess) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    ended = subprocess.run(
        [*slipway.program, "user", "list"],
        env=slipway.environment,
        stdout=writes,
        stderr=subprocess.PIPE,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    os.close(writes)

    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_line_end_is_no_part_of_a_password(line_end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"quiet harbour{line_end}", newline=""))

    assert ask_password(twice=True) == "quiet harbour"


def test_a_password_in_another_encoding_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"h\xe4user\n"), encoding="utf-8"))

    with pytest.raises(typer.BadParameter, match="not UTF-8"):
        ask_password(twice=True)


def test_a_settings_file_in_another_encoding_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes(b"METRICS_TOKEN=geheim\xe4\n")
    monkeypatch.chdir(tmp_path)

    ended = CliRunner().invoke(cli.app, ["user", "list"])

    assert ended.exit_code == 2
    assert ended.stderr == ".env: it is not UTF-8. Save it in this encoding.\n"


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SLIPWAY_DATA_DIR", str(tmp_path / "file"))

    with pytest.raises(OperatorError, match=r"^SLIPWAY_DATA_DIR: .*file cannot be used \(File exists\)"):
        Settings().make_data_dir()
