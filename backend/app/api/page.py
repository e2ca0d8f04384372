"""Serve the exported page with a Content-Security-Policy made from its files."""

import base64
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.content_coding import IDENTITY, choose_coding
from app.api.public_path import Rewriter
from app.core.opened_host import at_opened_host
from app.core.origins import csp_source

_INLINE_SCRIPT: Final = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_NOT_PAGES: Final = ("/404", "/_not-found")  # Next's pages for unknown paths
_WITH_FORMS: Final = ("/login", "/register")
_REWRITTEN: Final = (".js", ".css", ".txt")
_FOREVER: Final = "public, max-age=31536000, immutable"
# `npm run build` writes these beside each text file, if they are smaller than it.
_CODINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
# A worker's policy is that of its script, so only workers may run WASM.
_FILE_POLICY: Final = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'"

# Some platforms' tables lack these.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("application/wasm", ".wasm")
mimetypes.add_type("application/manifest+json", ".webmanifest")


class Body(NamedTuple):
    content: bytes
    digest: bytes


Bodies = Mapping[str, Body]
"""By coding."""


class Page:
    """An ASGI app. `/login` is login.html, unknown paths are 404.html with status 404.

    All files are read once at the start, so that they match each other and the policy's hashes of inline scripts.
    """

    def __init__(
        self, folder: Path, store_origins: Callable[[], Sequence[str]], public_path: str = ""
    ) -> None:
        folder = folder.resolve()
        self._store_origins = store_origins
        paths = {"/" + file.relative_to(folder).as_posix(): file for file in _originals(folder)}
        html = {path for path, file in paths.items() if file.suffix == ".html"}
        rewriter = Rewriter(public_path, paths.keys() - html)
        # A request's path is only looked up here and never opened.
        self._files = {path: _bodies(paths[path], rewriter) for path in paths.keys() - html}
        self._html = {_address(path): _bodies(paths[path], rewriter) for path in html}
        self._script_hashes = {
            address: _hashes(bodies[IDENTITY].content) for address, bodies in self._html.items()
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
        # Range is ignored, as a server may (RFC 9110, 14.2).
        response = self._response(scope["path"], scope["method"], Headers(scope=scope))
        await response(scope, receive, send)

    def _response(self, path: str, method: str, headers: Headers) -> Response:
        if path.startswith("/api/"):
            raise HTTPException(404)
        if (bodies := self._files.get(path)) is not None:
            # Names under _next/static contain a hash of the content.
            lifetime = _FOREVER if path.startswith("/_next/static/") else "no-cache"
            about = {
                "Accept-Ranges": "none",
                "Cache-Control": lifetime,
                "Content-Security-Policy": _FILE_POLICY,
                "Content-Type": _media_type(path),
            }
            return _negotiated(bodies, 200, about, method, headers)
        address = path.rstrip("/") or "/"
        if address in self._html and address not in _NOT_PAGES:
            return _negotiated(self._html[address], 200, self._about(address), method, headers)
        if "/404" in self._html and "text/html" in headers.get("accept", "text/html"):
            return _negotiated(self._html["/404"], 404, self._about("/404"), method, headers)
        raise HTTPException(404)

    def _about(self, address: str) -> dict[str, str]:
        # With `no-referrer` a browser sends the page's own form with `Origin: null` (Fetch, "append a request Origin
        # header").
        policy = {"Referrer-Policy": "same-origin"} if address in _WITH_FORMS else {}
        return {
            **policy,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": self._policy(address),
            "Content-Type": "text/html; charset=utf-8",
        }

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


def _originals(folder: Path) -> list[Path]:
    """Return all files but those that are another file in a coding."""
    files = {file for file in folder.rglob("*") if file.is_file()}
    return [
        file for file in files if file.suffix not in _CODINGS.values() or file.with_suffix("") not in files
    ]


def _bodies(file: Path, rewriter: Rewriter) -> Bodies:
    """Return the file's content in each coding that it is served in."""
    exported = file.read_bytes()
    content = exported
    if file.suffix == ".html":
        content = rewriter.html(exported)
    elif file.suffix in _REWRITTEN:
        content = rewriter.file(exported)
    if content == exported:
        beside = {coding: file.with_name(file.name + suffix) for coding, suffix in _CODINGS.items()}
        coded = {coding: other.read_bytes() for coding, other in beside.items() if other.is_file()}
    else:
        # The public path has changed it. Of the three codings, Python 3.11 has this one.
        coded = {"gzip": gzip.compress(content, mtime=0)}
    served = {IDENTITY: content, **{name: body for name, body in coded.items() if len(body) < len(content)}}
    return {name: Body(body, hashlib.sha256(body).digest()) for name, body in served.items()}


def _negotiated(
    bodies: Bodies, status: int, about: Mapping[str, str], method: str, asked: Headers
) -> Response:
    """Answer with the coding that the client likes best, or with 304 if it has that already."""
    accepted = asked.getlist("accept-encoding")
    sizes = {name: len(body.content) for name, body in bodies.items()}
    coding = choose_coding(",".join(accepted) if accepted else None, sizes)
    body, digest = bodies[coding]
    # A browser that gets 304 keeps the policy that it has, so the tag is also the policy's.
    tag = f'"{hashlib.sha256(digest + about["Content-Security-Policy"].encode()).hexdigest()[:32]}"'
    headers = {**about, "ETag": tag}
    if len(bodies) > 1:
        headers["Vary"] = "Accept-Encoding"
    if status == 200 and _has(tag, asked.getlist("if-none-match")):
        del headers["Content-Type"]
        return Response(status_code=304, headers=headers)
    if coding != IDENTITY:
        headers["Content-Encoding"] = coding
    headers["Content-Length"] = str(len(body))
    return Response(b"" if method == "HEAD" else body, status, headers)


def _has(tag: str, if_none_match: Sequence[str]) -> bool:
    """Compare weakly, because a proxy may have made the tag weak (RFC 9110, 13.1.2)."""
    return any(value.strip() == "*" or tag in _ENTITY_TAG.findall(value) for value in if_none_match)


def _media_type(path: str) -> str:
    media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _address(path: str) -> str:
    name = path.removesuffix(".html")
    return "/" if name == "/index" else name.removesuffix("/index")


def _hashes(html: bytes) -> str:
    """Return the sources of the inline scripts."""
    digests = {hashlib.sha256(script).digest() for script in _INLINE_SCRIPT.findall(html)}
    return " ".join(sorted(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests))
