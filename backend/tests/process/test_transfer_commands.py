"""`slipway upload` and `slipway download` against a running Slipway."""

import json
from pathlib import Path

from tests.adapters.scripted_server import Answer, ScriptedServer
from tests.engines.slipway import SlipwayProcess
from tests.media import make_video

PASSWORD = "quiet harbour"


def test_a_video_goes_up_and_comes_back(tmp_path: Path) -> None:
    film = make_video(tmp_path / "holiday.mp4")
    with SlipwayProcess(tmp_path / "data") as slipway, slipway.api("ada@example.com", PASSWORD) as api:
        account = {"SLIPWAY_URL": slipway.origin, "SLIPWAY_USER": "ada@example.com"}
        # Neither command needs the settings of an installation.
        account["DATABASE_URL"] = "not an address"

        sent = slipway.command("upload", str(film), "--json", SLIPWAY_PASSWORD=PASSWORD, **account)
        assert sent.returncode == 0, sent.stderr
        video = json.loads(sent.stdout)
        assert (video["status"], video["size_bytes"]) == ("ready", film.stat().st_size)
        copy = tmp_path / "copy.mp4"
        fetched = slipway.command(
            "download", video["id"], "--output", str(copy), typed=f"{PASSWORD}\n", **account
        )
        assert fetched.returncode == 0, fetched.stderr
        again = slipway.command("download", video["id"], "--output", str(copy), typed=PASSWORD, **account)
        sessions = api.get("/auth/sessions").json()["items"]

    assert copy.read_bytes() == film.read_bytes()
    assert (again.returncode, "exists. Use --force" in again.stderr) == (1, True)
    assert len(sessions) == 1
    for ended in (sent, fetched, again):
        assert "X-Amz-Signature" not in ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr


def test_an_unexpected_answer_is_logged_without_the_password(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    with ScriptedServer() as server:
        server.script(Answer(200, b'{"access_token": "a-token"}'), Answer(200, b"{}"))
        ended = SlipwayProcess(tmp_path / "data").command(
            *("upload", str(film), "--url", server.url, "--user", "ada@example.com"),
            SLIPWAY_PASSWORD=PASSWORD,
        )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "command.failed" in ended.stderr
    assert PASSWORD not in ended.stderr
