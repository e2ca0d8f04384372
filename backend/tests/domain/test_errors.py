"""Check that each error has a code of the contract, its facts and a sentence."""

from collections.abc import Iterator

import pytest

from app.domain import errors
from app.domain.errors import SlipwayError, readable_bytes
from app.domain.limits import Limit

CODES = {
    "file_empty",
    "file_too_large",
    "filename_invalid",
    "unsupported_container",
    "content_type_mismatch",
    "password_too_weak",
    "validation_error",
    "not_authenticated",
    "invalid_credentials",
    "csrf_rejected",
    "registration_closed",
    "video_not_found",
    "not_found",
    "email_taken",
    "too_many_accounts",
    "idempotency_conflict",
    "wrong_state",
    "parts_incomplete",
    "quota_exceeded",
    "installation_full",
    "too_many_uploads",
    "too_many_videos",
    "storage_unavailable",
    "database_unavailable",
    "overloaded",
    "rate_limited",
}


def leaves(kind: type[SlipwayError] = SlipwayError) -> Iterator[type[SlipwayError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from leaves(child) if child.__subclasses__() else [child]


def test_codes_match_the_contract() -> None:
    codes = [leaf.code for leaf in leaves()]

    assert sorted(codes) == sorted(CODES)


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (errors.FileTooLarge(3, 2), {"size_bytes": 3, "limit_bytes": 2}),
        (errors.WrongState("ready"), {"status": "ready"}),
        (errors.PartsIncomplete([1], [2]), {"missing": [1], "mismatched": [2]}),
        (errors.QuotaExceeded(5, 4), {"used_bytes": 5, "quota_bytes": 4}),
        (errors.TooManyVideos(10_000), {"limit_videos": 10_000}),
        (errors.TooManyUploads(["a"]), {"open_video_ids": ["a"]}),
        (
            errors.InvalidRequest("No.", ["body", "x"], "bad"),
            {"errors": [{"loc": ["body", "x"], "msg": "bad"}]},
        ),
        (errors.StorageUnavailable(), {}),
        (errors.RateLimited(Limit.READ_PER_USER, 1, is_first=True), {}),
    ],
)
def test_error_has_facts_and_a_sentence(error: SlipwayError, facts: dict[str, object]) -> None:
    assert error.facts == facts
    assert str(error).endswith(".")


# The page's formatBytes passes the same cases (frontend/src/lib/format.test.ts).
@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1 MiB"),
        (int(63.4 * 1024**2), "63.4 MiB"),
        (512 * 1024**2, "512 MiB"),
        (int(1023.96 * 1024**2), "1 GiB"),
        (2 * 1024**3, "2 GiB"),
        (5000 * 1024**3, "4.9 TiB"),
    ],
)
def test_formats_bytes(count: int, text: str) -> None:
    assert readable_bytes(count) == text
