"""Commands that stand in for the metadata reader's process."""

import sys

from app.adapters.probe import READER

PATH = READER[-1]

FIRST_BYTES_ASKED = '{"kind": "range", "start": 0, "length": 4096}'


def reader(patch: str) -> tuple[str, ...]:
    """Return the real reader after this code has changed it. `child` is its module, and `real` its `probe`."""
    program = f"""
import os, sys, time
sys.path.insert(0, sys.argv[1])
from mediaprobe import child
real = child.probe
{patch}
child.main()
"""
    return (sys.executable, "-I", "-S", "-c", program, PATH)


def talker(*lines: str) -> tuple[str, ...]:
    """Return a program that gets ready, says these lines at once and reads its stdin to the end."""
    program = "import sys; print(*sys.argv[1:], sep='\\n', flush=True); sys.stdin.buffer.read()"
    return (sys.executable, "-I", "-S", "-c", program, '{"kind": "ready"}', *lines)


ENDLESS = """
def endless(source):
    source.read_range(0, 4096, None)
    while True:
        pass

child.probe = endless
"""

SLEEPING = """
def sleep(source):
    source.read_range(0, 4096, None)
    time.sleep(3600)

child.probe = sleep
"""
