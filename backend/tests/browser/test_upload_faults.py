"""Uploads survive faults, and the page shows the truth meanwhile.

The scenarios run concurrently in one Chromium, because the slow ones wait for real limits of the engine.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.page_user import (
    FILE_BYTES,
    FILE_PARTS,
    MIB,
    PASSWORD,
    Outcome,
    PageUser,
    Scenario,
    VideoFile,
    make_file,
    run_side_by_side,
)
from tests.browser.proxied_slipway import ProxiedSlipway, embedded_store, remote_store
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

WORLDS: Mapping[str, Callable[[Path], AbstractContextManager[ProxiedSlipway]]] = {
    "embedded": embedded_store,
    "killed": embedded_store,
    "remote": remote_store,
    "expiring": lambda folder: remote_store(folder, {"PRESIGN_TTL_SECONDS": "20"}),
}
SCENARIOS: dict[str, Scenario] = {}


def scenario(
    world: str = "embedded", *, slow: bool = False
) -> Callable[[Callable[[PageUser], Awaitable[None]]], Callable[[PageUser], Awaitable[None]]]:
    def keep(run: Callable[[PageUser], Awaitable[None]]) -> Callable[[PageUser], Awaitable[None]]:
        made = Scenario(run, world, slow)
        SCENARIOS[made.name] = made
        return run

    return keep


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> VideoFile:
    return make_file(tmp_path_factory.mktemp("file") / "holiday.mp4", FILE_BYTES)


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, file: VideoFile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Outcome]]:
    asked = {item.name for item in request.session.items}
    scenarios = [one for name, one in SCENARIOS.items() if f"test_scenario[{name}]" in asked]
    folder = tmp_path_factory.mktemp("faults")
    with ExitStack() as stack:
        worlds = {
            name: stack.enter_context(WORLDS[name](folder / name))
            for name in {one.world for one in scenarios}
        }
        yield run_side_by_side(scenarios, worlds, file)


# --- the connection to the store breaks -----------------------------------------------------------------------------


async def _part_survives(user: PageUser, fault: Fault, times: int) -> None:
    rule = user.world.page_to_store.fault(part(2, user.sender), fault, times)
    await user.choose()
    await user.expect_uploaded()
    assert rule.hits == times


# Four times each, because Chromium itself resends a request once if a reused connection breaks.


@scenario()
async def reset_at_the_beginning_of_a_part(user: PageUser) -> None:
    await _part_survives(user, Reset(0.0), 4)


@scenario()
async def reset_half_way_through_a_part(user: PageUser) -> None:
    await _part_survives(user, Reset(0.5), 4)


@scenario()
async def reset_near_the_end_of_a_part(user: PageUser) -> None:
    await _part_survives(user, Reset(0.99), 4)


@scenario()
async def reset_before_the_store_hears_of_a_part(user: PageUser) -> None:
    await _part_survives(user, ResetBefore(), 4)


@scenario()
async def store_has_the_part_and_its_answer_is_lost(user: PageUser) -> None:
    await _part_survives(user, LOST_ANSWER, 4)


@scenario(slow=True)
async def store_is_away_for_ten_seconds(user: PageUser) -> None:
    away = user.world.page_to_store.fault(Match(sender=user.sender), ResetBefore(), None)
    await user.choose()
    await until(lambda: away.hits > 0, "the first broken connection")
    await asyncio.sleep(10)
    user.world.page_to_store.withdraw(away)
    await user.expect_uploaded()
    # With exponential backoff a part is tried at most six times in ten seconds, and Chromium may send each twice.
    assert away.hits <= 2 * 8 * FILE_PARTS
    # An answer of the API does not mean that the store is back.
    assert len(user.requests(api=Match("POST", "/parts"))) <= 8 * FILE_PARTS


# --- the store answers with errors ----------------------------------------------------------------------------------


async def _all_parts_survive(user: PageUser, fault: Fault, times: int) -> None:
    rule = user.world.page_to_store.fault(part(sender=user.sender), fault, times)
    await user.choose()
    await user.expect_uploaded()
    assert rule.hits == times


@scenario()
async def burst_of_503(user: PageUser) -> None:
    await _all_parts_survive(user, s3_error(503, "SlowDown"), 10)


@scenario()
async def burst_of_503_that_the_page_may_not_read(user: PageUser) -> None:
    await _all_parts_survive(user, s3_error(503, "SlowDown", is_readable=False), 10)


@scenario()
async def store_fails_with_500(user: PageUser) -> None:
    await _all_parts_survive(user, s3_error(500, "InternalError"), 6)


@scenario()
async def part_arrives_damaged(user: PageUser) -> None:
    rule = user.world.page_to_store.fault(part(2, user.sender), Corrupt(), 1)
    await user.choose()
    await user.expect_uploaded()
    assert rule.hits == 1
    # The store found the corruption by the Content-MD5.
    assert [one.status for one in user.sent_parts(2)] == [400, 200]


@scenario("expiring", slow=True)
async def urls_expire_on_the_way(user: PageUser) -> None:
    numbers = range(1, FILE_PARTS + 1)
    for number in numbers:
        user.world.page_to_store.fault(part(number, user.sender), DelayUntilExpired())
    await user.choose()
    await until(lambda: len(user.sent_parts()) == FILE_PARTS, "all parts on their way")
    # The new URLs live so long that none of them expires on a slow machine.
    await asyncio.to_thread(user.world.slipway.restart, {"PRESIGN_TTL_SECONDS": "900"})
    await user.expect_uploaded()
    assert [[one.status for one in user.sent_parts(number)] for number in numbers] == [
        [403, 200]
    ] * FILE_PARTS


# --- silence --------------------------------------------------------------------------------------------------------


async def _silence_is_noticed(user: PageUser, fault: Fault) -> None:
    # Parts of 8 MiB, because sockets buffer 5 MiB, and buffered bytes count as sent.
    user.file = await asyncio.to_thread(make_file, user.file.path.with_name(f"{user.name}.mp4"), 48 * MIB)
    hung = user.world.page_to_store.fault(part(2, user.sender), fault)
    # So slow that the engine can measure it, because its stall limit depends on the speed.
    user.world.page_to_store.fault(part(sender=user.sender), Throttle(0.75 * MIB), None)
    await user.choose()
    await user.expect_uploaded()
    assert hung.hits == 1
    assert len(user.sent_parts(2)) == 2


@scenario(slow=True)
async def store_takes_a_part_and_never_answers(user: PageUser) -> None:
    await _silence_is_noticed(user, Hang())


@scenario(slow=True)
async def store_stops_reading_a_part(user: PageUser) -> None:
    await _silence_is_noticed(user, Hang(reads_body=False))


@scenario(slow=True)
async def nothing_flows_for_ten_seconds(user: PageUser) -> None:
    # Parts flow until the black hole begins, because the engine resends a part that stalls for 30 s.
    user.world.page_to_store.fault(part(sender=user.sender), Throttle(2 * MIB), None)
    await user.choose()
    await until(lambda: any(one.received_bytes for one in user.sent_parts()), "bytes of a part")
    everything = Match(sender=user.sender)
    with user.world.page_to_store.black_hole(everything), user.world.page_to_api.black_hole(everything):
        await asyncio.sleep(10)
    await user.expect_uploaded()
    # Requests in flight continued.
    assert len(user.sent_parts()) == FILE_PARTS


@scenario(slow=True)
async def offline_for_half_a_minute(user: PageUser) -> None:
    everything = Match(sender=user.sender)
    async with user.halfway():
        with user.world.page_to_store.black_hole(everything), user.world.page_to_api.black_hole(everything):
            # `set_offline` alone does not stop requests in flight.
            await user.context.set_offline(True)
            await user.expect_text("You're offline")
            await asyncio.sleep(30)
            await user.expect_text("You're offline")
            await user.context.set_offline(False)
    await user.expect_uploaded()
    # Requests in flight continued, and time without a network is no failure.
    assert len(user.sent_parts()) == FILE_PARTS
    assert "retrying" not in {moment.waiting for moment in await user.shown()}


# --- the end of an upload gets lost ---------------------------------------------------------------------------------


@scenario()
async def answer_to_complete_is_lost_on_the_way_to_the_page(user: PageUser) -> None:
    lost = user.world.page_to_api.fault(Match("POST", "/complete", sender=user.sender), LOST_ANSWER, 2)
    await user.choose()
    await user.expect_uploaded()
    assert lost.hits == 2


async def _store_completes(user: PageUser, fault: Fault) -> None:
    """Three times, because the app's S3 client retries."""
    assert user.world.app_to_store is not None
    complete = Match("POST", f"/{user.user_id}/", STORE_COMPLETE.query)
    rule = user.world.app_to_store.fault(complete, fault, 3)
    await user.choose()
    await user.expect_uploaded()
    assert rule.hits > 0


