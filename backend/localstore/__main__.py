"""Starts the store from the command line, and prints one JSON line with the result of the start."""

import argparse
import ipaddress
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from localstore.data_folder import DataFolder, StartupError
from localstore.options import ALL_PATCHES, Options, Patch


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    # Ctrl-C and a closed terminal signal the whole process group. The app stops the store last.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Only the owner may read what the store writes.
    os.umask(0o077)
    try:
        _run(options)
    except StartupError as error:
        _print_event({"event": "failed", "reason": str(error)})
    except Exception as error:
        # The app reads this one line. The traceback is in the log if the log is open already.
        logging.getLogger("localstore").exception("start.failed")
        _print_event(
            {"event": "failed", "reason": f"The store could not start: {type(error).__name__}: {error}"}
        )
    return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localstore", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of the store's data")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=9000, help="port to listen on, 0 for any free one")
    parser.add_argument("--origin", action="append", default=[], help="origin of a page (repeatable)")
    parser.add_argument("--any-local-origin", action="store_true", help="allow pages at local addresses too")
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        type=ipaddress.ip_network,
        help="address of a reverse proxy, which many clients share (repeatable)",
    )
    # For tests that show what each patch is for.
    parser.add_argument("--without", action="append", default=[], type=Patch, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> None:
    # eventlet warns of its deprecation on import, which the user cannot act on.
    warnings.simplefilter("ignore")
    import eventlet

    eventlet.monkey_patch()

    folder = DataFolder(options.data_dir)
    folder.prepare()
    folder.lock()
    folder.check_extended_attributes()
    _set_salt_file(folder)

    from localstore import server

    server.run(
        Options(
            folder=folder,
            host=options.host,
            port=options.port,
            origins=tuple(options.origin),
            any_local_origin=options.any_local_origin,
            proxies=tuple(options.proxy),
            patches=ALL_PATCHES - set(options.without),
        ),
        announce=_print_event,
    )


def _set_salt_file(folder: DataFolder) -> None:
    from localstore.swift_config import write_hash_salt

    salt = write_hash_salt(folder)
    # Swift reads storage policies and the salt on import, so this comes before any other import of it.
    import swift.common.utils

    swift.common.utils.SWIFT_CONF_FILE = str(salt)


def _print_event(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # After a failed start, threads of a half-started store would block sys.exit.
    os._exit(main())
