"""Rows of many markets -> how often a rule finds what is not there (size), and what is (power). Pure."""

from __future__ import annotations

from typing import Any

import polars as pl
from scipy.stats import binomtest

from gex_backtest.rules import RULES
from gex_backtest.verdicts import LEVEL

#: What the size of a test at 5 % has to lie within.
LEAST, MOST = 0.03, 0.08


def size(rows: pl.DataFrame) -> pl.DataFrame:
    """Per rule of the markets without effects, as fractions of those that had enough data.

    Returns
    -------
    ``rule``, ``days``, ``markets``, ``told`` (markets with enough data), ``size`` (share of these apart from 0 at 5 %)
    with its 95 % interval ``low`` and ``high`` (Wilson), null where none had enough, and ``careless``, the same share
    of the careless twin.
    """
    without = rows.filter(pl.col("effect") == 0.0)
    return _shares(without, ["rule", "days"], pl.col("p_value") < LEVEL, "size", "told")


def power(rows: pl.DataFrame) -> pl.DataFrame:
    """Per rule, days and size of effects, as fractions of all markets: too little data finds nothing.

    Returns
    -------
    As :func:`size`, with ``effect`` (multiple of the usual market's) and ``power``: share apart from 0 at 5 % with the
    sign that is claimed.
    """
    claimed = pl.col("rule").replace_strict({name: rule.claimed for name, rule in RULES.items()})
    is_found = (pl.col("p_value") < LEVEL) & (pl.col("value") * claimed > 0)
    there = rows.filter(pl.col("effect") > 0.0, pl.col("rule").is_in(list(RULES)))  # others have no claim any more
    return _shares(there, ["rule", "days", "effect"], is_found, "power", "markets")


def document(rows: pl.DataFrame) -> dict[str, Any]:
    """Both tables as JSON has them."""
    return {"size": size(rows).to_dicts(), "power": power(rows).to_dicts()}


def is_sound(measured: pl.DataFrame) -> bool:
    """Whether every size, rows of :func:`size`, is within the bounds."""
    return measured["size"].is_between(LEAST, MOST).all()


def _shares(rows: pl.DataFrame, by: list[str], is_found: pl.Expr, name: str, of: str) -> pl.DataFrame:
    counts = rows.group_by(by).agg(
        markets=pl.len(),
        told=pl.col("p_value").count(),
        found=is_found.sum(),
        careless=(pl.col("careless_p_value") < LEVEL).mean(),
    )
    counts = counts.sort(by)
    pairs = zip(counts["found"].to_list(), counts[of].to_list(), strict=True)
    bounds = [binomtest(k, n).proportion_ci(method="wilson") if n else None for k, n in pairs]
    return counts.with_columns(
        pl.Series("low", [each and float(each.low) for each in bounds], dtype=pl.Float64),
        pl.Series("high", [each and float(each.high) for each in bounds], dtype=pl.Float64),
        **{name: pl.when(pl.col(of) > 0).then(pl.col("found") / pl.col(of))},
    ).drop("found")
