"""What many tests, and many variants that trade, say together. Pure.

The variants: White's (2000, doi:10.1111/1468-0262.00152) reality check and Hansen's (2005,
doi:10.1198/073500105000000063) test of superior predictive ability, both by `arch`. The tests: q-values of Benjamini
and Hochberg (1995, doi:10.1111/j.2517-6161.1995.tb02031.x), by `statsmodels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gex_backtest.estimates import LEAST, SEED, block_length
from gex_backtest.study import OK, Estimate
from gex_pipeline.core.black76 import Floats

_DRAWS = 999


@dataclass(frozen=True)
class Family:
    """Whether the best of all variants that were tried is better than holding nothing.

    ``reality_check_p_value``: of the best mean of daily returns, if all truly were 0; ``spa_p_value``: of the best mean
    in standard deviations, where variants that are far below 0 do not count. None, and the reason as ``status``, where
    there is too little data. ``variants``: all that trade; ``days``: of returns.
    """

    variants: int
    days: int
    spa_p_value: float | None = None
    reality_check_p_value: float | None = None
    status: str = OK


def family(daily: Sequence[Floats]) -> Family:
    """The family of all variants, from the daily returns of each, all of the same days."""
    n, days = len(daily), len(daily[0]) if daily else 0
    varied = [returns for returns in daily if days and np.ptp(returns) > 0]
    if not varied:
        return Family(n, days, status="no variant trades")
    if days < LEAST:
        return Family(n, days, status="too few days")
    returns = np.column_stack(varied)
    block = block_length(returns)
    spa, reality = _p_value(returns / returns.std(axis=0), block, "consistent"), _p_value(returns, block, "upper")
    return Family(n, days, spa, reality)


def _p_value(returns: Floats, block: int, centring: str) -> float:
    """By `arch`, which leaves it to us to divide by standard deviations; never 0, as the sample is a draw too."""
    from arch.bootstrap import SPA

    test = SPA(np.zeros(len(returns)), -returns, block_size=block, reps=_DRAWS, seed=SEED)
    test.compute()
    return (float(test.pvalues.to_dict()[centring]) * _DRAWS + 1.0) / (_DRAWS + 1.0)


def q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """The share of false discoveries to expect if each test counts whose q-value is at most this one's.

    None where there is no p-value, which is no test.
    """
    from statsmodels.stats.multitest import multipletests

    told = [p for p in p_values if p is not None]
    found = iter(np.asarray(multipletests(told, method="fdr_bh")[1]).tolist() if told else [])
    return [None if p is None else next(found) for p in p_values]


def grid_q_values(estimates: Sequence[Estimate]) -> list[float | None]:
    """Of each estimate among those of its name: levels, lines, leads or hours of which each might stand out."""
    grids = {
        name: iter(q_values([each.p_value for each in estimates if each.name == name]))
        for name in {estimate.name for estimate in estimates}
    }
    return [next(grids[estimate.name]) for estimate in estimates]


def documents(estimates: Sequence[Estimate]) -> list[dict[str, Any]]:
    """All of each by name, with its q-value in its grid."""
    qs = grid_q_values(estimates)
    return [{**estimate.document(), "q_value": q} for estimate, q in zip(estimates, qs, strict=True)]
