"""Keys of the store are rotated while an upload is open, and no part of it is lost."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.engines import ceph_rgw
from tests.engines.postgres import PostgresServer
from tests.engines.scaled_slipway import ScaledSlipway
from tests.engines.slipway import SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS, wait_until

MIB = 1024 * 1024
VIDEO = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * (40 * MIB // 256)
RESTARTED: Mapping[str, str] = {}


class OpenUpload:
    """An upload of several parts through the API. Each URL remembers the key that signed it."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api
        body = {"filename": "a.mp4", "size_bytes": len(VIDEO), "content_type": "video/mp4"}
        created = api.post("/videos", json=body).raise_for_status().json()
        self.id: str = created["video"]["id"]
        self._part_bytes: int = created["upload"]["part_size_bytes"]
        self.first_urls: dict[int, str] = urls_of(created["upload"]["parts"])

    def new_urls(self) -> dict[int, str]:
        body = {"part_numbers": list(self.first_urls)}
        answer = self._api.post(f"/videos/{self.id}/parts", json=body).raise_for_status()
        return urls_of(answer.json()["parts"])

    def send(self, number: int, url: str) -> int:
        piece = VIDEO[(number - 1) * self._part_bytes : number * self._part_bytes]
        return httpx.put(url, content=piece, timeout=TIMEOUT_SECONDS).status_code

    def complete(self) -> None:
        self._api.post(f"/videos/{self.id}/complete", json={"parts": []}).raise_for_status()

    def delivery_url(self) -> str:
        """Return the URL once the video is processed."""

        def url() -> str:
            video = self._api.get(f"/videos/{self.id}").raise_for_status().json()
            return video["delivery_url"] or ""

        wait_until(url, "the video has a delivery URL")
        return url()


def urls_of(parts: list[dict[str, Any]]) -> dict[int, str]:
    return {part["part_number"]: part["url"] for part in parts}


def key_of(url: str) -> str:
    return httpx.URL(url).params["X-Amz-Credential"].partition("/")[0]


def status_of(url: str) -> int:
    """Return the status of a read, 0 without an answer."""
    try:
        return httpx.get(url, headers={"Range": "bytes=0-0"}, timeout=TIMEOUT_SECONDS).status_code
    except httpx.TransportError:
        return 0


def test_key_of_the_embedded_store_is_rotated_during_an_upload(tmp_path: Path) -> None:
    with SlipwayProcess(tmp_path / "data") as slipway, slipway.api("ada@example.com") as api:
        watched = OpenUpload(api)
        for number, url in watched.first_urls.items():
            assert watched.send(number, url) == 200
        watched.complete()
        old_delivery = watched.delivery_url()
        upload = OpenUpload(api)
        assert len(upload.first_urls) >= 3
        assert upload.send(1, upload.first_urls[1]) == 200

        rotated = slipway.command("storage", "rotate-key")
        assert rotated.returncode == 0, rotated.stderr
        # A store that restarts by itself still accepts what the running app signs.
        (before,) = slipway.store_pids()
        slipway.kill_store()
        wait_until(lambda: slipway.store_pids() not in ([], [before]), "another store")
        wait_until(lambda: status_of(old_delivery) == 206, "the store answers")
        assert upload.send(2, upload.new_urls()[2]) == 200

        slipway.restart(RESTARTED)
        new_urls = upload.new_urls()
        assert key_of(new_urls[3]) != key_of(upload.first_urls[3])
        assert upload.send(3, upload.first_urls[3]) == 200
        for number in list(new_urls)[3:]:
            assert upload.send(number, new_urls[number]) == 200
        upload.complete()
        assert status_of(old_delivery) == 206

        forgotten = slipway.command("storage", "rotate-key", "--forget-old")
        assert forgotten.returncode == 0, forgotten.stderr
        slipway.restart(RESTARTED)
        assert status_of(old_delivery) == 403
        assert status_of(upload.delivery_url()) == 206


def test_second_role_of_the_database_acts_as_the_first(tmp_path: Path) -> None:
    server = PostgresServer(survives_kill=True)
    try:
        name = server.start().create_database()
        server.psql(name, f'CREATE ROLE slipway_app LOGIN; ALTER DATABASE "{name}" OWNER TO slipway_app')
        old = server.url(name).replace("//slipway@", "//slipway_app@")
        with SlipwayProcess(tmp_path / "data", {"DATABASE_URL": old}) as slipway:
            with slipway.api("ada@example.com") as api:
                upload = OpenUpload(api)
                server.psql(name, "CREATE ROLE slipway_app_2 LOGIN IN ROLE slipway_app")
                server.psql(name, "ALTER ROLE slipway_app_2 SET role = 'slipway_app'")
                slipway.restart({"DATABASE_URL": old.replace("slipway_app", "slipway_app_2")})
                server.psql(name, "ALTER ROLE slipway_app NOLOGIN")
                for number, url in upload.first_urls.items():
                    assert upload.send(number, url) == 200
                upload.complete()
                assert slipway.command("db", "upgrade").returncode == 0
    finally:
        server.stop()


def test_keys_of_a_ceph_user_are_rotated_process_by_process(tmp_path: Path) -> None:
    """Ceph and AWS accept two keys of one user. For a while the app signs with one and the worker with the other."""
    with ScaledSlipway(tmp_path / "data") as slipway, slipway.api("ada@example.com") as api:
        upload = OpenUpload(api)
        assert upload.send(1, upload.first_urls[1]) == 200

        slipway.store.create_key("second", "second-secret")
        slipway.restart({"AWS_ACCESS_KEY_ID": "second", "AWS_SECRET_ACCESS_KEY": "second-secret"})
        new_urls = upload.new_urls()
        assert key_of(new_urls[2]) == "second"
        assert upload.send(2, upload.first_urls[2]) == 200
        for number in list(new_urls)[2:]:
            assert upload.send(number, new_urls[number]) == 200
        upload.complete()
        assert status_of(upload.delivery_url()) == 206

        slipway.end_worker()
        slipway.start_worker()
        slipway.store.remove_key(ceph_rgw.ACCESS_KEY_ID)
        assert upload.send(1, upload.first_urls[1]) == 403
        again = OpenUpload(api)
        for number, url in again.first_urls.items():
            assert again.send(number, url) == 200
        again.complete()
        assert status_of(again.delivery_url()) == 206
