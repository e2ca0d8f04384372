"""Whom a wrong password counts for, and the sentences of refusals."""

import pytest

from app.domain.errors import RateLimited
from app.domain.limits import Guess, Limit, wait_in_words


def test_a_stranger_counts_for_the_address_before_the_account() -> None:
    assert Guess("account", "203.0.113.7", None).counters == [
        (Limit.SIGN_IN_PER_ADDRESS, ("203.0.113.7",)),
        (Limit.SIGN_IN_PER_ACCOUNT, ("account",)),
    ]


def test_a_known_place_counts_for_itself_alone() -> None:
    mine = Guess("account", "203.0.113.7", "place").counters
    others = Guess("other account", "203.0.113.7", "place").counters
    strangers = Guess("account", "203.0.113.7", None).counters

    assert len(mine) == 1
    assert not set(mine) & {*others, *strangers}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (2, "2 seconds"),
        (120, "120 seconds"),
        (121, "3 minutes"),
        (600, "10 minutes"),
        (7200, "120 minutes"),
        (7201, "3 hours"),
    ],
)
def test_a_wait_is_never_said_shorter_than_it_is(seconds: int, words: str) -> None:
    assert wait_in_words(seconds) == words


def test_a_refusal_says_what_there_was_too_much_of() -> None:
    assert str(RateLimited(Limit.READ_PER_USER, 40, is_first=True)) == (
        "Too many requests. Try again in 40 seconds."
    )
    assert str(RateLimited(Limit.SIGN_IN_PER_ACCOUNT, 600, is_first=True)) == (
        "Too many wrong passwords. Try again in 10 minutes."
    )
