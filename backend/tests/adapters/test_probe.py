"""Run the metadata reader over the storage port and translate how it ends."""

import asyncio
import dataclasses
import json
from typing import Any

import pytest

import mediaprobe
from app.adapters.probe import StoredObjectProbe
from app.domain.errors import Overloaded, StorageUnavailable
from app.ports import NoSuchObject, ObjectChanged, ReaderCrashed, ReaderNotStarted
from tests.adapters.readers import ENDLESS, FIRST_BYTES_ASKED, reader, talker
from tests.fakes import InMemoryStorage, some_metadata
from tests.mediaprobe.builders import progressive_mp4
from tests.mediaprobe.hostile import INPUTS

KEY = "videos/a/b/c.mp4"
NOT_A_VIDEO = b"%PDF-1.7 and so on" * 100
EMPTY_MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + b"\x00\x00\x00\x08mdat"
VIDEO = progressive_mp4(10, 50_000, moov_first=False).read_range(0, 2**20, None).data


@pytest.fixture
def probe(storage: InMemoryStorage) -> StoredObjectProbe:
    return StoredObjectProbe(storage)


async def test_reads_the_metadata(probe: StoredObjectProbe, storage: InMemoryStorage) -> None:
    etag = storage.store_object(KEY, VIDEO)

    assert await probe.probe(KEY, etag) == mediaprobe.probe(mediaprobe.BytesSource(VIDEO))


