"""An upload in a real browser arrives whole, whatever breaks on the way; and the page tells the truth meanwhile.

The stories run side by side in one Chromium, since the slow ones wait for the engine's real limits.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.faulty_world import World, far_store, near_store
from tests.browser.visits import (
    FILM_BYTES,
    FILM_PARTS,
    MIB,
    PASSWORD,
    Film,
    Outcome,
    Story,
    Visit,
    make_film,
    run_side_by_side,
)
from tests.engines.faults import (
    LOST_ANSWER,
    STORE_COMPLETE,
    Corrupt,
    DelayUntilExpired,
    Fault,
    Hang,
    Match,
    Reset,
    ResetBefore,
    Throttle,
    part,
    s3_error,
)
from tests.waiting import until

WORLDS: Mapping[str, Callable[[Path], AbstractContextManager[World]]] = {
    "near": near_store,
    "killed": near_store,
    "far": far_store,
    "expiring": lambda folder: far_store(folder, {"PRESIGN_TTL_SECONDS": "20"}),
}
STORIES: dict[str, Story] = {}


def story(
    world: str = "near", *, slow: bool = False
) -> Callable[[Callable[[Visit], Awaitable[None]]], Callable[[Visit], Awaitable[None]]]:
    def keep(tell: Callable[[Visit], Awaitable[None]]) -> Callable[[Visit], Awaitable[None]]:
        made = Story(tell, world, slow)
        STORIES[made.name] = made
        return tell

    return keep


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return make_film(tmp_path_factory.mktemp("film") / "holiday.mp4", FILM_BYTES)


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, film: Film, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Outcome]]:
    asked = {item.name for item in request.session.items}
    stories = [one for name, one in STORIES.items() if f"test_story[{name}]" in asked]
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as stack:
        worlds = {
            name: stack.enter_context(WORLDS[name](folder / name)) for name in {one.world for one in stories}
        }
        yield run_side_by_side(stories, worlds, film)


# --- the connection to the store breaks -----------------------------------------------------------------------------


async def _part_survives(visit: Visit, fault: Fault, times: int) -> None:
    rule = visit.world.page_to_store.fault(part(2, visit.sender), fault, times)
    await visit.choose()
    await visit.arrives()
    assert rule.hits == times


# Four times each: Chromium itself silently resends once what breaks on a connection that was used before.


@story()
async def reset_at_the_beginning_of_a_part(visit: Visit) -> None:
    await _part_survives(visit, Reset(0.0), 4)


@story()
async def reset_half_way_through_a_part(visit: Visit) -> None:
    await _part_survives(visit, Reset(0.5), 4)


@story()
async def reset_near_the_end_of_a_part(visit: Visit) -> None:
    await _part_survives(visit, Reset(0.99), 4)


@story()
async def reset_before_the_store_hears_of_a_part(visit: Visit) -> None:
    await _part_survives(visit, ResetBefore(), 4)


@story()
async def store_has_the_part_and_its_answer_is_lost(visit: Visit) -> None:
    await _part_survives(visit, LOST_ANSWER, 4)


@story(slow=True)
async def store_is_away_for_ten_seconds(visit: Visit) -> None:
    away = visit.world.page_to_store.fault(Match(sender=visit.sender), ResetBefore(), None)
    await visit.choose()
    await until(lambda: away.hits > 0, "the first broken connection")
    await asyncio.sleep(10)
    visit.world.page_to_store.withdraw(away)
    await visit.arrives()
    # Waits that double let a part try six times in ten seconds, and Chromium may make two of one.
    assert away.hits <= 2 * 8 * FILM_PARTS
    # That the API answers meanwhile is no sign of life of the store.
    assert len(visit.requests(api=Match("POST", "/parts"))) <= 8 * FILM_PARTS


# --- the store answers with errors ----------------------------------------------------------------------------------


async def _all_parts_survive(visit: Visit, fault: Fault, times: int) -> None:
    rule = visit.world.page_to_store.fault(part(sender=visit.sender), fault, times)
    await visit.choose()
    await visit.arrives()
    assert rule.hits == times


@story()
async def burst_of_503(visit: Visit) -> None:
    await _all_parts_survive(visit, s3_error(503, "SlowDown"), 10)


@story()
async def burst_of_503_that_the_page_may_not_read(visit: Visit) -> None:
    await _all_parts_survive(visit, s3_error(503, "SlowDown", is_readable=False), 10)


@story()
async def store_fails_with_500(visit: Visit) -> None:
    await _all_parts_survive(visit, s3_error(500, "InternalError"), 6)


@story()
async def part_arrives_damaged(visit: Visit) -> None:
    rule = visit.world.page_to_store.fault(part(2, visit.sender), Corrupt(), 1)
    await visit.choose()
    await visit.arrives()
    assert rule.hits == 1
    # The store itself found it out by the Content-MD5.
    assert [one.status for one in visit.sent_parts(2)] == [400, 200]


@story("expiring", slow=True)
async def urls_expire_on_the_way(visit: Visit) -> None:
    numbers = range(1, FILM_PARTS + 1)
    for number in numbers:
        visit.world.page_to_store.fault(part(number, visit.sender), DelayUntilExpired())
    await visit.choose()
    await until(lambda: len(visit.sent_parts()) == FILM_PARTS, "all parts on their way")
    # The new URLs live so long that none of them expires on a slow machine.
    await asyncio.to_thread(visit.world.slipway.restart, {"PRESIGN_TTL_SECONDS": "900"})
    await visit.arrives()
    assert [[one.status for one in visit.sent_parts(number)] for number in numbers] == [
        [403, 200]
    ] * FILM_PARTS


# --- silence --------------------------------------------------------------------------------------------------------


async def _silence_is_noticed(visit: Visit, fault: Fault) -> None:
    # Parts of 8 MiB: sockets on the way hold 5, and what they hold counts as sent.
    visit.film = await asyncio.to_thread(make_film, visit.film.path.with_name(f"{visit.name}.mp4"), 48 * MIB)
    hung = visit.world.page_to_store.fault(part(2, visit.sender), fault)
    # Slow enough to be measured: the engine's patience depends on the line.
    visit.world.page_to_store.fault(part(sender=visit.sender), Throttle(0.75 * MIB), None)
    await visit.choose()
    await visit.arrives()
    assert hung.hits == 1
    assert len(visit.sent_parts(2)) == 2


@story(slow=True)
async def store_takes_a_part_and_never_answers(visit: Visit) -> None:
    await _silence_is_noticed(visit, Hang())


@story(slow=True)
async def store_stops_reading_a_part(visit: Visit) -> None:
    await _silence_is_noticed(visit, Hang(reads_body=False))


@story(slow=True)
async def nothing_flows_for_ten_seconds(visit: Visit) -> None:
    everything = Match(sender=visit.sender)
    async with visit.halfway():
        with visit.world.page_to_store.black_hole(everything), visit.world.page_to_api.black_hole(everything):
            await asyncio.sleep(10)
    await visit.arrives()
    # What was in flight has gone on where it was.
    assert len(visit.sent_parts()) == FILM_PARTS


@story(slow=True)
async def offline_for_half_a_minute(visit: Visit) -> None:
    everything = Match(sender=visit.sender)
    async with visit.halfway():
        with visit.world.page_to_store.black_hole(everything), visit.world.page_to_api.black_hole(everything):
            # `set_offline` alone does not stop requests in flight.
            await visit.context.set_offline(True)
            await visit.reads("You're offline")
            await asyncio.sleep(30)
            await visit.reads("You're offline")
            await visit.context.set_offline(False)
    await visit.arrives()
    # What was in flight has gone on where it was, and time without a network is no failure.
    assert len(visit.sent_parts()) == FILM_PARTS
    assert "retrying" not in {moment.waiting for moment in await visit.shown()}


# --- the end of an upload gets lost ---------------------------------------------------------------------------------


@story()
async def answer_to_complete_is_lost_on_the_way_to_the_page(visit: Visit) -> None:
    lost = visit.world.page_to_api.fault(Match("POST", "/complete", sender=visit.sender), LOST_ANSWER, 2)
    await visit.choose()
    await visit.arrives()
    assert lost.hits == 2


async def _store_completes(visit: Visit, fault: Fault) -> None:
    """Three times: the app's S3 client asks a second time by itself."""
    assert visit.world.app_to_store is not None
    complete = Match("POST", f"/{visit.user_id}/", STORE_COMPLETE.query)
    rule = visit.world.app_to_store.fault(complete, fault, 3)
    await visit.choose()
    await visit.arrives()
    assert rule.hits > 0


