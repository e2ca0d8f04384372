"""Rules of the limits on requests. They say what is counted together, and what a refused person reads."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """The setting of each is `LIMIT_` and its name."""

    SIGN_IN_PER_ACCOUNT = "sign_in_per_account"
    """Wrong passwords of one account, from all unknown addresses together."""
    SIGN_IN_PER_ADDRESS = "sign_in_per_address"
    """Wrong passwords from one unknown address, or for one account from one known place."""
    SIGN_IN_SUCCESS_PER_ACCOUNT = "sign_in_success_per_account"
    """Sign-ins of one account, or right passwords in one of its sessions."""
    REGISTER_PER_ADDRESS = "register_per_address"
    CREATE_PER_USER = "create_per_user"
    SIGN_PER_USER = "sign_per_user"
    COMPLETE_PER_USER = "complete_per_user"
    READ_PER_USER = "read_per_user"
    DELETE_PER_USER = "delete_per_user"
    REPORT_PER_USER = "report_per_user"
    ACCOUNT_PER_USER = "account_per_user"


PASSWORD_LIMITS = frozenset({Limit.SIGN_IN_PER_ACCOUNT, Limit.SIGN_IN_PER_ADDRESS})

Counted = tuple[Limit, tuple[str, ...]]
"""A limit, and whose counter."""


@dataclass(frozen=True)
class Guess:
    """A password that somebody tries for an account."""

    account: str
    address: str
    known_place: str | None
    """The known address or the session of the account that it comes from. None is a stranger."""
    is_signed_in: bool = False
    """Whether it confirms a request in the session, and starts none."""

    @property
    def counters(self) -> list[Counted]:
        """The counters that it adds to if it is wrong.

        A known place has a counter of its own, so that the failures of strangers never refuse its next guess. One
        unknown address spends its own counter before the account's, so that the owner can also sign in from elsewhere.
        """
        if self.known_place is not None:
            return [(Limit.SIGN_IN_PER_ADDRESS, (self.account, self.known_place))]
        return [(Limit.SIGN_IN_PER_ADDRESS, (self.address,)), (Limit.SIGN_IN_PER_ACCOUNT, (self.account,))]

    @property
    def if_right(self) -> Counted:
        """The counter that it adds to if it is right.

        Sign-ins by whoever knows the password don't use up the counter of a session, so that its owner can still
        change the password.
        """
        place = [self.known_place] if self.is_signed_in and self.known_place else []
        return Limit.SIGN_IN_SUCCESS_PER_ACCOUNT, (self.account, *place)

    @property
    def hashed_for(self) -> list[str]:
        """Whose places in the hashing queue it takes. Strangers take none of the account's known places."""
        who = "strangers" if self.known_place is None else "known"
        return [f"{who} {self.account}", f"address {self.address}"]


def wait_in_words(seconds: int) -> str:
    """Return a time that has passed after `seconds`, as in "Try again in 3 minutes"."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds > 2 * length:
            return f"{math.ceil(seconds / length)} {unit}s"
    return "1 second" if seconds == 1 else f"{seconds} seconds"
