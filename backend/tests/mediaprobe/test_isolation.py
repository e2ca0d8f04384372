"""The reader opens no file and no socket, uses little memory and imports only the standard library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2]

# Probes hostile and real files in a process with an audit hook (PEP 578), which sees every open, socket and exec. The
# inputs are read before the hook is set.
_AUDITED = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from mediaprobe import BytesSource, ProbeError, probe
import mediaprobe.__main__
from tests.mediaprobe import hostile

inputs = {case.name: case.make() for case in hostile.INPUTS}
inputs.update({path: Path(path).read_bytes() for path in sys.argv[2:]})
seen = []
watching = False
OUTSIDE = ("open", "socket.", "os.", "subprocess.", "ctypes.", "import", "exec", "compile", "urllib.", "shutil.")

def hook(event, arguments):
    if watching and event.startswith(OUTSIDE):
        seen.append([current, event, repr(arguments)[:200]])

sys.addaudithook(hook)
current = "self-test"
watching = True
try:
    open("/nonexistent/canary")
except OSError:
    pass
slowest = 0.0
for current, data in inputs.items():
    started = time.process_time()
    try:
        probe(BytesSource(data)).as_json()
    except ProbeError:
        pass
    spent = time.process_time() - started
    if spent > slowest:
        slowest, worst = spent, current
watching = False
print(json.dumps({"seen": seen, "count": len(inputs), "slowest": [worst, slowest]}))
"""


def test_opens_no_file_and_no_socket(samples: dict[str, bytes], tmp_path: Path) -> None:
    paths = []
    for name, data in samples.items():
        path = tmp_path / name
        path.write_bytes(data)
        paths.append(str(path))
    result = json.loads(run_python(_AUDITED, str(BACKEND), *paths))
    assert result["count"] > 100
    # The hook saw only the canary.
    assert [event for _, event, _ in result["seen"]] == ["open"]
    print(f"\nslowest of {result['count']} inputs: {result['slowest'][0]}, {result['slowest'][1]:.3f} s CPU")  # noqa: T201


# Only one input is in memory at a time, and tracing starts after it is built, so the peak is the reader's.
_MEASURED = """
import json, sys, tracemalloc
sys.path.insert(0, sys.argv[1])
from mediaprobe import ProbeError, probe
from tests.mediaprobe import builders, sources

GIB, HOURS = sources.GIB, 3 * 3600
films = {
    "3 h moov last": lambda: builders.progressive_mp4(HOURS, 2 * GIB, moov_first=False, vfr=True),
    "3 h moov first": lambda: builders.progressive_mp4(HOURS, 2 * GIB, moov_first=True),
    "3 h fragments": lambda: builders.fragmented_mp4(HOURS, 300_000),
    "3 h fragments, sidx": lambda: builders.fragmented_mp4(HOURS, 300_000, sidx=True),
    "live": lambda: builders.live_webm(HOURS, 10, 180_000),
    "live, long clusters": lambda: builders.live_webm(3000, 30, 600_000),
    "matroska": lambda: builders.matroska_with_header(HOURS, 6000),
    "avi": lambda: builders.opendml_avi(HOURS, 2 * GIB),
}
peaks = {}
for name, make in films.items():
    source = make()
    tracemalloc.start()
    probe(source)
    peaks[name] = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
print(json.dumps(peaks))
"""


def test_memory_stays_below_8_mib() -> None:
    peaks = json.loads(run_python(_MEASURED, str(BACKEND)))
    print(f"\npeak memory of a probe: { {name: f'{peak / 2**20:.2f} MiB' for name, peak in peaks.items()} }")  # noqa: T201
    assert max(peaks.values()) <= 8 * 2**20


_IMPORTED = """
import sys
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import mediaprobe, mediaprobe.__main__
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(name for name in names if name not in sys.stdlib_module_names))
"""


def test_imports_only_standard_library() -> None:
    # run_python isolates the interpreter from the environment and the user's packages (-I).
    assert run_python(_IMPORTED, str(BACKEND)).strip() == "['mediaprobe']"


def run_python(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        pytest.fail(done.stderr[-2000:])
    return done.stdout
