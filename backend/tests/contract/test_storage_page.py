"""docs/reference/storage-engines.md matches the contract suite. conftest.py runs this file last."""

import os

import pytest

from tests.contract import test_object_storage
from tests.contract.conftest import KNOWN_DIFFERENCES, RESULTS
from tests.contract.storage_page import GUARANTEES, PAGE, render


def test_every_test_of_the_suite_backs_one_guarantee() -> None:
    tested = {name.removeprefix("test_") for name in vars(test_object_storage) if name.startswith("test_")}
    named = [test for guarantee in GUARANTEES for test in guarantee.tests]

    assert sorted(named) == sorted(tested)


def test_every_known_difference_is_listed() -> None:
    known = {difference for differences in KNOWN_DIFFERENCES.values() for difference in differences}

    assert known == {guarantee.difference for guarantee in GUARANTEES if guarantee.difference}


def test_the_page_matches_the_results() -> None:
    if not RESULTS.has_all():
        pytest.skip("the page is compared when the whole suite ran on every engine")
    fresh = render(RESULTS, KNOWN_DIFFERENCES)
    if os.environ.get("SLIPWAY_WRITE_STORAGE_PAGE"):
        PAGE.write_text(fresh, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == fresh, "run `make engines` and commit the page"
