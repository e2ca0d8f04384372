"""Puts the pictures of one scene on one sheet, small enough for the repository, and compares two sheets."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops

from tests.browser.gallery import ENGLISH, PSEUDO

SHEETS: Final = Path(__file__).parent / "pictures"

_SHRINK: Final = 3
_LEVELS: Final = 16
_GAP: Final = 4
_BETWEEN: Final = (128, 128, 128)

# A pixel of a sheet is the mean of 3 × 3 pixels, and its file rounds it to 16 levels, which moves it by up to 8. With
# the fonts of gallery.py, no sheet of Chromium 150 and 156 differs by more than 16. Another processor may round colours
# and edges otherwise by a few levels, which the rest of the tolerance is for. A word or an icon that comes, goes, moves
# or changes its colour changes more pixels by more levels. A thin line nearly as light as its ground does not.
TOLERATED_LEVELS: Final = 24
TOLERATED_PIXELS: Final = 12


def make_sheet(pictures: Mapping[str, list[Image.Image]]) -> Image.Image:
    """Put four wide pictures into two columns, and the narrow ones beside them."""
    light, dark, forced, phone = (picture.reduce(_SHRINK) for picture in pictures[ENGLISH])
    mirrored, mirrored_phone = (picture.reduce(_SHRINK) for picture in pictures[PSEUDO])
    columns = [[light, forced], [dark, mirrored], [phone], [mirrored_phone]]
    size = (sum(map(_width, columns)), max(map(_height, columns)))
    sheet = Image.new("RGB", size, _BETWEEN)
    x = 0
    for column in columns:
        y = 0
        for picture in column:
            sheet.paste(picture, (x, y))
            y += picture.height + _GAP
        x += _width(column)
    return sheet


def save(sheet: Image.Image, file: Path) -> None:
    rounded = sheet.point(lambda level: min(255, (level + _LEVELS // 2) // _LEVELS * _LEVELS))
    rounded.save(file, lossless=True, quality=100, method=4)


def load(file: Path) -> Image.Image:
    return Image.open(file).convert("RGB")


def changed_pixels(now: Image.Image, before: Image.Image) -> int | None:
    """Return how many pixels differ by more than is tolerated, or None if the sheets differ in size."""
    if now.size != before.size:
        return None
    channels = ImageChops.difference(now, before).split()
    largest = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    return sum(largest.histogram()[TOLERATED_LEVELS + 1 :])


def _width(column: Iterable[Image.Image]) -> int:
    return max(picture.width for picture in column) + _GAP


def _height(column: Iterable[Image.Image]) -> int:
    return sum(picture.height + _GAP for picture in column)
