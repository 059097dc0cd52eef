"""Option contracts as arrays: one underlying, any number of snapshots, ordered and coded for the kernels.

Belongs here: ordering, integer codes, spots, strike windows. Not: any exposure or level.

Rows are ordered by (venue, snapshot, expiry, strike, type, instrument), as the store's files follow each other, so that
a venue's book is one run of rows and equal rows give equal bits whatever order they came in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import group_medians, run_starts
from gex_pipeline.core.profile import Gaussians, Ints
from gex_pipeline.core.quote_errors import half_spreads
from gex_pipeline.core.signs import row_signs
from gex_pipeline.core.units import ODTE_YEARS
from gex_pipeline.core.window import Window

#: Columns of `chain` that the transforms read.
COLUMNS = (
    "snapshot_at",
    "knowledge_time",
    "underlying",
    "venue",
    "expiry_at",
    "strike_usd",
    "option_type",
    "open_interest_coin",
    "volume_24h_coin",
    "mark_iv",
    "forward_usd",
    "index_usd",
    "mark_usd",
    "bid_iv",
    "ask_iv",
    "bid_usd",
    "ask_usd",
    "settlement",
    "tenor_years",
)
#: Fields of `Contracts` with an element for each row.
_OF_ROWS = (
    *("snapshot", "venue", "expiry_us", "strike", "is_call", "oi", "iv", "forward", "mark", "tenor"),
    *("bid_iv", "ask_iv", "bid", "ask", "volume", "is_inverse"),
)
_ORDER = ("venue", "snapshot_at", "expiry_at", "strike_usd", "option_type")
#: What a contract is called in any table.
CONTRACT = ("venue", "instrument")
ALL_VENUES = "all"


@dataclass(frozen=True)
class Contracts:
    """Contracts as arrays of shape (rows,), and the snapshots and venues they belong to.

    ``snapshot`` and ``venue`` are indices into ``snapshots`` (ascending) and ``venue_names`` (ascending).
    ``spots`` has shape (snapshots, 1 + venues): the whole set first, then each venue; NaN where a venue is absent.
    ``knowledge`` likewise, as microseconds since 1970, 0 where absent. ``strikes``: every strike of the chain,
    ascending, those outside a window included.
    ``dealer``: the dealers' coins by the trades, NaN for a contract without any; ``is_old``: it has open interest, and
    its trades do not reach back to its listing. Both are empty where no trades are stored.
    """

    underlying: str
    snapshots: pl.Series
    venue_names: tuple[str, ...]
    snapshot: Ints
    venue: Ints
    expiry_us: np.ndarray
    strike: Floats
    is_call: Bools
    oi: Floats
    volume: Floats
    iv: Floats
    forward: Floats
    mark: Floats
    bid_iv: Floats
    ask_iv: Floats
    bid: Floats
    ask: Floats
    is_inverse: Bools
    tenor: Floats
    spots: Floats
    knowledge: np.ndarray
    strikes: Floats
    dealer: Floats
    is_old: Bools

    @staticmethod
    def from_chain(
        chain: pl.DataFrame,
        window: Window | None = None,
        *,
        is_ordered: bool = False,
        venue_names: tuple[str, ...] | None = None,
    ) -> Contracts:
        """Prepare rows of table `chain`, all of one underlying; ``window`` drops contracts after the spots are known.

        The rows may have the columns of :meth:`Tape.on`.

        ``is_ordered``: the rows of each venue are known to be in file order and the venues follow each other by
        name, as the store gives them; then nothing is sorted. ``venue_names``: the venues to make
        room for, ascending; those of the rows by default.
        Raises ``ValueError`` for no rows or several underlyings.
        """
        names = chain["underlying"].unique()
        if len(names) != 1:
            raise ValueError(f"a book needs rows of exactly one underlying, got {sorted(names.to_list())}")
        if not is_ordered:
            tie_breaker = [c for c in ("instrument",) if c in chain.columns]
            chain = chain.sort(*_ORDER, *tie_breaker)
        contracts = _from_ordered(chain, str(names[0]), venue_names or _names(chain))
        return contracts if window is None else contracts.inside(window)

    @property
    def has_trades(self) -> bool:
        """Whether it is known what dealers hold of any contract."""
        return len(self.dealer) > 0

    @property
    def sets(self) -> tuple[str, ...]:
        """Names of the venue sets, in the order of the second axis of ``spots``."""
        return (ALL_VENUES, *self.venue_names)

    @cached_property
    def snapshots_us(self) -> np.ndarray:
        """The snapshots in microseconds since 1970."""
        return _micros(self.snapshots)

    @property
    def has_set(self) -> Bools:
        """Shape (snapshots, sets): the set has rows at the snapshot."""
        return self.knowledge > 0

    @cached_property
    def total_vol(self) -> Floats:
        """s sqrt(t) per row."""
        return self.iv * np.sqrt(self.tenor)

    @cached_property
    def bumps(self) -> Gaussians:
        """The rows as bumps of the re-priced profile, unsigned."""
        return Gaussians.from_contracts(self.forward, self.strike, self.total_vol, self.oi)

    @cached_property
    def gex(self) -> Floats:
        """Dollar gamma of each row at today's spot, unsigned, USD per 1 %."""
        with np.errstate(under="ignore", over="ignore"):
            return self.bumps.c * np.exp(-0.5 * (self.bumps.m / self.bumps.v) ** 2)

    def signs(self, sign_model: str) -> Floats:
        """The dealers' sign of each row."""
        return row_signs(sign_model, self.is_call, self.dealer)

    @cached_property
    def half_spread(self) -> Floats:
        """Half of what lies between bid and ask of each row, in volatility; NaN where it is not quoted."""
        vega, rows = np.full(len(self.iv), np.nan), np.flatnonzero(np.isnan(self.bid_iv) | np.isnan(self.ask_iv))
        if len(rows):
            vega[rows] = black76.vega(self.forward[rows], self.strike[rows], self.tenor[rows], self.iv[rows])
        return half_spreads(self.bid_iv, self.ask_iv, self.bid, self.ask, vega, self.iv)

    @cached_property
    def strike_index(self) -> Ints:
        """Index of each row's strike in ``strikes``."""
        return np.searchsorted(self.strikes, self.strike)

    @cached_property
    def is_odte(self) -> Bools:
        """0 < tenor <= 24 h."""
        return self.tenor <= ODTE_YEARS

    def take(self, rows: Bools) -> Contracts:
        """The same snapshots, venues and spots with fewer contracts."""
        names = (*_OF_ROWS, *(("dealer", "is_old") if self.has_trades else ()))
        kept = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **kept)

    def by_trades(self) -> Contracts:
        """The same contracts with the size of the dealers' position in the place of the open interest, 0 where unknown.

        Venue sets in which no contract has a stored trade are absent.
        """
        is_known, n_venues = ~np.isnan(self.dealer), len(self.venue_names)
        cells = np.bincount((self.snapshot * n_venues + self.venue)[is_known], minlength=len(self.snapshots) * n_venues)
        venues = cells.reshape(-1, n_venues) > 0
        has_any = np.column_stack([venues.any(axis=1), venues])
        return replace(
            self,
            oi=np.where(is_known, np.abs(self.dealer), 0.0),
            knowledge=np.where(has_any, self.knowledge, 0),
        )

    def inside(self, window: Window) -> Contracts:
        """Only the contracts inside the window around the spot of the whole venue set; all of them without bounds.

        Single venues become absent: their own windows would lie around their own spots.
        """
        if window == Window():
            return self
        kept = self.take(is_inside(window, self.strike / self.spots[self.snapshot, 0]))
        knowledge = kept.knowledge.copy()
        knowledge[:, 1:] = 0
        return replace(kept, knowledge=knowledge)


