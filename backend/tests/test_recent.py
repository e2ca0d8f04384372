"""A bounded number of values."""

from app.core.recent import Recent


def test_the_one_asked_for_least_recently_goes() -> None:
    recent = Recent[str](2)
    for key in ("a", "b", "a", "c"):
        recent.get(key, lambda key=key: key)  # type: ignore[misc]  # bound to this turn's key

    assert [key in recent for key in ("a", "b", "c")] == [True, False, True]


def test_a_value_is_made_once() -> None:
    recent = Recent[int](2)
    made = iter(range(10))

    assert [recent.get("a", lambda: next(made)) for _ in range(3)] == [0, 0, 0]
