"""Draws the scenes of the gallery (frontend/src/gallery) in each look of the page."""

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, Route, expect

from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, TIMEOUT_MILLISECONDS

EXPORT: Final = Path(__file__).parents[3] / "frontend/gallery"
ORIGIN: Final = "https://gallery.example"
NOW: Final = "2026-11-22T14:32:00Z"
"""As in frontend/src/gallery/examples.ts."""

# The page brings its own font. Other glyphs come from the fonts that scripts/tools.sh installs, without the machine's
# hints and subpixels.
FONTS: Final = """<?xml version="1.0"?>
<fontconfig>
  <dir>/usr/share/fonts/truetype/dejavu</dir>
  <cachedir>{cache}</cachedir>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
  <match target="font">
    <edit name="antialias" mode="assign"><bool>true</bool></edit>
    <edit name="hinting" mode="assign"><bool>false</bool></edit>
    <edit name="rgba" mode="assign"><const>none</const></edit>
  </match>
</fontconfig>
"""

# The player's controls are the browser's, and another version has others. In forced colours the caret shows and blinks,
# although Playwright hides it.
STEADY: Final = "video::-webkit-media-controls { display: none !important } * { caret-animation: manual }"

# Return once nothing has changed for two frames.
AT_REST: Final = """async () => {
  await document.fonts.ready;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const look = () => document.body.innerHTML + document.documentElement.scrollHeight;
  const loads = () => [...document.querySelectorAll("video")].some(({readyState}) => readyState < 2);
  for (let before = "", same = 0; same < 2 || loads(); ) {
    await frame();
    const now = look();
    same = now === before ? same + 1 : 0;
    before = now;
  }
}"""


@dataclass(frozen=True)
class Look:
    width: int
    scheme: Literal["light", "dark"] = "light"
    forced: bool = False
    height: int = 900

    def apply(self, page: Page) -> None:
        page.set_viewport_size({"width": self.width, "height": self.height})
        page.emulate_media(color_scheme=self.scheme, forced_colors="active" if self.forced else "none")
        expect(page.locator("html")).to_have_class(re.compile(rf"\b{self.scheme}\b"))


WIDE: Final = 1280
NARROW: Final = 390
ENGLISH: Final = "en-GB"
PSEUDO: Final = "ar-XB"
"""From right to left, with longer texts."""
LOOKS: Final[Mapping[str, list[Look]]] = {
    ENGLISH: [Look(WIDE), Look(WIDE, "dark"), Look(WIDE, forced=True), Look(NARROW)],
    PSEUDO: [Look(WIDE), Look(NARROW, "dark")],
}


class Gallery:
    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages = {language: self.open(language) for language in LOOKS}
        rows = self._pages[ENGLISH].locator("li[data-address]")
        read = "rows => rows.map(({dataset}) => [dataset.scene, dataset.address])"
        self.addresses: Mapping[str, str] = dict(rows.evaluate_all(read))
        """Of each scene, by its name."""

    def open(self, language: str, scale: int = 1) -> Page:
        context = self._browser.new_context(locale=language, timezone_id="UTC", device_scale_factor=scale)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        context.route(f"{ORIGIN}/**", _serve)
        page = context.new_page()
        page.clock.set_fixed_time(NOW)
        page.goto(f"{ORIGIN}/gallery")
        page.locator("li[data-address]").first.wait_for()
        page.add_style_tag(content=STEADY)
        return page

    def draw(self, name: str) -> dict[str, list[Image.Image]]:
        """Return pictures of the scene by language, in the order of `LOOKS`."""
        drawn: dict[str, list[Image.Image]] = {}
        for language, looks in LOOKS.items():
            page = self._pages[language]
            self.show(page, name)
            drawn[language] = [shot(page, look) for look in looks]
        return drawn

    def show(self, page: Page, name: str) -> None:
        page.evaluate("address => history.replaceState(null, '', address)", self.addresses[name])
        page.locator(f'[data-scene="{name}"][data-complete=true]').wait_for(state="attached")


def shot(page: Page, look: Look, *, full_page: bool = True) -> Image.Image:
    look.apply(page)
    page.evaluate(AT_REST)
    png = page.screenshot(full_page=full_page, animations="disabled")
    return Image.open(io.BytesIO(png)).convert("RGB")


@contextmanager
def open_gallery(playwright: Playwright, folder: Path) -> Iterator[Gallery]:
    """Open the gallery in a browser of its own. `folder` is for its fonts."""
    fonts = folder / "fonts.conf"
    fonts.write_text(FONTS.format(cache=folder / "fonts"))
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=CHROMIUM_ARGUMENTS,
        env={"FONTCONFIG_FILE": str(fonts)},
        timeout=TIMEOUT_MILLISECONDS,
    )
    try:
        yield Gallery(browser)
    finally:
        browser.close()


def _serve(route: Route) -> None:
    if route.request.frame.parent_frame is not None:
        # The index draws each scene in a frame.
        route.abort()
        return
    path = route.request.url.removeprefix(f"{ORIGIN}/").partition("?")[0] or "index"
    file = next((file for file in (EXPORT / path, EXPORT / f"{path}.html") if file.is_file()), None)
    if file is None:
        route.fulfill(status=404)
    else:
        route.fulfill(path=file)
