"""The tape of one underlying: its trades until the end of a period, as running sums per contract.

Belongs here: what trades say of a chain's contracts. Not: which files they are read from (`engine.tapes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import polars as pl

from gex_pipeline.core import inventory
from gex_pipeline.core.inventory import NONE, PARTS_PER_COIN, Running, Whole
from gex_pipeline.core.units import HOUR_US
from gex_pipeline.transforms.contracts import of_runs
from gex_pipeline.transforms.taker_flow import KINDS, signed_parts

_CONTRACT = ["venue", "instrument"]
_ROW = (*_CONTRACT, "at_us", *KINDS, "n_trades")
#: Later than any snapshot.
_NEVER = 2**62


@dataclass(frozen=True)
class Tape:
    """Running sums of a period's trades, at whose begin all earlier days count.

    ``contracts``: venue, instrument (`Categorical`) and ``is_old``: whether it was listed when the trades of its venue
    began; sorted by venue and instrument, a row's number is that in ``sums``. ``first_us``: per venue its first trade,
    in microseconds since 1970. ``hours``: per venue the hours since 1970 that have trades, ascending.
    """

    begin_us: int
    contracts: pl.DataFrame
    sums: Running
    first_us: Mapping[str, int]
    hours: Mapping[str, Whole]

    @staticmethod
    def from_rows(
        begin: datetime,
        flows: pl.DataFrame,
        trades: pl.DataFrame,
        old: pl.DataFrame,
        first_us: Mapping[str, int],
        hours: Mapping[str, Whole],
    ) -> Tape:
        """From rows of `taker_flow` before ``begin`` and of `trades` since; ``old``: venue and instrument."""
        begin_us = round(begin.timestamp() * 1e6)
        rows = pl.concat([_earlier(flows), _since(trades, begin_us)])
        known = pl.concat([rows.select(_CONTRACT, is_old=pl.lit(value=False)), old.with_columns(is_old=True)])
        contracts = known.group_by(_CONTRACT).agg(pl.col("is_old").any()).sort(_CONTRACT).with_row_index("number")
        number = rows.join(contracts, on=_CONTRACT, how="left", maintain_order="left")["number"]
        sums = Running.from_rows(_whole(number), _whole(rows["at_us"]), rows.select(*KINDS, "n_trades").to_numpy())
        coded = contracts.select("venue", pl.col("instrument").cast(pl.Categorical), "is_old")
        return Tape(begin_us, coded, sums, first_us, hours)

    def on(self, chain: pl.DataFrame) -> pl.DataFrame:
        """Rows of `chain` within the period, with what the tape says of each.

        ``last_trade``: number of the contract's last row in ``sums`` by then, ``NONE`` without any; ``dealer_coin``:
        dealers' position, null without one; ``is_whole``: false where the tape may have begun after the contract was
        listed, or not yet.
        """
        number, at_us = self._numbers(chain), _whole(chain["snapshot_at"])
        first_us = of_runs(chain["venue"], lambda venue: self.first_us.get(venue, _NEVER))
        last = self.sums.last(number, at_us - self.begin_us)
        is_old = np.append(self.contracts["is_old"].to_numpy(), False)[number]
        held = inventory.dealers(inventory.coins(self.sums.held[last, 0]), chain["open_interest_coin"].to_numpy())
        return chain.with_columns(
            pl.Series("last_trade", last),
            pl.Series("dealer_coin", np.where(last == NONE, np.nan, held), nan_to_null=True),
            pl.Series("is_whole", (at_us >= first_us) & ~is_old),
        )

    def _numbers(self, chain: pl.DataFrame) -> Whole:
        """Number of each row's contract; of one that the tape does not know, the number after the last."""
        venues, numbers = self._by_code
        venue = of_runs(chain["venue"], lambda name: venues.get(name, len(venues)))
        return numbers[venue, np.minimum(_code(chain), numbers.shape[1] - 1)]

    @cached_property
    def _by_code(self) -> tuple[dict[str, int], Whole]:
        """Number of each venue, and of each contract by venue and code; past the last of either that of no contract."""
        venues = {str(name): i for i, name in enumerate(self.contracts["venue"].unique())}
        code, n = _code(self.contracts), len(self.contracts)
        numbers = np.full((len(venues) + 1, code.max(initial=-1) + 2), n)
        numbers[of_runs(self.contracts["venue"], venues.__getitem__), code] = np.arange(n)
        return venues, numbers

    def hours_without(self, venue: str, snapshots_us: np.ndarray) -> np.ndarray:
        """Whole hours from that of the venue's first trade until each snapshot's that have no trade."""
        first, now = self.first_us[venue] // HOUR_US, snapshots_us // HOUR_US
        return now - first - np.searchsorted(self.hours[venue], now)


def hours_of(flows: pl.DataFrame, trades: pl.DataFrame) -> dict[str, Whole]:
    """Per venue the hours since 1970 that have trades, ascending, from all rows of `taker_flow` and `trades`."""
    days = flows.group_by("venue", "day_at").agg(pl.col("hours").bitwise_or())
    every = days.join(pl.DataFrame({"hour": range(24)}), how="cross").filter(
        pl.col("hours") // 2 ** pl.col("hour") % 2 == 1
    )
    earlier = every.select("venue", hour=pl.col("day_at").cast(pl.Int64) // HOUR_US + pl.col("hour"))
    later = trades.select("venue", hour=pl.col("traded_at").cast(pl.Int64) // HOUR_US)
    both = pl.concat([earlier, later]).unique().sort("venue", "hour")
    return {str(venue): _whole(rows["hour"]) for (venue,), rows in both.group_by("venue", maintain_order=True)}


def _earlier(flows: pl.DataFrame) -> pl.DataFrame:
    parts = {kind: (pl.col(f"{kind}_coin") * PARTS_PER_COIN).round().cast(pl.Int64) for kind in KINDS}
    return flows.select(*_CONTRACT, pl.lit(0, pl.Int64).alias("at_us"), n_trades="n_trades", **parts).select(_ROW)


def _since(trades: pl.DataFrame, begin_us: int) -> pl.DataFrame:
    at_us = pl.col("traded_at").cast(pl.Int64) - begin_us
    return signed_parts(trades).with_columns(at_us=at_us, n_trades=pl.lit(1, pl.Int64)).select(_ROW)


def _code(contracts: pl.DataFrame) -> Whole:
    """The instruments by number: that of a string stays as long as any `Categorical` lives, as a tape's own does."""
    return _whole(contracts["instrument"].cast(pl.Categorical).to_physical())


def _whole(values: pl.Series) -> Whole:
    return values.cast(pl.Int64).to_numpy()
