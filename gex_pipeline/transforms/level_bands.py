"""Table `level_bands`: how sure the flip and the main walls are, as far as quotes, venues and other signs tell it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_pipeline.core import flips, strike_levels
from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.quote_errors import REACH_95
from gex_pipeline.core.signs import TAKER
from gex_pipeline.core.strike_levels import StrikeBooks
from gex_pipeline.core.units import ONE_PERCENT
from gex_pipeline.schema.bands import BAND_STATUSES, BANDED
from gex_pipeline.transforms.book import SCOPES, Book
from gex_pipeline.transforms.frames import category, floats, frame, scoped_columns
from gex_pipeline.transforms.quote_errors import LEAST_QUOTED
from gex_pipeline.transforms.without_venue import flips_without, strikes_without

_SIGN_MODEL = "naive"
_CALL, _PUT = 0, 1
#: The share of a side's gamma that the naive signs may be wrong about.
_WRONG = 0.1
_SIDES = {"call_resistance": ("call", True), "put_support": ("put", False)}


@dataclass(frozen=True)
class _Bands:
    """Of one level: shape (snapshots, scopes), or (venues, snapshots, scopes); NaN where there is none."""

    value: Floats
    low: Floats
    high: Floats
    venues: Floats
    without: Floats


def level_bands(book: Book) -> pl.DataFrame:
    """Frame of table `level_bands` for both scopes of all venues together."""
    firsts = [(rest, strike_levels.side_walls(rest, 1)) for rest in strikes_without(book, _SIGN_MODEL)]
    found = [_flip(book), *(_wall(book, firsts, *side) for side in _SIDES.values())]
    scopes, levels, snapshots = (
        i.reshape(-1) for i in np.indices((len(SCOPES), len(BANDED), book.shape[0]), dtype=np.intp)
    )

    def rows(name: str) -> Floats:
        return np.stack([getattr(bands, name) for bands in found], axis=-1)[..., snapshots, scopes, levels]

    value, low, venues, without = (rows(name) for name in ("value", "low", "venues", "without"))
    quoted = np.stack([errors.quoted_share for errors in book.quote_errors])[scopes, snapshots]
    count = (~np.isnan(venues)).sum(axis=0)
    taker = _by_trades(book)
    signs_low, signs_high = _by_signs(book, np.stack([bands.value for bands in found], axis=-1), taker)
    return frame(
        {
            **scoped_columns(book, np.zeros_like(scopes), scopes, snapshots, _SIGN_MODEL),
            "level": category(levels, BANDED),
            "value_usd": floats(value),
            "quotes_low_usd": floats(low),
            "quotes_high_usd": floats(rows("high")),
            "quoted_share": floats(quoted),
            "without_low_usd": floats(np.fmin.reduce(without)),
            "without_high_usd": floats(np.fmax.reduce(without)),
            "venues_low_usd": floats(np.fmin.reduce(venues)),
            "venues_high_usd": floats(np.fmax.reduce(venues)),
            "venues_sd_usd": floats(_deviation(venues, count)),
            "n_venues": count,
            "taker_usd": floats(taker[snapshots, scopes, levels]),
            "signs_low_usd": floats(signs_low[snapshots, scopes, levels]),
            "signs_high_usd": floats(signs_high[snapshots, scopes, levels]),
            "status": category(_status(value, low, quoted), BAND_STATUSES),
        }
    )


def _by_trades(book: Book) -> Floats:
    """The levels by what takers bought and sold, USD: (snapshots, scopes, levels); NaN where no trades are stored."""
    shape = (book.shape[0], len(SCOPES), len(BANDED))
    if not book.contracts.has_trades:
        return np.full(shape, np.nan)
    held = book.by_trades
    books, n_books = held.strike_books(TAKER), int(np.prod(held.shape))
    x, _ = flips.headline(held.crossings(TAKER), n_books)
    walls = [books.chosen(held.walls(TAKER)[kind][:, 0]) for kind, _ in _SIDES.values()]
    return np.stack([_by_set(held, each)[0] for each in (books.spot * np.exp(x), *walls)], axis=-1)


def _by_signs(book: Book, value: Floats, taker: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest level, (snapshots, scopes, levels), where other signs hold; NaN where that is not told."""
    flip, by_trades = value[..., :1], taker[..., :1]
    flips_told = np.stack([flip, np.where(np.isnan(by_trades), flip, by_trades), *_flips_if_wrong(book)])
    # how much of a side is held the other way moves no wall of it: there the trades alone say something else
    walls_told = np.stack([value[..., 1:], taker[..., 1:]])
    low = np.concatenate([flips_told.min(axis=0), walls_told.min(axis=0)], axis=-1)
    high = np.concatenate([flips_told.max(axis=0), walls_told.max(axis=0)], axis=-1)
    return low, high


