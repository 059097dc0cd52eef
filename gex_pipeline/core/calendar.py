"""The calendar of expiries: settlement instants and expiry types.

All four venues settle at 08:00 UTC; there are no holidays and no business days.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

SETTLEMENT_TIME = time(8, 0, tzinfo=UTC)
#: No market is older; and not every clock can say the times before.
FIRST_YEAR = 1970
_FRIDAY = 4
_QUARTER_ENDS = (3, 6, 9, 12)


def expiry_type(day: date) -> str:
    """`quarterly` (last Friday of Mar/Jun/Sep/Dec), `monthly` (last Friday), `weekly` (Friday) or `daily`."""
    if day.weekday() != _FRIDAY:
        return "daily"
    if (day + timedelta(days=7)).month == day.month:
        return "weekly"
    return "quarterly" if day.month in _QUARTER_ENDS else "monthly"


def is_opex(day: date) -> bool:
    """True for monthly and quarterly expiries."""
    return expiry_type(day) in ("monthly", "quarterly")


def next_settlement(instant: datetime) -> datetime:
    """The next 08:00 UTC strictly later than ``instant`` (which must carry a time zone)."""
    today = datetime.combine(instant.astimezone(UTC).date(), SETTLEMENT_TIME)
    return today if today > instant else today + timedelta(days=1)
