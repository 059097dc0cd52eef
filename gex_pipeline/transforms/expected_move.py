"""Table `expected_move`: per expiry, the move that at-the-money IV and the straddle price."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.expected_move import interpolate_variance, neighbours, pick, straddle_usd, straddle_vol
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import category, expiry_columns, floats, frame


def expected_move(book: Book) -> pl.DataFrame:
    """Frame of table `expected_move` for all venue sets and expiries of a book."""
    smiles = book.smiles
    forward, variance, straddle_variance = smiles.forward, smiles.atm_variance, _straddle_variance(book)
    root = np.sqrt(np.where(np.isnan(straddle_variance), variance, straddle_variance))
    straddle = _straddle(forward, np.sqrt(straddle_variance))
    return frame(
        {
            **expiry_columns(book),
            "forward_usd": floats(forward),
            "atm_iv": floats(smiles.atm_iv),
            "em_1sd_usd": floats(forward * np.sqrt(variance)),
            "em_straddle_usd": floats(straddle),
            "em_1sd_straddle_usd": floats(np.sqrt(0.5 * np.pi) * straddle),
            "upper_1sd": floats(forward * np.exp(root)),
            "lower_1sd": floats(forward * np.exp(-root)),
            "upper_2sd": floats(forward * np.exp(2 * root)),
            "lower_2sd": floats(forward * np.exp(-2 * root)),
            "status": category(np.isnan(root).astype(np.intp), ("ok", "empty")),
        }
    )


def _straddle_variance(book: Book) -> Floats:
    """Total variance at K = F of the straddles at the nearest strikes either side with both marks above 0."""
    smiles = book.smiles
    marks = book.expiries.means(book.contracts.mark)[smiles.snapshots, smiles.sets, smiles.expiries]
    call_mark, put_mark = marks[:, 0], marks[:, 1]
    with np.errstate(invalid="ignore"):
        is_usable = (call_mark > 0) & (put_mark > 0)
    sides = neighbours(smiles.strikes, is_usable, smiles.forward)
    k, price = (np.stack([pick(values, side) for side in sides]) for values in (smiles.strikes, call_mark + put_mark))
    variance = straddle_vol(price, np.broadcast_to(smiles.forward, k.shape), k) ** 2
    return interpolate_variance(k[0], k[1], variance[0], variance[1], smiles.forward)


def _straddle(forward: Floats, v: Floats) -> Floats:
    """Price of the straddle struck at the forward, NaN where v is."""
    out = np.full(v.shape, np.nan)
    known = ~np.isnan(v)
    out[known] = straddle_usd(forward[known], forward[known], v[known])
    return out
