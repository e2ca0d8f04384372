"""`slipway storage verify` and its exit status and outputs, over the fakes."""

import json
from functools import partial

import pytest

from app.bootstrap import Application
from app.domain.errors import StorageUnavailable
from app.services.sweep.sweep import SweepOrder
from tests.conftest import MakeVideo
from tests.factories import SMALL_VIDEO, read_video
from tests.fakes import InMemoryStorage
from tests.process.conftest import Command, run_in_thread


@pytest.fixture
def command(run_in_this_process: Command) -> Command:
    return partial(run_in_this_process, "storage", "verify")


async def test_lists_what_does_not_match_and_adopts_what_does(
    command: Command, application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    sound, copied, gone = [await make_video("ready") for _ in range(3)]
    await application.sweep.run(SweepOrder())  # marks the bucket
    storage.store_object(copied.object_key, SMALL_VIDEO)
    del storage.objects[gone.object_key]

    before = await run_in_thread(command, "--json")
    after = await run_in_thread(command, "--accept", "--json")
    as_text = await run_in_thread(command)

    assert (before.exit_code, after.exit_code, as_text.exit_code) == (4, 4, 4)
    found = json.loads(before.stdout)
    assert {name: count for name, count in found["counts"].items() if count} == {
        "intact": 1,
        "same_bytes": 1,
        "missing": 1,
    }
    assert {line["id"]: line["standing"] for line in found["not_settled"]} == {
        str(copied.id): "same_bytes",
        str(gone.id): "missing",
    }
    adopted = json.loads(after.stdout.splitlines()[-1])  # below the log
    assert adopted["adopted"] == 1
    assert [line["id"] for line in adopted["not_settled"]] == [str(gone.id)]
    assert f"{gone.id}  missing  {gone.object_key}" in as_text.stdout
    assert "Objects of 3 videos: 2 as the upload left them. 1 missing." in as_text.stdout
    for video in (sound, copied, gone):
        assert (await read_video(application, video.id)).status == "ready"


async def test_brings_back_what_failed_by_mistake(
    command: Command, application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    back, lost = [await make_video("failed", status_code="object_missing") for _ in range(2)]
    await application.sweep.run(SweepOrder())  # marks the bucket
    del storage.objects[lost.object_key]

    before = await run_in_thread(command)
    after = await run_in_thread(command, "--accept")

    assert (before.exit_code, after.exit_code) == (4, 0)
    assert f"{back.id}  returned  {back.object_key}" in before.stdout
    assert "1 still missing, of videos that failed without them." in before.stdout
    assert "Adopted 1." in after.stdout
    statuses = [(await read_video(application, video.id)).status for video in (back, lost)]
    assert statuses == ["processing", "failed"]


async def test_continues_behind_a_video(
    command: Command, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    first, _ = sorted([await make_video("ready") for _ in range(2)], key=lambda video: video.id)

    async def fail() -> None:
        raise StorageUnavailable

    async def pass_first() -> None:
        storage.hook_next("head", fail)

    storage.hook_next("head", pass_first)

    interrupted = await run_in_thread(command)
    continued = await run_in_thread(command, "--after", str(first.id), "--json")

    assert interrupted.exit_code == 1
    assert f"Continue with --after {first.id}." in interrupted.stderr
    assert (continued.exit_code, json.loads(continued.stdout)["counts"]["intact"]) == (0, 1)


async def test_adopts_nothing_in_a_bucket_of_another_database(
    command: Command, application: Application, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    video = await make_video("ready")
    await application.sweep.run(SweepOrder())
    marker = b'{"database_id": "00000000-0000-0000-0000-000000000001"}'
    await storage.put("slipway/database.json", marker, "application/json", only_if_new=False)
    storage.store_object(video.object_key, SMALL_VIDEO)

    refused = await run_in_thread(command, "--accept")

    assert (refused.exit_code, refused.stdout) == (5, "")
    assert "belongs to another database" in refused.stderr
    assert storage.count("create_multipart_upload") == 0