def is_inside(window: Window, moneyness: Floats) -> Bools:
    """True where K/S lies inside every bound."""
    inside = np.ones(moneyness.shape, dtype=bool)
    if window.moneyness_min is not None:
        inside &= moneyness >= window.moneyness_min
    if window.moneyness_max is not None:
        inside &= moneyness <= window.moneyness_max
    if window.spot_window_pct is not None:
        inside &= np.abs(moneyness - 1.0) <= window.spot_window_pct / 100.0
    return inside


def ascending(values: Floats) -> Floats:
    """Distinct values, ascending (hashing first is several times faster than sorting all rows)."""
    return pl.Series(values).unique().sort().to_numpy()


def _names(chain: pl.DataFrame) -> tuple[str, ...]:
    return tuple(chain["venue"].cast(pl.String).unique().sort())


def _from_ordered(chain: pl.DataFrame, underlying: str, venue_names: tuple[str, ...]) -> Contracts:
    snapshots_us, snapshot = _distinct(_micros(chain["snapshot_at"]))
    snapshots = pl.Series(snapshots_us).cast(chain["snapshot_at"].dtype)
    venue = of_runs(chain["venue"], venue_names.index)
    code = venue * len(snapshots) + snapshot
    shape = (len(venue_names), len(snapshots))
    oi, has_trades = chain["open_interest_coin"].to_numpy(), "dealer_coin" in chain.columns
    return Contracts(
        underlying=underlying,
        snapshots=snapshots,
        venue_names=venue_names,
        snapshot=snapshot,
        venue=venue,
        expiry_us=_micros(chain["expiry_at"]),
        strike=chain["strike_usd"].to_numpy(),
        is_call=(chain["option_type"] == "C").to_numpy(),
        oi=oi,
        volume=chain["volume_24h_coin"].to_numpy(),
        iv=chain["mark_iv"].to_numpy(),
        forward=chain["forward_usd"].to_numpy(),
        mark=chain["mark_usd"].to_numpy(),
        bid_iv=chain["bid_iv"].to_numpy(),
        ask_iv=chain["ask_iv"].to_numpy(),
        bid=chain["bid_usd"].to_numpy(),
        ask=chain["ask_usd"].to_numpy(),
        is_inverse=(chain["settlement"] == "inverse").to_numpy(),
        tenor=chain["tenor_years"].to_numpy(),
        spots=_spots(chain["index_usd"].to_numpy(), code, shape),
        knowledge=_latest(_micros(chain["knowledge_time"]), code, shape),
        strikes=ascending(chain["strike_usd"].to_numpy()),
        dealer=chain["dealer_coin"].to_numpy() if has_trades else np.empty(0),
        is_old=~chain["is_whole"].to_numpy() & (oi > 0) if has_trades else np.empty(0, dtype=bool),
    )


