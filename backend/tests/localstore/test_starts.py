"""One client begins few requests at the same time."""

import warnings

from localstore.places import Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns of its deprecation
    import eventlet

    from localstore.starts import Starts

A, B = Client("10.0.0.2", is_limited=True), Client("10.0.0.3", is_limited=True)
PROXY = Client("10.9.0.7", is_limited=False)


def test_fifth_request_of_a_client_waits_for_one_of_the_others() -> None:
    starts, begun = Starts(), list[str]()
    ends = [starts.begin(A) for _ in range(4)]

    def begin() -> None:
        starts.begin(A)
        begun.append("fifth")

    eventlet.spawn(begin)
    eventlet.sleep(0)
    assert begun == []
    other = starts.begin(B)

    ends[0]()
    other()
    with eventlet.Timeout(60):
        while not begun:
            eventlet.sleep(0)


def test_proxy_never_waits() -> None:
    starts = Starts()

    with eventlet.Timeout(60):
        for _ in range(10):
            starts.begin(PROXY)


def test_start_ends_once() -> None:
    """A body that is read in many pieces ends it with each."""
    starts, begun = Starts(), list[int]()
    ends = [starts.begin(A) for _ in range(4)]

    def begin(number: int) -> None:
        ends.append(starts.begin(A))
        begun.append(number)

    for number in range(2):
        eventlet.spawn(begin, number)
    eventlet.sleep(0)

    for _ in range(3):
        ends[0]()
    for _ in range(10):
        eventlet.sleep(0)

    assert begun == [0]


def test_client_is_forgotten_after_its_requests() -> None:
    starts = Starts()

    starts.begin(A)()

    assert not starts._of_client
