"""A search may read all names of its user, and keeps nobody from the database."""

import asyncio
import uuid
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.engine import make_url

from app.bootstrap import Application
from app.core import db
from app.crud import video_list
from app.domain.errors import Overloaded
from app.domain.video_list import VideoQuery
from app.models import User
from app.services.searches import Searches
from tests.conftest import MakeUser, MakeVideo

SEARCH = VideoQuery(name_part="harbour")


@pytest.mark.parametrize(("database", "function"), [("sqlite", "instr"), ("postgresql", "strpos")])
def test_no_name_makes_a_search_slow(database: str, function: str) -> None:
    """LIKE tries a pattern such as "%aaaab%" at each place of a name such as "aaaaaaaa"."""
    conditions = video_list._matches(uuid.uuid4(), SEARCH)
    dialect = make_url(f"{database}://").get_dialect()()

    statement = str(conditions[-1].compile(dialect=dialect))

    assert statement.startswith(f"{function}(")


async def test_search_waits_for_those_of_the_same_user(
    application: Application, make_user: MakeUser, make_video: MakeVideo, user: User
) -> None:
    made = await make_video("ready")
    other = await make_user()
    videos = application.videos

    async with videos.searches.turn(user.id):
        searching = asyncio.create_task(videos.list_page(user.id, SEARCH, 20))

        assert (await videos.list_page(other.id, SEARCH, 20)).items == []
        assert [video.id for video in (await videos.list_page(user.id, VideoQuery(), 20)).items] == [made.id]
        assert not searching.done()

    assert [video.id for video in (await searching).items] == [made.id]


async def test_searches_of_all_leave_connections_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_SECONDS", 0)
    searches = Searches(connections=10)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(searches.turn(uuid.uuid4()))

        with pytest.raises(Overloaded):
            await held.enter_async_context(searches.turn(uuid.uuid4()))

    async with searches.turn(uuid.uuid4()):
        pass
