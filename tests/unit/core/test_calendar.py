"""The calendar of expiries: every day of it has one type, weekends too."""

from __future__ import annotations

import calendar as python_calendar
from datetime import UTC, date, datetime, timedelta

import pytest

from gex_pipeline.core.calendar import expiry_type, is_opex, next_settlement


def last_friday(year: int, month: int) -> date:
    """From the weeks of a printed calendar."""
    weeks = python_calendar.monthcalendar(year, month)
    return date(year, month, max(week[4] for week in weeks))


@pytest.mark.parametrize("year", [2023, 2024, 2026, 2027])
def test_every_day_of_a_year(year: int) -> None:
    day = date(year, 1, 1)
    while day.year == year:
        if day == last_friday(year, day.month):
            want = "quarterly" if day.month % 3 == 0 else "monthly"
        else:
            want = "weekly" if day.isoweekday() == 5 else "daily"
        assert expiry_type(day) == want, day
        assert is_opex(day) == (want in ("monthly", "quarterly"))
        day += timedelta(days=1)


@pytest.mark.parametrize("day", [date(2026, 1, 31), date(2026, 2, 1), date(2026, 3, 28), date(2026, 3, 29)])
def test_weekends_are_daily(day: date) -> None:
    """Beside an OPEX Friday as well, and at the ends of a month."""
    assert expiry_type(day) == "daily"


def test_settlement_is_every_day_at_eight() -> None:
    """Saturday follows Friday: no business days."""
    friday = datetime(2026, 3, 27, 8, tzinfo=UTC)
    for at, want in ((-1, 0), (0, 24), (1, 24), (24, 48), (47, 48)):
        assert next_settlement(friday + timedelta(hours=at)) == friday + timedelta(hours=want)
