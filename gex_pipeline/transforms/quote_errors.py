"""Errors that the quotes leave, of the books of all venues together: what the tables of bands share.

Belongs here: the contracts' groups and their sums. Not: the model (`core.quote_errors`), any table.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import group_sum, group_sum_of_runs
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.quote_errors import REACH_95, UNIFORM_SD, errors, filled, iv_slopes
from gex_pipeline.transforms.contracts import Contracts

#: Share of gross gamma that has to be in quoted expiries, else an error is none.
LEAST_QUOTED = 0.9
#: Share of a wall's gamma that a strike needs to be thought of as one.
_CLOSE = 0.5


class QuoteErrors:
    """Of some contracts of one underlying, dealers' signs naive; groups are (snapshot, venue, expiry)."""

    def __init__(self, contracts: Contracts) -> None:
        c = self._contracts = contracts
        expiries, expiry = np.unique(c.expiry_us, return_inverse=True)
        self._shape = (len(c.snapshots), len(c.venue_names) * len(expiries))
        self._group: Ints = (c.snapshot * len(c.venue_names) + c.venue) * len(expiries) + expiry
        half = filled(c.half_spread, c.gex, self._group, self._shape[0] * self._shape[1])
        self._is_quoted = ~np.isnan(half)
        self._half: Floats = np.where(self._is_quoted, half, 0.0)

    @cached_property
    def _owner(self) -> Ints:
        """Snapshot of each group."""
        return np.repeat(np.arange(self._shape[0]), self._shape[1])

    def of_net(self, x: Floats) -> Floats:
        """Standard deviation of net GEX at spot S exp(x), USD per 1 %; ``x`` (snapshots,), NaN in, NaN out.

        NaN too where less than ``LEAST_QUOTED`` of the gross at spot is quoted.
        """
        c = self._contracts
        slope = iv_slopes(c.bumps, np.sqrt(c.tenor), np.nan_to_num(x)[c.snapshot])
        change = slope * self._half * np.where(c.is_call, 1.0, -1.0)
        found = errors(change, self._group, self._owner, self._shape[0])
        return np.where(np.isnan(x) | (self.quoted_share < LEAST_QUOTED), np.nan, found)

    @cached_property
    def quoted_share(self) -> Floats:
        """Share of gross gamma at spot in expiries that a venue quotes, shape (snapshots,); 0 without gamma."""
        c, n = self._contracts, self._shape[0]
        gross = group_sum_of_runs(c.snapshot, c.gex, n)
        quoted = group_sum_of_runs(c.snapshot, np.where(self._is_quoted, c.gex, 0.0), n)
        return np.divide(quoted, gross, out=np.zeros(n), where=gross > 0)

    def rivals(self, is_call: bool, side: Floats, is_allowed: Bools, choice: Ints) -> Bools:
        """Strikes that might have the most gamma of a side, as far as the quotes tell it: (snapshots, strikes).

        ``side``: gamma per strike; ``choice``: index of the largest, -1 for none. Of the strikes with at least half of
        its gamma those whose distance to it is within 95 % of the error of that distance.
        """
        largest = np.where(choice >= 0, side[np.arange(len(choice)), choice], np.inf)[:, None]
        is_close = is_allowed & (side >= _CLOSE * largest) & (side > 0)
        reach = np.full(side.shape, -1.0)
        some = np.flatnonzero(is_close.any(axis=0))
        if len(some):
            reach[:, some] = REACH_95 * self._apart(is_call, is_close, some, choice)
        return is_close & (largest - side <= reach)

    def _apart(self, is_call: bool, is_close: Bools, strikes: Ints, choice: Ints) -> Floats:
        """Standard deviation of each strike's distance in gamma to the chosen one: (snapshots, len(strikes))."""
        c, n = self._contracts, len(strikes)
        rows = np.flatnonzero(is_close[c.snapshot, c.strike_index] & (c.is_call == is_call))
        place = np.searchsorted(strikes, c.strike_index[rows])
        change = iv_slopes(c.bumps[rows], np.sqrt(c.tenor[rows]), np.zeros(len(rows))) * self._half[rows] * UNIFORM_SD
        error = group_sum(self._group[rows] * n + place, change, len(self._owner) * n).reshape(*self._shape, n)
        mine = np.minimum(np.searchsorted(strikes, np.maximum(choice, 0)), n - 1)
        apart = error - np.take_along_axis(error, mine[:, None, None], axis=2)
        return np.sqrt((apart * apart).sum(axis=1))
