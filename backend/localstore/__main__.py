"""`python -m localstore`: parses the command line, makes the process green, and says how the start went."""

import argparse
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from localstore.errors import StartupError
from localstore.mends import ALL_MENDS, Mend

if TYPE_CHECKING:
    from localstore.data_folder import DataFolder


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    # Ctrl-C and a closed terminal reach the whole group: the app decides, and stops the store last.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Everything the store writes is its owner's alone.
    os.umask(0o077)
    try:
        _run(options)
    except StartupError as error:
        _say({"event": "failed", "reason": str(error)})
    except Exception as error:
        # The log has the traceback, if it is open by now; the app needs one line either way.
        logging.getLogger("localstore").exception("start.failed")
        _say({"event": "failed", "reason": f"The store could not start: {type(error).__name__}: {error}"})
    return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localstore", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="the store's own folder")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=9000, help="0 = any free one")
    parser.add_argument("--origin", action="append", default=[], help="a page's origin; may be repeated")
    # For tests that show what each mend is for.
    parser.add_argument("--without", action="append", default=[], type=Mend, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> None:
    # eventlet announces its deprecation on import; the user can do nothing about it.
    warnings.simplefilter("ignore")
    import eventlet

    eventlet.monkey_patch()

    from localstore.data_folder import DataFolder

    folder = DataFolder(options.data_dir)
    folder.prepare()
    folder.lock()
    folder.check_extended_attributes()
    _point_swift_at(folder)

    from localstore import server

    server.run(
        server.Options(
            folder=folder,
            host=options.host,
            port=options.port,
            origins=tuple(options.origin),
            mends=ALL_MENDS - set(options.without),
        ),
        announce=_say,
    )


def _point_swift_at(folder: "DataFolder") -> None:
    from localstore.swift_config import write_hash_salt

    salt = write_hash_salt(folder)
    # Before any other import of Swift: storage policies and the salt are read on import.
    import swift.common.utils

    swift.common.utils.SWIFT_CONF_FILE = str(salt)


def _say(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # os._exit, so that a failed start is not held up by threads of a half-started store.
    os._exit(main())
