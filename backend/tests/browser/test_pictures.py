"""Every state of the page looks as in `pictures/`. `make pictures` draws these anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.browser.gallery import Gallery, open_gallery
from tests.browser.sheets import SHEETS, TOLERATED_PIXELS, changed_pixels, load, make_sheet

RESULTS = Path(__file__).parents[3] / "test-results/pictures"
SCENES = sorted(file.stem for file in SHEETS.glob("*.webp"))


@pytest.fixture(scope="module")
def gallery(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    with open_gallery(playwright, tmp_path_factory.mktemp("gallery")) as opened:
        yield opened


def test_each_scene_has_its_pictures(gallery: Gallery) -> None:
    assert sorted(gallery.addresses) == SCENES


@pytest.mark.parametrize("name", SCENES)
def test_scene_looks_as_in_its_pictures(gallery: Gallery, name: str) -> None:
    now = make_sheet(gallery.draw(name))
    before = load(SHEETS / f"{name}.webp")
    changed = changed_pixels(now, before)
    if changed is None or changed > TOLERATED_PIXELS:
        RESULTS.mkdir(parents=True, exist_ok=True)
        now.save(RESULTS / f"{name}.png")
        pytest.fail(
            f"{changed or 'All'} pixels changed, sizes {before.size} and {now.size}."
            f" Compare {RESULTS / name}.png with {SHEETS / name}.webp, and if it shall look so, run make pictures."
        )
