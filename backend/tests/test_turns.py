"""The order in which requests start."""

import asyncio
import gc
import weakref

import pytest

from app.core import turns as module
from app.core.turns import Turn, Turns
from tests.waiting import until


async def pass_turns(number: int = 50) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class Started:
    """Notes who was started."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.names: list[str] = []

    def enter(self, client: str, name: str) -> Turn:
        return self._turns.enter(client, lambda: self.names.append(name))


async def test_a_client_has_a_bound_and_others_do_not_wait_for_it() -> None:
    turns = Turns(at_once=2)
    started = Started(turns)
    first, *_ = [started.enter("a", f"a{number}") for number in range(4)]
    await pass_turns()
    started.enter("b", "b0")
    await pass_turns()
    assert started.names == ["a0", "a1", "b0"]

    turns.leave(first)
    turns.leave(first)
    await pass_turns()
    assert started.names == ["a0", "a1", "b0", "a2"]


async def test_clients_take_turns_and_no_two_start_in_one() -> None:
    started = Started(Turns())
    for number in range(3):
        started.enter("a", f"a{number}")
    started.enter("b", "b0")

    await pass_turns(2)
    assert len(started.names) <= 2
    await pass_turns()
    assert started.names[:2] == ["a0", "b0"]


async def test_starts_of_all_clients_have_a_rate() -> None:
    hourly, quick = (Started(Turns(seconds_between=seconds)) for seconds in (3600, 0.001))
    for client in ("a", "b"):
        hourly.enter(client, client)
        quick.enter(client, client)

    await until(lambda: quick.names == ["a", "b"], "both have started")
    assert hourly.names == []


async def test_a_long_request_counts_no_more() -> None:
    started = Started(Turns(at_once=1, counts_for_seconds=0))
    started.enter("a", "a0")
    started.enter("a", "a1")

    await until(lambda: len(started.names) == 2, "the second has started")


async def test_whoever_leaves_before_its_turn_is_not_started() -> None:
    turns = Turns(at_once=1)
    started = Started(turns)
    first, second, _ = [started.enter("a", f"a{number}") for number in range(3)]
    await pass_turns()
    turns.leave(second)
    turns.leave(first)
    await pass_turns()

    assert started.names == ["a0", "a2"]


@pytest.mark.parametrize("pause", ["_PAUSE", "_SHORTEST_PAUSE_SECONDS"])
async def test_a_client_pauses_only_while_others_are_there(
    monkeypatch: pytest.MonkeyPatch, pause: str
) -> None:
    monkeypatch.setattr(module, pause, 1e12)
    turns = Turns()
    started = Started(turns)
    for number in range(2):
        turns.leave(started.enter("alone", f"alone{number}"))
        started.enter("alone", f"alone{number}")
    await pass_turns()
    assert started.names == ["alone0", "alone1"]

    started.enter("a", "a0")
    started.enter("a", "a1")
    await pass_turns()
    assert started.names == ["alone0", "alone1", "a0"]


async def test_nothing_of_a_request_stays_until_python_searches_for_garbage() -> None:
    class Request:
        turn: Turn | None = None

        def start(self) -> None:
            pass

    turns, kept = Turns(at_once=1), list[weakref.ref[Request]]()
    gc.disable()
    try:
        for _ in range(2):
            request = Request()
            request.turn = turns.enter("a", request.start)
            kept.append(weakref.ref(request))
        # The first has started, and the second leaves before its turn.
        await pass_turns()
        assert request.turn is not None
        turns.leave(request.turn)
        del request
        assert [each() for each in kept] == [None, None]
    finally:
        gc.enable()
