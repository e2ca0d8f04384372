"""Test GET and DELETE /videos/{id}."""

import asyncio
import dataclasses
import uuid
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from botocore.credentials import Credentials

from app.adapters.delivery import PresignedDelivery
from app.adapters.s3_signing import S3UrlSigner
from app.bootstrap import Application
from app.domain.recheck import RECHECK_AFTER
from app.domain.video_status import VideoStatus
from app.main import create_app
from app.services import videos
from tests.api.shapes import API, VIDEO_FIELDS, assert_error, assert_time, assert_video, without_request_id
from tests.conftest import MakeVideo, SignedIn
from tests.factories import APP_URL, ApiClient, find_video, read_video, reserved_bytes
from tests.fakes import FakeClock, InMemoryStorage

VIDEOS = f"{API}/videos"


# --- read ---------------------------------------------------------------------------------------------------------


async def test_each_state_has_same_shape(
    subtests: pytest.Subtests, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    alice = await signed_in()
    for status in ("uploading", "completing", "processing", "ready", "failed"):
        with subtests.test(status):
            video = await make_video(status, owner=alice.user)
            body = (await alice.get(f"{VIDEOS}/{video.id}")).json()
            assert_video(body)
            assert body["status"] == status
            assert (body["uploaded_at"] is not None) == (status in ("processing", "ready", "failed"))
            assert (body["ready_at"] is not None) == (status == "ready")
            assert (body["status_reason"] is not None) == (status == "failed")


async def test_ready_video_returns_metadata(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    video = await make_video("ready", owner=alice.user)
    body = (await alice.get(f"{VIDEOS}/{video.id}")).json()
    found = {name: body[name] for name in VIDEO_FIELDS - {"id", "created_at", "uploaded_at", "ready_at"}}
    delivery_url, expires = found.pop("delivery_url"), found.pop("delivery_url_expires_at")
    assert found == {
        "original_filename": "harbour.mp4",
        "content_type": "video/mp4",
        "size_bytes": 1024,
        "status": "ready",
        "status_reason": None,
        "container": "mp4",
        "duration_seconds": 12.345,
        "width": 1920,
        "height": 1080,
        "rotation": 0,
        "mirrored": False,
        "crop": None,
        "video_codec": "h264",
        "audio_codec": "aac",
        "audio_channels": 2,
        "frame_rate": 25.0,
        "bit_rate": 4_000_000,
        "hdr": "sdr",
        "dolby_vision": False,
        "truncated": False,
        "available_percent": None,
        "metadata_complete": True,
    }
    assert video.object_key in delivery_url
    assert_time(expires)


async def test_unknown_metadata_is_null(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    unknown = (
        "duration_ms",
        "width",
        "height",
        "rotation",
        "mirrored",
        "crop",
        "video_codec",
        "audio_codec",
        "audio_channels",
        "frame_rate",
        "bit_rate",
        "hdr",
        "dolby_vision",
        "truncated",
        "available_percent",
    )
    video = await make_video("ready", owner=alice.user, **dict.fromkeys(unknown), metadata_complete=False)
    body = (await alice.get(f"{VIDEOS}/{video.id}")).json()
    assert_video(body)
    assert [body[name] for name in ("duration_seconds", *unknown[1:])] == [None] * len(unknown)
    assert body["metadata_complete"] is False
    assert body["delivery_url"] is not None


async def test_failed_video_returns_reason(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    video = await make_video("failed", owner=alice.user)
    reason = (await alice.get(f"{VIDEOS}/{video.id}")).json()["status_reason"]
    assert reason == {"code": "no_video_track", "detail": "There is no picture in this file."}


async def test_hides_store_details(signed_in: SignedIn, make_video: MakeVideo) -> None:
    """Object key, upload ID and token are internal."""
    alice = await signed_in()
    for status in ("uploading", "completing", "processing", "failed"):
        video = await make_video(status, owner=alice.user)
        text = (await alice.get(f"{VIDEOS}/{video.id}")).text
        for secret in (video.object_key, video.upload_id, video.object_token, video.etag, str(video.user_id)):
            assert secret is None or secret not in text


# --- the delivery URL ---------------------------------------------------------------------------------------------


@pytest.fixture
async def presigning(application: Application, signed_in: SignedIn) -> ApiClient:
    """Return a signed-in client of an app that delivers by presigned GET instead of CloudFront."""
    signer = S3UrlSigner(
        Credentials("AKIAEXAMPLE", "a-secret-key"), "us-east-1", "http://store.test/slipway/"
    )
    delivery = PresignedDelivery(signer, application.settings.delivery_url_ttl_seconds)
    alice = await signed_in(how="bearer")
    made = ApiClient(
        transport=httpx.ASGITransport(create_app(dataclasses.replace(application, delivery=delivery))),
        base_url=APP_URL,
        headers={"Authorization": alice.headers["Authorization"]},
    )
    made.user = alice.user
    return made


async def test_delivery_url_changes_before_last_quarter(
    clock: FakeClock, presigning: ApiClient, make_video: MakeVideo
) -> None:
    life = timedelta(hours=4)
    video = await make_video("ready", owner=presigning.user)
    seen: list[str] = []
    for _ in range(4 * 24):
        clock.advance(timedelta(minutes=15))
        body = (await presigning.get(f"{VIDEOS}/{video.id}")).json()
        left = assert_time(body["delivery_url_expires_at"]) - clock.now()
        assert life / 4 <= left <= life
        if not seen or seen[-1] != body["delivery_url"]:
            seen.append(body["delivery_url"])
    # Request it every 15 minutes for a day. The URL changes every three hours and never repeats.
    assert len(seen) == len(set(seen)) in (8, 9)


async def test_all_routes_return_same_delivery_url(presigning: ApiClient, make_video: MakeVideo) -> None:
    video = await make_video("ready", owner=presigning.user)
    read = (await presigning.get(f"{VIDEOS}/{video.id}")).json()
    (listed,) = (await presigning.get(VIDEOS)).json()["items"]
    completed = (await presigning.post(f"{VIDEOS}/{video.id}/complete", json={"parts": []})).json()
    assert read == listed == completed


async def test_delivery_url_sets_file_name(presigning: ApiClient, make_video: MakeVideo) -> None:
    for name in ("harbour.mp4", 'a"b;c\\d/e.mp4', "港口 🚢.mp4", "a\u202e4pm.mp4", "x=%0d%0a.mp4"):
        video = await make_video("ready", owner=presigning.user, original_filename=name)
        url = (await presigning.get(f"{VIDEOS}/{video.id}")).json()["delivery_url"]
        ((disposition,),) = (parse_qs(urlsplit(url).query)["response-content-disposition"],)
        assert disposition.startswith("attachment; ")
        assert disposition.isascii()
        assert disposition.isprintable()
        plain, _, extended = disposition.partition("; filename*=UTF-8''")
        assert unquote(extended) == name.replace("/", "_").replace("\\", "_")
        assert plain.count('"') == 2


# --- delete -------------------------------------------------------------------------------------------------------


async def test_deletes_video_in_any_state(
    subtests: pytest.Subtests,
    signed_in: SignedIn,
    make_video: MakeVideo,
) -> None:
    alice = await signed_in()
    for status in ("uploading", "completing", "processing", "ready", "failed"):
        with subtests.test(status):
            video = await make_video(status, owner=alice.user)
            answer = await alice.delete(f"{VIDEOS}/{video.id}")
            assert (answer.status_code, answer.content) == (204, b"")
            path = f"{VIDEOS}/{video.id}"
            for method, url, body in (
                ("DELETE", path, None),
                ("GET", path, None),
                ("POST", f"{path}/parts", {"part_numbers": [1]}),
                ("POST", f"{path}/complete", {"parts": []}),
            ):
                after = await alice.request(method, url, json=body)
                assert_error(after, 404, "video_not_found")
                nobodys = await alice.request(
                    method, url.replace(str(video.id), str(uuid.uuid4())), json=body
                )
                assert without_request_id(after) == without_request_id(nobodys)
    assert (await alice.get(VIDEOS)).json()["items"] == []


async def test_one_concurrent_delete_succeeds(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    for status in ("uploading", "ready"):
        video = await make_video(status, owner=alice.user)
        answers = await asyncio.gather(*(alice.delete(f"{VIDEOS}/{video.id}") for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404, 404]


async def test_hides_video_being_deleted(signed_in: SignedIn, make_video: MakeVideo) -> None:
    alice = await signed_in()
    for status in ("deleting", "expired"):
        video = await make_video(status, owner=alice.user)
        for method in ("GET", "DELETE"):
            assert_error(await alice.request(method, f"{VIDEOS}/{video.id}"), 404, "video_not_found")


async def test_delete_frees_object_upload_and_quota(
    application: Application,
    clock: FakeClock,
    storage: InMemoryStorage,
    signed_in: SignedIn,
    make_video: MakeVideo,
) -> None:
    alice = await signed_in()
    for status in ("uploading", "processing", "ready"):
        video = await make_video(status, owner=alice.user)
        assert (await alice.delete(f"{VIDEOS}/{video.id}")).status_code == 204
        assert storage.objects == {}
        assert storage.open_uploads == []
        assert await reserved_bytes(application, alice.user) == 0
        clock.advance(RECHECK_AFTER)
        await application.reconciler.reconcile_due()
        assert await find_video(application, video.id) is None


async def test_store_refuses_parts_after_delete(storage: InMemoryStorage, signed_in: SignedIn) -> None:
    alice = await signed_in()
    body = {"filename": "a.mp4", "size_bytes": 5, "content_type": "video/mp4"}
    created = (await alice.post(VIDEOS, json=body)).json()
    (part,) = created["upload"]["parts"]
    await alice.delete(f"{VIDEOS}/{created['video']['id']}")
    assert storage.put_part(part["url"], b"12345") == 404


async def test_delete_without_store_hides_video(
    application: Application,
    clock: FakeClock,
    storage: InMemoryStorage,
    signed_in: SignedIn,
    make_video: MakeVideo,
) -> None:
    alice = await signed_in()
    video = await make_video("ready", owner=alice.user)
    storage.fail_next("abort_multipart_upload", times=2)
    assert (await alice.delete(f"{VIDEOS}/{video.id}")).status_code == 204
    assert_error(await alice.get(f"{VIDEOS}/{video.id}"), 404, "video_not_found")
    assert (await read_video(application, video.id)).status is VideoStatus.DELETING
    assert len(storage.objects) == 1
    # The reconciler deletes the object after the store recovers.
    storage.forget_plans()
    clock.advance(seconds=10)
    await application.reconciler.reconcile_due()
    assert storage.objects == {}


async def test_delete_does_not_wait_for_hanging_store(
    storage: InMemoryStorage, signed_in: SignedIn, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "DELETE_WAIT_SECONDS", 0.0)
    alice = await signed_in()
    video = await make_video("ready", owner=alice.user)
    gate = storage.hold_next("abort_multipart_upload")
    assert (await alice.delete(f"{VIDEOS}/{video.id}")).status_code == 204
    assert_error(await alice.get(f"{VIDEOS}/{video.id}"), 404, "video_not_found")
    gate.release()
