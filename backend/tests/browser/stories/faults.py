"""An upload survives faults, and the page shows the truth meanwhile."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from tests.browser.browser_page import BrowserPage
from tests.browser.page_user import CARD, FILE_PARTS, MIB, PASSWORD, PageUser, make_file
from tests.browser.story import story
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

# --- the connection to the store breaks -----------------------------------------------------------------------------


async def _part_survives(user: PageUser, fault: Fault) -> None:
    """Let the part fail twice for the engine. The browser itself resends a request whose connection breaks."""
    times = 2 * user.browser.sends_of_a_broken_request
    rule = user.world.page_to_store.fault(part(2, user.sender), fault, times)
    await user.choose()
    await user.expect_uploaded()
    assert rule.hits == times


@story()
async def reset_at_the_beginning_of_a_part(user: PageUser) -> None:
    await _part_survives(user, Reset(0.0))


@story(everyday=True)
async def reset_half_way_through_a_part(user: PageUser) -> None:
    await _part_survives(user, Reset(0.5))


@story()
async def reset_near_the_end_of_a_part(user: PageUser) -> None:
    await _part_survives(user, Reset(0.99))


@story()
async def reset_before_the_store_hears_of_a_part(user: PageUser) -> None:
    await _part_survives(user, ResetBefore())


@story()
async def store_has_the_part_and_its_answer_is_lost(user: PageUser) -> None:
    await _part_survives(user, LOST_ANSWER)


@story(slow=True)
async def store_is_away_for_ten_seconds(user: PageUser) -> None:
    away = user.world.page_to_store.fault(Match(sender=user.sender), ResetBefore(), None)
    await user.choose()
    await until(lambda: away.hits > 0, "the first broken connection")
    await asyncio.sleep(10)
    user.world.page_to_store.withdraw(away)
    await user.expect_uploaded()
    # With exponential backoff a part is tried at most six times in ten seconds.
    assert away.hits <= user.browser.sends_of_a_broken_request * 8 * FILE_PARTS
    # An answer of the API does not mean that the store is back.
    assert len(user.requests(api=Match("POST", "/parts"))) <= 8 * FILE_PARTS


# --- the store answers with errors ----------------------------------------------------------------------------------


async def _all_parts_survive(user: PageUser, fault: Fault, times: int) -> None:
    rule = user.world.page_to_store.fault(part(sender=user.sender), fault, times)
    await user.choose()
    await user.expect_uploaded()
    assert rule.hits == times


@story(everyday=True)
async def burst_of_503(user: PageUser) -> None:
    await _all_parts_survive(user, s3_error(503, "SlowDown"), 10)


@story()
async def burst_of_503_that_the_page_may_not_read(user: PageUser) -> None:
    await _all_parts_survive(user, s3_error(503, "SlowDown", is_readable=False), 10)


@story()
async def store_fails_with_500(user: PageUser) -> None:
    await _all_parts_survive(user, s3_error(500, "InternalError"), 6)


@story()
async def part_arrives_damaged(user: PageUser) -> None:
    rule = user.world.page_to_store.fault(part(2, user.sender), Corrupt(), 1)
    await user.choose()
    await user.expect_uploaded()
    assert rule.hits == 1
    # The store found the corruption by the Content-MD5.
    assert [one.status for one in user.sent_parts(2)] == [400, 200]


@story("expiring", slow=True)
async def urls_expire_on_the_way(user: PageUser) -> None:
    await asyncio.to_thread(user.world.slipway.restart, {"PRESIGN_TTL_SECONDS": "20"})
    # The page may have been loading its scripts.
    await user.open("/")
    numbers = range(1, FILE_PARTS + 1)
    for number in numbers:
        user.world.page_to_store.fault(part(number, user.sender), DelayUntilExpired())
    await user.choose()
    await until(lambda: all(user.sent_parts(number) for number in numbers), "all parts on their way")
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


@story(slow=True)
async def store_takes_a_part_and_never_answers(user: PageUser) -> None:
    await _silence_is_noticed(user, Hang())


@story(slow=True)
async def store_stops_reading_a_part(user: PageUser) -> None:
    await _silence_is_noticed(user, Hang(reads_body=False))


@story(slow=True)
async def nothing_flows_for_ten_seconds(user: PageUser) -> None:
    # Parts flow until the black hole begins, because the engine resends a part that stalls for 30 s.
    user.world.page_to_store.fault(part(sender=user.sender), Throttle(2 * MIB), None)
    await user.choose()
    await until(lambda: any(one.received_bytes for one in user.sent_parts()), "bytes of a part")
    everything = Match(sender=user.sender)
    with user.world.page_to_store.black_hole(everything), user.world.page_to_api.black_hole(everything):
        await asyncio.sleep(10)
        held = [one for one in user.sent_parts() if one.status is None]
    await user.expect_uploaded()
    # Requests in flight continued.
    assert held
    assert {one.status for one in held} == {200}, (user.sent_parts(), await user.shown())


def _part_requests(user: PageUser) -> list[tuple[str, str]]:
    """Return method and part number of each request, also of preflight requests, because a black hole holds those."""
    sent = user.requests(store=Match(query={"partNumber": None}))
    return [(one.method, one.query["partNumber"]) for one in sent]


@story(
    slow=True,
    exceptions={
        "webkit": "the test sets `navigator.onLine` and sends its event, because WebDriver has no command for it"
    },
)
async def offline_for_half_a_minute(user: PageUser) -> None:
    everything = Match(sender=user.sender)
    async with user.halfway():
        with user.world.page_to_store.black_hole(everything), user.world.page_to_api.black_hole(everything):
            # The switch alone does not stop requests in flight.
            await user.page.set_online(False)
            await user.expect_text("You're offline", CARD)
            begun = _part_requests(user)
            await asyncio.sleep(30)
            await user.expect_text("You're offline", CARD)
            # A request that the page sent before may arrive late, so not the number counts.
            assert not set(begun) & set(_part_requests(user)[len(begun) :]), "a part was sent again"
            in_flight = len(user.sent_parts())
            await user.page.set_online(True)
    await user.expect_uploaded()
    # Time without a network is no failure. On a busy machine a part may need a new connection afterwards.
    assert len(user.sent_parts()) <= FILE_PARTS + in_flight
    waits = [moment.waiting for moment in await user.shown()]
    offline = [index for index, waiting in enumerate(waits) if waiting == "offline"]
    assert "retrying" not in waits[offline[0] : offline[-1]]


# --- the end of an upload gets lost ---------------------------------------------------------------------------------


@story()
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


@story("remote")
async def answer_to_complete_is_lost_on_the_way_to_the_app(user: PageUser) -> None:
    await _store_completes(user, LOST_ANSWER)


@story("remote")
async def store_completes_and_says_error_in_a_200(user: PageUser) -> None:
    await _store_completes(user, s3_error(200, "InternalError", is_passed_on=True))


@story("remote")
async def store_does_not_complete_and_says_error_in_a_200(user: PageUser) -> None:
    await _store_completes(user, s3_error(200, "InternalError"))


# --- the session ends, the store dies -------------------------------------------------------------------------------


@story(everyday=True)
async def session_ends_in_the_middle(user: PageUser) -> None:
    async with user.halfway():
        assert await user.fetch_status("POST", "/api/v1/auth/logout") == 204

    await user.expect_text("Sign in to continue", "dialog[open]")
    await user.page.fill("Password", PASSWORD)
    await user.page.click("button", "Sign in", in_dialog=True)

    await user.expect_uploaded()
    assert len(user.sent_parts()) == FILE_PARTS


@story("killed")
async def store_is_killed_in_the_middle(user: PageUser) -> None:
    async with user.halfway():
        (pid,) = user.world.slipway.store_pids()
        os.kill(pid, signal.SIGKILL)
    await user.expect_uploaded()
    assert user.world.slipway.store_pids() != [pid]
    assert len(user.sent_parts()) > FILE_PARTS


# --- the page is left -----------------------------------------------------------------------------------------------


async def _leave_halfway(user: PageUser, leave: Callable[[BrowserPage], Awaitable[None]]) -> None:
    async with user.halfway():
        (video,) = await user.videos()
        await leave(user.page)
    # Without its DELETE with keepalive the video would wait for the sweep.
    await user.expect_removed(video["id"])


@story(everyday=True)
async def page_is_closed_in_the_middle(user: PageUser) -> None:
    await _leave_halfway(user, lambda page: page.close())


@story()
async def page_is_reloaded_in_the_middle(user: PageUser) -> None:
    await _leave_halfway(user, lambda page: page.reload())


@story(
    exceptions={
        "webkit": "WebKit keeps the page, and the upload continues when the user comes back. "
        "If the user does not, the server removes it after the grace"
    }
)
async def page_is_left_in_the_middle(user: PageUser) -> None:
    if user.browser.name != "webkit":
        await _leave_halfway(user, lambda page: page.open("about:blank"))
        return
    async with user.halfway():
        (video,) = await user.videos()
        await user.page.open("about:blank")
        assert user.deletions(video["id"]) == []
        await user.page.evaluate("history.back()")
    assert await user.wait_for_end() == "done", await user.text()
    (video,) = await user.videos()
    assert user.world.slipway.stored_sha256(video["id"]) == user.file.sha256
