"""Serve the exported page with a Content-Security-Policy made from its files."""

import base64
import hashlib
import mimetypes
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from app.api.public_path import Rewriter
from app.core.opened_host import at_opened_host
from app.core.origins import csp_source

_INLINE_SCRIPT: Final = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_NOT_PAGES: Final = ("/404", "/_not-found")  # Next's pages for unknown paths
_REWRITTEN: Final = (".js", ".css", ".txt")
_FOREVER: Final = "public, max-age=31536000, immutable"

# Some platforms' tables lack these.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("application/wasm", ".wasm")


class Page:
    """An ASGI app. `/login` is login.html, unknown paths are 404.html with status 404.

    HTML is read once at the start, so that it matches the hashes of its inline scripts in the policy.
    """

    def __init__(
        self, folder: Path, store_origins: Callable[[], Sequence[str]], public_path: str = ""
    ) -> None:
        self._folder = folder.resolve()
        self._store_origins = store_origins
        # A request's path is only looked up here and never opened.
        self._files = {
            "/" + file.relative_to(self._folder).as_posix(): file
            for file in self._folder.rglob("*")
            if file.is_file() and file.suffix != ".html"
        }
        rewriter = Rewriter(public_path, self._files)
        pages = self._folder.rglob("*.html")
        self._html = {self._address(file): rewriter.html(file.read_bytes()) for file in pages}
        self._script_hashes = {address: _hashes(html) for address, html in self._html.items()}
        # Files of the export itself are served unless a public path changes them.
        self._rewritten = {
            path: rewriter.file(file.read_bytes())
            for path, file in self._files.items()
            if public_path and file.suffix in _REWRITTEN
        }

    @property
    def files(self) -> Collection[str]:
        """The paths of all files but the HTML."""
        return self._files.keys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = await self._response(scope["path"], Headers(scope=scope))
        await response(scope, receive, send)

    async def _response(self, path: str, headers: Headers) -> Response:
        if path.startswith("/api/"):
            raise HTTPException(404)
        if file := self._files.get(path):
            return await self._file(path, file)
        address = path.rstrip("/") or "/"
        if address in self._html and address not in _NOT_PAGES:
            return self._page(address, 200)
        if "/404" in self._html and "text/html" in headers.get("accept", "text/html"):
            return self._page("/404", 404)
        raise HTTPException(404)

    async def _file(self, path: str, file: Path) -> Response:
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = {
            # Names under _next/static contain a hash of the content.
            "Cache-Control": _FOREVER if path.startswith("/_next/static/") else "no-cache",
            # A worker's policy is that of its script, so only workers may run WASM.
            "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; "
            "frame-ancestors 'none'",
        }
        if (content := self._rewritten.get(path)) is not None:
            return Response(content, headers=headers, media_type=media_type)
        status = await anyio.to_thread.run_sync(file.stat)
        return FileResponse(file, media_type=media_type, stat_result=status, headers=headers)

    def _page(self, address: str, status: int) -> Response:
        return HTMLResponse(
            self._html[address],
            status,
            headers={"Cache-Control": "no-cache", "Content-Security-Policy": self._policy(address)},
        )

    def _address(self, file: Path) -> str:
        name = file.relative_to(self._folder).with_suffix("").as_posix()
        return "/" if name == "index" else f"/{name.removesuffix('/index')}"

    def _policy(self, address: str) -> str:
        store = " ".join(csp_source(at_opened_host(origin)) for origin in self._store_origins())
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src 'self' {self._script_hashes[address]}".rstrip(),
                "style-src 'self'",
                "img-src 'self' data:",
                "font-src 'self'",
                f"connect-src 'self' {store}".rstrip(),
                f"media-src 'self' {store}".rstrip(),
                "worker-src 'self'",
                "manifest-src 'self'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
                "object-src 'none'",
            )
        )


def _hashes(html: bytes) -> str:
    """Return the sources of the inline scripts."""
    digests = {hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(html)}
    return " ".join(sorted(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests))
