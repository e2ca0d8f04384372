"""Choose the coding of an answer by the request's Accept-Encoding (RFC 9110, 12.5.3)."""

import re
from collections.abc import Mapping
from typing import Final

IDENTITY: Final = "identity"
_ITEM: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)
_OTHER_NAMES: Final = {"x-gzip": "gzip"}
# The smallest weight that a header can give is 0.001.
_LAST_RESORT: Final = 0.0005


def choose_coding(accepted: str | None, sizes: Mapping[str, int]) -> str:
    """Return the coding to send, which is the smallest of those that the client likes best.

    `accepted` is the header, or None without one. `sizes` has the bytes in each coding, with `identity` for no coding.
    If the header refuses them all, return `identity`, as RFC 9110, 12.1 allows.
    """
    if accepted is None:
        return IDENTITY
    weights = _weights(accepted)
    unlisted = weights.get("*", 0.0)

    def weight(coding: str) -> float:
        # No coding is acceptable unless the header refuses it.
        rest = _LAST_RESORT if coding == IDENTITY and "*" not in weights else unlisted
        return weights.get(coding, rest)

    best = min(sizes, key=lambda coding: (-weight(coding), sizes[coding]))
    return best if weight(best) > 0 else IDENTITY


def _weights(accepted: str) -> dict[str, float]:
    """Return the weight of each coding that the header lists. Unreadable items are left out."""
    weights: dict[str, float] = {}
    for item in accepted.lower().split(","):
        if found := _ITEM.fullmatch(item.strip(" \t")):
            coding = _OTHER_NAMES.get(found[1], found[1])
            weight = float(found[2] or 1)
            # If a coding is listed twice, the refusal counts.
            weights[coding] = min(weight, weights.get(coding, weight))
    return weights
