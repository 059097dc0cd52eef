"""Which rows cannot be used, and why. Belongs here: the rules of `chain_rejected`, one reason a row.

The rules stand in the order of ``REASONS``: the first that applies is the reason.
"""

from __future__ import annotations

import polars as pl

from gex_pipeline.schema.chain import CAP_IV, MINIMUM_IV, MOST_COINS, REASONS

_RULES: dict[str, pl.Expr] = {
    "name_not_parsed": ~pl.col("is_named"),
    "no_strike": ~(pl.col("strike_usd") > 0).fill_null(False),
    "no_expiry": pl.col("expiry_at").is_null(),
    "no_option_type": pl.col("option_type").is_null(),
    "expired": pl.col("tenor_years") <= 0,
    "no_iv": ~(pl.col("mark_iv") > 0).fill_null(False),  # venues write -1 for none as well
    "iv_out_of_range": (pl.col("mark_iv") < MINIMUM_IV) | (pl.col("mark_iv") >= CAP_IV),
    "no_forward": ~(pl.col("forward_usd") > 0).fill_null(False),
    "no_index": ~(pl.col("index_usd") > 0).fill_null(False),
    "no_open_interest": pl.col("open_interest_coin").is_null(),
    "open_interest_negative": pl.col("open_interest_coin") < 0,
    "open_interest_out_of_range": pl.col("open_interest_coin") > MOST_COINS,
    "duplicate": pl.col("is_duplicate"),
}


def reason() -> pl.Expr:
    """The first reason that applies to a row, null for a row that can be used."""
    return pl.coalesce(pl.when(_RULES[name]).then(pl.lit(name)) for name in REASONS).alias("reason")
