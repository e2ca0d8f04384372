"""What an operator is told of a database that refuses the connection."""

from sqlalchemy.exc import OperationalError

from app.core.operator_errors import sentence_for


def said(reason: str) -> str | None:
    return sentence_for(OperationalError("", {}, Exception(f"{reason}\nmore")))


def test_wrong_password_asks_for_the_encoding() -> None:
    reason = 'connection failed: FATAL:  password authentication failed for user "slipway"'

    assert said(reason) == (
        f"DATABASE_URL: the database cannot be opened ({reason}). Are special characters of the password "
        "percent-encoded (% as %25)?"
    )


def test_other_refusals_say_only_the_reason() -> None:
    assert said("connection refused") == "DATABASE_URL: the database cannot be opened (connection refused)."
