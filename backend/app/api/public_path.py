"""Serve the app and its exported page below PUBLIC_PATH, whether or not a proxy removes that path from requests.

The page is exported for the root of a host, so its files are rewritten once at the start.
"""

import re
from collections.abc import Collection, Iterable
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import plain_error

_ADDRESS_IN_HTML = rb' (?:href|src)="(?=/[^/])'


class Rewriter:
    """Puts the public path in front of the addresses of an export."""

    def __init__(self, public_path: str, files: Iterable[str]) -> None:
        """`files` are the paths of the export's files."""
        self._path = public_path.encode()
        roots = {"/_next/", *(file for file in files if file.count("/") == 1 and not file.endswith(".txt"))}
        quoted = b'["(](?=(?:%s))' % "|".join(map(re.escape, sorted(roots))).encode()
        self._in_files = re.compile(quoted)
        self._in_html = re.compile(b"%s|%s" % (_ADDRESS_IN_HTML, quoted))

    def html(self, content: bytes) -> bytes:
        """Also tell the page's scripts the public path."""
        if not self._path:
            return content
        content = self._in_html.sub(rb"\g<0>" + self._path, content)
        return content.replace(b"<html", b'<html data-public-path="%s"' % self._path, 1)

    def file(self, content: bytes) -> bytes:
        """Rewrite a script, a style sheet or a payload of Next's router."""
        return self._in_files.sub(rb"\g<0>" + self._path, content)


class PublicPath:
    """The middleware that removes the public path from the path of a request, unless a proxy did so."""

    def __init__(self, app: ASGIApp, public_path: str, page_files: Collection[str]) -> None:
        self._app = app
        self._path = public_path
        self._page_files = page_files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == self._path and not self._is_page_with_query(scope):
            query = scope["query_string"].decode("latin-1")
            address = f"{self._path}/{'?' if query else ''}{query}"
            await RedirectResponse(address, 307, {"Cache-Control": "no-store"})(scope, receive, send)
        else:
            if scope["path"].startswith(f"{self._path}/"):
                # In place, because the outer layer chooses headers and labels by the path.
                scope["path"] = self._own_path(scope["path"])
                scope["raw_path"] = quote(scope["path"]).encode()
            await self._app(scope, receive, send)

    def _is_page_with_query(self, scope: Scope) -> bool:
        """Return whether this is `/video?id=` behind a proxy that removed PUBLIC_PATH=/video."""
        return bool(scope["query_string"]) and f"{self._path}.txt" in self._page_files

    def _own_path(self, path: str) -> str:
        rest = path.removeprefix(self._path)
        if path not in self._page_files:
            return rest
        if rest in self._page_files:
            # With PUBLIC_PATH=/video this may be a payload of `/` or of `/video`. Without it, Next's router asks for
            # the payload of the whole page, whose name has one meaning.
            raise plain_error(404)
        return path  # a proxy removed the public path, which begins like a folder of the page
