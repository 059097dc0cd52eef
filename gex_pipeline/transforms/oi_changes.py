"""Open interest per expiry and strike now, at an earlier snapshot, and the difference.

Belongs here: two chains of one underlying and the same venues -> rows. Which snapshots: `engine.changes`.
"""

from __future__ import annotations

import polars as pl

from gex_pipeline.transforms.contracts import Contracts
from gex_pipeline.transforms.strike_profile import strike_profile

_KEY = ("expiry_at", "strike_usd")
_SIDES = ("call", "put")


def oi_changes(now: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Rows expiry_at, strike_usd, call_ and put_oi_coin, _oi_before_coin, _oi_change_coin, is_new; sorted.

    Only what is listed now: an expired contract is gone, one that cannot be used now is not guessed. A strike of an
    expiry that had no contract before is new: null before, its change is all that it has. Without ``before`` everything
    about it is null.
    """
    cells = _open_interest(now)
    if before is None:
        absent = [
            pl.lit(None, pl.Float64).alias(f"{s}_oi_{what}_coin") for s in _SIDES for what in ("before", "change")
        ]
        return cells.with_columns(*absent, is_new=pl.lit(None, pl.Boolean))
    earlier = _open_interest(before).rename({f"{s}_oi_coin": f"{s}_oi_before_coin" for s in _SIDES})
    joined = cells.join(earlier, on=_KEY, how="left").sort(_KEY)
    return joined.with_columns(*map(_change, _SIDES), is_new=pl.col("call_oi_before_coin").is_null())


def _open_interest(chain: pl.DataFrame) -> pl.DataFrame:
    return strike_profile(Contracts.from_chain(chain)).select(*_KEY, *(f"{s}_oi_coin" for s in _SIDES))


def _change(side: str) -> pl.Expr:
    # nobody held what was not listed
    earlier = pl.col(f"{side}_oi_before_coin").fill_null(0.0)
    return (pl.col(f"{side}_oi_coin") - earlier).alias(f"{side}_oi_change_coin")
