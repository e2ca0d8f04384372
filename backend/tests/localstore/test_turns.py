"""Requests of unknown senders take turns, client by client."""

import warnings
from collections import Counter

import pytest

from localstore.places import Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns of its deprecation
    import eventlet

    from localstore.turns import Turns

A, B = Client("10.0.0.2", is_limited=True), Client("10.0.0.3", is_limited=True)
APP = Client("127.0.0.1", is_limited=False)


def test_clients_take_turns() -> None:
    turns, served = Turns(), list[str]()

    def ask(client: Client) -> None:
        turns.wait(client)
        served.append(client.name)

    for client in (A, A, A, B):
        eventlet.spawn(ask, client)
    while len(served) < 4:
        eventlet.sleep(0)

    assert served == [A.name, B.name, A.name, A.name]


def test_few_are_let_in_with_each_round_of_the_loop() -> None:
    turns, round_number = Turns(), 0
    served: Counter[int] = Counter()

    def ask() -> None:
        turns.wait(A)
        served[round_number] += 1

    for _ in range(40):
        eventlet.spawn(ask)
    while served.total() < 40:
        eventlet.sleep(0)
        round_number += 1

    assert set(served.values()) == {4}


def test_queue_begins_again_after_it_was_empty() -> None:
    turns = Turns()

    with eventlet.Timeout(60):
        for _ in range(3):
            turns.wait(A)


@pytest.mark.parametrize("others", [0, 40])
def test_app_and_proxies_do_not_wait(others: int) -> None:
    turns, waited = Turns(), False

    def note() -> None:
        nonlocal waited
        waited = True

    for _ in range(others):
        eventlet.spawn(turns.wait, A)
    eventlet.spawn(note)

    turns.wait(APP)

    assert not waited, "another green thread ran meanwhile"
