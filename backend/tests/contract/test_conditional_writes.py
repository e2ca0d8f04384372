"""Uploads and sweeps on a store that refuses If-None-Match, on Complete, on PUT or on both."""

import uuid
from collections.abc import AsyncIterator

import pytest

from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import make_signer
from app.bootstrap import Application, assemble
from app.core.config import Settings
from app.domain.sweep_report import MarkerState, Outcome
from app.models import User
from app.ports import ObjectExists
from app.services.sweep.bucket import MARKER_KEY
from app.services.sweep.sweep import SweepOrder
from tests.contract.engines import S3Engine, s3_connection
from tests.contract.test_conversation import EngineClock, announce, part_md5s, send
from tests.engines.fault_proxy import FaultProxy
from tests.engines.faults import STORE_COMPLETE, Answer, Match, RefuseHeader, s3_error
from tests.fakes import FakeDelivery, FakeProbe
from tests.waiting import TIMEOUT_SECONDS

PUT = Match("PUT")
WRITES = {"both": (PUT, STORE_COMPLETE), "put": (PUT,), "complete": (STORE_COMPLETE,)}
REFUSALS = {
    "501 NotImplemented": s3_error(501, "NotImplemented"),
    "400 InvalidRequest": s3_error(400, "InvalidRequest"),
    "removed on the way": s3_error(403, "SignatureDoesNotMatch"),
    "403 of a filter": Answer(403, b"<html>Forbidden</html>"),
    "412 without an object": s3_error(412, "PreconditionFailed"),
    "409 without an object": s3_error(409, "OperationAborted"),
    "422": s3_error(422, "UnprocessableEntity"),
}


@pytest.fixture(params=REFUSALS)
def refusal(request: pytest.FixtureRequest) -> Answer:
    return REFUSALS[request.param]


@pytest.fixture(params=WRITES)
def refusing(request: pytest.FixtureRequest, refusal: Answer, embedded_engine: S3Engine) -> FaultProxy:
    """A proxy to the embedded store, not yet started."""
    proxy = FaultProxy(embedded_engine.port)
    for match in WRITES[request.param]:
        proxy.fault(match, RefuseHeader("if-none-match", refusal), times=None)
    return proxy


@pytest.fixture
async def application(
    refusing: FaultProxy, embedded_engine: S3Engine, settings: Settings
) -> AsyncIterator[Application]:
    own = embedded_engine.connection
    connection = s3_connection(refusing.origin, own.access_key_id or "", own.secret_access_key or "")
    storage = S3Storage(connection, make_signer(own))
    with refusing:
        made = assemble(
            settings,
            clock=EngineClock(embedded_engine),
            storage=storage,
            delivery=FakeDelivery(),
            probe=FakeProbe(),
        )
        yield made
        await made.tasks.drain(TIMEOUT_SECONDS)
        await made.close()
        storage.close()


async def test_upload_and_sweeps_finish(
    application: Application, embedded_engine: S3Engine, user: User
) -> None:
    await embedded_engine.storage.delete(MARKER_KEY)
    for item in [item async for item in embedded_engine.storage.list_objects("videos/")]:
        await embedded_engine.storage.delete(item.object_key)
    started = await announce(application, user)
    send(embedded_engine, started)

    video = await application.completion.complete(user.id, started.video.id, part_md5s(started.video))

    assert video.status == "processing"
    first = await application.sweep.run(SweepOrder())
    assert (first.outcome, first.marker) == (Outcome.DONE, MarkerState.ADOPTED)
    again = await application.sweep.run(SweepOrder())
    assert (again.outcome, again.marker) == (Outcome.DONE, MarkerState.OURS)


async def test_writes_spare_what_is_there(application: Application, embedded_engine: S3Engine) -> None:
    key = f"videos/{uuid.uuid4()}/a.mp4"
    storage = application.storage
    await storage.put(key, b"first", "video/mp4", only_if_new=True)
    for _ in range(2):
        with pytest.raises(ObjectExists):
            await storage.put(key, b"second", "video/mp4", only_if_new=True)
    assert (await storage.read_range(key, 0, 10, None)).data == b"first"

    created = await storage.create_multipart_upload(key, "video/mp4", "attachment", {})
    url = storage.presign_part(key, created.upload_id, 1, 3, embedded_engine.now(), 900).url
    assert embedded_engine.send("PUT", url, b"new") == 200
    parts = await storage.list_parts(key, created.upload_id)
    for _ in range(2):
        with pytest.raises(ObjectExists):
            await storage.complete_multipart_upload(key, created.upload_id, parts, only_if_new=True)
    assert (await storage.read_range(key, 0, 10, None)).data == b"first"
