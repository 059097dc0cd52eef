"""Table `taker_inventory`: what takers hold of each contract by the stored trades, where that has changed."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core import inventory
from gex_pipeline.core.inventory import NONE, Whole
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.units import DAY_US
from gex_pipeline.schema import TAKER_INVENTORY
from gex_pipeline.transforms.taker_flow import KINDS
from gex_pipeline.transforms.tape import Tape

_COINS = ("inventory_coin", "block_coin", "combo_coin")


def taker_inventory(chain: pl.DataFrame, tape: Tape) -> pl.DataFrame:
    """Frame of table `taker_inventory` from rows of `chain`, venue by venue, with the columns of :meth:`Tape.on`."""
    last = chain["last_trade"].to_numpy()
    rows = _first_to_know(last, chain["snapshot_at"].cast(pl.Int64).to_numpy() // DAY_US)
    found = chain.select(n for n in TAKER_INVENTORY.names if n in chain.columns)[rows]
    sums = tape.sums.held[last[rows]]
    coins = {name: pl.Series(inventory.coins(sums[:, i])) for i, name in enumerate(_COINS)}
    found = found.with_columns(**coins, n_trades=pl.Series(sums[:, len(KINDS)]))
    return found.select(TAKER_INVENTORY.names).sort("snapshot_at", maintain_order=True)


def _first_to_know(last_trade: Whole, day: Whole) -> Ints:
    """The first row of each day of each trade that is any row's last, ascending; none of ``NONE``."""
    known = np.flatnonzero(last_trade != NONE)
    code = (day - day.min(initial=2**62)) * (int(last_trade.max(initial=0)) + 1) + last_trade
    _, first = np.unique(code[known], return_index=True)
    return np.sort(known[first])
