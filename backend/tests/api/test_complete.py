"""Test POST /videos/{id}/complete."""

import asyncio
import uuid
from datetime import timedelta

import pytest

from app.bootstrap import Application
from app.domain.recheck import RECHECK_AFTER
from app.services import completion
from tests.api.shapes import (
    API,
    MP4,
    assert_error,
    assert_retry_later,
    assert_time,
    assert_video,
    with_settings,
)
from tests.conftest import MakeVideo, SignedIn
from tests.factories import (
    announce,
    assert_quota_is_exact,
    read_video,
    run_due_probes,
    send_parts,
)
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage, md5_hex

MIB = 1024 * 1024
THREE_PARTS = b"a" * (5 * MIB) + b"b" * (5 * MIB) + b"c" * 7
SOME_MD5 = md5_hex(b"something else")


def completing(video_id: object) -> str:
    return f"{API}/videos/{video_id}/complete"


async def test_complete_verifies_object_and_queues_probe(
    application: Application, clock: FakeClock, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    announced = await announce(alice, THREE_PARTS)
    await send_parts(alice, storage, announced)
    clock.advance(seconds=60)

    answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})

    assert answer.status_code == 200
    video = answer.json()
    assert_video(video)
    assert video["status"] == "processing"
    assert assert_time(video["uploaded_at"]) == clock.now()
    row = await read_video(application, uuid.UUID(announced.id))
    stored = storage.objects[row.object_key]
    assert stored.data == THREE_PARTS
    assert row.etag == stored.etag
    assert storage.open_uploads == []


async def test_completed_video_becomes_ready(
    application: Application, probe: FakeProbe, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    await alice.post(completing(announced.id), json={"parts": []})
    assert await run_due_probes(application) == 1
    assert len(probe.calls) == 1
    video = (await alice.get(f"{API}/videos/{announced.id}")).json()
    assert_video(video)
    assert video["status"] == "ready"
    assert (video["duration_seconds"], video["width"], video["height"]) == (12.345, 1920, 1080)


async def test_accepts_any_subset_of_md5s(
    subtests: pytest.Subtests, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for chosen in ([], [1], [3], [1, 3], [3, 1, 2]):
        with subtests.test(str(chosen)):
            announced = await announce(alice, THREE_PARTS)
            await send_parts(alice, storage, announced)
            part_md5s = [announced.part_md5s[number - 1] for number in chosen]
            answer = await alice.post(completing(announced.id), json={"parts": part_md5s})
            assert answer.status_code == 200, answer.text
            assert answer.json()["status"] == "processing"


async def test_accepts_uppercase_md5(storage: InMemoryStorage, signed_in: SignedIn) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    part_md5s = [{"part_number": 1, "md5": md5_hex(announced.data).upper()}]
    assert (await alice.post(completing(announced.id), json={"parts": part_md5s})).status_code == 200


async def test_lists_parts_to_send_again(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    announced = await announce(alice, THREE_PARTS)
    urls = {part["part_number"]: part["url"] for part in announced.upload["parts"]}
    storage.put_part(urls[2], b"X" * (5 * MIB))

    answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})

    body = assert_error(answer, 409, "parts_incomplete")
    assert (body["missing"], body["mismatched"]) == ([1, 3], [2])
    assert (await alice.get(f"{API}/videos/{announced.id}")).json()["status"] == "uploading"
    # Send exactly the listed parts, with existing or new URLs.
    signed = await alice.post(
        f"{API}/videos/{announced.id}/parts", json={"part_numbers": body["missing"] + body["mismatched"]}
    )
    for part in signed.json()["parts"]:
        assert storage.put_part(part["url"], announced.piece(part["part_number"])) == 200
    answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})
    assert answer.status_code == 200
    row = await read_video(application, uuid.UUID(announced.id))
    assert storage.objects[row.object_key].data == THREE_PARTS


async def test_wrong_size_is_mismatch_without_md5(storage: InMemoryStorage, signed_in: SignedIn) -> None:
    alice = await signed_in()
    announced = await announce(alice, THREE_PARTS)
    await send_parts(alice, storage, announced)
    storage.store_part(storage.open_uploads[0].upload_id, 3, b"too long, whoever let it in")
    body = assert_error(
        await alice.post(completing(announced.id), json={"parts": []}), 409, "parts_incomplete"
    )
    assert (body["missing"], body["mismatched"]) == ([], [3])


