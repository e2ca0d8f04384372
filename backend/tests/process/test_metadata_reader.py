"""The metadata reader's process has no way out, and it never outlives what started it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

import mediaprobe
from app.adapters.probe import READER, StoredObjectProbe
from tests.adapters.readers import ENDLESS, SLEEPING, reader
from tests.fakes import FakeClock, Gate, InMemoryStorage
from tests.mediaprobe.builders import progressive_mp4
from tests.waiting import wait_until

KEY = "videos/a/b/c.mp4"
VIDEO = progressive_mp4(10, 50_000, moov_first=False).read_range(0, 2**20, None).data

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
NewLoop = Callable[[], asyncio.AbstractEventLoop]


def children(parent: int) -> list[int]:
    """Return the PIDs of this process's children, with those that nobody has waited for."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # It ended meanwhile.
            if int(state[1]) == parent:
                found.append(int(entry.name))
    return found


def in_reader(code: str) -> str:
    """Return what this expression gives in a reader that has read bytes."""
    patch = f"""
import socket

def refused(do, *given):
    try:
        do(*given)
    except OSError:
        return True
    return False

def tell(source):
    source.read_range(0, 4096, None)
    raise child.BudgetExceeded(str({code}))

child.probe = tell
"""
    storage = InMemoryStorage(FakeClock())
    etag = storage.store_object(KEY, VIDEO)
    with pytest.raises(mediaprobe.BudgetExceeded) as raised:
        asyncio.run(StoredObjectProbe(storage, reader(patch)).probe(KEY, etag))
    return raised.value.detail


async def start_reading() -> tuple[int, Gate, asyncio.Task[mediaprobe.Metadata]]:
    """Start a read. Return its process once that waits for bytes, what releases them, and the read."""
    storage = InMemoryStorage(FakeClock())
    etag = storage.store_object(KEY, VIDEO)
    before = set(children(os.getpid()))
    asked = storage.hold_next("read_range")
    probing = asyncio.create_task(StoredObjectProbe(storage).probe(KEY, etag))
    await asked.reached()
    (pid,) = set(children(os.getpid())) - before
    return pid, asked, probing


@pytest.mark.parametrize(
    "attempt",
    [
        "open, '/dev/null'",
        "open, '/etc/passwd', 'rb'",
        "socket.socket",
        "socket.socketpair",
        "os.pipe",
        "os.dup, 0",
    ],
)
def test_opens_neither_file_nor_socket(attempt: str) -> None:
    assert in_reader(f"refused({attempt})") == "True"


def test_has_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")

    assert set(in_reader("' '.join(os.environ)").split()) <= {"LC_CTYPE"}


def test_has_only_its_pipes() -> None:
    with Path("/proc/self/stat").open() as inherited:
        os.set_inheritable(inherited.fileno(), True)

        open_ones = in_reader("[n for n in range(1024) if not refused(os.fstat, n)]")

    assert open_ones == "[0, 1, 2]"


def test_imports_no_network_code() -> None:
    """`http.client` and `ssl` would double the time that it takes to start."""
    program = READER[4].replace("; main()", "; print(sorted({'ssl', 'http', 'email'} & set(sys.modules)))")

    done = subprocess.run([*READER[:4], program, *READER[5:]], capture_output=True, check=True, text=True)

    assert done.stdout.strip() == "[]"


async def test_yields_to_everything_else() -> None:
    pid, asked, probing = await start_reading()

    niceness = os.getpriority(os.PRIO_PROCESS, pid)

    asked.release()
    await probing
    assert niceness == min(os.nice(0) + 10, 19)


@LOOPS
def test_cancelled_read_leaves_no_process(new_loop: NewLoop) -> None:
    storage = InMemoryStorage(FakeClock())
    etag = storage.store_object(KEY, VIDEO)

    async def cancel() -> None:
        asked = storage.hold_next("read_range", when="after")
        probing = asyncio.create_task(StoredObjectProbe(storage, reader(SLEEPING)).probe(KEY, etag))
        await asked.reached()
        assert len(set(children(os.getpid())) - before) == 1
        probing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probing
        assert set(children(os.getpid())) == before

    before = set(children(os.getpid()))
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(cancel())


@LOOPS
@pytest.mark.parametrize("command", [READER, reader(SLEEPING), reader("os._exit(3)")])
def test_no_read_leaves_a_process(new_loop: NewLoop, command: tuple[str, ...]) -> None:
    storage = InMemoryStorage(FakeClock())
    etag = storage.store_object(KEY, VIDEO)

    async def read_many() -> None:
        probe = StoredObjectProbe(storage, command, seconds=0.2)
        await asyncio.gather(*(probe.probe(KEY, etag) for _ in range(8)), return_exceptions=True)
        assert set(children(os.getpid())) == before

    before = set(children(os.getpid()))
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(read_many())


@LOOPS
def test_reads_in_any_loop(new_loop: NewLoop) -> None:
    storage = InMemoryStorage(FakeClock())
    etag = storage.store_object(KEY, VIDEO)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        metadata = runner.run(StoredObjectProbe(storage).probe(KEY, etag))

    assert metadata == mediaprobe.probe(mediaprobe.BytesSource(VIDEO))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signal_to_the_whole_group_ends_no_read(number: signal.Signals) -> None:
    """Otherwise Ctrl-C could leave a video without metadata."""
    pid, asked, probing = await start_reading()

    os.kill(pid, number)
    asked.release()

    assert (await probing).width == 640


_WORKER = """
import asyncio, sys
from app.adapters.probe import StoredObjectProbe
from tests.fakes import FakeClock, InMemoryStorage
from tests.process.test_metadata_reader import KEY, VIDEO

async def main():
    storage = InMemoryStorage(FakeClock())
    etag = storage.store_object(KEY, VIDEO)
    asked = storage.hold_next("read_range", when="after")
    if sys.argv[1] == "go on":
        asked.release()
    probing = asyncio.create_task(StoredObjectProbe(storage, sys.argv[2:], seconds=3600).probe(KEY, etag))
    await asked.reached()
    print("reading", flush=True)
    await probing

asyncio.run(main())
"""


HANGS = f"child.LIFE_SECONDS = 5\n{SLEEPING}"


@pytest.mark.parametrize(
    "command",
    [("wait", *READER), ("go on", *reader(ENDLESS)), ("go on", *reader(HANGS))],
    ids=["waits", "is busy", "hangs"],
)
def test_reader_ends_with_its_worker(command: tuple[str, ...]) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, *command], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert worker.stdout is not None
    with worker.stdout as stdout:
        assert stdout.readline() == b"reading\n"
        (pid,) = children(worker.pid)

        worker.kill()
        worker.wait()

    wait_until(lambda: not is_running(pid), "the reader has ended")


def is_running(pid: int) -> bool:
    """Return whether the process still works. If its parent is gone and nothing reaps it, a zombie remains."""
    try:
        return (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split())[0] != "Z"
    except OSError:
        return False
