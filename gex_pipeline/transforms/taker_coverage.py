"""Table `taker_coverage`: how much of each book the stored trades explain."""

from __future__ import annotations

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.groups import group_sum_of_runs
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.ratios import ratio
from gex_pipeline.schema.taker import COVERAGES
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.contracts import Contracts
from gex_pipeline.transforms.frames import category, floats, frame, instants, set_columns
from gex_pipeline.transforms.tape import Tape

_OK, _RECONSTRUCTED, _PARTIAL, _EMPTY, _NO_TRADES = range(len(COVERAGES))
_NONE = -1


def taker_coverage(book: Book, tape: Tape) -> pl.DataFrame:
    """Frame of table `taker_coverage` for all venue sets of a book whose contracts have the tape's columns."""
    first, without = _since(book.contracts, tape)
    sets, snapshots = np.nonzero((book.is_present & (first.max(axis=1, keepdims=True) > _NONE)).T)
    status, share_of_oi, share_of_contracts = _explained(book)
    first, without = first[snapshots, sets], without[snapshots, sets]
    return frame(
        {
            **set_columns(book, sets, snapshots),
            "first_trade_at": instants(first).set(pl.Series(first == _NONE), None),
            "share_of_oi": floats(share_of_oi[snapshots, sets]),
            "share_of_contracts": floats(share_of_contracts[snapshots, sets]),
            "hours_without_trades": pl.Series(without).set(pl.Series(first == _NONE), None),
            "is_reconstructed": pl.Series(book.is_reconstructed[snapshots, sets, 0]),
            "status": category(status[snapshots, sets], COVERAGES),
        }
    )


def _since(c: Contracts, tape: Tape) -> tuple[np.ndarray, np.ndarray]:
    """First trade (microseconds since 1970) and hours without trades since, (snapshots, sets); -1 where it has none."""
    shape = (len(c.venue_names), len(c.snapshots))
    first, without = np.full(shape, _NONE, dtype=np.int64), np.full(shape, _NONE, dtype=np.int64)
    for v, venue in enumerate(c.venue_names):
        if venue in tape.first_us:
            has_begun = c.snapshots_us >= tape.first_us[venue]
            first[v, has_begun] = tape.first_us[venue]
            without[v, has_begun] = tape.hours_without(venue, c.snapshots_us[has_begun])
    here = c.has_set[:, 1:].T
    return _with_all(np.where(here, first, _NONE)), _with_all(np.where(here, without, _NONE))


def _with_all(of_venues: np.ndarray) -> np.ndarray:
    """(venues, snapshots) -> (snapshots, sets); of all venues the largest."""
    return np.column_stack([of_venues.max(axis=0), of_venues.T])


def _explained(book: Book) -> tuple[Ints, Floats, Floats]:
    """Status, share of open interest and share of contracts, of shape (snapshots, sets); NaN for none."""
    c = book.contracts
    is_traded = ~np.isnan(c.dealer)
    held = np.where(is_traded, np.abs(c.dealer), 0.0)
    oi, explained, n, traded = (_sums(c, x) for x in (c.oi, held, np.ones(len(c.oi)), is_traded.astype(np.float64)))
    is_partial = np.zeros(oi.shape, dtype=bool)
    is_partial[:, 0] = ((traded == 0) & c.has_set)[:, 1:].any(axis=1)
    kinds: list[tuple[int, Bools]] = [(_NO_TRADES, traded == 0), (_EMPTY, oi == 0), (_PARTIAL, is_partial)]
    kinds.append((_RECONSTRUCTED, book.is_reconstructed[:, :, 0]))
    status = np.select([where for _, where in kinds], [code for code, _ in kinds], _OK)
    return status, ratio(explained, oi), ratio(traded, n)


def _sums(c: Contracts, values: Floats) -> Floats:
    """Sums of rows, (snapshots, sets)."""
    n, n_venues = len(c.snapshots), len(c.venue_names)
    cells = group_sum_of_runs(c.snapshot * n_venues + c.venue, values, n * n_venues).reshape(n, n_venues)
    return np.column_stack([cells.sum(axis=1), cells])
