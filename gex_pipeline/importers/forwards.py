"""Forward and index of rows whose source gives none.

Belongs here: put-call parity and the front forward (definitions, section 1). Not here: which rows are usable.
"""

from __future__ import annotations

import polars as pl

PAIRS = 5  # strikes with the smallest |C - P| that the median is taken over
_BOOK = ["snapshot_at", "underlying", "settlement"]  # a frame is of one venue
_EXPIRY = [*_BOOK, "expiry_at"]


def with_parity_forward(frame: pl.LazyFrame, is_usable: pl.Expr, is_in_coin: pl.Expr) -> pl.LazyFrame:
    """Fill ``forward_usd``, ``index_usd`` and their sources by put-call parity.

    Per expiry F = median of K + (C - P) over the five strikes with the smallest |C - P|, both marks > 0, ties the lower
    strike. An expiry without a pair takes the index; a missing index is the forward of the nearest expiry with a pair.
    ``is_usable``: rows that are contracts at all (named, not expired, not superseded). ``is_in_coin``: rows whose marks
    c, p are in coin; C = c F turns F = K + (C - P) into F = K / (1 - (c - p)).
    """
    forwards = _parity(frame.filter(is_usable & (pl.col("mark_usd") > 0)), is_in_coin)
    front = _front(forwards.rename({"parity": "forward_usd"}))
    joined = _left(_left(frame, forwards, _EXPIRY), front, _BOOK)
    index = pl.coalesce("index_usd", "front")
    return joined.with_columns(
        forward_usd=pl.coalesce("parity", index),
        forward_source=pl.when(pl.col("parity").is_not_null()).then(pl.lit("parity")).otherwise(pl.lit("index")),
        index_source=_index_source(),
        index_usd=index,
    ).drop("parity", "front")


def with_front_forward(frame: pl.LazyFrame, is_usable: pl.Expr) -> pl.LazyFrame:
    """Fill a missing ``index_usd`` with the median forward of the nearest unexpired expiry of the same book."""
    front = _front(frame.filter(is_usable & (pl.col("forward_usd") > 0)))
    joined = _left(frame, front, _BOOK)
    return joined.with_columns(
        forward_source=pl.lit("venue"),
        index_source=_index_source(),
        index_usd=pl.coalesce("index_usd", "front"),
    ).drop("front")


def _index_source() -> pl.Expr:
    return pl.when(pl.col("index_usd").is_not_null()).then(pl.lit("venue")).otherwise(pl.lit("front_forward"))


def _left(frame: pl.LazyFrame, other: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    return frame.join(other, on=keys, how="left", maintain_order="left")


def _parity(marks: pl.LazyFrame, is_in_coin: pl.Expr) -> pl.LazyFrame:
    """Forward per expiry from the rows with a mark; column ``parity``."""
    sides = [*_EXPIRY, "strike_usd", "mark_usd"]
    # two books of one strike (bybit's USDC and USDT): the first by name, so that C and P are of the same one
    marks = marks.sort("instrument").unique([*_EXPIRY, "strike_usd", "option_type"], keep="first", maintain_order=True)
    calls = marks.filter(pl.col("option_type") == "C").select(sides)
    puts = marks.filter(pl.col("option_type") == "P").select(sides)
    pairs = calls.join(puts, on=[*_EXPIRY, "strike_usd"], suffix="_put")
    strike, difference = pl.col("strike_usd"), pl.col("mark_usd") - pl.col("mark_usd_put")
    forward = pl.when(is_in_coin).then(strike / (1 - difference)).otherwise(strike + difference)
    return (
        pairs.with_columns(_difference=difference.abs(), _forward=forward)
        .sort("_difference", "strike_usd")
        .group_by(_EXPIRY, maintain_order=True)
        .agg(parity=pl.col("_forward").head(PAIRS).median())
    )


def _front(forwards: pl.LazyFrame) -> pl.LazyFrame:
    """Median forward of the nearest expiry per book; column ``front``."""
    is_front = pl.col("expiry_at") == pl.col("expiry_at").min().over(_BOOK)
    return forwards.filter(is_front).group_by(_BOOK).agg(front=pl.col("forward_usd").median())
