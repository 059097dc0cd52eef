"""Dollar gamma and open interest per expiry and strike of one snapshot, for any sign model and strike window.

The view `exposure` has the same columns for the naive signs per venue; this serves questions with filters.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.signs import TAKER
from gex_pipeline.transforms.contracts import Contracts
from gex_pipeline.transforms.frames import instants


def strike_profile(contracts: Contracts, sign_model: str = "naive") -> pl.DataFrame:
    """Rows expiry_at, strike_usd, call_, put_, net_, gross_gex_usd, call_oi_coin, put_oi_coin, sorted.

    All venues and snapshots of ``contracts`` are summed: pass one snapshot. By the trades a contract without any adds
    nothing to the gamma.
    """
    cells, cell = np.unique(np.column_stack([contracts.expiry_us, contracts.strike]), axis=0, return_inverse=True)
    cell = cell.reshape(-1)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(cell, values, len(cells))

    held = contracts.by_trades() if sign_model == TAKER else contracts
    gex = held.signs(sign_model) * held.gex
    call_gex, put_gex = (total(gex * side) for side in (contracts.is_call, ~contracts.is_call))
    return pl.DataFrame(
        {
            "expiry_at": instants(cells[:, 0]),
            "strike_usd": cells[:, 1],
            "call_gex_usd": call_gex,
            "put_gex_usd": put_gex,
            "net_gex_usd": call_gex + put_gex,
            "gross_gex_usd": total(held.gex),
            "call_oi_coin": total(contracts.oi * contracts.is_call),
            "put_oi_coin": total(contracts.oi * ~contracts.is_call),
        }
    )