async def test_reports_all_parts_missing(storage: InMemoryStorage, signed_in: SignedIn) -> None:
    alice = await signed_in()
    announced = await announce(alice, THREE_PARTS)
    for part_md5s in ([], announced.part_md5s):
        body = assert_error(
            await alice.post(completing(announced.id), json={"parts": part_md5s}), 409, "parts_incomplete"
        )
        assert (body["missing"], body["mismatched"]) == ([1, 2, 3], [])
    assert storage.objects == {}


async def test_wrong_md5_is_mismatch(storage: InMemoryStorage, signed_in: SignedIn) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    wrong = {"parts": [{"part_number": 1, "md5": SOME_MD5}]}
    body = assert_error(await alice.post(completing(announced.id), json=wrong), 409, "parts_incomplete")
    assert body["mismatched"] == [1]
    assert storage.objects == {}


async def test_ignores_md5s_if_etags_are_not_md5s(signed_in: SignedIn, make_video: MakeVideo) -> None:
    """With SSE-KMS an ETag is not an MD5 of the bytes."""
    alice = await signed_in()
    video = await make_video(owner=alice.user, parts_sent=[1], etags_are_md5=False)
    answer = await alice.post(completing(video.id), json={"parts": [{"part_number": 1, "md5": SOME_MD5}]})
    assert answer.status_code == 200


async def test_refuses_malformed_md5s(
    subtests: pytest.Subtests,
    application: Application,
    storage: InMemoryStorage,
    signed_in: SignedIn,
    make_video: MakeVideo,
) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user, parts_sent=[1])
    before = (await read_video(application, video.id)).model_dump()
    good = md5_hex(b"x")
    for part_md5s in (
        [{"part_number": 1, "md5": ""}],
        [{"part_number": 1, "md5": good[:-1]}],
        [{"part_number": 1, "md5": good + "0"}],
        [{"part_number": 1, "md5": good[:-1] + "g"}],
        [{"part_number": 1, "md5": f'"{good}"'}],
        [{"part_number": 1, "md5": good + "\n"}],
        [{"part_number": 1, "md5": "０" * 32}],
        [{"part_number": 1, "md5": None}],
        [{"part_number": 1}],
        [{"md5": good}],
        [{"part_number": 0, "md5": good}],
        [{"part_number": -1, "md5": good}],
        [{"part_number": 10_001, "md5": good}],
        [{"part_number": "1", "md5": good}],
        [{"part_number": True, "md5": good}],
        [{"part_number": 1, "md5": good}, {"part_number": 1, "md5": good}],
        [{"part_number": 1, "md5": good}, {"part_number": 1, "md5": SOME_MD5}],
        [1],
        [None],
        {"1": good},
        None,
        good,
    ):
        with subtests.test(str(part_md5s)[:80]):
            answer = await alice.post(completing(video.id), json={"parts": part_md5s})
            body = assert_error(answer, 422, "validation_error")
            assert body["errors"][0]["loc"][:2] == ["body", "parts"]
    assert_error(await alice.post(completing(video.id), json={}), 422, "validation_error")
    assert (await read_video(application, video.id)).model_dump() == before
    assert storage.calls == []


# --- repeated and concurrent --------------------------------------------------------------------------------------


async def test_repeated_complete_changes_nothing(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    first = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})
    calls = list(storage.calls)
    for part_md5s in (announced.part_md5s, [], [{"part_number": 1, "md5": SOME_MD5}]):
        again = await alice.post(completing(announced.id), json={"parts": part_md5s})
        assert (again.status_code, again.json()) == (200, first.json())
    assert storage.calls == calls
    assert await run_due_probes(application) == 1


