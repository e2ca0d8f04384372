"""A reverse proxy that gives one folder of its host to Slipway, and answers 404 everywhere else."""

import http.client
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

from tests.engines.loopback_server import LoopbackServer
from tests.waiting import TIMEOUT_SECONDS


class FolderProxy(LoopbackServer):
    """`strips` removes the folder from the path, as nginx does with a slash at the end of proxy_pass."""

    def __init__(self, folder: str, *, strips: bool) -> None:
        self.folder = folder
        self.strips = strips
        self.upstream_port = 0
        """May be set later, because a server that must know the proxy's address has its own port only afterwards."""
        self.outside: list[str] = []
        """Paths outside the folder that the page asked for. A browser asks for /favicon.ico by itself."""
        super().__init__(self._handler())

    def upstream_path(self, path: str) -> str | None:
        """Return the path for Slipway, or None outside the folder."""
        if not path.startswith(f"{self.folder}/") and path.partition("?")[0] != self.folder:
            return None
        return path.removeprefix(self.folder) if self.strips else path

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:  # `self` is the handler below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = proxy.upstream_path(self.path)
                if path is None or not path.startswith("/"):
                    # nginx too redirects a folder without its slash.
                    if path is None and self.path != "/favicon.ico":
                        proxy.outside.append(self.path)
                    self.send_response(404 if path is None else 301)
                    self.send_header("Location", f"{proxy.folder}/{path or ''}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                upstream = http.client.HTTPConnection("127.0.0.1", proxy.upstream_port, TIMEOUT_SECONDS)
                upstream.request(self.command, path, body or None, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                with suppress(ConnectionError):  # the page may be gone
                    self.end_headers()
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = _forward

            def log_message(self, format: str, *arguments: object) -> None:  # its name in http.server
                pass

        return Handler
