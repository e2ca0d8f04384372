"""Validate texts that people write."""

from app.domain.texts import has_control_characters


def printable(value: str) -> str:
    """Raise ValueError for what no field keeps."""
    if has_control_characters(value):
        raise ValueError("control characters are not accepted")
    return value
