"""Starts the four Swift servers in this process, keeps them, and ends them."""

import json
import logging
import os
import resource
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import eventlet
import eventlet.wsgi
from eventlet.green.http.client import HTTPConnection

from localstore import container_updates, front_door, late_parts, leftovers, swift_config
from localstore.credentials import load_or_create_credentials
from localstore.data_folder import DataFolder
from localstore.errors import StartupError
from localstore.lifetime import STOP_GRACE_SECONDS, Lifetime
from localstore.listeners import LOOPBACK, bind, port_of
from localstore.logs import open_log
from localstore.loopback_secret import LoopbackSecret
from localstore.mends import Mend
from localstore.store_view import StoreView
from localstore.upload_gates import UploadGates

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

HOUSEKEEPING_SECONDS: Final = 3600.0
_MAX_CONNECTIONS: Final = 1024
_READY_PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Options:
    folder: DataFolder
    host: str
    port: int
    origins: tuple[str, ...]
    mends: Collection[Mend]


def run(options: Options, announce: Callable[[dict[str, object]], None]) -> None:
    """Start, announce the port, serve until told to stop. Raises StartupError when it cannot start."""
    folder = options.folder
    log = open_log(folder.log_file)
    _allow_many_connections()
    lifetime = Lifetime()
    lifetime.watch()

    store = _Store(options, log, lifetime)
    store.start_inner_servers()
    store.clean_before_serving()
    port = store.open_front_door()
    announce({"event": "ready", "port": port})
    log.info("ready: %s", json.dumps({"port": port, "pid": os.getpid()}))
    eventlet.spawn(store.keep_house)

    reason = lifetime.wait()
    log.info("stopping: %s", reason)
    store.stop()
    log.info("stopped")
    logging.shutdown()
    # Not sys.exit: green threads and disk threads may be busy for a minute, and nothing is lost by a kill.
    os._exit(1 if reason.startswith(_LOST_LISTENER) else 0)


_LOST_LISTENER: Final = "lost"


class _Store:
    def __init__(self, options: Options, log: logging.Logger, lifetime: Lifetime) -> None:
        self._options = options
        self._folder = options.folder
        self._log = log
        self._lifetime = lifetime
        self._in_flight = front_door.InFlight()
        self._secret = LoopbackSecret()
        self._listeners: dict[str, socket.socket] = {}
        self._view: StoreView | None = None
        self._updates: container_updates.ContainerUpdates | None = None

    def start_inner_servers(self) -> None:
        """Ports first, rings after: the kernel hands out ports that nobody else has."""
        from swift.common.wsgi import ConfigString, loadapp

        # The public port first: when it is taken, nothing else needs starting.
        self._listeners["proxy"] = bind(self._options.host, self._options.port)
        for server in swift_config.INNER_SERVERS:
            self._listeners[server] = bind(LOOPBACK, 0)
        ports = {server: port_of(self._listeners[server]) for server in swift_config.INNER_SERVERS}
        swift_config.write_rings(self._folder, ports)
        self._secret.send_with_every_inner_request()
        for server in swift_config.INNER_SERVERS:
            config = swift_config.inner_server(server, self._folder, ports[server], self._options.mends)
            app = loadapp(ConfigString(config), global_conf={"log_name": server}, allow_modify_pipeline=False)
            self._serve(server, self._secret.guard(app))
            self._require_healthy(LOOPBACK, ports[server])

    def clean_before_serving(self) -> None:
        if Mend.LEFTOVERS in self._options.mends:
            removed = leftovers.remove_temporary_files(self._folder)
            if removed:
                self._log.info("leftovers.temporary_files_removed: %d", removed)
        if Mend.CONTAINER_UPDATES in self._options.mends:
            self._updates = container_updates.ContainerUpdates(self._folder)
            self._replay_container_updates()

    def open_front_door(self) -> int:
        from swift.common.wsgi import ConfigString, loadapp

        options = self._options
        config = swift_config.proxy_server(
            self._folder, load_or_create_credentials(self._folder.root), options.origins, options.mends
        )
        app = loadapp(ConfigString(config), global_conf={"log_name": "proxy"}, allow_modify_pipeline=False)
        self._view = StoreView(app._pipeline_final_app)
        if Mend.LATE_PARTS in options.mends:
            late_parts.install(self._view, UploadGates())
        front = front_door.refuse_unsigned(app)
        if Mend.ERROR_CORS in options.mends:
            front = front_door.with_cors_on_errors(front, options.origins)
        self._serve("proxy", self._in_flight.counted(front_door.announcing_close(front)))
        port = port_of(self._listeners["proxy"])
        self._require_healthy(_connectable(options.host), port)
        return port

    def keep_house(self) -> None:
        """At start and hourly; what fails is logged and tried again."""
        while True:
            try:
                self._tidy()
            except Exception:
                self._log.exception("housekeeping.failed")
            eventlet.sleep(HOUSEKEEPING_SECONDS)
            if self._updates is not None:
                self._replay_container_updates()

    def stop(self) -> None:
        """No new connections; requests in flight get a moment."""
        for listener in self._listeners.values():
            if listener is self._listeners["proxy"]:
                listener.close()
        self._in_flight.wait_until_idle(STOP_GRACE_SECONDS)

    def _tidy(self) -> None:
        if Mend.LEFTOVERS not in self._options.mends or self._view is None:
            return
        counts = {
            "segments": leftovers.remove_orphaned_segments(self._folder, self._view),
            "tombstones": leftovers.remove_old_tombstones(self._folder),
        }
        self._log.info("leftovers.removed: %s", json.dumps(counts))

    def _replay_container_updates(self) -> None:
        if self._updates is None:
            return
        replayed = self._updates.replay()
        if replayed:
            self._log.info("container_updates.replayed: %d", replayed)

    def _serve(self, server: str, app: "WSGIApplication") -> None:
        from swift.common.http_protocol import SwiftHttpProtocol
        from swift.common.utils import NullLogger

        def serve() -> None:
            eventlet.wsgi.server(
                eventlet.greenio.GreenSocket(self._listeners[server]),
                app,
                log=NullLogger(),
                log_output=False,
                debug=False,
                protocol=SwiftHttpProtocol,
                custom_pool=eventlet.GreenPool(_MAX_CONNECTIONS),
                socket_timeout=60,
                # S3 clients look for "ETag"; eventlet would write "Etag".
                capitalize_response_headers=False,
                url_length_limit=8192,
            )

        # A listener that dies (out of file descriptors, say) ends the store, and the app starts another.
        eventlet.spawn(serve).link(lambda _: self._lifetime.end(f"{_LOST_LISTENER} the {server} listener"))

    def _require_healthy(self, host: str, port: int) -> None:
        try:
            connection = HTTPConnection(host, port, timeout=_READY_PATIENCE_SECONDS)
            connection.request("GET", front_door.HEALTH_PATH, headers=dict([self._secret.header]))
            status = connection.getresponse().status
            connection.close()
        except OSError as error:
            raise StartupError(
                f"The store does not answer on {host}:{port} ({error}). See {self._folder.log_file}."
            ) from error
        if status != 200:
            raise StartupError(
                f"The store answers {status} on {host}:{port}. See {self._folder.log_file}, and whether "
                "another program answers on that address."
            )


def _connectable(host: str) -> str:
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(host, host)  # noqa: S104  # compared, not bound


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8 * _MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(8 * _MAX_CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
