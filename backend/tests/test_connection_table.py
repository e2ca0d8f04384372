"""Which connection ends if there are too many."""

import random

from app.core.connection_table import ConnectionTable


def test_the_longest_waiting_of_the_client_ends() -> None:
    table = ConnectionTable[int](10, 2)

    assert [table.enter(number, "a") for number in (1, 2)] == [None, None]
    assert table.enter(3, "b") is None
    assert table.enter(4, "a") == 1
    assert table.enter(5, "a") == 2


def test_one_that_was_answered_waits_anew() -> None:
    table = ConnectionTable[int](10, 2)
    table.enter(1, "a")
    table.enter(2, "a")
    table.work(1)
    table.wait(1)

    assert table.enter(3, "a") == 2


def test_one_that_waits_already_keeps_its_place() -> None:
    table = ConnectionTable[int](10, 2)
    table.enter(1, "a")
    table.enter(2, "a")
    table.wait(1)

    assert table.enter(3, "a") == 1


def test_what_is_being_answered_stays_and_the_new_one_ends() -> None:
    table = ConnectionTable[int](2, 2)
    for number in (1, 2):
        table.enter(number, "a")
        table.work(number)

    assert table.enter(3, "a") == 3
    assert table.enter(4, "b") == 4
    table.leave(1)
    assert table.enter(5, "b") is None


def test_the_total_takes_from_whoever_waits_longest() -> None:
    table = ConnectionTable[int](2, 2)
    table.enter(1, "a")
    table.enter(2, "b")

    assert table.enter(3, "c") == 1


def test_the_total_takes_from_the_client_with_the_most_that_wait() -> None:
    table = ConnectionTable[int](5, 4)
    for number, client in enumerate("abbcc", start=1):
        table.enter(number, client)
    table.work(2)

    assert table.enter(6, "d") == 4
    assert table.enter(7, "e") == 1


def test_a_client_without_name_keeps_its_connections_from_clients_with_several() -> None:
    table = ConnectionTable[int](5, 4)
    for number, client in enumerate([None, None, None, "a", "a"], start=1):
        table.enter(number, client)

    assert table.enter(6, "b") == 4
    assert table.enter(7, "c") == 1


def test_a_client_without_name_has_only_the_total() -> None:
    table = ConnectionTable[int](3, 1)

    assert [table.enter(number, None) for number in (1, 2, 3, 4)] == [None, None, None, 1]


def test_limits_hold_and_nothing_is_kept_whatever_happens() -> None:
    randomly = random.Random(16)  # noqa: S311  # to repeat the test
    table = ConnectionTable[int](20, 5)
    clients: dict[int, str] = {}
    for number in range(5000):
        clients[number] = f"client {randomly.randrange(8)}"
        victim = table.enter(number, clients[number])
        if victim is not None:
            del clients[victim]
        for act in (table.work, table.wait, table.leave):
            if clients and randomly.random() < 0.4:
                chosen = randomly.choice(list(clients))
                act(chosen)
                if act == table.leave:
                    del clients[chosen]
        assert len(table) == len(clients) <= 20
        assert all(list(clients.values()).count(name) <= 5 for name in clients.values())
    for number in clients:
        table.leave(number)
    assert (len(table), table._counts, table._waiting, table._all_waiting, table._crowds) == (
        0,
        {},
        {},
        {},
        {},
    )
