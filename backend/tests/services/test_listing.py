"""List a user's videos in pages, in each order."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bootstrap import Application
from app.domain.errors import InvalidRequest, VideoNotFound
from app.domain.video_list import SHOWN, VideoQuery, VideoSort, name_key
from app.domain.video_status import VideoStatus
from app.models import User, Video
from app.services.video_cursors import decode_cursor, encode_cursor
from tests.conftest import MakeUser, MakeVideo
from tests.fakes import FakeClock


async def ids_of_all_pages(
    application: Application, user: User, limit: int, query: VideoQuery | None = None
) -> list[uuid.UUID]:
    ids: list[uuid.UUID] = []
    cursor = None
    while True:
        page = await application.videos.list_page(user.id, query or VideoQuery(), limit, cursor)
        assert len(page.items) <= limit
        ids += [video.id for video in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids


async def count_of(application: Application, user: User, query: VideoQuery) -> tuple[int, bool]:
    matching = (await application.videos.list_page(user.id, query, 1)).matching
    assert matching is not None
    return matching.count, matching.is_exact


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
async def test_pages_cover_the_list(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock, limit: int
) -> None:
    made = []
    for age in range(5):
        made.append(await make_video("ready", created_at=clock.now() - timedelta(milliseconds=age)))

    assert await ids_of_all_pages(application, user, limit) == [video.id for video in made]


EXPECTED: dict[VideoSort, Callable[[Video], object]] = {
    VideoSort.OLDEST: lambda video: (video.created_at, video.id.bytes),
    VideoSort.NAME: lambda video: (name_key(video.original_filename), video.id.bytes),
    VideoSort.SMALLEST: lambda video: (video.size_bytes, video.id.bytes),
    VideoSort.SHORTEST: lambda video: (video.duration_ms, video.id.bytes),
}
REVERSED = {
    VideoSort.NEWEST: VideoSort.OLDEST,
    VideoSort.NAME_DESC: VideoSort.NAME,
    VideoSort.LARGEST: VideoSort.SMALLEST,
    VideoSort.LONGEST: VideoSort.SHORTEST,
}


@pytest.fixture
async def mixed(make_video: MakeVideo, clock: FakeClock) -> list[Video]:
    """Videos with equal and different names, sizes, times and durations. Some durations are unknown."""
    names = [
        "b.mp4",
        "A.mp4",
        "a.mp4",
        "Z.mp4",
        "Ä.mp4",
        "straße.mp4",
        "STRASSE.mp4",
        "🎬.mp4",
        "A_B.mp4",
        "|%.mp4",
    ]
    return [
        await make_video(
            "ready",
            original_filename=name,
            size_bytes=number % 3 + 1,
            duration_ms=None if number % 4 == 0 else number % 3 * 1000,
            created_at=clock.now() + timedelta(seconds=number % 5),
        )
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize("sort", VideoSort)
@pytest.mark.parametrize("query", [VideoQuery(), VideoQuery(name_part="mp4")], ids=["all", "search"])
async def test_orders(
    application: Application, user: User, mixed: list[Video], sort: VideoSort, query: VideoQuery
) -> None:
    key = EXPECTED[REVERSED.get(sort, sort)]
    is_known = [
        video for video in mixed if sort not in ("longest", "shortest") or video.duration_ms is not None
    ]
    unknown = [video for video in mixed if video not in is_known]
    expected = sorted(is_known, key=key, reverse=sort in REVERSED)  # type: ignore[arg-type]
    expected += sorted(unknown, key=lambda video: video.id.bytes, reverse=sort in REVERSED)

    for limit in (1, 3, 4, 100):
        in_order = VideoQuery(sort, query.statuses, query.name_part)
        found = await ids_of_all_pages(application, user, limit, in_order)
        assert found == [video.id for video in expected], f"limit {limit}"


@pytest.mark.parametrize(
    ("part", "found"),
    {
        "a.mp4": {"A.mp4", "a.mp4"},
        "STRASSE": {"straße.mp4", "STRASSE.mp4"},
        "straße": {"straße.mp4", "STRASSE.mp4"},
        "a\u0308": {"Ä.mp4"},  # decomposed, as macOS writes names
        "_": {"A_B.mp4"},
        "%": {"|%.mp4"},
        "🎬": {"🎬.mp4"},
        "\\": set(),
        "/": set(),
        "'": set(),
        "mp5": set(),
    }.items(),
)
async def test_searches_by_name(
    application: Application, user: User, mixed: list[Video], part: str, found: set[str]
) -> None:
    query = VideoQuery(name_part=name_key(part))

    ids = await ids_of_all_pages(application, user, 2, query)

    assert {video.original_filename for video in mixed if video.id in ids} == found
    assert await count_of(application, user, query) == (len(found), True)


async def test_search_among_many_matches(
    application: Application, make_video: MakeVideo, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pages in the same order, whether few or many match."""
    made = [
        await make_video("ready", original_filename=f"trip {number}.mp4", duration_ms=number or None)
        for number in range(5)
    ]
    query = VideoQuery(VideoSort.SHORTEST, SHOWN, "trip")
    few = await ids_of_all_pages(application, user, 2, query)

    monkeypatch.setattr("app.services.videos.MAX_COUNT", 3)

    assert await ids_of_all_pages(application, user, 2, query) == few
    assert few == [video.id for video in [*made[1:], made[0]]]


