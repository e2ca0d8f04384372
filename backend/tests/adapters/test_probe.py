"""Run mediaprobe over the storage port and translate its errors."""

import pytest

import mediaprobe
from app.adapters.probe import StoredObjectProbe
from app.domain.errors import Overloaded, StorageUnavailable
from app.ports import NoSuchObject, ObjectChanged
from tests.fakes import InMemoryStorage

KEY = "videos/a/b/c.mp4"
NOT_A_VIDEO = b"%PDF-1.7 and so on" * 100
EMPTY_MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42" + b"\x00\x00\x00\x08mdat"


@pytest.fixture
def probe(storage: InMemoryStorage) -> StoredObjectProbe:
    return StoredObjectProbe(storage, threads=2)


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

    assert raised.value.code in ("truncated", "unreadable", "no_video_track")


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


async def test_reports_missing_object(probe: StoredObjectProbe) -> None:
    with pytest.raises(NoSuchObject):
        await probe.probe(KEY, '"0123456789abcdef0123456789abcdef-1"')


@pytest.mark.parametrize("container", ["mkv", None])
async def test_exhausted_budget_rejects_nothing(
    probe: StoredObjectProbe, storage: InMemoryStorage, monkeypatch: pytest.MonkeyPatch, container: str | None
) -> None:
    etag = storage.store_object(KEY, NOT_A_VIDEO)

    def give_up(source: mediaprobe.RangeSource) -> mediaprobe.Metadata:
        source.read_range(0, 1, None)
        raise mediaprobe.BudgetExceeded("Enough.", container=container)

    monkeypatch.setattr(mediaprobe, "probe", give_up)

    with pytest.raises(mediaprobe.BudgetExceeded) as raised:
        await probe.probe(KEY, etag)
    assert raised.value.container == container
