"""Compare e-mail addresses."""

import unicodedata

import pytest

from app.domain.email_address import MAX_EMAIL_CHARACTERS, email_key
from app.domain.errors import InvalidRequest


@pytest.mark.parametrize(
    "email",
    [
        "a" * (MAX_EMAIL_CHARACTERS + 1),
        "a" + "\u0301\u0316" * 15_900,
        "\ufb03" * MAX_EMAIL_CHARACTERS,  # folds to three letters each
    ],
)
def test_refuses_what_no_column_holds(email: str) -> None:
    with pytest.raises(InvalidRequest):
        email_key(email)


def test_length_is_checked_before_anything_is_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    def normalize(_: str, text: str) -> str:
        raise AssertionError(f"{len(text)} characters were normalised")

    with monkeypatch.context() as patch:
        patch.setattr(unicodedata, "normalize", normalize)
        with pytest.raises(InvalidRequest):
            email_key("a" + "\u0301\u0316" * 160)


def test_keeps_an_address_of_320_characters() -> None:
    assert email_key("A" * MAX_EMAIL_CHARACTERS) == "a" * MAX_EMAIL_CHARACTERS
