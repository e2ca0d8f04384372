"""Judge texts that people write."""

import unicodedata


def has_control_characters(text: str) -> bool:
    """Return whether there are control characters, line separators or lone surrogates, which no field keeps."""
    # str.isprintable() rejects the wide space of Japanese names and the joiners of Persian names.
    return any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)
