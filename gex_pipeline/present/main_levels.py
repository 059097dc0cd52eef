"""What is told of a coin in one line, on a terminal as on a page: spot, net GEX and the levels one looks at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from gex_pipeline.present import text
from gex_pipeline.present.answer import Answer

_LEVELS = ("zero_gamma", "call_resistance", "put_support")
#: What the levels of :func:`main_levels` are called.
HEADINGS = tuple(name.replace("_", " ") for name in _LEVELS)


class LevelCell(NamedTuple):
    """A level: its price, or why it has none; its distance from spot, empty where there is none; its status."""

    value: str
    away: str
    status: str


def main_levels(answer: Answer) -> tuple[str, str, list[LevelCell]]:
    """Spot, net GEX and the main levels, of all expiries."""
    whole = answer.levels.filter(pl.col("scope") == "all_expiry")
    rows = {row["level"]: row for row in whole.iter_rows(named=True)}
    net = text.amount(float(whole["net_gex_usd"][0]), is_signed=True) if whole.height else ""
    return text.price(answer.spot_usd), net, [level_cell(rows.get(name), answer.spot_usd) for name in _LEVELS]


def level_cell(row: Mapping[str, Any] | None, spot_usd: float) -> LevelCell:
    """A row of `levels`; all is empty where there is none."""
    if row is None:
        return LevelCell("", "", "")
    value, status = row["value_usd"], row["status"]
    return LevelCell(text.price(value) or status, "" if value is None else text.percent(value / spot_usd - 1), status)
