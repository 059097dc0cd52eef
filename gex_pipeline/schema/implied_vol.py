"""Derived table `implied_vol`: at-the-money IV at constant maturities."""

from gex_pipeline.schema.common import KNOWLEDGE_TIME, SNAPSHOT_AT, UNDERLYING, VENUES
from gex_pipeline.schema.model import Column, Table


def _iv(name: str, description: str) -> Column:
    return Column(name, "float", "1", f"{description}, annual, a fraction.", True, 0.0, is_minimum_open=True)


IMPLIED_VOL = Table(
    name="implied_vol",
    description="At-the-money IV at constant maturities, and IV at 25 delta.",
    columns=(
        SNAPSHOT_AT,
        KNOWLEDGE_TIME,
        UNDERLYING,
        VENUES,
        *(_iv(f"iv{days}", f"At-the-money IV at {days} days") for days in (7, 30, 90, 180)),
        _iv("iv30_put_25d", "IV of the 25-delta put at 30 days"),
        _iv("iv30_call_25d", "IV of the 25-delta call at 30 days"),
        Column("status", "category", "", "Whether there is a 30-day IV.", choices=("ok", "empty", "outside")),
    ),
    key=("snapshot_at", "underlying", "venues"),
    hive=("underlying",),
    period="day",
    sort=("venues", "snapshot_at"),
)
