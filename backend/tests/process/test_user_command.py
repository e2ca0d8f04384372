"""`slipway user` beside a running app, and its exit status, questions and outputs."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from app.core.audit_events import AuditEvent
from app.models import User
from app.ports import Versions, VersionsKept
from tests.conftest import MakeUser, MakeVideo
from tests.engines.slipway import WITH_QUICK_RECHECKS, SlipwayProcess
from tests.factories import PASSWORD, SMALL_VIDEO
from tests.fakes import InMemoryStorage
from tests.media import make_video as make_media
from tests.process.conftest import Command, run_in_thread
from tests.waiting import TIMEOUT_SECONDS, wait_until

EMAIL = "ada@example.com"


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    slipway = SlipwayProcess(tmp_path / "data")
    slipway.program = WITH_QUICK_RECHECKS
    yield slipway
    slipway.stop()  # if the test failed


def done(slipway: SlipwayProcess, *arguments: str) -> str:
    ended = slipway.command("user", *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_disabled_and_deleted_account_beside_the_running_app(slipway: SlipwayProcess, tmp_path: Path) -> None:
    """Part URLs end when `disable` returns. After `delete`, nothing of the account is left in store and database."""
    film = make_media(tmp_path / "film.mp4").read_bytes()
    with slipway, slipway.api(EMAIL) as api:
        video_id = slipway.upload(api, "film.mp4", "video/mp4", film)
        wait_until(lambda: api.get(f"/videos/{video_id}").json()["status"] == "ready", "it is ready")
        delivery_url = api.get(f"/videos/{video_id}").json()["delivery_url"]
        body = {"filename": "a.mp4", "size_bytes": 10, "content_type": "video/mp4"}
        opened = api.post("/videos", json=body).raise_for_status().json()
        part_url = opened["upload"]["parts"][0]["url"]

        assert "Aborted 1 open upload." in done(slipway, "disable", EMAIL)

        assert httpx.put(part_url, content=b"0123456789", timeout=TIMEOUT_SECONDS).status_code == 404
        assert api.get("/auth/me").status_code == 401
        assert httpx.get(delivery_url, timeout=TIMEOUT_SECONDS).status_code == 200, "until its end"
        done(slipway, "enable", EMAIL)
        with slipway.api(EMAIL) as again:
            assert [video["id"] for video in again.get("/videos").json()["items"]] == [video_id]

        done(slipway, "delete", EMAIL, "--yes")

        wait_until(
            lambda: json.loads(done(slipway, "list", "--json")) == {"users": []}, "the account is gone"
        )
        slipway.wait_for_empty_store(video_id)
        assert httpx.get(delivery_url, timeout=TIMEOUT_SECONDS).status_code == 404


def test_account_deleted_without_an_app_is_removed_by_sweep(slipway: SlipwayProcess, tmp_path: Path) -> None:
    film = make_media(tmp_path / "film.mp4").read_bytes()
    with slipway, slipway.api(EMAIL) as api:
        video_id = slipway.upload(api, "film.mp4", "video/mp4", film)
        body = {"filename": "a.mp4", "size_bytes": 10, "content_type": "video/mp4"}
        api.post("/videos", json=body).raise_for_status()

    said = done(slipway, "delete", EMAIL, "--yes")
    assert "The store can't be used now. 1 open upload will be aborted" in said

    def is_gone() -> bool:
        assert slipway.command("sweep").returncode == 0
        left: list[object] = json.loads(done(slipway, "list", "--json"))["users"]
        return not left

    wait_until(is_gone, "sweeps have removed the account")
    with slipway:
        slipway.wait_for_empty_store(video_id)


# --- in this process, over the fakes ----------------------------------------------------------------------------


@pytest.fixture
def command(run_in_this_process: Command) -> Command:
    """`slipway user` in this process."""
    return partial(run_in_this_process, "user")


def test_command_in_an_empty_folder_makes_nothing(tmp_path: Path) -> None:
    listed = SlipwayProcess(tmp_path / "data").command("user", "list")

    assert listed.returncode == 1
    assert f"There is no database of Slipway at {tmp_path / 'data' / 'slipway.db'}." in listed.stderr
    assert "A new installation starts with `slipway db upgrade`." in listed.stderr
    assert not list(tmp_path.iterdir())


async def test_list_and_show_print_json_and_text(command: Command, user: User, make_video: MakeVideo) -> None:
    await make_video("ready")

    listed = json.loads((await run_in_thread(command, "list", "--json")).stdout)["users"]
    shown = json.loads((await run_in_thread(command, "show", user.email, "--json")).stdout)

    assert listed == [shown]
    assert shown == {
        "id": str(user.id),
        "email": user.email,
        "full_name": None,
        "state": "active",
        "created_at": user.created_at.isoformat(),
        "used_bytes": len(SMALL_VIDEO),
        "quota_bytes": 100 * 1024**3,
        "quota_is_own": False,
        "videos": 1,
        "open_uploads": 0,
        "being_removed": 0,
    }
    table = (await run_in_thread(command, "list")).stdout.splitlines()
    assert table[0].split() == ["E-MAIL", "STATE", "VIDEOS", "SPACE"]
    assert table[1].split() == [user.email, "active", "1", "1", "KiB", "of", "100", "GiB"]
    assert f"ID:            {user.id}" in (await run_in_thread(command, "show", str(user.id))).stdout


@pytest.mark.parametrize(
    ("size", "quota_bytes"),
    [("50GiB", 50 * 1024**3), ("1.5 TiB", 3 * 2**39), ("50GB", 50 * 10**9), ("1000", 1000), ("0", 0)],
)
async def test_quota_takes_sizes(command: Command, user: User, size: str, quota_bytes: int) -> None:
    assert (await run_in_thread(command, "quota", user.email, size)).exit_code == 0

    shown = json.loads((await run_in_thread(command, "show", user.email, "--json")).stdout)
    assert (shown["quota_bytes"], shown["quota_is_own"]) == (quota_bytes, True)
    assert (await run_in_thread(command, "quota", user.email, "default")).exit_code == 0
    shown = json.loads((await run_in_thread(command, "show", user.email, "--json")).stdout)
    assert not shown["quota_is_own"]


@pytest.mark.parametrize("size", ["much", "", "50 bananas", "-1", "nan", "99999999TiB"])
async def test_quota_refuses_other_words(command: Command, user: User, size: str) -> None:
    refused = await run_in_thread(command, "quota", user.email, "--", size)

    assert refused.exit_code == 2
    assert "Traceback" not in refused.output


async def test_quota_below_the_used_space_says_so(
    command: Command, user: User, make_video: MakeVideo
) -> None:
    await make_video("ready")

    said = await run_in_thread(command, "quota", user.email, "1KiB")

    expected = f"{user.email} uses 1 KiB of 1 KiB. It is full, so new uploads are refused."
    assert said.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize("arguments", [("show",), ("enable",), ("disable",), ("delete", "--yes")])
async def test_unknown_account_ends_with_1_and_a_sentence(
    command: Command, arguments: tuple[str, ...], user: User
) -> None:
    ended = await run_in_thread(command, arguments[0], f"x{user.email}", *arguments[1:])

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "There is no account with this e-mail address or ID." in ended.stderr


async def test_delete_says_what_goes_and_asks(command: Command, user: User, make_video: MakeVideo) -> None:
    await make_video("ready")

    unasked = await run_in_thread(command, "delete", user.email)
    assert unasked.exit_code == 2
    assert "--yes" in unasked.stderr
    declined = await run_in_thread(command, "delete", user.email, typed="n\n")
    assert "has 1 video (1 KiB)" in declined.stderr
    assert (
        json.loads((await run_in_thread(command, "show", user.email, "--json")).stdout)["state"] == "active"
    )

    agreed = await run_in_thread(command, "delete", user.email, typed="y\n")

    assert agreed.exit_code == 0
    assert agreed.stdout.splitlines()[-1] == f"Deleting {user.email}. It had no open upload."
    shown = json.loads((await run_in_thread(command, "show", user.email, "--json")).stdout)
    assert (shown["state"], shown["being_removed"]) == ("deleting", 1)


async def test_disable_names_no_completion_if_none_runs(
    command: Command, user: User, make_video: MakeVideo, storage: InMemoryStorage
) -> None:
    """The upload is aborted. The store does not let us look for versions of its object."""
    await make_video("uploading")
    storage.versions_state = Versions.KEPT
    storage.fail_next("delete", VersionsKept())

    said = await run_in_thread(command, "disable", user.email)

    rest = "Aborted 0 open uploads. An app or a worker removes 1 more as soon as it can."
    assert said.stdout.splitlines()[-1] == f"Disabled {user.email}. {rest}"
    assert storage.open_uploads == []


async def test_create_keeps_to_the_limit_of_accounts(
    command: Command, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_user()
    monkeypatch.setenv("MAX_ACCOUNTS", "1")

    ended = await run_in_thread(command, "create", "late@example.com", typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert ended.exit_code == 1
    assert "MAX_ACCOUNTS" in ended.stderr


def test_commands_record_what_they_changed(slipway: SlipwayProcess) -> None:
    """On their own stderr, with the account's ID and without its address."""
    slipway.command("db", "upgrade")
    said = []
    for arguments in (("create",), ("disable",), ("enable",), ("quota", "5GiB"), ("delete", "--yes")):
        ended = slipway.command("user", arguments[0], EMAIL, *arguments[1:], typed=f"{PASSWORD}\n")
        assert ended.returncode == 0, ended.stderr
        lines = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
        (line,) = [line for line in lines if line["event"] == AuditEvent.ACCOUNT_CHANGED]
        assert EMAIL not in json.dumps(lines)
        said.append((line["change"], line["audit"], line.get("quota_bytes")))

    assert said == [
        ("create", True, None),
        ("disable", True, None),
        ("enable", True, None),
        ("quota", True, 5 * 1024**3),
        ("delete", True, None),
    ]
