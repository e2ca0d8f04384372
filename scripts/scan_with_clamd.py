#!/usr/bin/env python3
"""Let clamd scan a file of Slipway. For SCAN_COMMAND, see docs/how-to/scan.md.

Reads `{"url": ...}` from stdin, streams the file from there to clamd's socket, and prints the verdict as JSON. Ends
with 1 and a sentence on stderr if clamd said neither that the file is clean nor what it found. Needs Python alone.
"""

import json
import re
import socket
import struct
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import IO, Final

_PIECE: Final = 256 * 1024
_SECONDS: Final = 60.0
"""For the next bytes of the store. Slipway limits the whole scan."""
_FOUND: Final = re.compile(r"stream: (.+) FOUND")
_DOUBTS: Final = "Heuristics."
"""clamd's names for a guess begin so, and those for a limit that ended its scan. Neither is a verdict."""
_TOO_LONG: Final = "Its StreamMaxLength may be too small"
"""clamd may close the stream before it answers, or answer first."""


class NoVerdict(Exception):
    """clamd or the store gave no clear answer."""


def pieces(response: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the body. Raise NoVerdict if it ends early, because the rest would not be scanned."""
    left = size
    while piece := response.read(_PIECE):
        left -= len(piece)
        yield piece
    if left:
        raise NoVerdict(f"the store sent {size - left} of {size} bytes")


def ask_clamd(address: str, file: Iterator[bytes]) -> str:
    """Return clamd's answer to INSTREAM (clamd(8)), without the NUL at its end. Raise NoVerdict if it stops reading."""
    with socket.socket(socket.AF_UNIX) as clamd:
        clamd.connect(address)
        clamd.sendall(b"zINSTREAM\0")
        answer = b""
        try:
            for piece in file:
                clamd.sendall(struct.pack("!L", len(piece)) + piece)
            clamd.sendall(struct.pack("!L", 0))
            while piece := clamd.recv(4096):
                answer += piece
        except (BrokenPipeError, ConnectionResetError) as error:
            raise NoVerdict(f"clamd closed the stream. {_TOO_LONG}") from error
    return answer.rstrip(b"\0").decode(errors="replace")


def verdict_of(answer: str) -> dict[str, str]:
    """Raise NoVerdict unless clamd found a known virus or read the whole file."""
    if answer == "stream: OK":
        return {"verdict": "clean"}
    if answer.startswith("INSTREAM size limit exceeded"):
        raise NoVerdict(f"clamd says {answer!r}. {_TOO_LONG}")
    found = _FOUND.fullmatch(answer)
    if found is None or found[1].startswith(_DOUBTS):
        raise NoVerdict(f"clamd says {answer!r}")
    return {"verdict": "infected", "signature": found[1]}


def main() -> None:
    """Scan one file. The only argument is clamd's socket."""
    try:
        url = json.load(sys.stdin)["url"]
        with urllib.request.urlopen(url, timeout=_SECONDS) as response:  # noqa: S310  # Slipway's own URL
            size = int(response.headers["Content-Length"])
            answer = ask_clamd(sys.argv[1], pieces(response, size))
        print(json.dumps(verdict_of(answer)))  # noqa: T201  # the answer
    except (NoVerdict, OSError, urllib.error.URLError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