def _flips_if_wrong(book: Book) -> Iterator[Floats]:
    """Zero gamma, (snapshots, scopes, 1), were dealers short a part of the calls; and long such a part of the puts."""
    sides = book.profile[:, 0]
    call, put = sides[:, :, _CALL], sides[:, :, _PUT]
    kept, spot = 1.0 - 2.0 * _WRONG, book.contracts.spots[:, :1]
    for net in (kept * call - put, call - kept * put):
        x = flips.on_grid(net.reshape(-1, net.shape[-1]), (call + put).reshape(-1, net.shape[-1]))
        yield (spot * np.exp(x.reshape(-1, len(SCOPES))))[..., None]


def _status(value: Floats, low: Floats, quoted: Floats) -> Ints:
    """Index in BAND_STATUSES."""
    absent = np.where(quoted < LEAST_QUOTED, BAND_STATUSES.index("no_quotes"), BAND_STATUSES.index("wide"))
    return np.where(np.isnan(value), BAND_STATUSES.index("empty"), np.where(np.isnan(low), absent, 0))


def _deviation(venues: Floats, count: Ints) -> Floats:
    """Standard deviation over the venues that have the level; NaN with fewer than two."""
    known = ~np.isnan(venues)
    mean = np.divide(np.where(known, venues, 0.0).sum(axis=0), count, out=np.zeros(count.shape), where=count > 0)
    squares = np.where(known, (venues - mean) ** 2, 0.0).sum(axis=0)
    return np.sqrt(np.divide(squares, count - 1, out=np.full(count.shape, np.nan), where=count > 1))


def _by_set(book: Book, values: Floats) -> tuple[Floats, Floats]:
    """(books,) -> that of all venues (snapshots, scopes), and those of each (venues, snapshots, scopes)."""
    sets = np.moveaxis(values.reshape(book.shape), 1, 0)
    is_there = np.moveaxis(book.is_present, 1, 0)[..., None]
    sets = np.where(is_there, sets, np.nan)
    return sets[0], sets[1:]


def _flip(book: Book) -> _Bands:
    """Zero gamma: a net that is off by so much crosses zero so much further, by the slope there."""
    crossings, n_books = book.crossings(_SIGN_MODEL), int(np.prod(book.shape))
    x, _ = flips.headline(crossings, n_books)
    spot = np.repeat(book.contracts.spots.reshape(-1), len(SCOPES))
    value, venues = _by_set(book, spot * np.exp(x))
    at, _ = _by_set(book, x)
    slope, _ = _by_set(book, _slopes(crossings, x, n_books))
    error = np.stack([errors.of_net(at[:, i]) for i, errors in enumerate(book.quote_errors)], axis=1)
    reach = REACH_95 * error / np.abs(slope)
    reach = np.where(reach < -np.log(0.5), reach, np.nan)  # beyond the range of the search there is no band
    without = np.stack(list(flips_without(book, _SIGN_MODEL))).reshape(venues.shape)
    return _Bands(value, value * np.exp(-reach), value * np.exp(reach), venues, without)


def _slopes(crossings: flips.Crossings, x: Floats, n_books: int) -> Floats:
    """d net / dx at the headline crossing of each book; NaN without one."""
    out = np.full(n_books, np.nan)
    is_headline = crossings.x == x[crossings.group]
    out[crossings.group[is_headline]] = crossings.slope_usd[is_headline] / ONE_PERCENT
    return out


def _wall(book: Book, firsts: list[tuple[StrikeBooks, dict[str, Ints]]], kind: str, is_call: bool) -> _Bands:
    """A wall: the strikes that might have more gamma of its side. ``firsts``: books without a venue, with walls."""
    books = book.strike_books(_SIGN_MODEL)
    choices = book.walls(_SIGN_MODEL)[kind][:, 0]
    value, venues = _by_set(book, books.chosen(choices))
    without = np.stack([rest.chosen(walls[kind][:, 0]) for rest, walls in firsts]).reshape(venues.shape)
    low, high = (np.full(value.shape, np.nan) for _ in range(2))
    for scope, errors in enumerate(book.quote_errors):
        mine = np.arange(book.shape[0]) * book.shape[1] * len(SCOPES) + scope
        side, spot = np.abs(getattr(books, kind)[mine]), books.spot[mine, None]
        allowed = books.strikes > spot if is_call else books.strikes < spot
        is_rival = errors.rivals(is_call, side, allowed, choices[mine]) & (errors.quoted_share >= LEAST_QUOTED)[:, None]
        some = is_rival.any(axis=1)
        low[some, scope] = np.where(is_rival, books.strikes, np.inf).min(axis=1)[some]
        high[some, scope] = np.where(is_rival, books.strikes, -np.inf).max(axis=1)[some]
    return _Bands(value, low, high, venues, without)
