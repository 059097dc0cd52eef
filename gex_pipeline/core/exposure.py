"""Dealer exposures of single contracts, in dollars.

Belongs here: greek x open interest x unit, premium adjustment, signs. Not: sums over strikes (transforms, SQL).

A positive number means that dealers, under the sign model, hold the position that is long the greek. The sign model is
an assumption about who holds what, not an observation: `naive` says that customers sell calls (overwriting) and buy
puts (protection), so that dealers are long calls and short puts. Any long option has positive gamma, any short option
negative gamma, call or put alike.

Source: definitions 3 and 6. Premium adjustment: delta measured in coins of a coin-settled option is delta - V/F.
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.units import DAYS_PER_YEAR, ONE_PERCENT, ONE_VOL_POINT

#: sign model -> (sign of the dealers' calls, sign of their puts)
SIGNS: dict[str, tuple[float, float]] = {
    "naive": (1.0, -1.0),
    "short_all": (-1.0, -1.0),
    "unsigned": (1.0, 1.0),
}


def gex_usd(f: Floats, k: Floats, t: Floats, s: Floats, oi: Floats) -> Floats:
    """Gross dollar gamma: change of delta in coins for a 1 % move, valued at f. Never negative."""
    return black76.gamma(f, k, t, s) * f * f * oi * ONE_PERCENT


def dex_usd(f: Floats, k: Floats, t: Floats, s: Floats, is_call: Bools, oi: Floats, is_adjusted: Bools) -> Floats:
    """Dollar delta of a long position; premium-adjusted where ``is_adjusted``."""
    delta = black76.delta(f, k, t, s, is_call)
    premium = np.where(is_adjusted, black76.price(f, k, t, s, is_call) / f, 0.0)
    return (delta - premium) * oi * f


def vex_usd(f: Floats, k: Floats, t: Floats, s: Floats, oi: Floats, is_adjusted: Bools) -> Floats:
    """Change of dollar delta of a long position for +1 vol point; premium-adjusted where ``is_adjusted``."""
    premium = np.where(is_adjusted, black76.vega(f, k, t, s) / f, 0.0)
    return (black76.vanna(f, k, t, s) - premium) * oi * f * ONE_VOL_POINT


def chex_usd(f: Floats, k: Floats, t: Floats, s: Floats, oi: Floats, is_adjusted: Bools) -> Floats:
    """First-order change of dollar delta of a long position over one day; premium-adjusted where ``is_adjusted``."""
    premium = np.where(is_adjusted, black76.theta(f, k, t, s) / f, 0.0)
    return (black76.charm(f, k, t, s) - premium) * oi * f / DAYS_PER_YEAR


def chex_to_expiry_usd(
    f: Floats, k: Floats, t: Floats, s: Floats, is_call: Bools, oi: Floats, years_to_settlement: Floats
) -> Floats:
    """Exact change of dollar delta of a long position to the next 08:00 UTC, f and s kept.

    ``years_to_settlement`` is the time from the snapshot to that instant. Contracts that expire by then take delta 0
    or +-1, one half at k = f.
    """
    left = np.maximum(t - years_to_settlement, 0.0)
    # A tenor of a few float roundings is the expiry itself, not a microsecond before it.
    left = np.where(left < 1e-12, 0.0, left)
    later = black76.delta(f, k, left, s, is_call)
    return (later - black76.delta(f, k, t, s, is_call)) * oi * f
