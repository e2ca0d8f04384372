"""Test GET /videos."""

import asyncio
import base64
import uuid
from datetime import datetime, timedelta

import pytest

from app.api.present import VideoPresenter
from app.bootstrap import Application
from app.domain.video_status import VideoStatus
from app.models import Video
from app.ports import DeliveryUrl
from tests.api.shapes import API, LIST_FIELDS, assert_error, assert_time, assert_video
from tests.conftest import MakeVideo, SignedIn
from tests.factories import SMALL_VIDEO, ApiClient, announce
from tests.fakes import FakeClock, FakeDelivery, InMemoryStorage

VIDEOS = f"{API}/videos"
SHOWN = ["uploading", "completing", "processing", "ready", "failed"]


async def walk(client: ApiClient, **query: str | int | list[str]) -> list[list[str]]:
    """Return the IDs of each page, following the cursors."""
    pages: list[list[str]] = []
    cursor: str | None = None
    while True:
        answer = await client.get(VIDEOS, params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == LIST_FIELDS
        assert (body["count"] is None) == (body["count_is_exact"] is None) == (cursor is not None)
        pages.append([item["id"] for item in body["items"]])
        cursor = body["next_cursor"]
        if cursor is None:
            return pages
        assert len(pages) < 200, "the cursors do not end"


def flat(pages: list[list[str]]) -> list[str]:
    return [video_id for page in pages for video_id in page]


@pytest.fixture
async def alice(signed_in: SignedIn) -> ApiClient:
    return await signed_in()


@pytest.fixture
async def many(alice: ApiClient, clock: FakeClock, make_video: MakeVideo) -> list[Video]:
    """Insert 103 videos, many with equal times. Return them in list order."""
    made = []
    moment = clock.now() - timedelta(days=2000)
    for number in range(103):
        if number % 7 == 0:
            moment += timedelta(microseconds=1)
        if number % 50 == 0:
            moment += timedelta(days=400)
        made.append(await make_video("ready", owner=alice.user, in_store=False, created_at=moment))
    return sorted(made, key=lambda video: (video.created_at, video.id.bytes), reverse=True)


async def test_new_user_has_empty_list(alice: ApiClient) -> None:
    body = (await alice.get(VIDEOS)).json()
    assert_time(body.pop("as_of"))
    assert body == {
        "items": [],
        "next_cursor": None,
        "count": 0,
        "count_is_exact": True,
    }


async def test_pages_list_every_video_once_newest_first(alice: ApiClient, many: list[Video]) -> None:
    expected = [str(video.id) for video in many]
    for limit in (1, 7, 20, 50, 100):
        pages = await walk(alice, limit=limit)
        assert flat(pages) == expected, f"limit {limit}"
        assert all(len(page) == limit for page in pages[:-1])
        assert pages[-1], "the last page is empty"


async def test_default_page_size_is_twenty(alice: ApiClient, many: list[Video]) -> None:
    body = (await alice.get(VIDEOS)).json()
    assert [item["id"] for item in body["items"]] == [str(video.id) for video in many[:20]]
    assert body["next_cursor"] is not None


async def test_full_last_page_has_no_cursor(alice: ApiClient, make_video: MakeVideo) -> None:
    for _ in range(4):
        await make_video(owner=alice.user)
    assert [len(page) for page in await walk(alice, limit=2)] == [2, 2]


async def test_list_items_match_single_video(alice: ApiClient, make_video: MakeVideo) -> None:
    for status in SHOWN:
        await make_video(status, owner=alice.user)
    for item in (await alice.get(VIDEOS)).json()["items"]:
        assert_video(item)
        assert item == (await alice.get(f"{VIDEOS}/{item['id']}")).json()


async def test_paging_tolerates_concurrent_changes(
    alice: ApiClient, clock: FakeClock, many: list[Video], make_video: MakeVideo
) -> None:
    first = (await alice.get(VIDEOS, params={"limit": 50})).json()
    clock.advance(seconds=1)
    newcomer = await make_video("ready", owner=alice.user)
    gone = [str(many[10].id), str(many[49].id), str(many[60].id)]  # the cursor names video 49
    for video_id in gone:
        assert (await alice.delete(f"{VIDEOS}/{video_id}")).status_code == 204
    rest = []
    cursor = first["next_cursor"]
    while cursor:
        body = (await alice.get(VIDEOS, params={"limit": 50, "cursor": cursor})).json()
        rest += [item["id"] for item in body["items"]]
        cursor = body["next_cursor"]
    assert rest == [str(video.id) for video in many[50:] if str(video.id) not in gone]
    assert str(newcomer.id) not in rest


async def test_filters_by_status(subtests: pytest.Subtests, alice: ApiClient, make_video: MakeVideo) -> None:
    made: dict[str, set[str]] = {}
    for status in [*VideoStatus, *VideoStatus, *VideoStatus]:
        made.setdefault(status, set()).add(str((await make_video(status, owner=alice.user)).id))
    for status in VideoStatus:
        with subtests.test(status.value):
            pages = await walk(alice, limit=2, status=status.value)
            assert set(flat(pages)) == (made[status] if status in SHOWN else set())
            assert len(flat(pages)) == len(set(flat(pages)))
    with subtests.test("no status"):
        assert set(flat(await walk(alice, limit=4))) == set().union(*(made[status] for status in SHOWN))


async def test_deleted_video_is_not_listed(
    alice: ApiClient, storage: InMemoryStorage, make_video: MakeVideo
) -> None:
    kept, gone = await make_video("ready", owner=alice.user), await make_video("ready", owner=alice.user)
    storage.fail_next("delete", times=10)  # the reconciler deletes the object
    assert (await alice.delete(f"{VIDEOS}/{gone.id}")).status_code == 204
    assert flat(await walk(alice)) == [str(kept.id)]


@pytest.mark.usefixtures("many")
async def test_lists_only_videos_of_user(
    alice: ApiClient, signed_in: SignedIn, make_video: MakeVideo
) -> None:
    bob = await signed_in()
    his = await make_video("ready", owner=bob.user)
    assert flat(await walk(bob)) == [str(his.id)]
    assert str(his.id) not in flat(await walk(alice, limit=100))
    # A cursor is a position in time and gives no access to another user's list.
    hers = (await alice.get(VIDEOS, params={"limit": 1})).json()["next_cursor"]
    body = (await bob.get(VIDEOS, params={"cursor": hers})).json()
    assert {item["id"] for item in body["items"]} <= {str(his.id)}


async def test_refuses_invalid_query_values(subtests: pytest.Subtests, alice: ApiClient) -> None:
    for name, values in {
        "limit": [
            "0",
            "-1",
            "101",
            "2147483648",
            "9" * 400,
            "1.5",
            "ten",
            "",
            " ",
            "NaN",
            "1e2",
            "0x10",
            "null",
            "true",
        ],
        "status": ["", "READY", "done", "ready,failed", "gone", "null", "' OR 1=1 --"],
        "sort": ["", "NAME", "name asc", "created_at", "null"],
        "q": ["a\0b", "a\nb", "a\u2028b", "x" * 256],
    }.items():
        for value in values:
            with subtests.test(f"{name}={value[:40]}"):
                answer = await alice.get(VIDEOS, params={name: value})
                body = assert_error(answer, 422, "validation_error")
                assert body["errors"][0]["loc"][:2] == ["query", name]


def cursor_of(place: str | bytes) -> str:
    raw = place.encode() if isinstance(place, str) else place
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_refuses_foreign_cursor(subtests: pytest.Subtests, alice: ApiClient) -> None:
    some_id = uuid.uuid4()
    for what, cursor in {
        "empty": "",
        "a word": "next",
        "a number": "7",
        "not base64": "!!!!",
        "a line break": "YWJj\n",
        "not ASCII": "ÿ",
        "not UTF-8": cursor_of(b"\xff\xfe\xfd"),
        "nothing inside": cursor_of("|"),
        "no id": cursor_of("newest|||2026-01-15T12:00:00+00:00"),
        "no time": cursor_of(f"newest||{some_id}|"),
        "no separator": cursor_of(f"2026-01-15T12:00:00+00:00{some_id}"),
        "a time without zone": cursor_of(f"newest||{some_id}|2026-01-15T12:00:00"),
        "no such day": cursor_of(f"newest||{some_id}|2026-02-30T12:00:00+00:00"),
        "no such id": cursor_of("newest||2cf6a5ea|2026-01-15T12:00:00+00:00"),
        "two ids": cursor_of(f"newest||{some_id}|2026-01-15T12:00:00+00:00|{some_id}"),
        "SQL": cursor_of(f"newest||{some_id}|' OR 1=1 --"),
        "before the first moment": cursor_of(f"newest||{some_id}|0001-01-01T00:00:00+23:59"),
        "after the last moment": cursor_of(f"newest||{some_id}|9999-12-31T23:59:59-23:59"),
        "the year zero": cursor_of(f"newest||{some_id}|0000-01-01T00:00:00+00:00"),
        "JSON": cursor_of('{"created_at": 1}'),
        "an order that does not exist": cursor_of(f"best||{some_id}|1"),
        "another order": cursor_of(f"largest||{some_id}|1"),
        "another filter": cursor_of(f"newest|0123456789abcdef|{some_id}|2026-01-15T12:00:00+00:00"),
        "of the previous version": cursor_of(f"2026-01-15T12:00:00+00:00|{some_id}"),
        "4,001 characters": "A" * 4001,
        "10,000 characters": "A" * 10_000,
    }.items():
        with subtests.test(what):
            answer = await alice.get(VIDEOS, params={"cursor": cursor})
            body = assert_error(answer, 422, "validation_error")
            assert body["errors"][0]["loc"] == ["query", "cursor"]


async def test_accepts_cursor_with_extreme_time(alice: ApiClient, make_video: MakeVideo) -> None:
    video = await make_video(owner=alice.user)
    for moment, found in (
        ("0001-01-01T00:00:00+00:00", []),
        ("9999-12-31T23:59:59.999999+00:00", [str(video.id)]),
    ):
        answer = await alice.get(VIDEOS, params={"cursor": cursor_of(f"newest||{uuid.uuid4()}|{moment}")})
        assert [item["id"] for item in answer.json()["items"]] == found


async def test_refuses_sizes_that_no_video_has(subtests: pytest.Subtests, alice: ApiClient) -> None:
    for value in ("", "-1", str(2**63), "1.5", "None"):
        with subtests.test(value):
            cursor = cursor_of(f"largest||{uuid.uuid4()}|{value}")
            answer = await alice.get(VIDEOS, params={"cursor": cursor, "sort": "largest"})
            assert_error(answer, 422, "validation_error")


async def test_cursor_with_the_longest_name(alice: ApiClient, make_video: MakeVideo) -> None:
    name = "\u0390" * 251 + ".mp4"  # folds to three characters each
    made = {str((await make_video("ready", owner=alice.user, original_filename=name)).id) for _ in range(3)}
    assert set(flat(await walk(alice, limit=1, sort="name_desc"))) == made


async def test_search_sorts_filters_and_counts(alice: ApiClient, make_video: MakeVideo) -> None:
    sizes = {"Trip 2.mp4": 2, "trip 10.mp4": 10, "other.mp4": 5}
    made = {
        name: str((await make_video("ready", owner=alice.user, original_filename=name, size_bytes=size)).id)
        for name, size in sizes.items()
    }
    await make_video("failed", owner=alice.user, original_filename="TRIP 3.mp4", size_bytes=3)

    found = await walk(alice, limit=1, q=" trip ", sort="largest", status=["ready", "uploading"])

    assert flat(found) == [made["trip 10.mp4"], made["Trip 2.mp4"]]
    body = (await alice.get(VIDEOS, params={"q": "TRIP"})).json()
    assert (body["count"], body["count_is_exact"]) == (3, True)
    assert (await alice.get(VIDEOS, params={"q": " "})).json()["count"] == 4


async def test_account_tells_the_space(alice: ApiClient, make_video: MakeVideo) -> None:
    await make_video("ready", owner=alice.user, data=b"x" * 1000)
    body = (await alice.get(f"{API}/auth/me")).json()
    assert (body["reserved_bytes"], body["quota_bytes"]) == (1000, 100 * 1024**3)


async def test_changes_since_the_list(alice: ApiClient, make_video: MakeVideo) -> None:
    gone = await make_video("ready", owner=alice.user)
    listed = (await alice.get(VIDEOS)).json()
    await alice.post(f"{VIDEOS}/remove", json={"ids": [str(gone.id)]})
    made = (await announce(alice, SMALL_VIDEO)).id

    answer = await alice.get(f"{VIDEOS}/changes", params={"since": listed["as_of"]})

    assert answer.status_code == 200
    body = answer.json()
    assert_time(body.pop("as_of"))
    (item,) = body.pop("items")
    assert item == (await alice.get(f"{VIDEOS}/{made}")).json()
    assert body == {"gone": [str(gone.id)], "is_complete": True}
    old = (await alice.get(f"{VIDEOS}/changes", params={"since": "2020-01-01T00:00:00Z"})).json()
    assert (old["items"], old["gone"], old["is_complete"]) == ([], [], False)


async def test_other_requests_go_on_while_a_list_is_made(
    application: Application, alice: ApiClient, make_video: MakeVideo
) -> None:
    """A signature of CloudFront takes a quarter of a millisecond, and a list of changes may need 200."""
    videos = [await make_video("ready", owner=alice.user, in_store=False)] * 200
    order: list[str] = []

    class NotingDelivery(FakeDelivery):
        def url_for(self, object_key: str, filename: str, now: datetime) -> DeliveryUrl:
            order.append("URL")
            return super().url_for(object_key, filename, now)

    presenter = VideoPresenter(NotingDelivery(), application.clock.now(), application.links)
    asyncio.get_running_loop().call_soon(order.append, "another request")

    assert len(await presenter.videos(videos)) == 200
    assert order.index("another request") <= 10


async def test_changes_refuse_other_times(subtests: pytest.Subtests, alice: ApiClient) -> None:
    for since in ("", "yesterday", "2026-01-15T12:00:00", "2026-13-01T00:00:00Z", "null"):
        with subtests.test(since):
            answer = await alice.get(f"{VIDEOS}/changes", params={"since": since})
            assert assert_error(answer, 422, "validation_error")["errors"][0]["loc"] == ["query", "since"]
    assert_error(await alice.get(f"{VIDEOS}/changes"), 422, "validation_error")
    for since in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-1", "0001-01-01T00:00:00+23:59"):
        answer = await alice.get(f"{VIDEOS}/changes", params={"since": since})
        assert answer.status_code in (200, 422)
