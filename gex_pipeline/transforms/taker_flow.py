"""Table `taker_flow`: the trades of a day, signed and summed per contract. Positions are sums of days."""

from __future__ import annotations

import polars as pl

from gex_pipeline.core.instruments import parse
from gex_pipeline.core.inventory import PARTS_PER_COIN
from gex_pipeline.schema import TAKER_FLOW
from gex_pipeline.schema.types import polars_schema

#: Columns of `trades` that are read.
COLUMNS = (
    "venue",
    "underlying",
    "instrument",
    "traded_at",
    "knowledge_time",
    "taker_side",
    "amount_coin",
    "is_block",
    "combo_id",
)
#: Kinds of amounts, in the order of the sums everywhere: all trades, block trades, legs of combinations.
KINDS = ("flow", "block", "combo")
_CONTRACT = ("venue", "underlying", "instrument")


def taker_flow(trades: pl.DataFrame) -> pl.DataFrame:
    """Frame of table `taker_flow` from rows of `trades` of one venue and underlying, in any order.

    Amounts are counted in whole parts of a coin (`core.inventory`): sums are exact whatever the order.
    """
    names = trades["instrument"].unique()
    expiries = {name: _expiry(trades["venue"][0], name) for name in names}
    signed = signed_parts(trades).with_columns(
        day_at=pl.col("traded_at").dt.truncate("1d"), hour=pl.col("traded_at").dt.hour().cast(pl.Int64)
    )
    by_hour = signed.group_by(*_CONTRACT, "day_at", "hour").agg(
        pl.col(KINDS).sum(), pl.len().cast(pl.Int64), pl.col("traded_at").min(), pl.col("knowledge_time").max()
    )
    by_day = by_hour.group_by(*_CONTRACT, "day_at").agg(
        pl.col("knowledge_time").max(),
        pl.col("traded_at").min().alias("first_trade_at"),
        *((pl.col(kind).sum() / PARTS_PER_COIN).alias(f"{kind}_coin") for kind in KINDS),
        pl.col("len").sum().alias("n_trades"),
        (2 ** pl.col("hour")).sum().cast(pl.Int64).alias("hours"),
    )
    expiry_at = pl.col("instrument").replace_strict(expiries, return_dtype=pl.Datetime("us", "UTC"))
    return by_day.with_columns(expiry_at=expiry_at).select(TAKER_FLOW.names).cast(polars_schema(TAKER_FLOW))


def signed_parts(trades: pl.DataFrame) -> pl.DataFrame:
    """The trades with their signed amounts in whole parts of a coin, takers' purchases +: columns KINDS."""
    sign = pl.when(pl.col("taker_side") == "buy").then(1).otherwise(-1)
    amount = (pl.col("amount_coin") * PARTS_PER_COIN).round().cast(pl.Int64) * sign
    is_block, is_combo = pl.col("is_block").fill_null(value=False), pl.col("combo_id").is_not_null()
    return trades.with_columns(flow=amount, block=amount * is_block, combo=amount * is_combo)


def _expiry(venue: str, name: str) -> object:
    contract = parse(venue, name)
    if contract is None:
        raise ValueError(f"{name} is no option of {venue}")
    return contract.expiry_at
