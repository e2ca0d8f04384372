"""Upload a file and download a video over the API, as the page does."""

import base64
import hashlib
import mimetypes
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx

from app.client import Client, Refused
from app.core.operator_errors import OperatorError

_PARTS_AT_ONCE: Final = 4
_PART_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_STEM_BYTES: Final = 200
_SUFFIX_BYTES: Final = 55
"""Together 255, the longest name of most file systems."""

Progress = Callable[[int], None]
"""Takes the number of bytes that arrived."""
Facts = Mapping[str, Any]


class TransferFailed(OperatorError):
    pass


class Upload:
    """One file. Its parts are sent a few at a time, and each again until it has arrived."""

    def __init__(
        self, client: Client, file: Path, progress: Progress, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._client = client
        self._file = file
        self._progress = progress
        self._patience = client.new_patience()
        self._stat = file.stat()
        self._store = httpx.Client(timeout=_PART_TIMEOUT, transport=transport)
        self._video_id = ""
        self._part_size = 0
        self._md5s: dict[int, str] = {}

    def run(self) -> Facts:
        """Return the video once its object is verified. Cancel the upload if it fails or is interrupted."""
        announced = {
            "filename": self._file.name,
            "size_bytes": self._stat.st_size,
            "content_type": self._content_type(),
        }
        created = self._client.post("/videos", announced, idempotency_key=str(uuid.uuid4()))
        self._video_id = created["video"]["id"]
        try:
            with self._store:
                return self._send_and_complete(created["upload"])
        except BaseException:
            self._cancel()
            raise

    def _send_and_complete(self, plan: Facts) -> Facts:
        self._part_size = plan["part_size_bytes"]
        self._send(range(1, plan["part_count"] + 1))
        while True:
            parts = [{"part_number": number, "md5": md5} for number, md5 in sorted(self._md5s.items())]
            try:
                video: Facts = self._client.post(f"/videos/{self._video_id}/complete", {"parts": parts})
            except Refused as refused:
                if refused.code != "parts_incomplete":
                    raise
                self._patience.wait(str(refused))
                self._send([*refused.facts["missing"], *refused.facts["mismatched"]])
            else:
                return video

    def _send(self, numbers: Sequence[int]) -> None:
        """Send these parts, a few at a time, until each has arrived."""
        to_do = list(numbers)
        with ThreadPoolExecutor(_PARTS_AT_ONCE) as threads:
            while to_do:
                batch, to_do = to_do[:_PARTS_AT_ONCE], to_do[_PARTS_AT_ONCE:]
                path = f"/videos/{self._video_id}/parts"
                signed = self._client.post(path, {"part_numbers": batch})["parts"]
                refusals = list(threads.map(self._send_part, signed))
                failed = [number for number, why in zip(batch, refusals, strict=True) if why]
                for part in signed:
                    if part["part_number"] not in failed:
                        self._patience.progressed()
                        self._progress(part["size_bytes"])
                if failed:
                    # Signed anew, because a URL may have expired.
                    to_do = [*failed, *to_do]
                    self._patience.wait(next(filter(None, refusals)))

    def _send_part(self, part: Facts) -> str:
        """Return why the part did not arrive, or nothing."""
        with self._file.open("rb") as file:
            file.seek((part["part_number"] - 1) * self._part_size)
            data = file.read(part["size_bytes"])
        now = self._file.stat()
        if (now.st_size, now.st_mtime_ns) != (self._stat.st_size, self._stat.st_mtime_ns):
            raise TransferFailed(f"{self._file} changed while it was sent.")
        md5 = hashlib.md5(data, usedforsecurity=False)
        headers = {"Content-MD5": base64.b64encode(md5.digest()).decode()}
        try:
            answer = self._store.put(part["url"], content=data, headers=headers)
        except httpx.TransportError as error:  # without its text, which may have the URL
            return f"The store doesn't answer ({type(error).__name__})."
        if not answer.is_success:
            return f"The store answers {answer.status_code}."
        self._md5s[part["part_number"]] = md5.hexdigest()
        return ""

    def _content_type(self) -> str:
        """Return the type that the server's policy has for the name's extension."""
        extension = self._file.suffix.lower()
        for container in self._client.get("/upload-policy")["containers"]:
            if extension in container["extensions"]:
                content_type: str = container["content_types"][0]
                return content_type
        return mimetypes.guess_type(self._file.name)[0] or "application/octet-stream"

    def _cancel(self) -> None:
        try:
            self._client.cancel(f"/videos/{self._video_id}")
        except (OperatorError, httpx.HTTPError):
            pass  # it expires by itself


def wait_until_read(client: Client, video: Facts, sleep: Callable[[float], None] = time.sleep) -> Facts:
    """Return the video once its metadata is read, or it failed."""
    while video["status"] in ("completing", "processing"):
        sleep(1)
        video = client.get(f"/videos/{video['id']}")
    return video


class Download:
    """One video. What arrived stays in a file beside the target, and a broken connection goes on from there."""

    def __init__(
        self,
        client: Client,
        video: Facts,
        target: Path,
        progress: Progress,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = client
        self._video = video
        self._target = target
        self._progress = progress
        self._store = httpx.Client(timeout=_PART_TIMEOUT, transport=transport)
        self._patience = client.new_patience()
        self._etag = ""
        self._arrived = 0

    def run(self) -> None:
        # Of this run alone, and without the target's name, which may be as long as the file system allows.
        unfinished = self._target.with_name(f".{uuid.uuid4()}.part")
        size = self._video["size_bytes"]
        try:
            with self._store, unfinished.open("wb") as file:
                while self._arrived < size:
                    began_at = self._arrived
                    why = self._read_on(file.write)
                    if self._arrived > began_at:
                        self._patience.progressed()
                    if why:
                        self._patience.wait(why)
                        self._video = self._client.get(f"/videos/{self._video['id']}")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._target)
        finally:
            unfinished.unlink(missing_ok=True)

    def _read_on(self, write: Callable[[bytes], int]) -> str:
        """Return why the answer ended early, or nothing."""
        require_ready(self._video)
        url = self._video["delivery_url"]
        if url is None:
            return (
                "The server can't sign the video's URL now, because its credentials for the store have ended."
            )
        # The bytes are wanted as they are, and If-Match keeps two objects from being mixed.
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={self._arrived}-"}
        if self._etag:
            headers["If-Match"] = self._etag
        try:
            with self._store.stream("GET", url, headers=headers) as answer:
                if answer.status_code == 412:
                    raise TransferFailed("The file was replaced while it was read. Start again.")
                if answer.status_code != 206:
                    return f"The store answers {answer.status_code}."
                self._etag = answer.headers.get("ETag", "")
                for block in self._blocks(answer):
                    write(block)
                    self._arrived += len(block)
                    self._progress(len(block))
        except httpx.TransportError as error:  # without its text, which may have the URL
            return f"The store doesn't answer ({type(error).__name__})."
        return "" if self._arrived == self._video["size_bytes"] else "The answer ended early."

    def _blocks(self, answer: httpx.Response) -> Iterator[bytes]:
        for block in answer.iter_raw():
            if self._arrived + len(block) > self._video["size_bytes"]:
                raise TransferFailed("The store sends more bytes than the video has.")
            yield block


def require_ready(video: Facts) -> None:
    """Raise TransferFailed."""
    if video["status"] != "ready":
        raise TransferFailed(f"The video is {video['status']}, and only ready ones can be downloaded.")


def local_name(filename: str) -> str:
    """Return the video's name as that of a file in the current folder, whatever the server says."""
    kept = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in filename).lstrip(".")
    stem, suffix = os.path.splitext(kept)
    return _first_bytes(stem, _STEM_BYTES) + _first_bytes(suffix, _SUFFIX_BYTES) or "video"


def _first_bytes(text: str, count: int) -> str:
    """Return the characters that fit as a whole into so many bytes of UTF-8."""
    return text.encode()[:count].decode(errors="ignore")
