"""WebKitGTK by W3C WebDriver, with its own WebKitWebDriver.

Playwright drives only a WebKit that its makers patch and host themselves.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.browser.browser_page import Browser, BrowserName, BrowserPage, Role
from tests.engines.ports import free_port
from tests.waiting import TIMEOUT_SECONDS

_MINI_BROWSERS = "*/webkit2gtk-4.*/MiniBrowser"
# What WebKitGTK 2.50 itself sends. It takes another one only as a whole.
_USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/60.5 Safari/605.1.15"
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's ID (WebDriver, 12.1)."""
_XPATH = {
    "button": '//button[@aria-label="{0}" or (not(@aria-label) and normalize-space()="{0}")]',
    "link": '//a[@aria-label="{0}" or (not(@aria-label) and normalize-space()="{0}")]',
    "field": '//input[@id=//label[normalize-space()="{0}"]/@for]',
    "file": '//input[@type="file"]',
}
# The page was rendered anew, or something still covers the element.
_NOT_YET = {
    "stale element reference",
    "element not interactable",
    "element click intercepted",
    "no such element",
}
_POLL_SECONDS = 0.1
_START_SECONDS = 120.0


class WebDriverError(Exception):
    """The driver answered with an error. `code` is one of WebDriver, 6.6."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass
class Session:
    """One WebDriver session. The driver supports one at a time."""

    client: httpx.AsyncClient
    path: str = ""

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the value of the answer. Raise WebDriverError if it is an error."""
        answer = await self.client.request(method, self.path + path, json=body)
        value = answer.json()["value"]
        if answer.is_error:
            raise WebDriverError(value["error"], value.get("message", ""))
        return value


class WebKitPage:
    def __init__(self, session: Session, scripts: Sequence[str]) -> None:
        self._call = session.call
        self._scripts = scripts

    async def open(self, url: str) -> None:
        await self._call("POST", "/url", {"url": url})
        await self._run_scripts()

    async def reload(self) -> None:
        await self._call("POST", "/refresh", {})
        await self._run_scripts()

    async def close(self) -> None:
        # The browser ends with its last tab.
        await self._call("POST", "/window/new", {"type": "tab"})
        await self._call("DELETE", "/window")

    async def choose_file(self, file: Path) -> None:
        # WebDriver has no file chooser. A file input takes the path as its keys, also if it is hidden.
        await self._act(_XPATH["file"], lambda element: self._type(element, str(file)), is_shown=False)

    async def click(self, role: Role, name: str, *, in_dialog: bool = False) -> None:
        xpath = ("//dialog[@open]" if in_dialog else "") + _XPATH[role].format(name)
        await self._act(xpath, lambda element: self._call("POST", f"/element/{element}/click", {}))

    async def fill(self, label: str, text: str) -> None:
        await self._act(_XPATH["field"].format(label), lambda element: self._type(element, text))

    async def evaluate(self, expression: str) -> Any:
        script = f"""
            const done = arguments[0];
            (async () => ({expression}))().then((value) => done({{value}}), (error) => done({{error: String(error)}}));
        """
        told = await self._call("POST", "/execute/async", {"script": script, "args": []})
        assert "error" not in told, told["error"]
        return told.get("value")

    async def set_online(self, is_online: bool) -> None:
        # WebKitGTK follows the machine's network, and WebDriver has no command for it.
        value, event = ("true", "online") if is_online else ("false", "offline")
        await self.evaluate(
            f"Object.defineProperty(navigator, 'onLine', {{value: {value}, configurable: true}}),"
            f" window.dispatchEvent(new Event('{event}'))"
        )

    async def _run_scripts(self) -> None:
        for script in self._scripts:
            await self._call("POST", "/execute/sync", {"script": script, "args": []})

    async def _type(self, element: str, text: str) -> None:
        await self._call("POST", f"/element/{element}/value", {"text": text})

    async def _act(self, xpath: str, act: Callable[[str], Awaitable[None]], *, is_shown: bool = True) -> None:
        """Do this with the first such element, as soon as the browser allows it.

        WebDriver scrolls only to an element outside the window, and the page's header may cover one at its top.
        """
        scroll = "arguments[0].scrollIntoView({block: 'center'})"
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            for found in await self._call("POST", "/elements", {"using": "xpath", "value": xpath}):
                element: str = found[_ELEMENT]
                try:
                    if not is_shown:
                        return await act(element)
                    if await self._call("GET", f"/element/{element}/displayed"):
                        await self._call("POST", "/execute/sync", {"script": scroll, "args": [found]})
                        return await act(element)
                except WebDriverError as error:
                    if error.code not in _NOT_YET:
                        raise
            assert time.monotonic() < deadline, f"there is no {xpath}"
            await asyncio.sleep(_POLL_SECONDS)