@scenario("remote")
async def answer_to_complete_is_lost_on_the_way_to_the_app(user: PageUser) -> None:
    await _store_completes(user, LOST_ANSWER)


@scenario("remote")
async def store_completes_and_says_error_in_a_200(user: PageUser) -> None:
    await _store_completes(user, s3_error(200, "InternalError", is_passed_on=True))


@scenario("remote")
async def store_does_not_complete_and_says_error_in_a_200(user: PageUser) -> None:
    await _store_completes(user, s3_error(200, "InternalError"))


# --- the session ends, the store dies -------------------------------------------------------------------------------


@scenario()
async def session_ends_in_the_middle(user: PageUser) -> None:
    async with user.halfway():
        signed_out = await user.context.request.post(
            "/api/v1/auth/logout", headers={"Origin": user.world.origin}
        )
        assert signed_out.status == 204

    again = user.page.get_by_role("dialog", name="Sign in to continue")
    await again.get_by_label("Password", exact=True).fill(PASSWORD)
    await again.get_by_role("button", name="Sign in").click()

    await user.expect_uploaded()
    assert len(user.sent_parts()) == FILE_PARTS


@scenario("killed")
async def store_is_killed_in_the_middle(user: PageUser) -> None:
    async with user.halfway():
        (pid,) = user.world.slipway.store_pids()
        os.kill(pid, signal.SIGKILL)
    await user.expect_uploaded()
    assert user.world.slipway.store_pids() != [pid]
    assert len(user.sent_parts()) > FILE_PARTS


