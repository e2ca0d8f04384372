"""Each seeded defect must be caught by the suite meant for it."""

from pathlib import Path

import pytest

from tests.crash.conftest import NewWorlds
from tests.crash.defects import DEFECTS, Defect
from tests.crash.report import write_line
from tests.crash.suites import Suite

ONLY_HERE = {
    suite.name: suite
    for suite in (defect.caught_by for defect in DEFECTS)
    if suite.name.startswith(("invariants after", "a sweep keeps", "race", "model"))
}
"""Other tests show that the other suites find nothing without a defect."""


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
async def test_catches_seeded_defect(
    new_world: NewWorlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Defect
) -> None:
    defect.switch(monkeypatch)

    found = await defect.caught_by.run(new_world, tmp_path)

    write_line({"defect": defect.name, "caught_by": defect.caught_by.name if found else None})
    assert found, defect.breaks


@pytest.mark.parametrize("suite", ONLY_HERE.values(), ids=ONLY_HERE)
async def test_finds_nothing_without_defect(new_world: NewWorlds, tmp_path: Path, suite: Suite) -> None:
    assert await suite.run(new_world, tmp_path) == []
