"""A file that changes on the disk during its upload is never stored, and the page says what happened."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from tests.browser.page_user import CARD, MIB, PageUser, make_file
from tests.browser.story import story
from tests.engines.faults import Match

_FILE_BYTES = 128 * MIB
"""Eight parts of 16 MiB, larger than what sockets buffer."""


async def _change_halfway(user: PageUser, change: Callable[[Path], object]) -> None:
    path = user.file.path.with_name(f"{user.name}.mp4")
    user.file = await asyncio.to_thread(make_file, path, _FILE_BYTES)
    async with user.halfway():
        await asyncio.to_thread(change, path)


async def _is_refused(user: PageUser, change: Callable[[Path], object], words: str | None = None) -> None:
    await _change_halfway(user, change)
    if words is None:
        # Chromium tells a page no difference between a changed file and one whose drive is away.
        words = "can't be read" if user.browser.name == "chromium" else "changed on your disk"
    assert await user.wait_for_end() == "failed", await user.text()
    await user.expect_text(words, CARD)
    assert "ready" not in {video["status"] for video in await user.videos()}
    assert user.requests(api=Match("POST", "/complete")) == []


@story(slow=True)
async def file_is_deleted(user: PageUser) -> None:
    await _is_refused(user, Path.unlink, "can't be read")


@story(slow=True)
async def file_is_away_for_some_seconds(user: PageUser) -> None:
    await _change_halfway(user, lambda path: path.rename(path.with_suffix(".away")))
    await user.expect_text("can't be read at the moment", CARD)
    user.file.path.with_suffix(".away").rename(user.file.path)
    await user.expect_uploaded()


@story(slow=True)
async def file_is_shortened(user: PageUser) -> None:
    await _is_refused(user, lambda path: os.truncate(path, _FILE_BYTES // 8))


@story(
    slow=True,
    exceptions={
        "firefox": "the file is stored as it was chosen, because Firefox shows a page no sign that a file has grown"
    },
)
async def file_is_appended_to(user: PageUser) -> None:
    def append(path: Path) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    if user.browser.name == "firefox":
        await _change_halfway(user, append)
        await user.expect_uploaded()
    else:
        await _is_refused(user, append)


@story(slow=True)
async def file_is_overwritten(user: PageUser) -> None:
    await _is_refused(user, _overwrite)


@story(slow=True)
async def file_is_overwritten_with_its_time_kept(user: PageUser) -> None:
    def overwrite(path: Path) -> None:
        before = path.stat()
        _overwrite(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    await _is_refused(user, overwrite, "changed on your disk")


def _overwrite(path: Path) -> None:
    """Change each byte after the first MiB in place, so that the file is still a video."""
    inverted = bytes(range(255, -1, -1))
    with path.open("r+b") as file:
        file.seek(MIB)
        while block := file.read(MIB):
            file.seek(-len(block), os.SEEK_CUR)
            file.write(block.translate(inverted))
