"""Validate texts that people write."""

import unicodedata


def printable(value: str) -> str:
    """Raise ValueError for control characters, which no field keeps."""
    # str.isprintable() rejects the wide space of Japanese names and the joiners of Persian names.
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise ValueError("control characters are not accepted")
    return value
