"""On which schemas code may run."""

import pytest

from app.domain.schema_version import Fit, judge


@pytest.mark.parametrize(
    ("database", "code", "fit"),
    [
        (None, "0015", Fit.OLDER),
        ("0014", "0015", Fit.OLDER),
        ("0014", "0016_from_0014", Fit.OLDER),
        ("0015", "0015", Fit.CURRENT),
        ("0016_from_0015", "0016_from_0015", Fit.CURRENT),
        ("0016_from_0015", "0015", Fit.NEWER),
        ("0018_from_0015", "0016_from_0015", Fit.NEWER),
        ("0018_from_0017", "0016_from_0015", Fit.TOO_NEW),
        ("0016", "0015", Fit.TOO_NEW),
        ("0016_from_0014", "0016_from_0015", Fit.TOO_NEW),
        ("0015_from_0014", "0015", Fit.TOO_NEW),
        ("27c6a30d7c24", "0015", Fit.TOO_NEW),
        ("", "0015", Fit.TOO_NEW),
    ],
)
def test_judges_by_the_ids(database: str | None, code: str, fit: Fit) -> None:
    assert judge(database, code) is fit
