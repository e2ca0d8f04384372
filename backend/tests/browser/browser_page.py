"""What a story needs of a browser. `playwright_browser` and `webkit_browser` implement it.

It has only what a person does and what a script on the page can read. The proxies break connections, not the browser.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

BrowserName = Literal["chromium", "firefox", "webkit"]
Role = Literal["button", "link"]


class BrowserPage(Protocol):
    """One tab with its own cookies. A prompt before the page is left is accepted."""

    async def open(self, url: str) -> None:
        """Return when the document has loaded."""

    async def reload(self) -> None: ...

    async def close(self) -> None:
        """Close the tab. The browser continues to run."""

    async def choose_file(self, file: Path) -> None: ...

    async def click(self, role: Role, name: str, *, in_dialog: bool = False) -> None:
        """Click the first visible one with exactly this name, as soon as there is one. `in_dialog` means in the open
        dialog, which covers the rest of the page.
        """

    async def fill(self, label: str, text: str) -> None:
        """Type into the field with this label."""

    async def evaluate(self, expression: str) -> Any:
        """Return the JSON value of this JavaScript expression. If it is a promise, wait for its value."""

    async def set_online(self, is_online: bool) -> None:
        """Change `navigator.onLine`, with its event."""


class Browser(Protocol):
    """A running browser."""

    @property
    def name(self) -> BrowserName: ...

    @property
    def title(self) -> str:
        """Name and version."""

    @property
    def sends_of_a_broken_request(self) -> int:
        """How often the browser itself sends a request whose connection breaks."""

    def page(self, comment: str, scripts: Sequence[str]) -> AbstractAsyncContextManager[BrowserPage]:
        """Yield a page whose User-Agent ends with this comment (RFC 9110, 5.6.5).

        The scripts run in each document. WebKit runs them when it has loaded, the others before.
        """
