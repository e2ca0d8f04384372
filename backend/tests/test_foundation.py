"""Tests the fixtures and engines that other tests rely on."""

import subprocess
import sys
from pathlib import Path

from app.bootstrap import Application
from app.domain.video_status import VideoStatus
from app.models import User
from tests.conftest import MakeVideo, SignedIn, Upload
from tests.engines.guardian import works_in
from tests.factories import APP_URL, assert_quota_is_exact, read_video, until_settled
from tests.fakes import S3_MIN_PART_BYTES, FakeClock, InMemoryStorage
from tests.waiting import wait_until


async def test_page_upload_becomes_ready(signed_in: SignedIn, upload: Upload) -> None:
    client = await signed_in()

    video = await upload(client, b"x" * (S3_MIN_PART_BYTES + 1))

    assert video["status"] in ("processing", "ready")
    assert (await until_settled(client, video["id"]))["status"] == "ready"


async def test_api_client_uses_bearer_token(signed_in: SignedIn) -> None:
    client = await signed_in(how="bearer")

    answer = await client.get("/api/v1/auth/me")

    assert answer.json()["id"] == str(client.user.id)
    assert "cookie" not in answer.request.headers


async def test_page_client_sends_origin(signed_in: SignedIn) -> None:
    client = await signed_in()

    answer = await client.patch("/api/v1/auth/me", json={"full_name": "A. Sailor"})

    assert answer.status_code == 200
    assert answer.request.headers["origin"] == APP_URL


async def test_videos_of_every_state_keep_quota(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    for status in VideoStatus:
        video = await make_video(status)
        assert (await read_video(application, video.id)).status is status

    await assert_quota_is_exact(application, user)


async def test_inserted_videos_have_storage(
    make_video: MakeVideo, storage: InMemoryStorage, clock: FakeClock
) -> None:
    uploading = await make_video("uploading")
    ready = await make_video("ready")

    assert [upload.object_key for upload in storage.open_uploads] == [uploading.object_key]
    assert list(storage.objects) == [ready.object_key]
    assert ready.ready_at == clock.now()


def test_killed_session_leaves_no_daemon(tmp_path: Path) -> None:
    """SIGKILL to the tests leaves no daemon and no folder."""
    folder = tmp_path / "engine"
    folder.mkdir()
    session = subprocess.Popen(
        [sys.executable, "-c", _SESSION, str(folder)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    assert session.stdout is not None
    daemon = int(session.stdout.readline())
    assert works_in(folder, daemon)

    session.kill()
    session.wait()
    session.stdout.close()

    wait_until(lambda: not (folder.exists() or works_in(folder, daemon)), "daemon and folder are gone")


# The daemon reports its start, because a new process has no command line for a moment.
_DAEMON = """
import os, sys, time
from pathlib import Path

Path(sys.argv[1], "daemon.pid").write_text(str(os.getpid()))
print(os.getpid(), flush=True)
time.sleep(600)
"""

_SESSION = f"""
import signal, subprocess, sys, time
from pathlib import Path
from tests.engines.guardian import Guardian

Guardian(Path(sys.argv[1]), ["daemon.pid"], signal.SIGTERM)
subprocess.Popen([sys.executable, "-c", {_DAEMON!r}, sys.argv[1]], start_new_session=True)
time.sleep(600)
"""
