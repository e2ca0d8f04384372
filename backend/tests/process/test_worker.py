"""Starts and stops `slipway worker`."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.bootstrap import Application
from app.core.config import Settings
from app.core.schema import head_revision
from tests.adapters.scripted_server import Answer, ScriptedServer, s3_error
from tests.conftest import MakeVideo
from tests.databases import PostgresDatabases
from tests.engines.ports import free_port
from tests.factories import make_settings, read_video
from tests.waiting import TIMEOUT_SECONDS

COMMAND = [str(Path(sys.executable).parent / "slipway"), "worker"]
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture
def settings(postgres: PostgresDatabases, tmp_path: Path) -> Iterator[Settings]:
    url = postgres.new()
    yield make_settings(url, tmp_path)
    postgres.discard(url)


@pytest.fixture
def falls_silent() -> Iterator[ScriptedServer]:
    """Return a store with a new bucket that a test can hang."""
    with ScriptedServer() as server:
        server.script(s3_error(404, "NoSuchKey"))
        yield server


@pytest.fixture
def silent_store() -> Iterator[str]:
    """Yield a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def environment(**settings: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **settings}


def refused(folder: Path, **settings: str) -> str:
    """Start a worker, which must fail, and return its message."""
    ended = subprocess.run(
        COMMAND, env=environment(**settings), cwd=folder, capture_output=True, check=False, text=True
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


def start(
    settings: Settings, store: str, folder: Path, *options: str, store_timeout_seconds: int = 1
) -> subprocess.Popen[str]:
    """Return the worker when it reports that it is ready."""
    process = subprocess.Popen(
        [*COMMAND, *options],
        env=environment(
            DATABASE_URL=settings.effective_database_url,
            S3_ENDPOINT_URL=store,
            STORAGE_READ_TIMEOUT_SECONDS=str(store_timeout_seconds),
            STORAGE_ATTEMPTS="1",
            **KEYS,
        ),
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        assert "is ready" in stdout.readline()
    return process


def test_rejects_worker_with_embedded_store(tmp_path: Path) -> None:
    assert "slipway serve" in refused(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_rejects_old_schema(postgres: PostgresDatabases, tmp_path: Path) -> None:
    said = refused(tmp_path, DATABASE_URL=postgres.new_without_schema(), S3_BUCKET="videos", **KEYS)

    assert "slipway db upgrade" in said


def test_rejects_bucket_of_another_database(settings: Settings, tmp_path: Path) -> None:
    with ScriptedServer() as store:
        named = b'{"database_id": "6f1c2f0e-6a43-4d0e-9f0f-0c6a3d1d1f00"}'
        store.script(
            Answer(206, named, {"Content-Range": f"bytes 0-{len(named) - 1}/{len(named)}", "ETag": '"1"'})
        )
        said = refused(
            tmp_path,
            DATABASE_URL=settings.effective_database_url,
            S3_ENDPOINT_URL=store.url,
            S3_BUCKET="anothers",
            **KEYS,
        )
        asked = {(request.method, request.path) for request in store.seen}

    assert "the bucket anothers belongs to another database" in said
    # The HEAD finds the bucket's region.
    assert asked == {("HEAD", "/anothers"), ("GET", "/anothers/slipway/database.json")}


def test_terminate_exits_with_0(settings: Settings, silent_store: str, tmp_path: Path) -> None:
    process = start(settings, silent_store, tmp_path)

    process.terminate()

    assert process.wait(TIMEOUT_SECONDS) == 0


def test_health_port_tells_whether_it_lives_is_ready_and_what_it_does(
    settings: Settings, silent_store: str, tmp_path: Path
) -> None:
    port = free_port()
    process = start(settings, silent_store, tmp_path, "--health-port", str(port))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_SECONDS) as client:
        live, ready, metrics, other = (
            client.get(path)
            for path in ("/api/v1/health/live", "/api/v1/health/ready", "/metrics", "/api/v1/videos")
        )
        assert (live.status_code, live.json()["schema_version"]) == (200, head_revision())
        assert (ready.status_code, ready.json()["code"]) == (503, "storage_unavailable")
        assert 'slipway_videos{status="ready"} 0.0' in metrics.text
        assert "slipway_build_info{" in metrics.text
        assert other.status_code == 404

        process.terminate()

        assert process.wait(TIMEOUT_SECONDS) == 0, "also with a connection that is kept alive"


def test_taken_health_port_is_said(settings: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = subprocess.run(
            [*COMMAND, "--health-port", str(listening.getsockname()[1])],
            env=environment(
                DATABASE_URL=settings.effective_database_url, S3_ENDPOINT_URL="http://127.0.0.1:9", **KEYS
            ),
            cwd=tmp_path,
            capture_output=True,
            check=False,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    assert ended.returncode == 1
    assert "--health-port, SLIPWAY_HOST: cannot listen on 127.0.0.1:" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_terminate_releases_running_job(
    application: Application,
    make_video: MakeVideo,
    falls_silent: ScriptedServer,
    tmp_path: Path,
) -> None:
    """It also does not wait for the thread that hangs in a call to the store."""
    # A call that ended before the signal would put the job off.
    longer_than_the_test = 10 * int(TIMEOUT_SECONDS)
    process = start(
        application.settings, falls_silent.url, tmp_path, store_timeout_seconds=longer_than_the_test
    )
    falls_silent.hold()
    video = await make_video("processing")
    while (await read_video(application, video.id)).lease_owner is None:
        assert process.poll() is None, "it took no job"

    process.terminate()

    assert process.wait(TIMEOUT_SECONDS) == 0
    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner, row.attempts, row.postponed) == ("processing", None, 0, 0)