def _distinct(values: np.ndarray) -> tuple[np.ndarray, Ints]:
    """Distinct integers, ascending, and the index of each row's; equal ones stand together in long runs."""
    starts = run_starts(values)
    distinct, index = np.unique(values[starts], return_inverse=True)
    return distinct, np.repeat(index, np.diff(starts, append=len(values)))


def of_runs(values: pl.Series, known: Callable[[str], int]) -> Ints:
    """What is known of each row's value, asked once for each run of equal ones."""
    runs = values.rle().struct.unnest()
    return np.repeat([known(str(value)) for value in runs["value"]], runs["len"].to_numpy())


def _micros(series: pl.Series) -> np.ndarray:
    return series.cast(pl.Int64).to_numpy()


def _spots(index: Floats, code: Ints, shape: tuple[int, int]) -> Floats:
    """Median over the venues, then per venue: shape (snapshots, 1 + venues); ``shape``: (venues, snapshots)."""
    spots = group_medians(code, index, int(np.prod(shape))).reshape(shape).T
    return np.column_stack([row_medians(spots), spots])


def row_medians(values: Floats) -> Floats:
    """Median of each row without its NaNs, of which no row consists."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(values).sum(axis=1)
    rows = np.arange(len(values))
    return 0.5 * (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2])


def _latest(knowledge: np.ndarray, code: Ints, shape: tuple[int, int]) -> np.ndarray:
    latest = np.zeros(shape, dtype=np.int64)
    starts = run_starts(code)
    latest.reshape(-1)[code[starts]] = np.maximum.reduceat(knowledge, starts)
    return np.column_stack([latest.max(axis=0), latest.T])