@pytest.mark.parametrize("case", INPUTS[:: len(INPUTS) // 12], ids=lambda case: case.name)
async def test_ends_as_the_reader_itself(
    probe: StoredObjectProbe, storage: InMemoryStorage, case: Any
) -> None:
    data = case.make()
    etag = storage.store_object(KEY, data)

    assert await outcome(probe, etag) == here(data)


async def outcome(probe: StoredObjectProbe, etag: str) -> object:
    try:
        return await probe.probe(KEY, etag)
    except mediaprobe.ProbeError as error:
        return error.code, error.detail, getattr(error, "partial", None)


def here(data: bytes) -> object:
    try:
        return mediaprobe.probe(mediaprobe.BytesSource(data))
    except mediaprobe.ProbeError as error:
        return error.code, error.detail, getattr(error, "partial", None)


async def test_rejects_file_that_is_no_video(probe: StoredObjectProbe, storage: InMemoryStorage) -> None:
    etag = storage.store_object(KEY, NOT_A_VIDEO)

    with pytest.raises(mediaprobe.ProbeError) as raised:
        await probe.probe(KEY, etag)

    assert raised.value.code == "unsupported_container"
    assert raised.value.detail.endswith(".")


async def test_rejects_file_without_header(probe: StoredObjectProbe, storage: InMemoryStorage) -> None:
    etag = storage.store_object(KEY, EMPTY_MP4)

    with pytest.raises(mediaprobe.ProbeError) as raised:
        await probe.probe(KEY, etag)

    assert raised.value.code in ("truncated", "no_video_track")


# --- the store ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StorageUnavailable(), Overloaded(), NoSuchObject(), ObjectChanged()])
async def test_passes_store_errors_through(
    probe: StoredObjectProbe, storage: InMemoryStorage, error: Exception
) -> None:
    """Errors of the store say nothing about the bytes, so they reject no video."""
    etag = storage.store_object(KEY, NOT_A_VIDEO)
    storage.fail_next("read_range", error)

    with pytest.raises(type(error)):
        await probe.probe(KEY, etag)


async def test_refuses_replaced_object(probe: StoredObjectProbe, storage: InMemoryStorage) -> None:
    etag = storage.store_object(KEY, NOT_A_VIDEO)
    storage.store_object(KEY, NOT_A_VIDEO + b"!")

    with pytest.raises(ObjectChanged):
        await probe.probe(KEY, etag)


async def test_refuses_object_replaced_between_two_reads(storage: InMemoryStorage) -> None:
    """Without an ETag of the completion, the size shows it."""
    large = progressive_mp4(10, 400_000, moov_first=False).read_range(0, 2**20, None).data
    storage.store_object(KEY, large)

    async def replace() -> None:
        storage.store_object(KEY, large + b"!")

    storage.hook_next("read_range", replace, when="after")

    with pytest.raises(ObjectChanged):
        await StoredObjectProbe(storage).probe(KEY, "")


async def test_reports_missing_object(probe: StoredObjectProbe) -> None:
    with pytest.raises(NoSuchObject):
        await probe.probe(KEY, '"0123456789abcdef0123456789abcdef-1"')


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", ["mp4", None])
async def test_exhausted_budget_rejects_nothing(storage: InMemoryStorage, container: str | None) -> None:
    etag = storage.store_object(KEY, VIDEO if container else NOT_A_VIDEO)
    give_up = """
def give_up(source):
    source.read_range(0, 4096, None)
    raise child.BudgetExceeded("Enough.")

child.probe = give_up
"""

    with pytest.raises(mediaprobe.BudgetExceeded) as raised:
        await StoredObjectProbe(storage, reader(give_up)).probe(KEY, etag)

    assert (raised.value.container, raised.value.detail) == (container, "Enough.")


async def test_keeps_what_was_read_before_the_processor_time_ended(storage: InMemoryStorage) -> None:
    endless_after_the_header = """
from mediaprobe import probing
parse = probing._PARSERS["mp4"]

def parse_and_go_on(reader, findings):
    parse(reader, findings)
    while True:
        pass

probing._PARSERS["mp4"] = parse_and_go_on
child.CPU_SECONDS = 0.2
"""
    etag = storage.store_object(KEY, VIDEO)

    with pytest.raises(mediaprobe.BudgetExceeded) as raised:
        await StoredObjectProbe(storage, reader(endless_after_the_header), seconds=600).probe(KEY, etag)

    assert raised.value.partial == mediaprobe.probe(mediaprobe.BytesSource(VIDEO))


async def test_ends_reader_that_never_returns_to_python(storage: InMemoryStorage) -> None:
    """The second limit of processor time kills the process."""
    deaf = f"child.CPU_SECONDS = 0\nchild.signal.setitimer = lambda *_: None\n{ENDLESS}"
    etag = storage.store_object(KEY, VIDEO)

    with pytest.raises(mediaprobe.BudgetExceeded) as raised:
        await StoredObjectProbe(storage, reader(deaf), seconds=600).probe(KEY, etag)

    assert (raised.value.container, raised.value.partial) == ("mp4", None)


async def test_ends_reader_that_waits(storage: InMemoryStorage) -> None:
    etag = storage.store_object(KEY, VIDEO)

    with pytest.raises(mediaprobe.BudgetExceeded) as raised:
        await StoredObjectProbe(storage, talker(FIRST_BYTES_ASKED), seconds=0.1).probe(KEY, etag)

    assert raised.value.container == "mp4"


async def test_limits_the_time_of_all_steps_together(storage: InMemoryStorage) -> None:
    asks_slowly = """
def ask(source):
    while True:
        time.sleep(0.05)
        source.read_range(0, 10, None)

child.probe = ask
"""
    etag = storage.store_object(KEY, VIDEO)

    with pytest.raises(mediaprobe.BudgetExceeded):
        await StoredObjectProbe(storage, reader(asks_slowly), seconds=0.5).probe(KEY, etag)


async def test_slow_store_costs_the_reader_no_time(storage: InMemoryStorage) -> None:
    etag = storage.store_object(KEY, VIDEO)
    gate = storage.hold_next("read_range")
    stored = StoredObjectProbe(storage, talker(FIRST_BYTES_ASKED), seconds=0.1)
    probing = asyncio.create_task(stored.probe(KEY, etag))
    await gate.reached()
    await asyncio.sleep(0.3)
    assert not probing.done()

    gate.release()

    with pytest.raises(mediaprobe.BudgetExceeded):
        await probing


# --- a reader that crashes or lies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crash", "reason"),
    [
        ("raise IndexError('secret of the file')", "IndexError at <string>:"),
        ("bytearray(2**28)", "MemoryError at <string>:"),
        ("os.abort()", "exit status -6"),
        ("os._exit(3)", "exit status 3"),
    ],
)
async def test_crash_leaves_the_container(storage: InMemoryStorage, crash: str, reason: str) -> None:
    etag = storage.store_object(KEY, VIDEO)
    patch = f"""
def crash(source):
    source.read_range(0, 4096, None)
    {crash}

child.probe = crash
"""

    with pytest.raises(ReaderCrashed) as raised:
        await StoredObjectProbe(storage, reader(patch)).probe(KEY, etag)

    assert raised.value.container == "mp4"
    assert raised.value.reason.startswith(reason)


def found(**values: object) -> str:
    return json.dumps({"kind": "found", "metadata": dataclasses.asdict(some_metadata("mp4")) | values})


def failed(**values: object) -> str:
    return json.dumps({"kind": "failed", "code": "truncated", "detail": "No.", "metadata": None} | values)


LIES = {
    "no JSON": "hello",
    "no object": "[]",
    "no end": "x" * 2**16,
    "unknown kind": '{"kind": "shell"}',
    "ready again": '{"kind": "ready"}',
    "range before the start": '{"kind": "range", "start": -1, "length": 10}',
    "range of nothing": '{"kind": "range", "start": 0, "length": 0}',
    "range beyond the end": '{"kind": "range", "start": 1000000000, "length": 10}',
    "range above the budget": '{"kind": "range", "start": 0, "length": 1000000000}',
    "range as text": '{"kind": "range", "start": "0", "length": 10}',
    "unknown code": failed(code="object_missing"),
    "endless sentence": failed(detail="x" * 1000),
    "control characters": failed(detail="\x1b[2J"),
    "no metadata": '{"kind": "found", "metadata": null}',
    "field missing": '{"kind": "found", "metadata": {"container": "mp4"}}',
    "width as text": found(width="640"),
    "width as truth": found(width=True),
    "width that fits no column": found(width=2**40),
    "negative duration": found(duration_ms=-1),
    "duration that fits no column": found(duration_ms=2**70),
    "frame rate that is no number": found(frame_rate=float("nan")),
    "endless frame rate": found(frame_rate=float("inf")),
    "long codec": found(video_codec="x" * 33),
    "codec with control characters": found(video_codec="\x00"),
    "long crop": found(crop=f"{'1' * 33}:0:0:0"),
    "crop of other than numbers": found(crop="left:0:0:0"),
    "crop of three sides": found(crop="1:2:3"),
    "more than the whole": found(available_percent=100),
    "unknown container": found(container="exe"),
    "rotation between": found(rotation=45),
}


@pytest.mark.parametrize("line", LIES.values(), ids=LIES)
async def test_believes_no_nonsense(storage: InMemoryStorage, line: str) -> None:
    etag = storage.store_object(KEY, VIDEO)

    with pytest.raises(ReaderCrashed) as raised:
        await StoredObjectProbe(storage, talker(FIRST_BYTES_ASKED, line)).probe(KEY, etag)

    assert (raised.value.container, raised.value.reason) == ("mp4", "unknown message")


async def test_reader_gets_no_more_ranges_than_the_budget(storage: InMemoryStorage) -> None:
    etag = storage.store_object(KEY, VIDEO)

    with pytest.raises(ReaderCrashed):
        await StoredObjectProbe(storage, talker(*[FIRST_BYTES_ASKED] * 100)).probe(KEY, etag)

    assert storage.count("read_range") == mediaprobe.Budget().requests


@pytest.mark.parametrize(
    "command",
    [
        ("/nonexistent/python",),
        reader("sys.exit(1)"),
        reader("os.kill(os.getpid(), 9)"),
        reader("print('hello', flush=True)"),
    ],
)
async def test_reader_that_does_not_start_blames_no_file(
    storage: InMemoryStorage, command: tuple[str, ...]
) -> None:
    etag = storage.store_object(KEY, VIDEO)

    with pytest.raises(ReaderNotStarted):
        await StoredObjectProbe(storage, command).probe(KEY, etag)
