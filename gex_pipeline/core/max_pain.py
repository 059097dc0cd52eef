"""Max pain: the listed strike at which the holders of one expiry's options are paid least.

Belongs here: the payout curve and its minimum per expiry. Expiries are never pooled.
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.profile import Ints

# Payouts are sums of about a hundred products; two that differ by less than this share are equal.
_TIE = 1e-12


def payout_usd(strikes: Floats, call_oi: Floats, put_oi: Floats) -> Floats:
    """Holders' payout in USD at every strike: sum OI_c max(P-K, 0) + OI_p max(K-P, 0).

    Parameters
    ----------
    strikes
        Shape (..., strikes), ascending along the last axis.
    call_oi, put_oi
        Same shape, coins.
    """
    calls = strikes * np.cumsum(call_oi, -1) - np.cumsum(call_oi * strikes, -1)
    puts = _cumsum_from_right(put_oi * strikes) - strikes * _cumsum_from_right(put_oi)
    return calls + puts


def _cumsum_from_right(x: Floats) -> Floats:
    return np.cumsum(x[..., ::-1], -1)[..., ::-1]


def lowest(payout: Floats, is_listed: Bools) -> Ints:
    """Index of the lowest payout among listed strikes along the last axis; ties go to the lowest strike.

    Where nothing is listed the index is 0: the caller knows which expiries are empty.
    """
    value = np.where(is_listed, payout, np.inf)
    least = value.min(-1, keepdims=True)
    scale = np.where(is_listed, payout, 0.0).max(-1, keepdims=True)
    return (value <= least + _TIE * scale).argmax(-1)
