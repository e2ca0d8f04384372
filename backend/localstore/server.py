"""Starts, cleans and stops the four Swift servers in this process."""

import json
import logging
import os
import resource
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import eventlet
import eventlet.wsgi
from eventlet.green.http.client import HTTPConnection

from localstore import container_updates, deleted_rows, late_parts, leftovers, middleware, swift_config
from localstore.accepting import Listener, PublicListener
from localstore.credentials import load_or_create_credentials
from localstore.data_folder import StartupError
from localstore.front_door import HEALTH_PATH, FrontDoor
from localstore.garbage import keep_what_exists
from localstore.lifetime import STOP_GRACE_SECONDS, Lifetime
from localstore.listeners import LOOPBACK, bind, port_of
from localstore.logs import open_log
from localstore.loopback_secret import LoopbackSecret
from localstore.options import Options, Patch
from localstore.places import Limits, Places
from localstore.store_view import StoreView
from localstore.tally import Tally
from localstore.upload_locks import UploadLocks

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

CLEANUP_INTERVAL_SECONDS: Final = 3600.0
_MAX_CONNECTIONS: Final = 1024
_DESCRIPTORS_OF_CONNECTION: Final = 8
"""A part needs a socket of the client, two for each inner server, and its file."""
_INNER_CONNECTIONS: Final = 4 * _MAX_CONNECTIONS
_READY_TIMEOUT_SECONDS: Final = 20.0
_LOST_LISTENER: Final = "lost"


def run(options: Options, announce: Callable[[dict[str, object]], None]) -> None:
    """Start, announce the port, serve until stopped, and exit. Raise StartupError if the store cannot start."""
    folder = options.folder
    log = open_log(folder.log_file)
    connections = _allow_many_connections()
    lifetime = Lifetime()
    lifetime.watch()

    store = _Store(options, log, lifetime, Places(Limits.of(connections), options.proxies))
    store.start_inner_servers()
    store.clean_before_serving()
    port = store.start_proxy()
    keep_what_exists()
    announce({"event": "ready", "port": port})
    log.info("ready: %s", json.dumps({"port": port, "pid": os.getpid()}))
    eventlet.spawn(store.run_cleanup)

    reason = lifetime.wait()
    log.info("stopping: %s", reason)
    store.stop()
    log.info("stopped")
    logging.shutdown()
    # Not sys.exit, which would wait up to a minute for green threads and disk threads. A kill loses nothing.
    os._exit(1 if reason.startswith(_LOST_LISTENER) else 0)


