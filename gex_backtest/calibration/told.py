"""The tables of a calibration in words and cells: what the terminal and the page say alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from gex_backtest.calibration import tables
from gex_backtest.calibration.plan import EFFECTS

SIZE = ("rule", "days", "markets", "enough data", "size", "95 %", "careless test")
POWER = ("rule", "days", "markets", *(f"x {effect:g}" for effect in EFFECTS), "careless, x 1")
NOTE = (
    "Measured on made-up markets, whose truth is known. Size: share of those without any effect in which a test at 5 % "
    "finds one, of those with enough data. Power: share of all markets in which the claim is supported, where hedging "
    "is felt so many times as strongly as in the usual market. Careless test: the same claim without controls, "
    "placebos or allowance for overlap; found with either sign, of those with enough data for it."
)


def size_rows(rows: pl.DataFrame) -> Iterator[list[str]]:
    """Cells below ``SIZE``."""
    for row in tables.size(rows).iter_rows(named=True):
        interval = "" if row["low"] is None else f"{_share(row['low'])} to {_share(row['high'])}"
        counts = [f"{row[name]:,}" for name in ("days", "markets", "told")]
        yield [row["rule"], *counts, _share(row["size"]), interval, _share(row["careless"])]


def power_rows(rows: pl.DataFrame) -> Iterator[list[str]]:
    """Cells below ``POWER``."""
    found = tables.power(rows)
    for (rule, days), part in found.group_by("rule", "days", maintain_order=True):
        by_effect = {row["effect"]: row for row in part.iter_rows(named=True)}
        cells = [_share(by_effect[effect]["power"]) if effect in by_effect else "" for effect in EFFECTS]
        yield [
            str(rule),
            f"{days:,}",
            f"{part['markets'].max():,}",
            *cells,
            _share(by_effect[1.0]["careless"]) if 1.0 in by_effect else "",
        ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}".replace("%", " %")
