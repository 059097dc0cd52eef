"""Table `expected_move`: per expiry, the move that at-the-money IV and the straddle price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.expected_move import interpolate_variance, neighbours, straddle_usd, straddle_vol
from gex_pipeline.core.profile import Ints
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import category, floats, frame, instants, set_columns


@dataclass(frozen=True)
class _Expiries:
    """Per-expiry inputs of shape (n,) and per-strike ones of shape (n, strikes), for all venue sets."""

    forward: Floats
    tenor: Floats
    strikes: Floats
    iv: Floats
    call_mark: Floats
    put_mark: Floats


def expected_move(book: Book) -> pl.DataFrame:
    """Frame of table `expected_move` for all venue sets and expiries of a book."""
    books = book.expiries
    sets, snapshots, expiries = books.present
    e = _inputs(book, sets, snapshots, expiries)
    variance, straddle_variance = _atm_variance(e), _straddle_variance(e)
    atm_iv = np.sqrt(variance / e.tenor)
    one_sd = e.forward * np.sqrt(variance)
    root = np.sqrt(np.where(np.isnan(straddle_variance), variance, straddle_variance))
    straddle = _straddle(e.forward, np.sqrt(straddle_variance))
    return frame(
        {
            **set_columns(book, sets, snapshots),
            "expiry_at": instants(books.expiries_us[expiries]),
            "forward_usd": floats(e.forward),
            "atm_iv": floats(atm_iv),
            "em_1sd_usd": floats(one_sd),
            "em_straddle_usd": floats(straddle),
            "em_1sd_straddle_usd": floats(np.sqrt(0.5 * np.pi) * straddle),
            "upper_1sd": floats(e.forward * np.exp(root)),
            "lower_1sd": floats(e.forward * np.exp(-root)),
            "upper_2sd": floats(e.forward * np.exp(2 * root)),
            "lower_2sd": floats(e.forward * np.exp(-2 * root)),
            "status": category(np.isnan(root).astype(np.intp), ("ok", "empty")),
        }
    )


def _inputs(book: Book, sets: Ints, snapshots: Ints, expiries: Ints) -> _Expiries:
    books, c = book.expiries, book.contracts
    where = (snapshots, sets, expiries)
    sides = books.means(c.iv)[where]
    marks = books.means(c.mark)[where]
    one_side = np.where(np.isnan(sides[:, 0]), sides[:, 1], sides[:, 0])
    iv = np.where(np.isnan(sides).any(axis=1), one_side, 0.5 * (sides[:, 0] + sides[:, 1]))
    return _Expiries(
        forward=books.forwards[where],
        tenor=books.tenors(snapshots, expiries),
        strikes=books.strikes[expiries],
        iv=iv,
        call_mark=marks[:, 0],
        put_mark=marks[:, 1],
    )


def _pick(values: Floats, index: Ints) -> Floats:
    """``values[row, index]``, NaN where the index is -1."""
    picked = values[np.arange(len(index)), np.maximum(index, 0)]
    return np.where(index >= 0, picked, np.nan)


def _atm_variance(e: _Expiries) -> Floats:
    """Total variance at K = F between the bracketing strikes that have an IV; NaN outside them."""
    low, high = neighbours(e.strikes, ~np.isnan(e.iv), e.forward)
    variance = e.iv**2 * e.tenor[:, None]
    k_low, k_high = _pick(e.strikes, low), _pick(e.strikes, high)
    return interpolate_variance(k_low, k_high, _pick(variance, low), _pick(variance, high), e.forward)


def _straddle_variance(e: _Expiries) -> Floats:
    """Total variance at K = F of the straddles at the nearest strikes either side with both marks above 0."""
    with np.errstate(invalid="ignore"):
        is_usable = (e.call_mark > 0) & (e.put_mark > 0)
    straddle = e.call_mark + e.put_mark
    sides = neighbours(e.strikes, is_usable, e.forward)
    k, price = (np.stack([_pick(values, side) for side in sides]) for values in (e.strikes, straddle))
    variance = straddle_vol(price, np.broadcast_to(e.forward, k.shape), k) ** 2
    return interpolate_variance(k[0], k[1], variance[0], variance[1], e.forward)


def _straddle(forward: Floats, v: Floats) -> Floats:
    """Price of the straddle struck at the forward, NaN where v is."""
    out = np.full(v.shape, np.nan)
    known = ~np.isnan(v)
    out[known] = straddle_usd(forward[known], forward[known], v[known])
    return out
