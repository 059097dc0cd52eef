"""When what is around the chain was fetched last, per venue, table and coin; of candles also per market.

Histories are noted up to where they were walked, whether they had rows or not; bars and prices of now tell it
themselves. It is late only where it is fetched again and again: a history that was fetched by hand is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import polars as pl

from gex_pipeline.engine.freshness import HOUR
from gex_pipeline.engine.known import walked_ends
from gex_pipeline.engine.outcomes import IS_LIVE
from gex_pipeline.schema import CANDLES, DVOL, PERPS
from gex_pipeline.schema.model import Table
from gex_pipeline.store.partitions import Store

#: They are fetched every hour: two runs may fail.
_LATE = timedelta(hours=3)
#: A table of a venue of which nothing is newer is not fetched every hour.
_RECURS = timedelta(days=7)
#: Bars of a day are fetched, and over, once a day.
_IS_SHORT = pl.col("close_at") - pl.col("open_at") <= HOUR


class Kind(NamedTuple):
    """A table of a venue; of candles also the market, else it is empty."""

    venue: str
    table: str
    market: str = ""


@dataclass(frozen=True)
class Fetch:
    """Until when a table of a venue is known of a coin, by what was fetched.

    ``is_late``: the hourly runs fail, or have stopped.
    """

    kind: Kind
    coin: str
    age_seconds: float
    is_late: bool


def fetches(store: Store, now: datetime) -> list[Fetch]:
    """One of each venue, table, market and coin that was ever fetched, sorted."""
    last: dict[tuple[Kind, str], datetime] = {}
    for kind, coin, end in _ends(store):
        last[kind, coin] = max(end, last.get((kind, coin), end))
    newest: dict[Kind, datetime] = {}
    for (kind, _), end in last.items():
        newest[kind] = max(end, newest.get(kind, end))
    return [
        Fetch(kind, coin, (now - end).total_seconds(), now - end > _LATE and now - newest[kind] <= _RECURS)
        for (kind, coin), end in sorted(last.items())
    ]


def _ends(store: Store) -> Iterator[tuple[Kind, str, datetime]]:
    bars = [(CANDLES, "close_at", _IS_SHORT), (DVOL, "close_at", _IS_SHORT), (PERPS, "snapshot_at", pl.lit(value=True))]
    stored = [row for of in bars for row in _stored_ends(store, *of)]
    yield from stored
    coins = {coin for _, coin, _ in stored}
    for venue, table, words, end in walked_ends(store):
        yield from ((Kind(venue, table), word, end) for word in words if word in coins)


def _stored_ends(store: Store, table: Table, column: str, where: pl.Expr) -> Iterator[tuple[Kind, str, datetime]]:
    """The latest times of what was fetched, not imported, among the last two files of a coin."""
    is_fetched = IS_LIVE & where
    market = pl.col("market").cast(pl.String) if "market" in table.names else pl.lit("")
    columns = [column, *is_fetched.meta.root_names(), *market.meta.root_names()]
    for _, files in groupby(store.partitions(table), lambda p: p.hive):
        last = list(files)[-2:]
        rows = pl.concat(store.read(p, tuple(dict.fromkeys(columns)), is_fetched) for p in last)
        of_market = rows.with_columns(market.alias("market")).group_by("market").agg(pl.col(column).max())
        for name, end in of_market.rows():
            yield Kind(last[0].value("venue"), table.name, name), last[0].value("underlying"), end
