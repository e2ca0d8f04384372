"""Which connection is given up when all places are taken."""

import errno
import ipaddress
from collections.abc import Callable

import pytest

from localstore.places import Entry, Limits, Page, Place, Places

OWN = "10.0.0.1"
LIMITS = Limits(
    all=8, per_client=4, pages=6, per_use=4, parts_of_owner=3, views_of_owner=3, views_of_client=2
)


def part(owner: str) -> Page:
    return Page(owner, is_view=False)


def view(owner: str) -> Page:
    return Page(owner, is_view=True)


class Connection:
    def __init__(self) -> None:
        self.is_open = True

    def getsockname(self) -> tuple[str, int]:
        return (OWN, 9000)

    def shutdown(self, _how: int) -> None:
        self.is_open = False


class Door:
    """Lets connections in, and remembers them by name."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.connections: dict[str, Connection] = {}

    def enter(self, name: str, address: str) -> Place:
        self.connections[name] = Connection()
        entry, place = self.places.enter((address, 1), self.connections[name])
        assert entry is Entry.ADMITTED
        assert place is not None
        return place

    def refused(self, address: str) -> Entry:
        entry, place = self.places.enter((address, 1), Connection())
        assert place is None
        return entry

    def closed(self) -> list[str]:
        return [name for name, connection in self.connections.items() if not connection.is_open]


@pytest.fixture
def door() -> Door:
    return Door(Places(LIMITS))


def test_client_with_most_waiting_connections_loses_its_oldest(door: Door) -> None:
    door.enter("user", "10.0.0.2")
    for number in range(4):
        door.enter(f"a{number}", "10.0.0.3")
    for number in range(3):
        door.enter(f"b{number}", "10.0.0.4")

    door.enter("newcomer", "10.0.0.5")

    assert door.closed() == ["a0"]


def test_served_connection_is_never_given_up(door: Door) -> None:
    for number in range(8):
        page = Page(f"owner {number}", is_view=number % 2 == 0)
        assert door.enter(f"served {number}", f"10.0.1.{number}").begin_page(page) == (number < 6)
    # Two got SlowDown, and wait.
    door.enter("first", "10.0.0.2")
    door.enter("second", "10.0.0.3")

    assert door.closed() == ["served 6", "served 7"]


def test_full_store_without_a_waiting_connection_refuses(door: Door) -> None:
    for number in range(8):
        door.enter(f"served {number}", f"10.0.1.{number}").serve()

    assert door.refused("10.0.0.2") is Entry.FULL
    assert door.closed() == []


def test_client_at_its_limit_loses_its_own_oldest(door: Door) -> None:
    door.enter("user", "10.0.0.2")
    for number in range(5):
        door.enter(f"a{number}", "10.0.0.3")

    assert door.closed() == ["a0"]


def test_client_whose_connections_are_all_served_is_refused(door: Door) -> None:
    for number in range(4):
        door.enter(f"a{number}", "10.0.0.3").serve()

    assert door.refused("10.0.0.3") is Entry.CLIENT_HAS_TOO_MANY
    door.enter("user", "10.0.0.2")


def test_pages_leave_places_to_the_app(door: Door) -> None:
    served = [door.enter(f"p{number}", f"10.0.1.{number}") for number in range(7)]

    answers = [
        place.begin_page(Page(f"owner {number}", is_view=number % 2 == 0))
        for number, place in enumerate(served)
    ]
    assert answers == [True] * 6 + [False]

    served[0].wait()
    assert served[6].begin_page(view("owner 6"))


@pytest.mark.parametrize(("many", "other"), [(part, view), (view, part)])
def test_neither_views_nor_parts_take_all_pages(
    door: Door, many: Callable[[str], Page], other: Callable[[str], Page]
) -> None:
    served = [door.enter(f"p{number}", f"10.0.1.{number}") for number in range(6)]

    assert [place.begin_page(many(f"owner {number}")) for number, place in enumerate(served)] == (
        [True] * 4 + [False] * 2
    )
    assert served[4].begin_page(other("a"))


def test_owner_with_many_addresses_leaves_places_to_others(door: Door) -> None:
    served = [door.enter(f"p{number}", f"10.0.1.{number}") for number in range(4)]

    assert [place.begin_page(part("a")) for place in served] == [True] * 3 + [False]
    assert served[3].begin_page(part("b"))

    served[0].wait()
    assert served[0].begin_page(part("a"))


def test_viewers_of_an_owner_leave_its_parts_their_places(door: Door) -> None:
    served = [door.enter(f"p{number}", f"10.0.1.{number}") for number in range(4)]

    assert [place.begin_page(view("a")) for place in served] == [True] * 3 + [False]
    assert served[3].begin_page(part("a"))


def test_one_viewer_leaves_views_to_others(door: Door) -> None:
    served = [door.enter(f"a{number}", "10.0.0.2") for number in range(3)]

    assert [place.begin_page(view("a")) for place in served] == [True] * 2 + [False]
    assert door.enter("another", "10.0.0.3").begin_page(view("a"))
    assert served[2].begin_page(view("b"))


def test_viewers_behind_a_proxy_are_many() -> None:
    door = Door(Places(LIMITS, [ipaddress.ip_network("10.9.0.0/16")]))
    served = [door.enter(f"a{number}", "10.9.0.7") for number in range(3)]

    assert [place.begin_page(view("a")) for place in served] == [True] * 3


def test_answered_connection_may_be_given_up_again(door: Door) -> None:
    place = door.enter("kept alive", "10.0.0.2")
    place.begin_page(part("owner"))
    place.wait()

    assert door.places.give_up_one()
    assert door.closed() == ["kept alive"]


def test_place_is_freed_once(door: Door) -> None:
    place = door.enter("a", "10.0.0.2")
    place.begin_page(part("owner"))
    place.give_up()
    place.serve()
    place.wait()
    place.leave()
    place.leave()

    assert not door.places.give_up_one()
    for number in range(8):
        door.enter(f"b{number}", f"10.0.1.{number}")
    assert door.closed() == ["a"]


@pytest.mark.parametrize("address", [OWN, "10.9.0.7", "fd00::7"])
def test_this_machine_and_proxies_have_no_limit_of_their_own(address: str) -> None:
    proxies = [ipaddress.ip_network("10.9.0.0/16"), ipaddress.ip_network("fd00::/8")]
    door = Door(Places(LIMITS, proxies))

    for number in range(8):
        door.enter(f"a{number}", address).serve()


@pytest.mark.parametrize("address", [OWN, "10.9.0.7"])
def test_this_machine_and_proxies_lose_a_connection_last(address: str) -> None:
    door = Door(Places(LIMITS, [ipaddress.ip_network("10.9.0.0/16")]))
    for number in range(3):
        door.enter(f"ours {number}", address)

    for number in range(7):
        door.enter(f"a{number}", f"10.0.1.{number}")
    assert door.closed() == ["a0", "a1"]

    for place in list(door.places._held):
        if place.client.is_limited:
            place.serve()
    door.enter("newcomer", "10.0.2.1")
    assert door.closed() == ["ours 0", "a0", "a1"]


def test_network_of_an_ipv6_line_is_one_client(door: Door) -> None:
    for number in range(4):
        door.enter(f"a{number}", f"2001:db8::{number}").serve()

    assert door.refused("2001:db8::9") is Entry.CLIENT_HAS_TOO_MANY
    door.enter("user", "2001:db8:0:1::1")


def test_ipv4_address_is_the_same_client_on_an_ipv6_socket(door: Door) -> None:
    for number in range(4):
        door.enter(f"a{number}", "::ffff:10.0.0.3" if number % 2 else "10.0.0.3").serve()

    assert door.refused("10.0.0.3") is Entry.CLIENT_HAS_TOO_MANY


def test_connection_that_its_client_has_closed_is_given_up() -> None:
    class Closed(Connection):
        def shutdown(self, _how: int) -> None:
            raise OSError(errno.ENOTCONN, "closed")

    places = Places(LIMITS)
    places.enter(("10.0.0.2", 1), Closed())

    assert places.give_up_one()


def test_shares_follow_from_the_number_of_connections() -> None:
    assert Limits.of(1024) == Limits(
        all=1024,
        per_client=256,
        pages=960,
        per_use=720,
        parts_of_owner=64,
        views_of_owner=256,
        views_of_client=64,
    )
    assert Limits.of(10) == Limits(
        all=10, per_client=2, pages=9, per_use=6, parts_of_owner=16, views_of_owner=16, views_of_client=4
    )
