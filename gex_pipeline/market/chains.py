"""Rows of table `chain` of the made-up venues, fast: whole books at many instants at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
import polars as pl

from gex_pipeline.core.black76 import Floats
from gex_pipeline.core.units import DAY_US, HOUR_US
from gex_pipeline.market import books
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.ladder import EIGHT_US
from gex_pipeline.market.listing import LISTED_US
from gex_pipeline.market.quotes import Quotes, quotes
from gex_pipeline.market.world import World
from gex_pipeline.schema.chain import FORWARD_SOURCES, INDEX_SOURCES, OPTION_TYPES, SETTLEMENTS, SYNTHETIC


def chain(venue: str, coin: str, world: World, instants_us: Ints) -> pl.DataFrame:
    """Rows of one venue and coin at ascending instants (microseconds since 1970), in the order of the table.

    Raises ``ValueError`` where the venue has no options on the coin or the world no such instant.
    """
    mine = [book for book in books.of(coin) if book.venue == venue]
    parts = [[quotes(book, world, part) for book in mine] for part in _between_listings(instants_us)]
    names = tuple(sorted({name for found in parts for q in found for name in q.listed.names}))
    code = {name: i for i, name in enumerate(names)}
    return pl.concat([_rows(found, names, code) for found in parts])


def hours(first: datetime, n: int) -> Ints:
    """So many whole hours from an instant on."""
    return round(first.timestamp() * 1e6) + HOUR_US * np.arange(n)


def _between_listings(instants_us: Ints) -> Iterator[Ints]:
    """Cut at 08:00 UTC, where contracts expire, and at 08:30, where others are listed."""
    since_eight = instants_us - EIGHT_US
    lists = 2 * (since_eight // DAY_US) + (since_eight % DAY_US >= LISTED_US)
    cuts = [0, *(np.flatnonzero(np.diff(lists)) + 1).tolist(), len(instants_us)]
    return (instants_us[a:b] for a, b in pairwise(cuts))


def _rows(found: Sequence[Quotes], names: tuple[str, ...], code: Mapping[str, int]) -> pl.DataFrame:
    """Rows of a venue's books at the same instants; of each instant by expiry, strike, type and name."""
    numbers = np.array([code[name] for q in found for name in q.listed.names])
    listed = [np.concatenate([getattr(q.listed, name) for q in found]) for name in ("expiry_us", "strike", "side")]
    order = np.lexsort((numbers, *reversed(listed)))
    expiry, strike, side = (each[order] for each in listed)
    instants = found[0].instant_us
    n, m = len(instants), len(order)

    def rows(of: Callable[[Quotes], np.ndarray | float]) -> np.ndarray:
        """What each book says by instant and contract, by one of both, or as a whole; row by row."""
        parts = [np.broadcast_to(of(q), q.forward.shape) for q in found]
        return np.concatenate(parts, axis=1)[:, order].reshape(-1)

    bid, ask = (_quoted(rows(lambda q, i=i: q.bid_and_ask()[i] / _per_usd(q))) for i in (0, 1))
    at = _times(np.repeat(instants, m))
    return pl.DataFrame(
        {
            "snapshot_at": at,
            "expiry_at": _times(np.tile(expiry, n)),
            "venue_time": at,
            "knowledge_time": at,
            "underlying": _constant(found[0].book.coin, n * m),
            "venue": _constant(found[0].book.venue, n * m),
            "instrument": _enum(np.tile(numbers[order], n), names),
            "strike_usd": np.tile(strike, n),
            "option_type": _enum(np.tile(side, n), OPTION_TYPES),
            "open_interest_coin": rows(lambda q: q.open_interest),
            "contract_size_coin": rows(lambda q: q.book.contract_coin),
            "mark_iv": rows(lambda q: q.mark_iv),
            "bid_iv": _quoted(rows(lambda q: q.bid_iv)).set(bid.is_null(), None),
            "ask_iv": _quoted(rows(lambda q: q.ask_iv)),
            "forward_usd": rows(lambda q: q.forward),
            "forward_source": _constant("venue", n * m, FORWARD_SOURCES),
            "index_usd": rows(lambda q: q.index[:, None]),
            "index_source": _constant("venue", n * m, INDEX_SOURCES),
            "settlement_estimate_usd": pl.Series([None], dtype=pl.Float64).new_from_index(0, n * m),
            "mark_usd": rows(lambda q: q.mark() / _per_usd(q)),
            "bid_usd": bid,
            "ask_usd": ask,
            "settlement": _enum(rows(lambda q: SETTLEMENTS.index(q.book.settlement)), SETTLEMENTS),
            "tenor_years": rows(lambda q: q.tenor),
            "volume_24h_coin": rows(lambda q: q.volume),
            "source": _constant(SYNTHETIC, n * m),
        }
    )


def _per_usd(q: Quotes) -> Floats:
    return books.per_usd(q.book.is_inverse, q.forward)


def _quoted(values: np.ndarray) -> pl.Series:
    """Null where nobody quotes."""
    return pl.Series(values).fill_nan(None)


def _times(us: Ints) -> pl.Series:
    return pl.Series(us).cast(pl.Datetime("us", "UTC"))


def _enum(codes: Ints, names: tuple[str, ...]) -> pl.Series:
    return pl.Series(codes.astype(np.uint32)).cat.to(pl.Enum(names))


def _constant(value: str, n: int, names: tuple[str, ...] | None = None) -> pl.Series:
    names = names or (value,)
    return _enum(np.full(n, names.index(value)), names)
