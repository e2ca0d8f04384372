"""Starts, stops and kills `slipway serve`."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.engines.slipway import SLIPWAY, SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS, wait_until


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    slipway = SlipwayProcess(tmp_path / "data")
    yield slipway
    slipway.stop()  # After a failed test.


def announce(api: httpx.Client, size_bytes: int) -> dict[str, object]:
    body = {"filename": "holiday.mp4", "size_bytes": size_bytes, "content_type": "video/mp4"}
    answer = api.post("/videos", json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, object] = answer.json()
    return created


def send_parts(created: dict[str, object], data: bytes, numbers: list[int] | None = None) -> None:
    upload = created["upload"]
    assert isinstance(upload, dict)
    size = upload["part_size_bytes"]
    for part in upload["parts"]:
        number = part["part_number"]
        if numbers is None or number in numbers:
            body = data[(number - 1) * size : number * size]
            assert httpx.put(part["url"], content=body, timeout=TIMEOUT_SECONDS).status_code == 200


def video_id(created: dict[str, object]) -> str:
    video = created["video"]
    assert isinstance(video, dict)
    return str(video["id"])


def test_interrupt_leaves_no_process(slipway: SlipwayProcess) -> None:
    slipway.start()
    assert len(slipway.store_pids()) == 1
    slipway.interrupt()
    assert slipway.store_pids() == []


def test_terminate_leaves_no_process(slipway: SlipwayProcess) -> None:
    slipway.start()
    assert slipway.stop() == 0
    assert slipway.store_pids() == []


def test_serves_and_terminates_without_space_for_its_log(slipway: SlipwayProcess) -> None:
    slipway.program = ["sh", "-c", 'exec "$0" "$@" 2>/dev/full', *SLIPWAY]
    slipway.start()

    with slipway.api("ann@example.com") as api:
        announce(api, 1000)

    assert slipway.stop() == 0


def test_reports_port_in_use(slipway: SlipwayProcess) -> None:
    with slipway:
        second = subprocess.run(
            [str(Path(sys.executable).parent / "slipway"), "serve"],
            env={"PATH": os.environ["PATH"], "SLIPWAY_PORT": str(slipway.port)},
            cwd=slipway.data_dir.parent,
            capture_output=True,
            check=False,
            text=True,
        )
    assert second.returncode == 1
    assert "SLIPWAY_PORT" in second.stderr


def refused(slipway: SlipwayProcess, **settings: str) -> str:
    """Start Slipway, which must fail, and return its message."""
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "slipway"), "serve"],
        env={
            "PATH": os.environ["PATH"],
            "SLIPWAY_PORT": str(slipway.port),
            "SLIPWAY_DATA_DIR": str(slipway.data_dir),
            **settings,
        },
        cwd=slipway.data_dir.parent,
        capture_output=True,
        check=False,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert ended.returncode == 1
    assert "is ready" not in ended.stdout
    return ended.stderr


def test_rejects_old_schema(slipway: SlipwayProcess) -> None:
    said = refused(slipway)

    assert "slipway db upgrade" in said
    assert "Traceback" not in said


def test_reports_unreachable_database(slipway: SlipwayProcess) -> None:
    """Without its database the app could check neither the bucket's owner nor run its reconciler."""
    said = refused(slipway, DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    assert "DATABASE_URL: the database cannot be opened" in said
    assert "Traceback" not in said


def test_reports_file_that_is_no_database(slipway: SlipwayProcess) -> None:
    slipway.data_dir.mkdir(parents=True)
    (slipway.data_dir / "slipway.db").write_bytes(b"no database" * 100)

    said = refused(slipway)

    assert "file is not a database" in said
    assert "Traceback" not in said


def test_unexpected_start_error_serves_nothing(slipway: SlipwayProcess) -> None:
    """A schema that is a number is none of any version."""
    slipway.data_dir.mkdir(parents=True)
    with closing(sqlite3.connect(slipway.data_dir / "slipway.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("INSERT INTO alembic_version VALUES (17)")

    assert "TypeError" in refused(slipway)


def test_restarts_dead_store(slipway: SlipwayProcess) -> None:
    with slipway:
        (pid,) = slipway.store_pids()
        os.kill(pid, 9)
        wait_until(lambda: slipway.store_pids() not in ([], [pid]), "another store process")
        ready = f"{slipway.origin}/api/v1/health/ready"
        wait_until(
            lambda: httpx.get(ready, timeout=TIMEOUT_SECONDS).status_code == 200, "the store answers again"
        )


def test_kill_loses_nothing_acknowledged(slipway: SlipwayProcess) -> None:
    data = os.urandom(11 * 1024 * 1024)
    slipway.start()
    with slipway.api("ann@example.com") as api:
        finished = announce(api, len(data))
        send_parts(finished, data)
        assert api.post(f"/videos/{video_id(finished)}/complete", json={"parts": []}).status_code == 200
        half = announce(api, len(data))
        send_parts(half, data, numbers=[1])
        doomed = announce(api, len(data))

    slipway.kill_group()
    slipway.wait_for_no_store()

    with slipway, slipway.api("ann@example.com") as api:
        listed = [video["id"] for video in api.get("/videos").json()["items"]]
        assert listed == [video_id(doomed), video_id(half), video_id(finished)]

        # The acknowledged part is still stored, so only the others are missing.
        incomplete = api.post(f"/videos/{video_id(half)}/complete", json={"parts": []})
        assert incomplete.status_code == 409
        assert incomplete.json()["missing"] == [2, 3]
        send_parts(half, data, numbers=[2, 3])
        assert api.post(f"/videos/{video_id(half)}/complete", json={"parts": []}).status_code == 200

        assert api.delete(f"/videos/{video_id(doomed)}").status_code == 204
        # Random bytes are no video, so the video fails with a reason.
        states = {"status": ""}

        def judged() -> bool:
            states.update(api.get(f"/videos/{video_id(half)}").json())
            return states["status"] == "failed"

        wait_until(judged, "the verdict on the bytes")
        assert states["status_reason"]["code"] == "unsupported_container"  # type: ignore[index]  # a dict by then


def test_finished_video_survives_kill(slipway: SlipwayProcess, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=1", str(clip)],
        check=True,
    )
    data = clip.read_bytes()
    slipway.start()
    with slipway.api("ann@example.com") as api:
        created = announce(api, len(data))
        send_parts(created, data)
        api.post(f"/videos/{video_id(created)}/complete", json={"parts": []})
        wait_until(
            lambda: api.get(f"/videos/{video_id(created)}").json()["status"] == "ready", "the video is ready"
        )
    slipway.kill_group()
    slipway.wait_for_no_store()
    with slipway, slipway.api("ann@example.com") as api:
        video = api.get(f"/videos/{video_id(created)}").json()
        assert (video["status"], video["width"], video["height"]) == ("ready", 320, 240)
        delivered = httpx.get(video["delivery_url"], timeout=TIMEOUT_SECONDS).content
        assert hashlib.sha256(delivered).digest() == hashlib.sha256(data).digest()
