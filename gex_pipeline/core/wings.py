"""The wings of a smile: the IV at which an option has a given delta.

Belongs here: interpolation in delta. Not: the smile between strikes (see `smile`), the IV at the forward (see
`expected_move`). Delta is plain Black-76, not premium-adjusted, whatever the contracts settle in.
"""

from __future__ import annotations

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.expected_move import interpolate_variance, pick


def delta_sizes(f: Floats, strikes: Floats, t: Floats, iv: Floats, *, is_call: bool) -> Floats:
    """|delta| of the contracts of one type, shape (n, strikes); NaN where ``iv`` or the strike is.

    ``f`` (USD) and ``t`` (years) have shape (n,), ``strikes`` (USD) and ``iv`` shape (n, strikes).
    """
    return np.abs(black76.delta(f[:, None], strikes, t[:, None], iv, np.asarray(is_call)))


def iv_at_delta(size: Floats, iv: Floats, target: float) -> Floats:
    """IV at |delta| = ``target``, total variance linear in delta between the two contracts around it.

    The two are the first contract, going out of the money, whose |delta| is at most the target, and the contract with
    an IV before it: quotes of the far wing that contradict the others have no say.

    Parameters
    ----------
    size, iv
        |delta| and IV (a fraction), shape (n, strikes), columns from the deepest in the money outwards: strikes of
        calls ascending, of puts descending. NaN where there is no contract. One tenor per row, so that IV squared
        stands for total variance.

    Returns
    -------
    Shape (n,), a fraction; NaN where no contract is beyond the target or none before it.
    """
    is_known = ~np.isnan(size)
    index = np.arange(int(size.shape[1]))
    with np.errstate(invalid="ignore"):
        is_beyond = is_known & (size <= target)
    outer = np.where(is_beyond.any(axis=1), is_beyond.argmax(axis=1), -1)
    inner = np.where(is_known & (index < outer[:, None]), index, -1).max(axis=1)
    d_outer, w_outer = pick(size, outer), pick(iv, outer) ** 2
    goal = np.full(len(size), target)
    w = interpolate_variance(d_outer, pick(size, inner), w_outer, pick(iv, inner) ** 2, goal)
    return np.sqrt(np.where(d_outer == target, w_outer, w))
