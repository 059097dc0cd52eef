"""The smiles of a chain: one row per venue set, snapshot and expiry that exists, in the order of the tables.

Belongs here: what every table about a smile starts from, and its figures that several of them state. Rows are those of
`ExpiryBooks.present`; arrays have shape (n,) or (n, strikes of the expiry), strikes ascending, NaN where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.expected_move import interpolate_variance, neighbours, pick
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.wings import delta_sizes, iv_at_delta
from gex_pipeline.transforms.expiry_books import ExpiryBooks


@dataclass(frozen=True)
class Smiles:
    """Forwards (USD), tenors (years), strikes (USD) and the mean IV of calls and of puts at each strike."""

    sets: Ints
    snapshots: Ints
    expiries: Ints
    forward: Floats
    tenor: Floats
    strikes: Floats
    call_iv: Floats
    put_iv: Floats

    @staticmethod
    def from_books(books: ExpiryBooks) -> Smiles:
        """Means over the rows of a set at one strike and type: several venues, or one that lists a strike twice."""
        sets, snapshots, expiries = books.present
        where = (snapshots, sets, expiries)
        sides = books.means(books.contracts.iv)[where]
        return Smiles(
            *(sets, snapshots, expiries),
            forward=books.forwards[where],
            tenor=books.tenors(snapshots, expiries),
            strikes=books.strikes[expiries],
            call_iv=sides[:, 0],
            put_iv=sides[:, 1],
        )

    @cached_property
    def iv(self) -> Floats:
        """Mean of the call's and the put's IV at each strike; one side alone serves."""
        both = 0.5 * (self.call_iv + self.put_iv)
        one_side = np.where(np.isnan(self.call_iv), self.put_iv, self.call_iv)
        return np.where(np.isnan(both), one_side, both)

    @cached_property
    def out_of_the_money_iv(self) -> Floats:
        """The puts' IV below the forward, the calls' above it, both at it."""
        f = self.forward[:, None]
        with np.errstate(invalid="ignore"):
            return np.where(self.strikes < f, self.put_iv, np.where(self.strikes > f, self.call_iv, self.iv))

    @cached_property
    def atm_variance(self) -> Floats:
        """Total variance at K = F between the bracketing strikes that have an IV; NaN outside them."""
        low, high = neighbours(self.strikes, ~np.isnan(self.iv), self.forward)
        variance = self.iv**2 * self.tenor[:, None]
        k_low, k_high = pick(self.strikes, low), pick(self.strikes, high)
        return interpolate_variance(k_low, k_high, pick(variance, low), pick(variance, high), self.forward)

    @cached_property
    def atm_iv(self) -> Floats:
        """IV at K = F, a fraction."""
        return np.sqrt(self.atm_variance / self.tenor)

    def put_iv_at(self, delta: float) -> Floats:
        """IV of the put whose delta is -``delta``, NaN outside the listed ones."""
        return iv_at_delta(self._put_sizes[:, ::-1], self.put_iv[:, ::-1], delta)

    def call_iv_at(self, delta: float) -> Floats:
        """IV of the call whose delta is ``delta``, NaN outside the listed ones."""
        return iv_at_delta(self._call_sizes, self.call_iv, delta)

    @cached_property
    def _call_sizes(self) -> Floats:
        return delta_sizes(self.forward, self.strikes, self.tenor, self.call_iv, is_call=True)

    @cached_property
    def _put_sizes(self) -> Floats:
        return delta_sizes(self.forward, self.strikes, self.tenor, self.put_iv, is_call=False)

    def by_expiry(self, values: Floats, shape: tuple[int, int, int]) -> Floats:
        """Per-row values spread over (snapshots, sets, expiries), NaN where an expiry is not listed."""
        out = np.full(shape, np.nan)
        out[self.snapshots, self.sets, self.expiries] = values
        return out