async def test_count_is_capped(
    application: Application, make_video: MakeVideo, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status in ("ready", "ready", "failed", "deleting"):
        await make_video(status, in_store=False)
    ready = VideoQuery(statuses=frozenset({VideoStatus.READY}))
    assert await count_of(application, user, VideoQuery()) == (3, True)
    assert await count_of(application, user, ready) == (2, True)

    for module in ("app.crud.video_list", "app.services.videos"):
        monkeypatch.setattr(f"{module}.MAX_COUNT", 2)

    assert await count_of(application, user, VideoQuery()) == (2, False)
    assert await count_of(application, user, ready) == (2, True)


async def test_later_pages_have_no_count(application: Application, make_video: MakeVideo, user: User) -> None:
    for _ in range(2):
        await make_video("ready")
    first = await application.videos.list_page(user.id, VideoQuery(), 1)

    second = await application.videos.list_page(user.id, VideoQuery(), 1, first.next_cursor)

    assert (second.items != [], second.matching) == (True, None)


async def test_fills_the_names_of_the_previous_version(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    old = await make_video("ready", original_filename="Größe.mp4", name_key="")
    query = VideoQuery(name_part="grösse")
    assert await ids_of_all_pages(application, user, 10, query) == []

    await application.videos.fill_name_keys()

    assert await ids_of_all_pages(application, user, 10, query) == [old.id]


async def test_keeps_videos_of_one_moment_apart(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    made = {(await make_video("ready")).id for _ in range(7)}

    listed = await ids_of_all_pages(application, user, 2)

    assert len(listed) == 7
    assert set(listed) == made


async def test_new_video_does_not_shift_pages(
    application: Application, make_video: MakeVideo, user: User, clock: FakeClock
) -> None:
    made = []
    for age in range(4):
        made.append(await make_video("ready", created_at=clock.now() - timedelta(seconds=age)))
    first = await application.videos.list_page(user.id, VideoQuery(), 2)
    clock.advance(seconds=1)
    await make_video("ready")

    second = await application.videos.list_page(user.id, VideoQuery(), 2, first.next_cursor)

    assert [video.id for video in second.items] == [video.id for video in made[2:]]


async def test_filters_by_status(application: Application, make_video: MakeVideo, user: User) -> None:
    ready = await make_video("ready")
    failed = await make_video("failed")
    await make_video("uploading")

    assert await ids_of_all_pages(application, user, 1, in_states(VideoStatus.READY)) == [ready.id]
    both = in_states(VideoStatus.READY, VideoStatus.FAILED)
    assert set(await ids_of_all_pages(application, user, 1, both)) == {ready.id, failed.id}


async def test_never_lists_removed_videos(
    application: Application, make_video: MakeVideo, user: User
) -> None:
    for status in ("deleting", "expired"):
        await make_video(status)

    assert await ids_of_all_pages(application, user, 10) == []
    assert await ids_of_all_pages(application, user, 10, in_states(VideoStatus.DELETING)) == []


async def test_lists_only_own_videos(
    application: Application, make_video: MakeVideo, make_user: MakeUser
) -> None:
    video = await make_video("ready")
    stranger = await make_user()

    assert await ids_of_all_pages(application, stranger, 10) == []
    with pytest.raises(VideoNotFound):
        await application.videos.get(stranger.id, video.id)
    with pytest.raises(VideoNotFound):
        await application.videos.get(stranger.id, uuid.uuid4())


async def test_cursor_is_exact_to_the_microsecond(make_video: MakeVideo, clock: FakeClock) -> None:
    video = await make_video("ready", created_at=clock.now() + timedelta(microseconds=123_456))

    place = decode_cursor(VideoQuery(), encode_cursor(VideoQuery(), video))

    assert (place.value, place.id) == (video.created_at, video.id)


async def test_cursor_belongs_to_its_query(make_video: MakeVideo) -> None:
    video = await make_video("ready")
    queries = [
        *(VideoQuery(sort) for sort in VideoSort),
        VideoQuery(name_part="a"),
        VideoQuery(name_part="b"),
        in_states(VideoStatus.READY),
    ]
    for own in queries:
        for query in queries:
            if query == own:
                assert decode_cursor(query, encode_cursor(own, video)).id == video.id
            else:
                with pytest.raises(InvalidRequest, match="another order or filter"):
                    decode_cursor(query, encode_cursor(own, video))


@given(st.text(max_size=200), st.sampled_from(VideoSort))
def test_refuses_invalid_cursor(cursor: str, sort: VideoSort) -> None:
    with pytest.raises(InvalidRequest):
        decode_cursor(VideoQuery(sort), cursor)


def in_states(*statuses: VideoStatus) -> VideoQuery:
    return VideoQuery(statuses=frozenset(statuses))
