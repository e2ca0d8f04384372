"""Read one URL with one engine, and print its metadata, time and memory.

Run as `python metadata_engines.py ours|ffprobe|pyav URL`. For mediaprobe and PyAV the wall time is that of the read.
For ffprobe it is that of the whole process, which a worker would start each time. Memory is what the read adds to an
idle worker at its peak, including the engine's code. For ffprobe it is that of its process.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import resource
import ssl  # noqa: F401  # an idle worker has it too, so it must not count as memory of mediaprobe
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

Answer = dict[str, float | int | str | None]
KIB = 1024
MIB = 1024 * KIB


class Stopwatch:
    """Starts after an engine is loaded, so that Python's start and imports do not count."""

    def __init__(self) -> None:
        self._began = 0.0
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began


def read_with_ours(url: str, watch: Stopwatch) -> Answer:
    from mediaprobe import HttpSource, probe

    with watch, HttpSource(url) as source:
        found = probe(source)
    return {
        "duration": found.duration_seconds,
        "width": found.width,
        "height": found.height,
        "video_codec": found.video_codec,
    }


def read_with_pyav(url: str, watch: Stopwatch) -> Answer:
    import av

    with watch, RangedFile(url) as file, av.open(file, mode="r") as container:
        video = container.streams.video[0]
        duration = container.duration / 1_000_000 if container.duration else None
        codec = video.codec_context
        return {"duration": duration, "width": codec.width, "height": codec.height, "video_codec": codec.name}


def read_with_ffprobe(url: str, watch: Stopwatch) -> Answer:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", url]
    with watch:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # our own server's URL
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip()[-300:])
    found = json.loads(done.stdout)
    video = next(stream for stream in found["streams"] if stream["codec_type"] == "video")
    duration = found["format"].get("duration")
    return {
        "duration": float(duration) if duration is not None else None,
        "width": video["width"],
        "height": video["height"],
        "video_codec": video["codec_name"],
    }


class RangedFile(io.RawIOBase):
    """A seekable file for PyAV over an object in S3.

    A window has 256 KiB after a seek, and doubles up to 4 MiB in sequential reads. Windows of up to 16 MiB are cached.
    """

    _JUMP, _MAX_WINDOW, _CACHE_BYTES = 256 * KIB, 4 * MIB, 16 * MIB

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._target = address.path
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        self._windows: list[tuple[int, bytes]] = []
        self._window = self._JUMP
        self._last_end = -1
        self._position = 0
        self._size = 0
        self._fetch(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        if self._position >= self._size:
            return b""
        start, data = self._holding(self._position)
        begin = self._position - start
        piece = data[begin:] if size < 0 else data[begin : begin + size]
        self._position += len(piece)
        return piece

    def _holding(self, offset: int) -> tuple[int, bytes]:
        for index, (start, data) in enumerate(self._windows):
            if start <= offset < start + len(data):
                self._windows.insert(0, self._windows.pop(index))
                return start, data
        self._window = min(self._window * 2, self._MAX_WINDOW) if offset == self._last_end else self._JUMP
        return self._fetch(offset)

    def _fetch(self, start: int) -> tuple[int, bytes]:
        self._connection.request(
            "GET", self._target, headers={"Range": f"bytes={start}-{start + self._window - 1}"}
        )
        response = self._connection.getresponse()
        data = response.read()
        if response.status != http.client.PARTIAL_CONTENT:
            raise OSError(f"the server answered {response.status}")
        self._size = int(response.headers["Content-Range"].rpartition("/")[2])
        self._last_end = start + len(data)
        self._windows.insert(0, (start, data))
        cached = 0
        for index, (_, each) in enumerate(self._windows):
            cached += len(each)
            if cached > self._CACHE_BYTES:
                del self._windows[index:]
                break
        return start, data

    def close(self) -> None:
        self._connection.close()
        super().close()


ENGINES: dict[str, Callable[[str, Stopwatch], Answer]] = {
    "ours": read_with_ours,
    "ffprobe": read_with_ffprobe,
    "pyav": read_with_pyav,
}


def resident_kib(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def reset_peak() -> None:
    """Reset the peak memory. If the kernel refuses, the memory of Python's start counts as the engine's."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def main() -> int:
    engine, url = sys.argv[1:]
    watch = Stopwatch()
    reset_peak()
    before = resident_kib("VmRSS")
    try:
        report: dict[str, object] = {"answer": ENGINES[engine](url, watch)}
    except Exception as error:  # an engine's error is its result
        report = {"error": f"{type(error).__name__}: {error}"}
    added = resident_kib("VmHWM") - before
    if engine == "ffprobe":
        added = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    report |= {"seconds": watch.seconds, "memory_kib": added}
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
