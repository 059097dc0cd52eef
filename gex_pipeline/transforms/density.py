"""Table `density`: the risk-neutral distribution of the price at expiry in figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.density import Distribution, cdf
from gex_pipeline.core.profile import Ints
from gex_pipeline.core.smile import Smile
from gex_pipeline.schema.smiles import ARBITRAGE, DENSITY_STATUSES
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.frames import category, expiry_columns, floats, frame

_OK, _EMPTY, _ARBITRAGE = range(len(DENSITY_STATUSES))
_MINIMUM_STRIKES = 5
_ROWS = 256  # smiles at a time: their distributions stay in the second-level cache
_QUANTILES = {
    "lower_68_usd": 0.16,
    "upper_68_usd": 0.84,
    "lower_95_usd": 0.025,
    "upper_95_usd": 0.975,
    "median_usd": 0.5,
}


def density(book: Book) -> pl.DataFrame:
    """Frame of table `density` for all venue sets and expiries of a book."""
    quotes = _Quotes.from_book(book)
    quantiles, below, status = _read(quotes)
    is_missing = status != _OK
    price = quotes.forward[:, None] * np.exp(quantiles)
    under_put, under_call = below.T
    return frame(
        {
            **expiry_columns(book),
            **{name: floats(price[:, i], is_missing) for i, name in enumerate(_QUANTILES)},
            "p_between_walls": floats(np.maximum(under_call - under_put, 0.0), is_missing),
            "p_above_call_wall": floats(1.0 - under_call, is_missing),
            "p_below_put_wall": floats(under_put, is_missing),
            "status": category(status, DENSITY_STATUSES),
        }
    )


def _read(quotes: _Quotes) -> tuple[Floats, Floats, Ints]:
    """Quantiles in x, P(price < wall) of both walls, and the status code, of every expiry."""
    status = np.where(quotes.is_usable, _OK, _EMPTY)
    quantiles, below = (np.full((len(status), n), np.nan) for n in (len(_QUANTILES), 2))
    usable = np.flatnonzero(quotes.is_usable)
    for first in range(0, len(usable), _ROWS):
        rows = usable[first : first + _ROWS]
        smile = Smile.from_quotes(quotes.x[rows], quotes.w[rows])
        distribution = Distribution.from_smile(smile, quotes.sd[rows])
        quantiles[rows] = distribution.quantiles(tuple(_QUANTILES.values()))
        below[rows] = _below(smile, quotes.walls[rows])
        status[rows[distribution.repair > ARBITRAGE]] = _ARBITRAGE
    return quantiles, below, status


def _below(smile: Smile, walls: Floats) -> Floats:
    """P(price < wall) for the lower and the upper wall of each smile in x, NaN where there is none."""
    x = np.nan_to_num(np.where(np.isnan(walls), walls[:, ::-1], walls))  # ascending, as `at` takes them
    return np.where(np.isnan(walls), np.nan, np.clip(cdf(x, *smile.at(x)), 0.0, 1.0))


@dataclass(frozen=True)
class _Quotes:
    """Out-of-the-money quotes of n expiries: x = ln(K/F) and total variance w, shape (n, strikes), NaN for none.

    ``sd``: s sqrt(t) at the money. ``walls``: put_support and call_resistance in x, shape (n, 2). ``is_usable``: there
    are enough quotes, on both sides of F.
    """

    forward: Floats
    sd: Floats
    x: Floats
    w: Floats
    walls: Floats
    is_usable: Bools

    @staticmethod
    def from_book(book: Book) -> _Quotes:
        smiles = book.smiles
        x = np.log(smiles.strikes / smiles.forward[:, None])
        w = smiles.out_of_the_money_iv**2 * smiles.tenor[:, None]
        is_quote = ~np.isnan(w)
        with np.errstate(invalid="ignore"):
            has_sides = (is_quote & (x <= 0)).any(axis=1) & (is_quote & (x >= 0)).any(axis=1)
        is_usable = (is_quote.sum(axis=1) >= _MINIMUM_STRIKES) & has_sides
        walls = np.log(_walls(book, smiles.sets, smiles.snapshots) / smiles.forward[:, None])
        return _Quotes(smiles.forward, np.sqrt(smiles.atm_variance), x, w, walls, is_usable)


def _walls(book: Book, sets: Ints, snapshots: Ints) -> Floats:
    """Put_support and call_resistance (USD) of the whole book of each set, naive signs, shape (n, 2)."""
    choices = np.stack([book.walls("naive")[side][:, 0] for side in ("put", "call")], axis=1)
    whole = choices.reshape(*book.shape, 2)[snapshots, sets, 0]
    return book.strike_books("naive").chosen(whole)
