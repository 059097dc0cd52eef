"""Gamma and open interest by strike, one contract after the other (definitions, section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.slow.exposure import Row, gross_gex, sign


def cells(rows: list[Row], key: Callable[[Row], Any], sign_model: str) -> dict[Any, dict[str, float]]:
    """Key -> sums of the contracts with it, by the column names of the macros."""
    table: dict[Any, dict[str, float]] = {}
    for row in rows:
        side = "call" if row["option_type"] == "C" else "put"
        cell = table.setdefault(key(row), dict.fromkeys(COLUMNS, 0.0))
        signed = sign(row, sign_model) * gross_gex(row)
        cell[f"{side}_gex_usd"] += signed
        cell["net_gex_usd"] += signed
        cell["gross_gex_usd"] += gross_gex(row)
        cell[f"{side}_oi_coin"] += row["open_interest_coin"]
    return table


COLUMNS = ("call_gex_usd", "put_gex_usd", "net_gex_usd", "gross_gex_usd", "call_oi_coin", "put_oi_coin")
