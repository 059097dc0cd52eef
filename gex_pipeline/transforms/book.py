"""The books of a chain: dollar gamma per strike and as a re-priced curve, for every venue set and scope at once.

Belongs here: the sums that several tables share, computed once. Not: any level or table.

Axes: snapshots T, venue sets S (all venues first, then each), scopes 2 (all_expiry, odte), then strikes or grid
points. Books are numbered g = (t * S + s) * 2 + scope where a flat axis is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from gex_pipeline.core import flips, strike_levels
from gex_pipeline.core.between_points import SMOOTH_VOL
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.curves import Samples, curves
from gex_pipeline.core.groups import group_sum, group_sum_of_runs, stable_order
from gex_pipeline.core.profile import X_MAX, Gaussians, Ints, search_grid
from gex_pipeline.core.signs import SIGNS, TAKER, row_signs
from gex_pipeline.core.strike_levels import StrikeBooks
from gex_pipeline.core.units import ODTE_YEARS, SECONDS_PER_YEAR
from gex_pipeline.transforms.contracts import Contracts, Window
from gex_pipeline.transforms.expiry_books import ExpiryBooks
from gex_pipeline.transforms.quote_errors import QuoteErrors
from gex_pipeline.transforms.smiles import Smiles

SCOPES = ("all_expiry", "odte")
_CALL, _PUT = 0, 1


class Book:
    """Contracts of one underlying with their sums, each computed at first use and kept."""

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.shape = (len(contracts.snapshots), len(contracts.sets), len(SCOPES))
        self._strike_books: dict[str, StrikeBooks] = {}
        self._walls: dict[str, dict[str, Ints]] = {}
        self._searches: dict[str, tuple[flips.Crossings, Ints]] = {}

    @staticmethod
    def from_chain(
        chain: pl.DataFrame,
        window: Window | None = None,
        *,
        is_ordered: bool = False,
        venue_names: tuple[str, ...] | None = None,
    ) -> Book:
        """See :meth:`Contracts.from_chain`."""
        return Book(Contracts.from_chain(chain, window, is_ordered=is_ordered, venue_names=venue_names))

    @cached_property
    def by_trades(self) -> Book:
        """The same book with the dealers' positions by the trades: what sign model `taker` asks."""
        return Book(self.contracts.by_trades())

    @property
    def is_present(self) -> Bools:
        """Shape (T, S): the venue set has rows at the snapshot."""
        return self.contracts.has_set

    @cached_property
    def is_reconstructed(self) -> Bools:
        """Shape (T, S, scopes): the trades do not reach back to the listing of all contracts with open interest."""
        c = self.contracts
        old = np.bincount(self._code[c.is_old], minlength=self.shape[0] * len(c.venue_names) * 4)
        return _sum_sets_and_scopes(old.reshape(self.shape[0], len(c.venue_names), 2, 2).sum(axis=3)) > 0

    @cached_property
    def expiries(self) -> ExpiryBooks:
        """The same contracts per expiry."""
        return ExpiryBooks(self.contracts)

    @cached_property
    def quote_errors(self) -> tuple[QuoteErrors, QuoteErrors]:
        """What the quotes leave open of the contracts of all venues, in the order of ``SCOPES``."""
        c = self.contracts
        return QuoteErrors(c), QuoteErrors(c.take(c.is_odte))

    @cached_property
    def smiles(self) -> Smiles:
        """The implied volatilities of each expiry."""
        return Smiles.from_books(self.expiries)

    @cached_property
    def _strike_sums(self) -> tuple[Floats, Bools]:
        """Unsigned dollar gamma (T, S, scopes, sides, strikes), and whether a contract is listed (without sides)."""
        code, shape = self._strike_code
        gex = group_sum(code, self.contracts.gex, int(np.prod(shape))).reshape(shape)
        listed = np.bincount(code, minlength=gex.size).reshape(shape).sum(axis=3)
        return _sum_sets_and_scopes(gex), _sum_sets_and_scopes(listed) > 0

    @cached_property
    def _strike_code(self) -> tuple[Ints, tuple[int, ...]]:
        """Number of the row's (snapshot, venue, is_odte, side, strike) cell, and how many there are along each."""
        c, n = self.contracts, len(self.contracts.strikes)
        return self._code * n + c.strike_index, (self.shape[0], len(c.venue_names), 2, 2, n)

    @property
    def _code(self) -> Ints:
        """Number of the row's (snapshot, venue, is_odte, side) cell."""
        return self._cell * 2 + np.where(self.contracts.is_call, _CALL, _PUT)

    @property
    def _cell(self) -> Ints:
        """Number of the row's (snapshot, venue, is_odte) cell."""
        c = self.contracts
        return (c.snapshot * len(c.venue_names) + c.venue) * 2 + c.is_odte

    def totals(self, quantities: dict[str, Floats]) -> dict[str, Floats]:
        """Sums of row quantities over whole books, each of shape (books,)."""
        cell, shape = self._cell, (self.shape[0], len(self.contracts.venue_names), 2)
        return {
            name: _sum_sets_and_scopes(group_sum_of_runs(cell, values, int(np.prod(shape))).reshape(shape)).reshape(-1)
            for name, values in quantities.items()
        }

    def strike_books(self, sign_model: str) -> StrikeBooks:
        """Per-strike sums of all T x S x 2 books with the dealers' signs. Computed once."""
        if sign_model not in self._strike_books:
            self._strike_books[sign_model] = self._signed_strikes(sign_model)
        return self._strike_books[sign_model]

    def walls(self, sign_model: str) -> dict[str, Ints]:
        """Indices of the walls among the strikes, as :func:`strike_levels.walls`. Computed once."""
        if sign_model not in self._walls:
            self._walls[sign_model] = strike_levels.walls(self.strike_books(sign_model))
        return self._walls[sign_model]

    def _signed_strikes(self, sign_model: str) -> StrikeBooks:
        n = len(self.contracts.strikes)
        gex, listed = self._strike_sums
        gex, listed = gex.reshape(-1, 2, n), listed.reshape(-1, n)
        signed = self._signed_strike_sums.reshape(-1, 2, n) if sign_model == TAKER else _signed(gex, sign_model)
        spot = np.repeat(np.nan_to_num(self.contracts.spots.reshape(-1), nan=1.0), len(SCOPES))
        return StrikeBooks(self.contracts.strikes, spot, signed[:, _CALL], signed[:, _PUT], gex.sum(axis=1), listed)

    @property
    def _signed_strike_sums(self) -> Floats:
        """Dollar gamma with the signs of the dealers' positions, shaped as the unsigned."""
        code, shape = self._strike_code
        gex = self.contracts.signs(TAKER) * self.contracts.gex
        return _sum_sets_and_scopes(group_sum(code, gex, int(np.prod(shape))).reshape(shape))

    @cached_property
    def _priced(self) -> Ints:
        """Rows with open interest: the others re-price to 0."""
        return np.flatnonzero(self.contracts.oi > 0)

    @cached_property
    def profile(self) -> Floats:
        """Unsigned re-priced dollar gamma on the search grid: (T, S, scopes, sides, points)."""
        rough = self._priced[~self._is_smooth]
        shape = (self.shape[0], len(self.contracts.venue_names), 2, 2)
        n = int(np.prod(shape))
        cells = curves(*self._in_order(rough, self._code[rough]), n)
        cells += self._smooth.curves(self._scoped_cells, n)
        return _sum_sets_and_scopes(cells.reshape(*shape, -1))

    def _in_order(self, rows: Ints, code: Ints) -> tuple[Gaussians, Ints]:
        """Some rows by their codes, as `curves` takes them."""
        order = stable_order(code)
        return self.contracts.bumps[rows[order]], code[order]

    @property
    def _scoped_cells(self) -> Ints:
        """Number of the (snapshot, venue, is_odte, side) cell that each (snapshot, venue, expiry, side) belongs to."""
        expiries_us, c = self.expiries.expiries_us, self.contracts
        is_odte = (expiries_us - c.snapshots_us[:, None]) / 1e6 / SECONDS_PER_YEAR <= ODTE_YEARS
        book = np.arange(len(c.snapshots) * len(c.venue_names)).reshape(len(c.snapshots), -1, 1) * 2
        return ((book + is_odte[:, None])[..., None] * 2 + np.arange(2)).reshape(-1)

    @property
    def _is_smooth(self) -> Bools:
        """Which of the priced contracts are wide enough to be read between the points of the grid."""
        return self.contracts.bumps.v[self._priced] >= SMOOTH_VOL

    @cached_property
    def _smooth(self) -> Samples:
        """The smooth contracts; groups are (T, venues, E, sides), flat."""
        rows, c, n = self._priced[self._is_smooth], self.contracts, len(self.expiries.expiries_us)
        book = c.snapshot[rows] * len(c.venue_names) + c.venue[rows]
        code = (book * n + self.expiries.expiry[rows]) * 2 + np.where(c.is_call[rows], _CALL, _PUT)
        return Samples.of(*self._in_order(rows, code))

    @cached_property
    def smooth_expiries(self) -> Floats:
        """The same of all venues together, on the search grid: (T, E, sides, points)."""
        shape = (self.shape[0], len(self.expiries.expiries_us), 2)
        cells = np.arange(int(np.prod(shape))).reshape(shape[0], 1, -1)
        every = np.broadcast_to(cells, (shape[0], len(self.contracts.venue_names), cells.shape[2]))
        return self._smooth.curves(every.reshape(-1), cells.size).reshape(*shape, -1)

    def _long_and_short(self, cells: Ints, *sides: int) -> Floats:
        """Re-priced dollar gamma of what dealers hold long, and of what short: (T, S, scopes, *sides, 2, points).

        ``cells``: the row's cell, of which there are ``sides`` for each (snapshot, venue, is_odte).
        """
        shape = (self.shape[0], len(self.contracts.venue_names), 2, *sides, 2)
        rows = self._priced
        code = 2 * cells[rows] + (self.contracts.dealer[rows] < 0)
        return _sum_sets_and_scopes(curves(*self._in_order(rows, code), int(np.prod(shape))).reshape(*shape, -1))

    def sided_profile(self, sign_model: str) -> Floats:
        """The re-priced profile with the dealers' signs: (T, S, scopes, sides, points)."""
        if sign_model == TAKER:
            held = self._long_and_short(self._code, 2)
            return held[..., 0, :] - held[..., 1, :]
        return _signed(self.profile, sign_model)

    def signed_profile(self, sign_model: str) -> tuple[Floats, Floats]:
        """Net with the dealers' signs and gross on the search grid, each of shape (books, points)."""
        if sign_model == TAKER:
            held = self._long_and_short(self._cell)
            net, gross = held[..., 0, :] - held[..., 1, :], held.sum(axis=3)
        else:
            net, gross = self.sided_profile(sign_model).sum(axis=3), self.profile.sum(axis=3)
        n = gross.shape[-1]
        return net.reshape(-1, n), gross.reshape(-1, n)

    def crossings(self, sign_model: str) -> flips.Crossings:
        """All crossings of all books, refined; ``group`` is the flat number of the book. Computed once."""
        return self._searched(sign_model)[0]

    def profile_signs(self, sign_model: str) -> Ints:
        """Signs that the searched profile of each book takes, as :func:`flips.signs`."""
        return self._searched(sign_model)[1]

    def _searched(self, sign_model: str) -> tuple[flips.Crossings, Ints]:
        if sign_model not in self._searches:
            self._searches[sign_model] = self._search(sign_model)
        return self._searches[sign_model]

    def _search(self, sign_model: str) -> tuple[flips.Crossings, Ints]:
        runs = self._runs
        weight = runs.bumps.c * row_signs(sign_model, runs.is_call, runs.dealer)
        brackets, signs = self._brackets(sign_model, weight)
        first, last = runs.first[brackets.group], runs.last[brackets.group]
        return flips.refine(brackets, runs.bumps, weight, first, last), signs

    def _brackets(self, sign_model: str, weight: Floats) -> tuple[flips.Brackets, Ints]:
        """Sign changes on the search grid; books with strikes narrower than the grid also look around those."""
        net, gross = self.signed_profile(sign_model)
        counts = flips.is_above_floor(net, gross)
        brackets = flips.Brackets.from_grid(search_grid(), net, counts).sharpened(net)
        signs, narrow = flips.signs(net, counts), self._runs.narrow_books()
        if len(narrow):
            found = [self._around_strikes(g, weight, (net[g], gross[g])) for g in narrow.tolist()]
            x, net, gross = (_padded([row[i] for row in found], end) for i, end in enumerate((X_MAX, 0.0, 0.0)))
            counts = flips.is_above_floor(net, gross)
            brackets = brackets.replace(narrow, flips.Brackets.from_grid(x, net, counts))
            signs[narrow] = flips.signs(net, counts)
        return brackets, signs

    def _around_strikes(self, g: int, weight: Floats, on_grid: tuple[Floats, Floats]) -> tuple[Floats, ...]:
        """The grid with the points around strikes narrower than it, and net and gross of book g there."""
        rows, spot = self._runs.rows(g), float(self.contracts.spots.reshape(-1)[g // len(SCOPES)])
        bumps = self._runs.bumps[rows]
        extra = flips.narrow_points(self._runs.strike[rows], spot, bumps)
        x, order = np.unique(np.concatenate([search_grid(), extra]), return_index=True)
        more = flips.values_at(bumps, weight[rows], extra)
        net, gross = (np.concatenate(pair)[order] for pair in zip(on_grid, more, strict=True))
        return x, net, gross

    @cached_property
    def _runs(self) -> _Runs:
        """All priced contracts followed by the 0DTE ones again, so that a book is one run of rows per venue."""
        c, odte = self.contracts, self._priced[self.contracts.is_odte[self._priced]]
        edges = [_edges(c, self._priced, 0), _edges(c, odte, len(self._priced))]
        rows = np.concatenate([self._priced, odte])
        return _Runs(
            c.bumps[rows],
            c.is_call[rows],
            c.strike[rows],
            c.dealer[rows] if c.has_trades else c.dealer,
            *(np.stack([e[i] for e in edges], axis=2).reshape(-1, len(c.venue_names)) for i in (0, 1)),
        )


@dataclass(frozen=True)
class _Runs:
    """Contracts laid out so that book g is the rows first[g, v] .. last[g, v] - 1 of every venue v."""

    bumps: Gaussians
    is_call: Bools
    strike: Floats
    dealer: Floats
    first: Ints
    last: Ints

    def narrow_books(self) -> Ints:
        """Numbers of the books that hold a contract narrower than the search grid."""
        count = np.concatenate([[0], np.cumsum(self.bumps.v < flips.NARROW_VOL)])
        return np.flatnonzero((count[self.last] > count[self.first]).any(axis=1))

    def rows(self, g: int) -> Ints:
        """Rows of book g."""
        runs: list[Ints] = [np.arange(a, b) for a, b in zip(self.first[g], self.last[g], strict=True)]
        return np.concatenate(runs)


def _padded(rows: list[Floats], end: float) -> Floats:
    """Rows of any length as one array, the short ones ending with ``end``."""
    out = np.full((len(rows), max(map(len, rows))), end)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def _signed(sides: Floats, sign_model: str) -> Floats:
    """(..., sides, n) with the signs of the dealers' calls and puts."""
    return sides * np.array(SIGNS[sign_model])[:, None]


def _sum_sets_and_scopes(cells: np.ndarray) -> np.ndarray:
    """(T, venues, is_odte, ...) -> (T, S, scopes, ...)."""
    venues = np.stack([cells.sum(axis=2), cells[:, :, 1]], axis=2)
    return np.concatenate([venues.sum(axis=1, keepdims=True), venues], axis=1)


def _edges(c: Contracts, rows: Ints, offset: int) -> tuple[Ints, Ints]:
    """First and last + 1 of some rows at each venue of every (snapshot, set): (T, S, venues); 0, 0 for other venues."""
    n_venues, n_snapshots = len(c.venue_names), len(c.snapshots)
    edges = np.searchsorted((c.venue * n_snapshots + c.snapshot)[rows], np.arange(n_venues * n_snapshots + 1)) + offset
    belongs = np.vstack([np.ones(n_venues, dtype=bool), np.eye(n_venues, dtype=bool)])
    first, last = (e.reshape(n_venues, n_snapshots).T[:, None, :] * belongs for e in (edges[:-1], edges[1:]))
    return first, last
