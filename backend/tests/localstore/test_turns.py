"""Requests of unknown senders take turns, client by client."""

import warnings
from collections import Counter
from collections.abc import Iterable

import pytest

from localstore.places import Client, Limits, Place, Places

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns of its deprecation
    import eventlet

    from localstore import turns as module
    from localstore.turns import Turns

A, B = Client("10.0.0.2", is_limited=True), Client("10.0.0.3", is_limited=True)
APP = Client("127.0.0.1", is_limited=False)


class Connection:
    def getsockname(self) -> tuple[str | int, ...]:
        return ("10.0.0.1", 9000)

    def shutdown(self, how: int, /) -> None:
        pass


def place_of(client: Client) -> Place:
    return Place(Places(Limits.of(10)), client, Connection())


def test_clients_take_turns() -> None:
    turns, served = Turns(), list[str]()

    def ask(client: Client) -> None:
        turns.wait(place_of(client))
        served.append(client.name)

    for client in (A, A, A, B):
        eventlet.spawn(ask, client)
    while len(served) < 4:
        eventlet.sleep(0)

    assert served == [A.name, B.name, A.name, A.name]


def test_one_is_let_in_with_each_round_of_the_loop() -> None:
    turns, round_number = Turns(), 0
    served: Counter[int] = Counter()

    def ask() -> None:
        turns.wait(place_of(A))
        served[round_number] += 1

    for _ in range(40):
        eventlet.spawn(ask)
    while served.total() < 40:
        eventlet.sleep(0)
        round_number += 1

    assert set(served.values()) == {1}


def served_before_a(turns: Turns, forgers: Iterable[Client]) -> int:
    """Let each of these ask, then A, and return how many have had a turn before A."""
    served = list[str]()

    def ask(client: Client) -> None:
        turns.wait(place_of(client))
        served.append(client.name)

    for client in (*forgers, A):
        eventlet.spawn(ask, client)
    with eventlet.Timeout(60):
        while A.name not in served:
            eventlet.sleep(0)
    return served.index(A.name)


def test_nobody_waits_for_clients_whose_last_request_was_refused() -> None:
    turns = Turns()
    forgers = [Client(f"10.0.1.{number}", is_limited=True) for number in range(40)]
    for client in forgers:
        turns.note(client, is_refused=True)

    assert served_before_a(turns, forgers) < 3


def test_right_request_ends_the_wait_behind_others() -> None:
    turns = Turns()
    forgers = [Client(f"10.0.1.{number}", is_limited=True) for number in range(40)]
    for client in (*forgers, A):
        turns.note(client, is_refused=True)
    turns.note(A, is_refused=False)

    assert served_before_a(turns, forgers) < 3


def test_few_refused_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_REFUSED", 2)
    turns = Turns()
    for number in range(5):
        turns.note(Client(f"10.0.1.{number}", is_limited=True), is_refused=True)

    assert [client.name for client in turns._refused] == ["10.0.1.3", "10.0.1.4"]


def test_queue_begins_again_after_it_was_empty() -> None:
    turns = Turns()

    with eventlet.Timeout(60):
        for _ in range(3):
            turns.wait(place_of(A))


def test_connection_that_loses_its_place_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise whoever opens many connections would use up the green threads, and the store would accept nobody."""
    monkeypatch.setattr(module, "_PAUSE_OF_REFUSED_SECONDS", 3600)
    turns, ended, places = Turns(), list[int](), [place_of(A) for _ in range(3)]
    turns.note(A, is_refused=True)

    def ask(number: int) -> None:
        with pytest.raises(ConnectionAbortedError):
            turns.wait(places[number])
        ended.append(number)

    turns.wait(place_of(A))
    for number in range(3):
        eventlet.spawn(ask, number)
    eventlet.sleep(0)
    for place in places[1:]:
        place.give_up()
    with eventlet.Timeout(60):
        while len(ended) < 2:
            eventlet.sleep(0)

    assert ended == [1, 2]
    assert places[1].when_given_up is None
    assert [len(waiting) for waiting in turns._queue_of_refused._waiting.values()] == [1]


@pytest.mark.parametrize("others", [0, 40])
def test_app_and_proxies_do_not_wait(others: int) -> None:
    turns, waited = Turns(), False

    def note() -> None:
        nonlocal waited
        waited = True

    for _ in range(others):
        eventlet.spawn(turns.wait, place_of(A))
    eventlet.spawn(note)

    turns.wait(place_of(APP))

    assert not waited, "another green thread ran meanwhile"
