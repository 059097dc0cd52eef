"""Which snapshot a decision may use: the latest that was known by then, unless it is stale. Pure."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gex_backtest.bars import HOUR_US, Ints

#: A level older than so many usual intervals between snapshots is absent.
STALE_INTERVALS = 2
#: The usual interval is the median of so many last distances between snapshots; before there are two, an hour.
_DISTANCES = 5


def known_rows(snapshot_us: Ints, knowledge_us: Ints, decided_us: Ints, latency_us: int) -> Ints:
    """Row of the latest snapshot known at each decision, -1 where there is none or it is stale.

    Parameters
    ----------
    snapshot_us, knowledge_us
        Shape (snapshots,), the first ascending: what instant each describes, and when it could first be used.
    decided_us
        Shape (decisions,): a snapshot counts if known ``latency_us`` before.
    """
    if not len(snapshot_us):
        return np.full(len(decided_us), -1)
    order = np.argsort(knowledge_us, kind="stable")
    latest = np.maximum.accumulate(order)
    event = np.searchsorted(knowledge_us[order], decided_us - latency_us, side="right") - 1
    row = np.where(event >= 0, latest[event], -1)
    age = decided_us - snapshot_us[row]
    is_used = (event >= 0) & (age <= STALE_INTERVALS * _usual_interval_us(snapshot_us, latest)[event])
    return np.where(is_used, row, -1)


def _usual_interval_us(snapshot_us: Ints, latest: Ints) -> Ints:
    """Usual distance between the snapshots known so far, per entry of ``latest``: what comes later changes nothing."""
    seen, inverse = np.unique(latest, return_inverse=True)
    gaps = np.diff(snapshot_us[seen])
    first = [float(np.median(gaps[:i])) if i else HOUR_US for i in range(min(len(seen), _DISTANCES))]
    rest = np.median(sliding_window_view(gaps, _DISTANCES), axis=1) if len(gaps) >= _DISTANCES else []
    return np.append(first, rest).astype(np.int64)[inverse]
