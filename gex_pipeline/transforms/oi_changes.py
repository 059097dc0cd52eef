"""Open interest per expiry and strike now, at an earlier snapshot, and the difference.

Belongs here: two chains of one underlying and the same venues -> rows. Which snapshots: `engine.changes`.
"""

from __future__ import annotations

import polars as pl

from gex_pipeline.transforms.contracts import CONTRACT, Contracts
from gex_pipeline.transforms.strike_profile import strike_profile

_KEY = ("expiry_at", "strike_usd")
_SIDES = {"call": "C", "put": "P"}


def oi_changes(now: pl.DataFrame, before: pl.DataFrame | None, rejected: pl.DataFrame | None = None) -> pl.DataFrame:
    """Rows expiry_at, strike_usd, call_ and put_oi_coin, _oi_before_coin, _oi_change_coin, is_new; sorted.

    Only what is listed now: an expired contract is gone, one that cannot be used now is not guessed. A strike of an
    expiry that had no contract before is new: null before, its change is all that it has. Without ``before`` everything
    about it is null.

    ``rejected``: venue and instrument of what had no usable row before. It was listed, and nobody knows how much of it
    was held: a side with such a contract now has null before and no change.
    """
    cells = _open_interest(now)
    if before is None:
        absent = [
            pl.lit(None, pl.Float64).alias(f"{s}_oi_{what}_coin") for s in _SIDES for what in ("before", "change")
        ]
        return cells.with_columns(*absent, is_new=pl.lit(None, pl.Boolean))
    earlier = _open_interest(before).rename({f"{s}_oi_coin": f"{s}_oi_before_coin" for s in _SIDES})
    unknown = _unknown(now, now.select(CONTRACT).clear() if rejected is None else rejected)
    joined = cells.join(earlier, on=_KEY, how="left").join(unknown, on=_KEY, how="left").sort(_KEY)
    is_new = pl.col("call_oi_before_coin").is_null() & pl.col("is_call_unknown").is_null()
    whole = joined.with_columns(is_new=is_new)
    return whole.with_columns(*map(_before, _SIDES), *map(_change, _SIDES)).drop(f"is_{s}_unknown" for s in _SIDES)


def _open_interest(chain: pl.DataFrame) -> pl.DataFrame:
    return strike_profile(Contracts.from_chain(chain)).select(*_KEY, *(f"{s}_oi_coin" for s in _SIDES))


def _unknown(now: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """The cells with a contract that was rejected, and on which side: is_call_unknown, is_put_unknown."""
    names = pl.col(CONTRACT).cast(pl.String)
    there = now.with_columns(names).join(rejected.select(names), on=CONTRACT, how="semi")
    is_there = ((pl.col("option_type") == kind).any().alias(f"is_{side}_unknown") for side, kind in _SIDES.items())
    return there.group_by(_KEY).agg(*is_there)


def _known(side: str) -> pl.Expr:
    """Open interest before: nobody held what was not listed, and what could not be used is null."""
    is_unknown = pl.col(f"is_{side}_unknown").fill_null(value=False)
    return pl.when(~is_unknown).then(pl.col(f"{side}_oi_before_coin").fill_null(0.0))


def _before(side: str) -> pl.Expr:
    return pl.when(~pl.col("is_new")).then(_known(side)).alias(f"{side}_oi_before_coin")


def _change(side: str) -> pl.Expr:
    return (pl.col(f"{side}_oi_coin") - _known(side)).alias(f"{side}_oi_change_coin")