# --- the page is left -----------------------------------------------------------------------------------------------


async def _leave_halfway(user: PageUser, leave: Callable[[Page], Awaitable[object]]) -> None:
    user.page.on("dialog", lambda dialog: dialog.accept())
    async with user.halfway():
        (video,) = await user.videos()
        await leave(user.page)
    await _expect_removed(user, video["id"])


async def _expect_removed(user: PageUser, video_id: str) -> None:
    """The page's DELETE with keepalive removes the video, without a wait for the sweep."""
    # Chromium sends keepalive requests of a closed page with its own User-Agent.
    last_word = Match("DELETE", f"/{video_id}")
    await until(
        lambda: [one.status for one in user.world.page_to_api.requests(last_word)] == [204], "the last word"
    )
    assert await user.videos() == []
    await asyncio.to_thread(user.world.slipway.wait_for_empty_store, video_id)


@scenario()
async def page_is_closed_in_the_middle(user: PageUser) -> None:
    await _leave_halfway(user, lambda page: page.close())


@scenario()
async def page_is_reloaded_in_the_middle(user: PageUser) -> None:
    await _leave_halfway(user, lambda page: page.reload())


@scenario()
async def page_is_left_in_the_middle(user: PageUser) -> None:
    await _leave_halfway(user, lambda page: page.goto("about:blank"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, outcomes: Mapping[str, Outcome]) -> None:
    outcomes[name].check()
