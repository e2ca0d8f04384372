"""On every engine, the URL that a scanner gets reads one object for its time, and does nothing else."""

from datetime import timedelta

from tests.contract.engines import Engine
from tests.contract.test_object_storage import BODY, make_object, new_key, whole

TTL = 600


async def test_reads_the_object(engine: Engine) -> None:
    upload = await make_object(engine, BODY)

    assert engine.send("GET", engine.storage.presign_get(upload.object_key, engine.now(), TTL)) == 200


async def test_ends_with_its_time(engine: Engine) -> None:
    upload = await make_object(engine, BODY)
    url = engine.storage.presign_get(upload.object_key, engine.now() - timedelta(seconds=TTL + 1), TTL)

    assert engine.send("GET", url) == 403


async def test_reads_no_other_object(engine: Engine) -> None:
    upload, other = await make_object(engine, BODY), await make_object(engine, BODY)
    url = engine.storage.presign_get(upload.object_key, engine.now(), TTL)

    assert engine.send("GET", url.replace(upload.object_key, other.object_key)) == 403


async def test_writes_and_deletes_nothing(engine: Engine) -> None:
    upload = await make_object(engine, BODY)
    url = engine.storage.presign_get(upload.object_key, engine.now(), TTL)

    assert engine.send("PUT", url, b"other bytes") == 403
    assert engine.send("DELETE", url) == 403
    assert await whole(engine.storage, upload.object_key) == BODY


async def test_finds_no_object_where_there_is_none(engine: Engine) -> None:
    assert engine.send("GET", engine.storage.presign_get(new_key(), engine.now(), TTL)) == 404
