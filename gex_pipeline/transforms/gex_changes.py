"""The strikes whose net gamma changed most between two snapshots, and what it is due to; naive signs.

Belongs here: two chains of one underlying and the same venues -> rows. Which snapshots: `engine.changes`.

Per contract, with g the signed dollar gamma of one coin: expiry -OI_before g_before for what has expired in between;
open interest (OI - OI_before) g_before, and OI g for a contract that was not listed before; the rest is price, IV and
time, OI (g - g_before), and all of a contract that has no usable row now, or was listed and had none before. The three
add up to the change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import group_sum
from gex_pipeline.core.signs import SIGNS
from gex_pipeline.core.strike_levels import StrikeBooks, largest
from gex_pipeline.core.units import FLOOR, ONE_PERCENT
from gex_pipeline.transforms.contracts import CONTRACT
from gex_pipeline.transforms.frames import floats

#: What one contract is at one venue, in the order in which contracts are added up.
_CONTRACT = ("strike_usd", "expiry_at", "venue", "instrument")
_NUMBERS = ("oi", "per_coin", "oi_before", "per_coin_before")
_COMPARED = ("net_gex_before_usd", "change_usd", "expired_usd", "oi_usd", "rest_usd")


def gex_changes(
    now: pl.DataFrame, before: pl.DataFrame | None, rejected: pl.DataFrame | None = None, *, spot_usd: float, top: int
) -> pl.DataFrame:
    """Rows rank, strike_usd, net_gex_usd, net_gex_before_usd, change_usd, expired_usd, oi_usd, rest_usd; by rank.

    At most ``top`` strikes by falling |change|; one below 1e-6 of gross has no rank, ties go to the strike nearer
    spot. Without ``before``: the strikes with the largest |net| now, all but their net null.
    ``rejected``: venue and instrument of what had no usable row before.
    """
    none = now.clear()
    pairs = _Pairs.of(now, none if before is None else before, none if rejected is None else rejected)
    strikes, strike = np.unique(pairs.strike, return_inverse=True)
    sums = {name: group_sum(strike, values, len(strikes)) for name, values in pairs.parts().items()}
    gross = np.maximum(*(group_sum(strike, np.abs(x), len(strikes)) for x in (pairs.gex, pairs.gex_before)))
    score = sums["net_gex_usd" if before is None else "change_usd"]
    chosen = _largest(strikes, np.abs(score), gross, spot_usd, top)
    rows = pl.DataFrame({"strike_usd": strikes[chosen], **{name: floats(v[chosen]) for name, v in sums.items()}})
    if before is None:
        absent = [pl.lit(None, pl.Float64).alias(name) for name in _COMPARED]
        return rows.with_columns(*absent, rank=pl.lit(None, pl.Int64))
    return rows.with_columns(rank=pl.int_range(1, pl.len() + 1))


def _largest(strikes: Floats, score: Floats, gross: Floats, spot_usd: float, top: int) -> np.ndarray:
    """Indices of the strikes with the largest score, largest first."""
    whole = gross[None]
    books = StrikeBooks(strikes, np.array([spot_usd]), whole, np.zeros_like(whole), whole, whole >= 0)
    count = min(top, len(strikes))
    choices = largest(score[None], books.is_listed, books, count, FLOOR * books.total_gross)[0]
    return choices[choices >= 0]


@dataclass(frozen=True)
class _Pairs:
    """The contracts of either snapshot as arrays of shape (contracts,).

    ``oi`` in coins, ``per_coin`` the signed dollar gamma of one; both 0 where the snapshot has no such row.
    """

    strike: Floats
    oi: Floats
    per_coin: Floats
    oi_before: Floats
    per_coin_before: Floats
    is_listed: Bools
    was_usable: Bools
    was_rejected: Bools
    is_expired: Bools

    @staticmethod
    def of(now: pl.DataFrame, before: pl.DataFrame, rejected: pl.DataFrame) -> _Pairs:
        at = now["snapshot_at"].max()
        both = _contracts(now).join(_contracts(before), on=_CONTRACT, how="full", coalesce=True, suffix="_before")
        stated = rejected.select(pl.col(CONTRACT).cast(pl.String), was_rejected=True).unique()
        both = both.join(stated, on=CONTRACT, how="left").sort(_CONTRACT)
        numbers = {name: both[name].fill_null(0.0).to_numpy() for name in _NUMBERS}
        return _Pairs(
            strike=both["strike_usd"].to_numpy(),
            **numbers,
            is_listed=both["oi"].is_not_null().to_numpy(),
            was_usable=both["oi_before"].is_not_null().to_numpy(),
            was_rejected=both["was_rejected"].is_not_null().to_numpy(),
            is_expired=(both["expiry_at"] <= at).to_numpy(),
        )

    @property
    def gex(self) -> Floats:
        return self.oi * self.per_coin

    @property
    def gex_before(self) -> Floats:
        return self.oi_before * self.per_coin_before

    def parts(self) -> dict[str, Floats]:
        """The columns that are summed by strike, USD per 1 % move."""
        change = self.gex - self.gex_before
        expired = np.where(self.is_expired, -self.gex_before, 0.0)
        held = np.where(self.is_listed & self.was_usable, (self.oi - self.oi_before) * self.per_coin_before, 0.0)
        oi = np.where(self.was_usable | self.was_rejected, held, self.gex)
        return {
            "net_gex_usd": self.gex,
            "net_gex_before_usd": self.gex_before,
            "change_usd": change,
            "expired_usd": expired,
            "oi_usd": oi,
            "rest_usd": change - expired - oi,
        }


def _contracts(chain: pl.DataFrame) -> pl.DataFrame:
    numbers = ("forward_usd", "strike_usd", "tenor_years", "mark_iv")
    f, k, t, s = (chain[name].to_numpy() for name in numbers)
    sign = np.where(chain["option_type"] == "C", *SIGNS["naive"])
    return chain.select(
        "strike_usd",
        "expiry_at",
        pl.col("venue", "instrument").cast(pl.String),
        oi="open_interest_coin",
        per_coin=pl.Series(sign * black76.gamma(f, k, t, s) * f * f * ONE_PERCENT),
    )
