"""`python -m mediaprobe` with JSON lines or a table."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mediaprobe import Metadata
from mediaprobe.__main__ import main
from tests.mediaprobe import floods
from tests.waiting import TIMEOUT_SECONDS

BACKEND = Path(__file__).parents[2]


@pytest.fixture
def files(samples: dict[str, bytes], tmp_path: Path) -> dict[str, str]:
    """Write a video, a recording, a text, and a video without its header."""
    contents = {
        "film.mp4": samples["mp4"],
        "recording.webm": samples["live"],
        "notes.mp4": b"no video, only words\n",
        "cut.mov": samples["mov"][:5000],
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return {name: str(tmp_path / name) for name in contents}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mediaprobe", *arguments],
        cwd=BACKEND,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )


def test_json_has_one_line_per_source_in_order(files: dict[str, str]) -> None:
    order = [files[name] for name in ("recording.webm", "notes.mp4", "film.mp4", "cut.mov")]
    done = run("--json", *order)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["source"] for line in lines] == order
    assert lines[0]["container"] == "webm"
    assert lines[2]["video_codec"] == "h264"
    assert [line.get("error", {}).get("code") for line in lines] == [
        None,
        "unsupported_container",
        None,
        "truncated",
    ]
    assert done.returncode == 1
    assert done.stderr == ""


def test_flood_has_what_was_read_before_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flood.mp4"
    path.write_bytes(floods.KEPT["boxes after the tracks"]())
    assert main(["--json", str(path)]) == 1
    line = json.loads(capsys.readouterr().out)
    assert (line["width"], line["video_codec"], line["error"]["code"]) == (640, "h264", "budget_exceeded")
    assert main([str(path)]) == 1
    row = capsys.readouterr().out.splitlines()[1]
    assert "640x360" in row
    assert "100000 steps" in row


def test_flood_before_the_sound_leaves_it_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flood.mp4"
    path.write_bytes(floods.KEPT["boxes in another track"]())

    main([str(path)])

    assert "h264   -" in capsys.readouterr().out


def test_json_error_has_source_code_and_detail(files: dict[str, str]) -> None:
    line = json.loads(run("--json", files["notes.mp4"]).stdout)
    assert line.keys() == {"source", "error"}
    assert line["error"].keys() == {"code", "detail"}
    assert line["error"]["detail"].endswith(".")


def test_json_has_every_field(files: dict[str, str]) -> None:
    line = json.loads(run("--json", files["film.mp4"]).stdout)
    fields = {field.name for field in dataclasses.fields(Metadata)}
    assert line.keys() == {"source", "duration_seconds", "metadata_complete"} | fields
    assert line["duration_seconds"] == line["duration_ms"] / 1000


def test_success_exits_with_0(files: dict[str, str]) -> None:
    assert run("--json", files["film.mp4"], files["recording.webm"]).returncode == 0


def test_prints_table(files: dict[str, str]) -> None:
    done = run(*files.values())
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["source", "container"]
    assert "320x240" in lines[1]
    assert "h264" in lines[1]
    assert "not in a supported video format" in lines[3]
    assert done.returncode == 1


def test_missing_file_does_not_stop_later_sources(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", "/nonexistent/film.mp4", files["film.mp4"]]) == 1
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["error"]["code"] == "source_unavailable"
    assert second["container"] == "mp4"


def test_empty_file_is_unsupported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert main(["--json", str(tmp_path / "empty.mp4")]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unsupported_container"


def test_reports_unreachable_url(capsys: pytest.CaptureFixture[str]) -> None:
    # Nothing listens on port 1.
    assert main(["--json", "http://127.0.0.1:1/film.mp4"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "source_unavailable"


def test_missing_argument_exits_with_2() -> None:
    assert run().returncode == 2