@dataclass(frozen=True)
class WebKitBrowser:
    """Each page is a browser of its own, because a driver has one session."""

    title: str
    environment: Mapping[str, str]
    name: BrowserName = "webkit"
    sends_of_a_broken_request: int = 2

    @asynccontextmanager
    async def page(self, comment: str, scripts: Sequence[str]) -> AsyncIterator[BrowserPage]:
        async with _driver(self.environment) as session:
            capabilities = {
                "webkitgtk:browserOptions": {
                    "binary": str(_mini_browser()),
                    "args": ["--automation", f"--user-agent={_USER_AGENT} ({comment})"],
                },
                "unhandledPromptBehavior": "accept",
                "timeouts": {"script": int(TIMEOUT_SECONDS * 1000), "pageLoad": int(TIMEOUT_SECONDS * 1000)},
            }
            begun = await session.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
            session.path = f"/session/{begun['sessionId']}"
            await session.call("POST", "/window/rect", {"width": 1280, "height": 1000})
            yield WebKitPage(session, scripts)
            await session.call("DELETE", "")


@asynccontextmanager
async def webkit() -> AsyncIterator[Browser]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        settings = Path(home) / ".config" / "gtk-3.0" / "settings.ini"
        settings.parent.mkdir(parents=True)
        # WebKitGTK reports this as prefers-reduced-motion.
        settings.write_text("[Settings]\ngtk-enable-animations=0\n")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "XDG_RUNTIME_DIR": home,
            "LANG": "C.UTF-8",
            # There is no D-Bus for them.
            "NO_AT_BRIDGE": "1",
            "GIO_USE_VFS": "local",
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        async with _display(environment) as display:
            environment["DISPLAY"] = display
            yield WebKitBrowser(await _version(environment), environment)


def _mini_browser() -> Path:
    found = sorted(Path("/usr/lib").glob(_MINI_BROWSERS))
    assert found, "MiniBrowser is missing; `make tools` gets it"
    return found[-1]


async def _version(environment: Mapping[str, str]) -> str:
    """Return name and version, as MiniBrowser prints them."""
    asked = await asyncio.create_subprocess_exec(
        _mini_browser(), "--version", env=environment, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asked.communicate()
    return told.decode().strip()


@asynccontextmanager
async def _display(environment: Mapping[str, str]) -> AsyncIterator[str]:
    """Yield the name of a display without a screen, because WebKitGTK has no headless mode."""
    reading, writing = os.pipe()
    # It takes a free number, and writes it to this descriptor.
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x1100x24", "-nolisten", "tcp"]
    async with _running(command, environment, pass_fds=[writing]):
        os.close(writing)
        with os.fdopen(reading) as told:
            number = await asyncio.to_thread(told.readline)
        yield f":{number.strip()}"


@asynccontextmanager
async def _driver(environment: Mapping[str, str]) -> AsyncIterator[Session]:
    port = free_port()
    async with (
        _running(["WebKitWebDriver", f"--port={port}"], environment),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_SECONDS) as client,
    ):
        session = Session(client)
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                await session.call("GET", "/status")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "WebKitWebDriver did not start"
                await asyncio.sleep(_POLL_SECONDS)
        yield session


@asynccontextmanager
async def _running(
    command: Sequence[str], environment: Mapping[str, str], pass_fds: Sequence[int] = ()
) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        pass_fds=pass_fds,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        # The whole group, because the driver leaves its browser running.
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
