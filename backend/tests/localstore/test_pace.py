"""How slowly a client may send."""

import pytest

from localstore import pace
from localstore.pace import Pace

BAD_LINK_BYTES_PER_SECOND = 50_000 / 8


def ends(body: Pace, waits: list[tuple[float, int]]) -> bool:
    """Return whether the client is given up during these waits, each with the bytes that ended it."""
    for seconds, received in waits:
        if body.credit_seconds <= 0:
            return True
        body.waited(seconds, received)
    return body.credit_seconds <= 0


@pytest.mark.parametrize("parts", [1, 4, 6])
def test_bad_link_with_pauses_passes(parts: int) -> None:
    """50 kbit/s shared by the parts of a page, for an hour, of which every other 30 s are silent."""
    second = (1.0, int(BAD_LINK_BYTES_PER_SECOND / parts))
    waits = ([second] * 30 + [(30.0, 0)]) * 60

    assert not ends(pace.for_body(), waits)


@pytest.mark.parametrize("bytes_per_second", [1, 10, 100])
def test_drip_ends(bytes_per_second: int) -> None:
    assert ends(pace.for_body(), [(1.0, bytes_per_second)] * 300)


def test_fast_start_buys_no_long_silence() -> None:
    body = pace.for_body()
    body.waited(1.0, 10**9)

    assert ends(body, [(pace.BODY_CREDIT_SECONDS, 0)])


def test_bytes_do_not_prolong_a_head() -> None:
    assert ends(pace.for_head(), [(1.0, 100)] * 40)


def test_pause_in_a_head_passes() -> None:
    assert not ends(pace.for_head(), [(1.0, 500), (30.0, 500)])
