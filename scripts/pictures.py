"""Draw the pictures of the tests and of docs/images from the gallery, and full-size ones into test-results/pictures."""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from playwright.sync_api import sync_playwright  # noqa: E402  # after the path to the tests' helpers
from tests.browser.gallery import ENGLISH, NARROW, WIDE, Gallery, Look, open_gallery, shot  # noqa: E402
from tests.browser.sheets import SHEETS, TOLERATED_PIXELS, changed_pixels, load, make_sheet, save  # noqa: E402

IMAGES = ROOT / "docs/images"
FULL_SIZE = ROOT / "test-results/pictures"


def draw_sheets(gallery: Gallery) -> None:
    """Replace the sheets that have changed and remove those without a scene."""
    for file in SHEETS.glob("*.webp"):
        if file.stem not in gallery.addresses:
            file.unlink()
    for name in gallery.addresses:
        pictures = gallery.draw(name)
        for language, drawn in pictures.items():
            for number, picture in enumerate(drawn, 1):
                picture.save(FULL_SIZE / f"{name}-{language}-{number}.png")
        sheet, file = make_sheet(pictures), SHEETS / f"{name}.webp"
        changed = changed_pixels(sheet, load(file)) if file.exists() else None
        if changed is None or changed > TOLERATED_PIXELS:
            save(sheet, file)
            print(f"{file.relative_to(ROOT)} is new")  # noqa: T201


def draw_images(gallery: Gallery) -> None:
    """Draw what README.md and the tutorial show."""
    for name, look, scale in (
        ("page-light.png", Look(WIDE, height=860), 1),
        ("page-phone-dark.png", Look(NARROW, "dark", height=844), 2),
    ):
        page = gallery.open(ENGLISH, scale)
        gallery.show(page, "home")
        shot(page, look, full_page=False).save(IMAGES / name, optimize=True)


def main() -> None:
    for folder in (SHEETS, IMAGES, FULL_SIZE):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with open_gallery(playwright, Path(folder)) as gallery:
            draw_sheets(gallery)
            draw_images(gallery)


if __name__ == "__main__":
    main()
