"""Dollar gamma and open interest per expiry and strike of one snapshot, for any sign model and strike window.

The view `exposure` has the same columns for the naive signs per venue; this serves questions with filters.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.signs import TAKER
from gex_pipeline.transforms.contracts import Contracts
from gex_pipeline.transforms.frames import floats, instants


def strike_profile(contracts: Contracts, sign_model: str = "naive") -> pl.DataFrame:
    """Rows expiry_at, strike_usd, call_, put_, net_, gross_gex_usd, call_oi_coin, put_oi_coin, sorted.

    All venues and snapshots of ``contracts`` are summed: pass one snapshot. A side without a contract is 0. By the
    trades a contract without any adds nothing to the gamma: a side of such contracts alone is null, net and gross of
    a cell too.
    """
    cells, cell = np.unique(np.column_stack([contracts.expiry_us, contracts.strike]), axis=0, return_inverse=True)
    cell = cell.reshape(-1)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(cell, values, len(cells))

    held = contracts.by_trades() if sign_model == TAKER else contracts
    is_known = ~np.isnan(contracts.dealer) if sign_model == TAKER else np.ones(len(contracts.oi), dtype=bool)
    gex = held.signs(sign_model) * held.gex
    sides = (contracts.is_call, ~contracts.is_call)
    call_gex, put_gex = (total(gex * side) for side in sides)
    call_unknown, put_unknown = ((total(side) > 0) & (total(side & is_known) == 0) for side in sides)
    is_unknown = total(is_known) == 0
    return pl.DataFrame(
        {
            "expiry_at": instants(cells[:, 0]),
            "strike_usd": cells[:, 1],
            "call_gex_usd": floats(call_gex, call_unknown),
            "put_gex_usd": floats(put_gex, put_unknown),
            "net_gex_usd": floats(call_gex + put_gex, is_unknown),
            "gross_gex_usd": floats(total(held.gex), is_unknown),
            "call_oi_coin": total(contracts.oi * contracts.is_call),
            "put_oi_coin": total(contracts.oi * ~contracts.is_call),
        }
    )
