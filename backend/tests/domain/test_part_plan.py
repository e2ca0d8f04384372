"""Plan the parts of known sizes and of any size."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.part_plan import MAX_PART_BYTES, MIB, S3_MAX_PARTS, S3_MIN_PART_BYTES, PartPlan, plan_parts

GIB = 1024 * MIB
TWO_GIB = 2 * GIB

any_size = st.integers(min_value=1, max_value=TWO_GIB)


@pytest.mark.parametrize(
    ("size_bytes", "part_size_bytes", "part_count", "last_bytes"),
    [
        (1, 5 * MIB, 1, 1),
        (5 * MIB - 1, 5 * MIB, 1, 5 * MIB - 1),
        (5 * MIB, 5 * MIB, 1, 5 * MIB),
        (5 * MIB + 1, 5 * MIB, 2, 1),
        (30 * MIB, 5 * MIB, 6, 5 * MIB),
        (30 * MIB + 1, 6 * MIB, 6, 1),
        (36 * MIB, 6 * MIB, 6, 6 * MIB),
        (90 * MIB, 15 * MIB, 6, 15 * MIB),
        (96 * MIB, 16 * MIB, 6, 16 * MIB),
        (96 * MIB + 1, 16 * MIB, 7, 1),
        (GIB, 16 * MIB, 64, 16 * MIB),
        (TWO_GIB - 1, 16 * MIB, 128, 16 * MIB - 1),
        (TWO_GIB, 16 * MIB, 128, 16 * MIB),
    ],
)
def test_plans_known_sizes(size_bytes: int, part_size_bytes: int, part_count: int, last_bytes: int) -> None:
    plan = plan_parts(size_bytes)

    assert plan == PartPlan(size_bytes, part_size_bytes)
    assert plan.part_count == part_count
    assert plan.part_bytes(part_count) == last_bytes


@given(any_size)
@example(1)
@example(TWO_GIB)
def test_parts_add_up_to_the_file(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)

    assert sum(plan.part_bytes(number) for number in range(1, plan.part_count + 1)) == size_bytes


@given(any_size)
def test_only_last_part_is_smaller(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)

    assert {plan.part_bytes(number) for number in range(1, plan.part_count)} <= {plan.part_size_bytes}
    assert 1 <= plan.part_bytes(plan.part_count) <= plan.part_size_bytes


@given(any_size)
def test_plans_stay_within_limits(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)

    assert S3_MIN_PART_BYTES <= plan.part_size_bytes <= MAX_PART_BYTES
    assert plan.part_size_bytes % MIB == 0
    assert plan.part_count <= S3_MAX_PARTS


@given(any_size)
def test_plans_six_parts_or_more(size_bytes: int) -> None:
    plan = plan_parts(size_bytes)

    assert plan.part_count <= 6 or plan.part_size_bytes == MAX_PART_BYTES


@pytest.mark.parametrize("size_bytes", [0, -1])
def test_refuses_empty_file(size_bytes: int) -> None:
    with pytest.raises(ValueError, match="empty"):
        plan_parts(size_bytes)


@pytest.mark.parametrize("part_number", [-1, 0, 3, 10_000])
def test_refuses_length_of_part_outside_the_plan(part_number: int) -> None:
    with pytest.raises(ValueError, match=r"outside 1\.\.2"):
        plan_parts(5 * MIB + 1).part_bytes(part_number)
