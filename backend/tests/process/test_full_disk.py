"""Slipway on a full or read-only disk."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.engines.slipway import WITH_QUICK_RECHECKS, SlipwayProcess
from tests.media import make_video
from tests.process.test_stop_under_load import listed
from tests.waiting import TIMEOUT_SECONDS, wait_until

MIB = 1024**2
MANY = {"USER_MAX_UPLOADS_IN_FLIGHT": "100000", "PAGE_DIR": "/nonexistent"}
BODY = {"filename": "harbour.mp4", "size_bytes": 1000, "content_type": "video/mp4"}


class SmallDisk:
    """A small file system in memory that can be filled and made read-only."""

    def __init__(self, folder: Path, size_mib: int) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={size_mib}m", "none", str(folder))

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))

    def make_room(self) -> None:
        self._filler.unlink()

    def make_read_only(self) -> None:
        self._mount("-o", "remount,ro", str(self.folder))

    def make_writable(self) -> None:
        self._mount("-o", "remount,rw", str(self.folder))

    def close(self) -> None:
        # A lazy unmount works even if a failed test left a process in it.
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @staticmethod
    def _mount(*arguments: str) -> None:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk: nothing was filled")
    disk = SmallDisk(tmp_path / "small", 64)
    yield disk
    disk.close()


@pytest.fixture
def slipway(small_disk: SmallDisk, tmp_path: Path) -> Iterator[SlipwayProcess]:
    """Yield Slipway with only its database on the small disk."""
    url = f"sqlite+aiosqlite:///{small_disk.folder / 'slipway.db'}"
    made = SlipwayProcess(tmp_path / "data", MANY | {"DATABASE_URL": url})
    yield made
    made.stop()


def assert_put_off(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0


def create_until_refused(api: httpx.Client) -> set[str]:
    """Create uploads until the disk is full, and return those accepted.

    SQLite writes on while its log has free space.
    """
    taken = set()
    while (answer := api.post("/videos", json=BODY)).status_code == 201:
        taken.add(answer.json()["video"]["id"])
    assert_put_off(answer, "database_unavailable")
    return taken


def test_full_database_disk_answers_503_and_loses_nothing(
    slipway: SlipwayProcess, small_disk: SmallDisk
) -> None:
    slipway.start()
    with slipway.api("ann@example.com") as api:
        taken = {api.post("/videos", json=BODY).json()["video"]["id"] for _ in range(3)}
        small_disk.fill()
        taken |= create_until_refused(api)
        assert listed(api) == taken

        small_disk.make_room()
        wait_until(lambda: api.post("/videos", json=BODY).status_code == 201, "writes go on")
        assert taken <= listed(api)
    slipway.kill_group()
    slipway.wait_for_no_store()
    with slipway, slipway.api("ann@example.com") as api:
        assert taken <= listed(api)


def test_read_only_database_disk_answers_503(slipway: SlipwayProcess, small_disk: SmallDisk) -> None:
    slipway.start()
    with slipway.api("ann@example.com") as api:
        video_id = api.post("/videos", json=BODY).json()["video"]["id"]
        slipway.stop()
        small_disk.make_read_only()
        refused = subprocess.run(
            [str(Path(sys.executable).parent / "slipway"), "serve", "--upgrade"],
            env={"PATH": os.environ["PATH"], "SLIPWAY_DATA_DIR": str(small_disk.folder)},
            cwd=small_disk.folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert refused.returncode != 0
        assert "Traceback" not in refused.stderr
        assert refused.stderr.strip()
        small_disk.make_writable()
        slipway.start()
        assert listed(api) == {video_id}


def test_deletes_videos_on_full_disk(small_disk: SmallDisk, tmp_path: Path) -> None:
    """Everything on one disk, as with `make run`. The store keeps a reserve free, so that deleting works."""
    slipway = SlipwayProcess(small_disk.folder / "data", MANY)
    slipway.program = WITH_QUICK_RECHECKS
    film = make_video(tmp_path / "film.mp4", seconds=0.2, audio=False, size_bytes=5 * MIB)
    data = film.read_bytes()
    kept: list[str] = []
    with slipway, slipway.api("ann@example.com") as api:
        for _ in range(64):
            try:
                kept.append(slipway.upload(api, "harbour.mp4", "video/mp4", data))
            except httpx.HTTPStatusError as refused:
                assert refused.response.status_code == 503  # noqa: PT017  # its loop ends here
                break
        else:
            pytest.fail("a disk of 64 MiB took 64 films of 5 MiB")
        assert set(kept) <= listed(api)
        assert slipway.stored_sha256(kept[-1]) == hashlib.sha256(data).hexdigest()

        assert api.delete(f"/videos/{kept[0]}").status_code == 204
        slipway.wait_for_empty_store(kept[0])
        slipway.upload(api, "harbour.mp4", "video/mp4", data)
