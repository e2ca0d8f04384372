"""What a scanner is asked, and what counts as its answer. docs/how-to/scan.md describes both for operators."""

import json
import re
from typing import Final, Literal

from pydantic import BaseModel, ValidationError

from app.ports import FileToScan, ScannerUnavailable, ScanVerdict

LONGEST_ANSWER: Final = 64 * 1024
_LONGEST_TEXT: Final = 200
_PART_OF_A_URL: Final = re.compile(r"://|X-Amz-|Signature=", re.IGNORECASE)
"""In words that may contain the presigned URL, whole or without its host. Whoever has it can read the file."""


class _Answer(BaseModel):
    verdict: Literal["clean", "infected"]
    signature: str | None = None


def question(file: FileToScan) -> bytes:
    """Return the JSON that a command reads from stdin and that is posted to a URL."""
    fields = {
        "video_id": str(file.video_id),
        "url": file.url,
        "size_bytes": file.size_bytes,
        "content_type": file.content_type,
    }
    return json.dumps(fields).encode() + b"\n"


def verdict_in(answer: bytes) -> ScanVerdict:
    """Raise ScannerUnavailable unless the answer is JSON with a verdict that we know."""
    if len(answer) > LONGEST_ANSWER:
        raise ScannerUnavailable(f"the answer has more than {LONGEST_ANSWER // 1024} KiB")
    try:
        said = _Answer.model_validate_json(answer)
    except ValidationError as error:
        raise ScannerUnavailable("the answer is not JSON with a verdict of clean or infected") from error
    return ScanVerdict(said.verdict, for_the_log(said.signature) if said.signature else None)


def for_the_log(text: str) -> str:
    """Return the end of a text without control characters, in one bounded line, and without parts of a URL."""
    line = " ".join("[URL]" if _PART_OF_A_URL.search(word) else word for word in text.split())
    return "".join(c if c.isprintable() else "?" for c in line)[-_LONGEST_TEXT:]