@story("far")
async def answer_to_complete_is_lost_on_the_way_to_the_app(visit: Visit) -> None:
    await _store_completes(visit, LOST_ANSWER)


@story("far")
async def store_completes_and_says_error_in_a_200(visit: Visit) -> None:
    await _store_completes(visit, s3_error(200, "InternalError", is_passed_on=True))


@story("far")
async def store_does_not_complete_and_says_error_in_a_200(visit: Visit) -> None:
    await _store_completes(visit, s3_error(200, "InternalError"))


# --- the session ends, the store dies -------------------------------------------------------------------------------


@story()
async def session_ends_in_the_middle(visit: Visit) -> None:
    async with visit.halfway():
        signed_out = await visit.context.request.post(
            "/api/v1/auth/logout", headers={"Origin": visit.world.origin}
        )
        assert signed_out.status == 204

    again = visit.page.get_by_role("dialog", name="Sign in to continue")
    await again.get_by_label("Password", exact=True).fill(PASSWORD)
    await again.get_by_role("button", name="Sign in").click()

    await visit.arrives()
    assert len(visit.sent_parts()) == FILM_PARTS


@story("killed")
async def store_is_killed_in_the_middle(visit: Visit) -> None:
    async with visit.halfway():
        (pid,) = visit.world.slipway.store_pids()
        os.kill(pid, signal.SIGKILL)
    await visit.arrives()
    assert visit.world.slipway.store_pids() != [pid]
    assert len(visit.sent_parts()) > FILM_PARTS


# --- the page is left -----------------------------------------------------------------------------------------------


async def _is_left(visit: Visit, leave: Callable[[Page], Awaitable[object]]) -> None:
    visit.page.on("dialog", lambda dialog: dialog.accept())
    async with visit.halfway():
        (video,) = await visit.videos()
        await leave(visit.page)
    await _row_goes(visit, video["id"])


async def _row_goes(visit: Visit, video_id: str) -> None:
    """By the page's own last word: whoever is gone cannot wait for the sweep."""
    # Chromium sends what outlives its page under its own User-Agent.
    last_word = Match("DELETE", f"/{video_id}")
    await until(
        lambda: [one.status for one in visit.world.page_to_api.requests(last_word)] == [204], "the last word"
    )
    assert await visit.videos() == []
    await asyncio.to_thread(visit.world.slipway.wait_for_empty_store, video_id)


@story()
async def page_is_closed_in_the_middle(visit: Visit) -> None:
    await _is_left(visit, lambda page: page.close())


@story()
async def page_is_reloaded_in_the_middle(visit: Visit) -> None:
    await _is_left(visit, lambda page: page.reload())


@story()
async def page_is_left_in_the_middle(visit: Visit) -> None:
    await _is_left(visit, lambda page: page.goto("about:blank"))


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, outcomes: Mapping[str, Outcome]) -> None:
    outcomes[name].check()
