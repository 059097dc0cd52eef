"""Rows of many markets -> how often a rule finds what is not there (size), and what is (power). Pure."""

from __future__ import annotations

import polars as pl
from scipy.stats import binomtest

from gex_backtest.rules import RULES
from gex_backtest.verdicts import LEVEL

#: What the size of a 5 % test has to lie within.
LEAST, MOST = 0.03, 0.08


def size(rows: pl.DataFrame) -> pl.DataFrame:
    """Per rule of null markets, as fractions of those that had enough data.

    Returns
    -------
    ``rule``, ``days``, ``markets``, ``told`` (markets with enough data), ``size`` (share of these apart from 0 at 5 %)
    with its 95 % interval ``low`` and ``high`` (Wilson), ``careless`` (the same share of the twin).
    """
    null = rows.filter(pl.col("effect") == 0.0)
    is_found, is_careless = pl.col("p_value") < LEVEL, pl.col("careless_p_value") < LEVEL
    return _with_interval(_shares(null, ["rule", "days"], is_found, is_careless), "size", "told")


def power(rows: pl.DataFrame) -> pl.DataFrame:
    """Per rule, days and size of the effects, as fractions of all markets: too little data finds nothing.

    Returns
    -------
    As :func:`size`, with ``effect`` (multiple of the usual market's) and ``power``: share apart from 0 at 5 % with the
    sign that is claimed.
    """
    claimed = pl.col("rule").replace_strict({name: rule.claimed for name, rule in RULES.items()})
    is_found = (pl.col("p_value") < LEVEL) & (pl.col("value") * claimed > 0)
    there = rows.filter(pl.col("effect") > 0.0)
    found = _shares(there, ["rule", "days", "effect"], is_found, pl.col("careless_p_value") < LEVEL)
    return _with_interval(found, "power", "markets")


def _shares(rows: pl.DataFrame, by: list[str], is_found: pl.Expr, is_careless: pl.Expr) -> pl.DataFrame:
    return (
        rows.group_by(by)
        .agg(
            markets=pl.len(),
            told=pl.col("p_value").count(),
            found=is_found.sum(),
            careless=is_careless.mean(),
        )
        .sort(by)
    )


def _with_interval(shares: pl.DataFrame, name: str, of: str) -> pl.DataFrame:
    """The share found with its interval; null where there is nothing to take a share of."""
    pairs = zip(shares["found"].to_list(), shares[of].to_list(), strict=True)
    bounds = [binomtest(k, n).proportion_ci(method="wilson") if n else None for k, n in pairs]
    columns = {
        name: pl.when(pl.col(of) > 0).then(pl.col("found") / pl.col(of)),
        "low": pl.Series([each.low if each else None for each in bounds], dtype=pl.Float64),
        "high": pl.Series([each.high if each else None for each in bounds], dtype=pl.Float64),
    }
    return shares.with_columns(**columns).drop("found")