async def test_repeated_complete_reports_final_status(
    subtests: pytest.Subtests, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    for status in ("processing", "ready", "failed"):
        with subtests.test(status):
            video = await make_video(status, owner=alice.user)
            answer = await alice.post(completing(video.id), json={"parts": []})
            assert answer.status_code == 200
            assert answer.json()["status"] == status
            assert answer.json() == (await alice.get(f"{API}/videos/{video.id}")).json()
    for status in ("expired", "deleting"):
        with subtests.test(status):
            video = await make_video(status, owner=alice.user)
            answer = await alice.post(completing(video.id), json={"parts": []})
            assert_error(answer, 404, "video_not_found")


async def test_concurrent_completes_wait_for_lease_holder(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    announced = await announce(alice, THREE_PARTS)
    await send_parts(alice, storage, announced)
    gate = storage.hold_next("complete_multipart_upload")
    calls = [
        asyncio.create_task(alice.post(completing(announced.id), json={"parts": announced.part_md5s}))
        for _ in range(5)
    ]
    await gate.reached()
    gate.release()
    answers = [await call for call in calls]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert storage.count("complete_multipart_upload") == 1
    assert await run_due_probes(application) == 1


async def test_slow_store_returns_202_then_200(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    gate = storage.hold_next("complete_multipart_upload")
    with monkeypatch.context() as patch:
        patch.setattr(completion, "WAIT_SECONDS", 0.0)
        for _ in range(2):
            answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})
            assert answer.status_code == 202
            assert_video(answer.json())
            assert answer.json()["status"] == "completing"
    await gate.reached()
    gate.release()
    answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})
    assert answer.status_code == 200
    assert answer.json()["status"] == "processing"
    assert storage.count("complete_multipart_upload") == 1
    await assert_quota_is_exact(application, alice.user)


@with_settings(database_pool_size=1)
async def test_releases_database_connection_during_store_calls(
    storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    """The pool has one connection. If it were held, another request would end in 503."""
    alice, bob = await signed_in(), await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    for operation in ("list_parts", "complete_multipart_upload"):
        gate = storage.hold_next(operation)
        if operation == "list_parts":
            storage.fail_next(operation, when="after")  # forces a second attempt
        call = asyncio.create_task(alice.post(completing(announced.id), json={"parts": announced.part_md5s}))
        await gate.reached()
        answer = await bob.post(f"{API}/videos", json=MP4)
        assert answer.status_code == 201
        assert (await alice.get(f"{API}/videos/{announced.id}")).json()["status"] == "completing"
        gate.release()
        answer = await call
    assert answer.status_code == 200


async def test_repeat_takes_over_expired_lease(
    application: Application, clock: FakeClock, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    video = await make_video("completing", owner=alice.user)
    clock.advance(timedelta(seconds=31))
    answer = await alice.post(completing(video.id), json={"parts": []})
    assert answer.status_code == 200
    assert answer.json()["status"] == "processing"
    assert await run_due_probes(application) == 1


async def test_complete_without_store_is_repeatable(
    subtests: pytest.Subtests, application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    for operation in ("list_parts", "complete_multipart_upload"):
        with subtests.test(operation):
            announced = await announce(alice)
            await send_parts(alice, storage, announced)
            storage.fail_next(operation)
            answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})
            assert_retry_later(answer, "storage_unavailable")
            answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})
            assert answer.status_code == 200
            row = await read_video(application, uuid.UUID(announced.id))
            assert storage.objects[row.object_key].data == announced.data
    await assert_quota_is_exact(application, alice.user)


async def test_recovers_from_lost_store_response(storage: InMemoryStorage, signed_in: SignedIn) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    storage.fail_next("complete_multipart_upload", when="after")
    answer = await alice.post(completing(announced.id), json={"parts": announced.part_md5s})
    assert answer.status_code == 200
    assert answer.json()["status"] == "processing"
    assert len(storage.objects) == 1


async def test_missing_upload_and_object_fails_video(
    application: Application,
    storage: InMemoryStorage,
    signed_in: SignedIn,
    make_video: MakeVideo,
    clock: FakeClock,
) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user, parts_sent=[1])
    await storage.abort_multipart_upload(video.object_key, video.upload_id or "")
    answer = await alice.post(completing(video.id), json={"parts": []})
    assert_error(answer, 503, "storage_unavailable")  # the first HEAD may be stale
    clock.advance(RECHECK_AFTER)
    answer = await alice.post(completing(video.id), json={"parts": []})
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "failed"
    assert set(body["status_reason"]) == {"code", "detail"}
    assert body["status_reason"]["code"] == "object_missing"
    assert await run_due_probes(application) == 0


async def test_refuses_complete_without_upload_id(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user, upload_id=None)
    answer = await alice.post(completing(video.id), json={"parts": []})
    assert assert_error(answer, 409, "wrong_state")["status"] == "uploading"


async def test_part_urls_fail_after_complete(
    application: Application, storage: InMemoryStorage, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    announced = await announce(alice)
    await send_parts(alice, storage, announced)
    await alice.post(completing(announced.id), json={"parts": []})
    for part in announced.upload["parts"]:
        assert storage.put_part(part["url"], b"X" * part["size_bytes"]) == 404
    row = await read_video(application, uuid.UUID(announced.id))
    assert storage.objects[row.object_key].data == announced.data
