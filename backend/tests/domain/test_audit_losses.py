"""Losses are counted by the hour, for a day, and those of older hours are not kept."""

from datetime import UTC, datetime, timedelta

from app.domain.audit_losses import with_one_more, within_a_day

NOW = datetime(2026, 3, 14, 15, 9, tzinfo=UTC)


def test_losses_of_one_hour_and_of_several_add_up() -> None:
    losses = with_one_more(with_one_more({}, NOW), NOW + timedelta(minutes=50))
    losses = with_one_more(losses, NOW + timedelta(minutes=51))

    assert losses == {"2026-03-14T15": 2, "2026-03-14T16": 1}
    assert within_a_day(losses, NOW + timedelta(hours=1)) == 3


def test_no_loss_of_the_last_day_is_left_out() -> None:
    losses = with_one_more({}, NOW)

    assert within_a_day(losses, NOW + timedelta(days=1)) == 1
    assert within_a_day(losses, NOW + timedelta(days=1, hours=1)) == 0


def test_hours_that_do_not_count_any_more_are_not_kept() -> None:
    losses = with_one_more({}, NOW)

    assert with_one_more(losses, NOW + timedelta(days=2)) == {"2026-03-16T15": 1}


def test_the_hour_is_utc() -> None:
    elsewhere = NOW.astimezone(datetime.strptime("+0530", "%z").tzinfo)

    assert with_one_more({}, elsewhere) == with_one_more({}, NOW)
