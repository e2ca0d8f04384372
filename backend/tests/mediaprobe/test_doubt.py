"""A doubt never refuses. A file is refused only if no player finds a picture in it."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections import Counter
from pathlib import Path

from mediaprobe import BudgetExceeded, BytesSource, ProbeError, probe
from tests.crash.report import write_line
from tests.mediaprobe import builders, structure
from tests.waiting import TIMEOUT_SECONDS

# For a campaign set SLIPWAY_DOUBTS, optionally with SLIPWAY_SEED.
DOUBTS = int(os.environ.get("SLIPWAY_DOUBTS", "2000"))
SEED = os.environ.get("SLIPWAY_SEED", "everyday")


def refusal(data: bytes) -> str | None:
    """Return the code of the error after which the application removes the file."""
    try:
        probe(BytesSource(data))
    except BudgetExceeded:
        return None
    except ProbeError as error:
        return error.code
    return None


def plays(path: Path) -> bool:
    """Return whether ffprobe finds a video stream with a size."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_SECONDS)
    streams = json.loads(done.stdout or "{}").get("streams", [])
    return any(
        stream.get("codec_type") == "video"
        and stream.get("width", 0) > 0
        and not stream["disposition"]["attached_pic"]
        for stream in streams
    )


def test_changed_file_that_ffprobe_plays_is_never_refused(samples: dict[str, bytes], tmp_path: Path) -> None:
    opendml = builders.opendml_avi(2, 20_000)
    samples = {**samples, "opendml": opendml.read_range(0, opendml.size, None).data}
    formats = dict.fromkeys(("avi", "opendml"), structure.CHUNKS)
    formats |= dict.fromkeys(("webm", "mkv", "live"), structure.ELEMENTS)
    names = sorted(samples)
    endings: Counter[str] = Counter()
    wrong: list[str] = []
    path = tmp_path / "changed"
    for number in range(DOUBTS):
        generator = random.Random(f"{SEED}-{number}")  # noqa: S311 (repeatable on purpose)
        name = names[number % len(names)]
        data = structure.change(samples[name], formats.get(name, structure.BOXES), generator)
        code = refusal(data)
        endings[code or "not refused"] += 1
        if code is not None and path.write_bytes(data) and plays(path):
            wrong.append(f"{name} {number} {code}")
    print(f"\n{DOUBTS} changed files: {dict(endings)}")  # noqa: T201
    write_line({"suite": "doubts", "runs": DOUBTS, "violations": len(wrong), "seed": SEED})
    assert wrong == []
    assert endings["not refused"] < DOUBTS
