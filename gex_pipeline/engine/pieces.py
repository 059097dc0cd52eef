"""A period's chain in pieces of whole snapshots, so that the arrays of a book are neither many nor large.

Belongs here: where it is cut. A transform takes milliseconds whatever it is given, and longer per row once its arrays
leave the cache. Sums over strikes run over all of a piece, absent ones as zeros, so the last bits of a day's rows may
depend on the days around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from gex_pipeline.core.inventory import Whole
from gex_pipeline.core.units import DAY_US

#: Snapshots up to which whole days are taken together.
_TOGETHER = 48
#: Snapshots of a day beyond which it comes in quarters.
_MANY = 96
#: The largest block of memory that glibc takes notice of when it is freed.
_LARGEST = 2**25 - 2**14


def pieces(frames: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Rows of all frames, each sorted by ``snapshot_at``, piece by piece; within a piece frame by frame."""
    _keep_memory()
    times = [f["snapshot_at"].to_physical().to_numpy() for f in frames]
    edges = _edges(np.unique(np.concatenate(times)))
    cuts = [np.searchsorted(t, edges) for t in times]
    for i in range(len(edges) - 1):
        piece = pl.concat([f[cut[i] : cut[i + 1]] for f, cut in zip(frames, cuts, strict=True)])
        if piece.height:
            yield piece


def _edges(instants: Whole) -> list[int]:
    """Begins of the pieces and the end of the last, in microseconds."""
    days, counts = np.unique(instants // DAY_US, return_counts=True)
    edges: list[int] = []
    held = _TOGETHER
    for day, n in zip(days.tolist(), counts.tolist(), strict=True):
        held += n
        if held > _TOGETHER:
            step = DAY_US if n <= _MANY else DAY_US // 4
            edges += range(day * DAY_US, (day + 1) * DAY_US, step)
            held = n
    return [*edges, *((days[-1:] + 1) * DAY_US).tolist()]


def _keep_memory() -> None:
    """Let the memory that one piece frees serve the next, which otherwise faults it in page by page: 5 % of a build.

    glibc holds on to twice the largest block that was ever freed. Where another library allocates, nothing happens.
    """
    np.empty(_LARGEST, np.uint8)
