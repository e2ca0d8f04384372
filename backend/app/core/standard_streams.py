"""Give a process its standard streams."""

import os
import sys


def open_closed_streams() -> None:
    """Open /dev/null in place of each stream that the caller closed.

    Otherwise the stream is None. The next file that we open, such as the database, would get its number, and the
    output of our children.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It gets the lowest free number, which is the closed stream's.
            stream = open(os.devnull, mode)  # stays open
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
