"""The books of a chain per expiry: open interest, IV and marks per strike and option type, for every venue set.

Belongs here: the sums that `max_pain` and `expected_move` share. Expiries are never pooled.
Axes: snapshots T, venue sets S (all first), expiries E, sides 2 (call, put), strikes of the expiry (ascending, padded).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import group_medians, group_sum
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.units import SECONDS_PER_YEAR
from gex_pipeline.transforms.contracts import Contracts


class ExpiryBooks:
    """Per-expiry sums of one chain; absent cells hold 0 in sums and counts. ``expiry``: index of each row's expiry."""

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        c = contracts
        self.expiries_us, self.expiry = np.unique(c.expiry_us, return_inverse=True)
        strike = c.strike_index
        is_used = np.zeros((len(self.expiries_us), len(c.strikes)), dtype=bool)
        is_used[self.expiry, strike] = True
        slots = np.cumsum(is_used, axis=1) - 1
        self._slot: Ints = slots[self.expiry, strike]
        #: Shape (E, strikes): the strikes of each expiry, padded with NaN.
        self.strikes = np.full((len(self.expiries_us), int(slots.max(initial=-1)) + 1), np.nan)
        expiry, used = np.nonzero(is_used)
        self.strikes[expiry, slots[expiry, used]] = c.strikes[used]

    @cached_property
    def _code(self) -> Ints:
        c, (n_expiries, n_slots) = self.contracts, self.strikes.shape
        cell = (c.snapshot * len(c.venue_names) + c.venue) * n_expiries + self.expiry
        return (cell * 2 + np.where(c.is_call, 0, 1)) * n_slots + self._slot

    def sums(self, values: Floats) -> Floats:
        """Sum of a row quantity over each cell: (T, S, E, 2, strikes). Null rows add nothing."""
        c = self.contracts
        shape = (len(c.snapshots), len(c.venue_names), len(self.expiries_us), 2, self.strikes.shape[1])
        known = np.where(np.isnan(values), 0.0, values)
        venues = group_sum(self._code, known, int(np.prod(shape))).reshape(shape)
        return np.concatenate([venues.sum(axis=1, keepdims=True), venues], axis=1)

    def totals(self, values: Floats) -> Floats:
        """Sum of a row quantity over the strikes as well: (T, S, E, 2). Null rows add nothing."""
        c = self.contracts
        shape = (len(c.snapshots), len(c.venue_names), len(self.expiries_us), 2)
        known = np.where(np.isnan(values), 0.0, values)
        cell = self._code // self.strikes.shape[1]
        venues = group_sum(cell, known, int(np.prod(shape))).reshape(shape)
        return np.concatenate([venues.sum(axis=1, keepdims=True), venues], axis=1)

    def means(self, values: Floats) -> Floats:
        """Mean of a row quantity over each cell, NaN where no row has it."""
        is_known = np.isfinite(values)
        count = self._counts if is_known.all() else self.sums(is_known.astype(np.float64))
        return np.divide(self.sums(values), count, out=np.full(count.shape, np.nan), where=count > 0)

    @cached_property
    def is_listed(self) -> Bools:
        """Shape (T, S, E, strikes): the set lists a contract of either type."""
        return self._counts.sum(axis=3) > 0

    @cached_property
    def _counts(self) -> Floats:
        """Rows of each cell."""
        return self.sums(np.ones(len(self._code)))

    @cached_property
    def present(self) -> tuple[Ints, Ints, Ints]:
        """Indices (set, snapshot, expiry) of the expiries that exist, in the order in which tables are sorted."""
        is_there = self.is_listed.sum(axis=3) > 0
        sets, snapshots, expiries = np.nonzero(np.swapaxes(is_there, 0, 1))
        return sets, snapshots, expiries

    @cached_property
    def forwards(self) -> Floats:
        """Median forward over the expiry's rows of the set: (T, S, E), NaN where absent."""
        c, n_expiries = self.contracts, len(self.expiries_us)
        whole = c.snapshot * n_expiries + self.expiry
        each = (c.snapshot * len(c.venue_names) + c.venue) * n_expiries + self.expiry
        out = np.full((len(c.snapshots), len(c.sets), n_expiries), np.nan)
        out[:, 0] = group_medians(whole, c.forward, out[:, 0].size).reshape(out[:, 0].shape)
        if len(c.venue_names) == 1:
            out[:, 1] = out[:, 0]
        else:
            out[:, 1:] = group_medians(each, c.forward, out[:, 1:].size).reshape(out[:, 1:].shape)
        return out

    def tenors(self, snapshots: Ints, expiries: Ints) -> Floats:
        """Years from snapshot to expiry."""
        at = self.contracts.snapshots_us[snapshots]
        return (self.expiries_us[expiries] - at) / 1e6 / SECONDS_PER_YEAR
