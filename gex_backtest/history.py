"""All that a backtest reads of one underlying, each row with the instant at which it was known. Not: reading it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from gex_backtest.bars import Bars

#: Where a settlement price is from: published by venues; the mean of closes in the half hour before; or, with bars of
#: which but one closes in it, the close of that one.
CANDLES, CANDLE_CLOSE = "candles", "candle_close"
ORIGINS = ("venue", CANDLES, CANDLE_CLOSE)


@dataclass(frozen=True, eq=False)
class History:
    """Bars and tables of one underlying; instants are microseconds UTC, missing numbers null.

    Attributes
    ----------
    bars
        Of one instrument.
    levels
        As `levels_wide` of all venues by the naive signs, ascending by ``snapshot_at``: one row a snapshot and
        ``scope`` (all_expiry, odte).
    books
        One row a snapshot, ascending: ``knowledge_time``, ``iv30`` (a fraction), ``call_near_share`` (share of the
        calls' open interest that is struck at most 5 % from spot), ``put_volume_coin`` and ``call_volume_coin`` (of the
        last 24 hours), ``strikes`` (all listed strikes, USD).
    expiring
        One row a snapshot and expiry of at most 97 hours ahead (72, and a day for what is stored daily):
        ``knowledge_time``, ``strikes``, ``gross_gex_usd`` and ``oi_coin`` per strike (lists of one length),
        ``max_pain_usd``.
    settlements
        One row an expiry: ``expiry_at``, ``knowledge_time``, ``price_usd``, ``origin``, one of ``ORIGINS``.
    funding
        Ascending: ``funding_at``, ``funding_rate`` (share of the notional that longs pay then), ``period_hours`` (of
        the time before that it is paid for; null where the venue does not say).
    dvol
        Ascending: ``close_at`` and ``close`` (vol points) of bars that do not overlap, the finest of each time.
    """

    underlying: str
    bars: Bars
    levels: pl.DataFrame
    books: pl.DataFrame
    expiring: pl.DataFrame
    settlements: pl.DataFrame
    funding: pl.DataFrame
    dvol: pl.DataFrame

    def until(self, at: datetime) -> History:
        """Only what was known at an instant."""
        us = round(at.timestamp() * 1e6)
        known = {name: getattr(self, name).filter(pl.col("knowledge_time") <= at) for name in _KNOWN}
        timed = {name: getattr(self, name).filter(pl.col(time) <= at) for name, time in _TIMED.items()}
        n_bars = int(np.searchsorted(self.bars.close_at, us, side="right"))
        return replace(self, bars=self.bars[:n_bars], **known, **timed)

    def delayed(self, by_us: int) -> History:
        """The same, all levels and books known later."""
        later = pl.col("knowledge_time") + pl.duration(microseconds=by_us)
        tables = {name: getattr(self, name).with_columns(later) for name in ("levels", "books", "expiring")}
        return replace(self, **tables)


_KNOWN = ("levels", "books", "expiring", "settlements")
#: Tables whose rows are known at the instant that they are of.
_TIMED = {"funding": "funding_at", "dvol": "close_at"}
