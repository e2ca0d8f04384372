"""`slipway video` beside a running app, and its exit status, questions and outputs."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from app.bootstrap import Application
from app.core.audit_events import AuditEvent
from app.models import User
from tests.conftest import MakeVideo
from tests.engines.slipway import WITH_QUICK_RECHECKS, SlipwayProcess
from tests.factories import SMALL_VIDEO, read_video
from tests.media import make_video as make_media
from tests.process.conftest import Command, run_in_thread
from tests.waiting import TIMEOUT_SECONDS, wait_until

EMAIL = "ada@example.com"
WHY = ("--reason", "a court's order")


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    slipway = SlipwayProcess(tmp_path / "data")
    slipway.program = WITH_QUICK_RECHECKS
    yield slipway
    slipway.stop()  # if the test failed


def test_takes_a_video_down_by_its_delivery_url(slipway: SlipwayProcess, tmp_path: Path) -> None:
    film = make_media(tmp_path / "film.mp4").read_bytes()
    with slipway, slipway.api(EMAIL) as api:
        video_id = slipway.upload(api, "film.mp4", "video/mp4", film)
        wait_until(lambda: api.get(f"/videos/{video_id}").json()["status"] == "ready", "it is ready")
        delivery_url = api.get(f"/videos/{video_id}").json()["delivery_url"]

        ended = slipway.command("video", "delete", delivery_url, *WHY, "--yes", "--json")

        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout) == {"id": video_id, "bytes_removed": True}
        lines = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
        (line,) = [line for line in lines if line["event"] == AuditEvent.VIDEO_TAKEN_DOWN]
        assert (line["video_id"], line["by"], line["reason"]) == (video_id, "operator", WHY[1])
        assert "X-Amz-Signature" not in ended.stderr
        assert httpx.get(delivery_url, timeout=TIMEOUT_SECONDS).status_code == 404
        assert api.get(f"/videos/{video_id}").status_code == 404
        slipway.wait_for_empty_store(video_id)


def test_without_an_app_the_bytes_go_later(slipway: SlipwayProcess, tmp_path: Path) -> None:
    film = make_media(tmp_path / "film.mp4").read_bytes()
    with slipway, slipway.api(EMAIL) as api:
        video_id = slipway.upload(api, "film.mp4", "video/mp4", film)

    ended = slipway.command("video", "delete", video_id, *WHY, "--yes")

    assert "Its bytes will be removed as soon as an app or a worker can do so." in ended.stdout
    with slipway:
        slipway.wait_for_empty_store(video_id)


# --- in this process, over the fakes ----------------------------------------------------------------------------


@pytest.fixture
def command(run_in_this_process: Command) -> Command:
    return partial(run_in_this_process, "video")


async def test_list_and_show_print_json_and_text(command: Command, user: User, make_video: MakeVideo) -> None:
    video = await make_video("ready", original_filename="a\u202e\x1b[2J.mp4")
    await make_video("failed", status_code="truncated", status_detail="It ends early.")

    of_both = json.loads((await run_in_thread(command, "list", user.email, "--json")).stdout)["videos"]
    (listed,) = json.loads(
        (await run_in_thread(command, "list", str(user.id), "--state", "ready", "--json")).stdout
    )["videos"]
    shown = json.loads((await run_in_thread(command, "show", str(video.id), "--json")).stdout)

    assert len(of_both) == 2
    assert shown == {**listed, "email": user.email}
    assert (shown["id"], shown["status"], shown["size_bytes"]) == (str(video.id), "ready", len(SMALL_VIDEO))
    assert not {"upload_id", "object_token", "lease_owner"} & set(shown)
    table = (await run_in_thread(command, "list", user.email)).stdout
    assert table.splitlines()[0].split() == ["ID", "STATE", "SIZE", "CREATED", "NAME"]
    assert "failed (truncated)" in table
    assert table.splitlines()[-1] == "2 videos"
    card = (await run_in_thread(command, "show", video.object_key)).stdout
    assert f"Owner:   {user.email} ({user.id})" in card
    assert not {"\u202e", "\x1b"} & set(table + card), "names don't steer the terminal"


@pytest.mark.parametrize("arguments", [("show", "nothing"), ("delete", "nothing", *WHY, "--yes")])
async def test_unknown_video_ends_with_1_and_a_sentence(command: Command, arguments: tuple[str, ...]) -> None:
    ended = await run_in_thread(command, *arguments)

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "There is no video with this ID" in ended.stderr


async def test_delete_asks_and_needs_a_reason(
    command: Command, application: Application, make_video: MakeVideo
) -> None:
    video = await make_video("ready")

    for arguments, typed, status in (
        (("delete", str(video.id), "--yes"), None, 2),
        (("delete", str(video.id), *WHY), None, 2),
        (("delete", str(video.id), "--reason", "", "--yes"), None, 1),
        (("delete", str(video.id), *WHY), "n\n", 0),
    ):
        assert (await run_in_thread(command, *arguments, typed=typed)).exit_code == status
        assert (await read_video(application, video.id)).status == "ready"

    agreed = await run_in_thread(command, "delete", str(video.id), *WHY, typed="y\n")

    assert agreed.exit_code == 0
    assert agreed.stdout.splitlines()[-1] == f"Took {video.id} down. Its bytes are removed."
    assert (await read_video(application, video.id)).status == "deleting"


async def test_second_delete_says_that_the_removal_goes_on(command: Command, make_video: MakeVideo) -> None:
    video = await make_video("ready")
    await run_in_thread(command, "delete", str(video.id), *WHY, "--yes")

    again = await run_in_thread(command, "delete", str(video.id), *WHY, "--yes")

    assert again.exit_code == 0
    assert again.stdout.splitlines()[-1] == "This video is being removed already. Its bytes are removed."