class _Store:
    def __init__(self, options: Options, log: logging.Logger, lifetime: Lifetime, places: Places) -> None:
        self._options = options
        self._folder = options.folder
        self._log = log
        self._lifetime = lifetime
        self._places = places
        self._in_flight = middleware.InFlight()
        self._secret = LoopbackSecret()
        self._listeners: dict[str, socket.socket] = {}
        self._view: StoreView | None = None
        self._updates: container_updates.ContainerUpdates | None = None

    def start_inner_servers(self) -> None:
        """Bind all ports, write them to the rings, and start the servers."""
        from swift.common.wsgi import ConfigString, loadapp

        # The public port first. If it is in use, the start fails before any server runs.
        self._listeners["proxy"] = bind(self._options.host, self._options.port)
        for server in swift_config.INNER_SERVERS:
            self._listeners[server] = bind(LOOPBACK, 0)
        ports = {server: port_of(self._listeners[server]) for server in swift_config.INNER_SERVERS}
        swift_config.write_rings(self._folder, ports)
        self._secret.send_with_every_inner_request()
        for server in swift_config.INNER_SERVERS:
            config = swift_config.inner_server(server, self._folder, ports[server], self._options.patches)
            app = loadapp(ConfigString(config), global_conf={"log_name": server}, allow_modify_pipeline=False)
            self._serve_inner(server, self._secret.guard(app))
            self._require_healthy(LOOPBACK, ports[server])

    def clean_before_serving(self) -> None:
        if Patch.LEFTOVERS in self._options.patches:
            removed = leftovers.remove_temporary_files(self._folder)
            if removed:
                self._log.info("leftovers.temporary_files_removed: %d", removed)
        if Patch.CONTAINER_UPDATES in self._options.patches:
            self._updates = container_updates.ContainerUpdates(self._folder)
            self._replay_container_updates()

    def start_proxy(self) -> int:
        from swift.common.wsgi import ConfigString, loadapp

        options = self._options
        credentials = load_or_create_credentials(self._folder.root)
        config = swift_config.proxy_server(self._folder, credentials, options.origins, options.patches)
        app = loadapp(ConfigString(config), global_conf={"log_name": "proxy"}, allow_modify_pipeline=False)
        self._view = StoreView(app._pipeline_final_app)
        if Patch.LATE_PARTS in options.patches:
            late_parts.install(self._view, UploadLocks())
        door = FrontDoor(credentials.secrets, options.origins)
        front = door.admitting(middleware.holding_places(app))
        if Patch.ERROR_CORS in options.patches:
            front = middleware.with_cors_on_errors(front, options.origins)
        if options.any_local_origin:
            front = middleware.with_local_origins(front, options.origins)
        front = middleware.with_protection(middleware.answering_failures(front, self._log))
        self._serve_public(self._in_flight.counted(middleware.announcing_close(front)))
        port = port_of(self._listeners["proxy"])
        self._require_healthy(_connectable(options.host), port)
        return port

    def run_cleanup(self) -> None:
        """Clean at the start and hourly. Log a failure, and try again after the interval."""
        while True:
            try:
                self._remove_leftovers()
            except Exception:
                self._log.exception("cleanup.failed")
            eventlet.sleep(CLEANUP_INTERVAL_SECONDS)
            if self._updates is not None:
                self._replay_container_updates()

    def stop(self) -> None:
        """Stop accepting connections, and give requests in flight time to finish."""
        self._listeners["proxy"].close()
        self._in_flight.wait_until_idle(STOP_GRACE_SECONDS)

    def _remove_leftovers(self) -> None:
        if Patch.LEFTOVERS not in self._options.patches or self._view is None:
            return
        counts = {
            "segments": leftovers.remove_orphaned_segments(self._folder, self._view),
            "tombstones": leftovers.remove_old_tombstones(self._folder),
            "lists_of_hashes": leftovers.remove_invalid_hashes(self._folder),
            "listings_read": deleted_rows.reclaim(self._folder),
        }
        self._log.info("leftovers.removed: %s", json.dumps(counts))

    def _replay_container_updates(self) -> None:
        if self._updates is None:
            return
        replayed = self._updates.replay()
        if replayed:
            self._log.info("container_updates.replayed: %d", replayed)

    def _serve_inner(self, server: str, app: "WSGIApplication") -> None:
        from swift.common.http_protocol import SwiftHttpProtocol

        listener = Listener(self._listeners[server], Tally(self._log, "connections.not_accepted"))
        self._serve(server, listener, app, SwiftHttpProtocol)

    def _serve_public(self, app: "WSGIApplication") -> None:
        from localstore.protocol import PublicProtocol

        tally = Tally(self._log, "connections.refused")
        self._serve(
            "proxy", PublicListener(self._listeners["proxy"], tally, self._places), app, PublicProtocol
        )

    def _serve(self, server: str, listener: Listener, app: "WSGIApplication", protocol: type) -> None:
        from swift.common.utils import NullLogger

        def serve() -> None:
            eventlet.wsgi.server(
                listener,
                app,
                log=NullLogger(),
                log_output=False,
                debug=False,
                protocol=protocol,
                custom_pool=eventlet.GreenPool(_INNER_CONNECTIONS),
                socket_timeout=60,
                # S3 clients expect "ETag". eventlet would write "Etag".
                capitalize_response_headers=False,
                url_length_limit=8192,
            )

        # A listener that fails stops the store. The app restarts it.
        eventlet.spawn(serve).link(lambda _: self._lifetime.end(f"{_LOST_LISTENER} the {server} listener"))

    def _require_healthy(self, host: str, port: int) -> None:
        try:
            connection = HTTPConnection(host, port, timeout=_READY_TIMEOUT_SECONDS)
            connection.request("GET", HEALTH_PATH, headers=dict([self._secret.header]))
            status = connection.getresponse().status
            connection.close()
        except OSError as error:
            raise StartupError(
                f"The store does not answer on {host}:{port} ({error}). See {self._folder.log_file}."
            ) from error
        if status != 200:
            raise StartupError(
                f"The store answers {status} on {host}:{port}. See {self._folder.log_file}, and check "
                "whether another program answers on that address."
            )


def _connectable(host: str) -> str:
    return {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}.get(host, host)  # noqa: S104  # compared, not bound


def _allow_many_connections() -> int:
    """Raise the limit of file descriptors, and return how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS_OF_CONNECTION * _MAX_CONNECTIONS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted // _DESCRIPTORS_OF_CONNECTION
