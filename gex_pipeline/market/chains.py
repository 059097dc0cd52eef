"""Rows of table `chain` of the made-up venues, fast: whole books at many instants at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import polars as pl

from gex_pipeline.market import books
from gex_pipeline.market.draws import Ints
from gex_pipeline.market.ladder import DAY_US, EIGHT_US
from gex_pipeline.market.listing import LISTED_US
from gex_pipeline.market.quotes import Quotes, quotes
from gex_pipeline.market.world import World
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.chain import FORWARD_SOURCES, INDEX_SOURCES, OPTION_TYPES, SETTLEMENTS, SYNTHETIC

HOUR_US = 3_600_000_000


def chain(venue: str, coin: str, world: World, instants_us: Ints) -> pl.DataFrame:
    """Rows of one venue and coin at ascending instants (microseconds since 1970), in the order of the table.

    Raises ``ValueError`` where the venue has no options on the coin or the world no such instant.
    """
    mine = [book for book in books.of(coin) if book.venue == venue]
    found = [quotes(book, world, part) for part in _between_listings(instants_us) for book in mine]
    names = tuple(sorted({name for q in found for name in q.listed.names}))
    code = {name: i for i, name in enumerate(names)}
    rows = pl.concat([_rows(q, names, np.array([code[name] for name in q.listed.names])) for q in found])
    return rows.sort(TABLES["chain"].sort) if len(mine) > 1 else rows


def hours(first: datetime, n: int) -> Ints:
    """So many whole hours from an instant on."""
    return round(first.timestamp() * 1e6) + HOUR_US * np.arange(n)


def _between_listings(instants_us: Ints) -> Iterator[Ints]:
    """Cut at 08:00 UTC, where contracts expire, and at 08:30, where others are listed."""
    since_eight = instants_us - EIGHT_US
    lists = 2 * (since_eight // DAY_US) + (since_eight % DAY_US >= LISTED_US)
    cuts = [0, *(np.flatnonzero(np.diff(lists)) + 1).tolist(), len(instants_us)]
    return (instants_us[a:b] for a, b in pairwise(cuts))


def _rows(q: Quotes, names: tuple[str, ...], code: Ints) -> pl.DataFrame:
    n, m = len(q.instant_us), len(q.listed.names)
    instants, ends = _times(np.repeat(q.instant_us, m)), _times(np.tile(q.listed.expiry_us, n))
    per_usd = books.per_usd(q.book.is_inverse, q.forward)
    bid, ask = (pl.Series((price / per_usd).reshape(-1)).fill_nan(None) for price in q.bid_and_ask())
    bid_iv, ask_iv = (pl.Series(iv.reshape(-1)).fill_nan(None) for iv in (q.bid_iv, q.ask_iv))
    return pl.DataFrame(
        {
            "snapshot_at": instants,
            "expiry_at": ends,
            "venue_time": instants,
            "knowledge_time": instants,
            "underlying": _constant(q.book.coin, n * m),
            "venue": _constant(q.book.venue, n * m),
            "instrument": _enum(np.tile(code, n), names),
            "strike_usd": np.tile(q.listed.strike, n),
            "option_type": _enum(np.tile(q.listed.side, n), OPTION_TYPES),
            "open_interest_coin": q.open_interest.reshape(-1),
            "contract_size_coin": np.full(n * m, q.book.contract_coin),
            "mark_iv": q.mark_iv.reshape(-1),
            "bid_iv": bid_iv.set(bid.is_null(), None),
            "ask_iv": ask_iv,
            "forward_usd": q.forward.reshape(-1),
            "forward_source": _constant("venue", n * m, FORWARD_SOURCES),
            "index_usd": np.repeat(q.index, m),
            "index_source": _constant("venue", n * m, INDEX_SOURCES),
            "mark_usd": (q.mark() / per_usd).reshape(-1),
            "bid_usd": bid,
            "ask_usd": ask,
            "settlement": _constant(q.book.settlement, n * m, SETTLEMENTS),
            "tenor_years": q.tenor.reshape(-1),
            "volume_24h_coin": q.volume.reshape(-1),
            "source": _constant(SYNTHETIC, n * m),
        }
    )


def _times(us: Ints) -> pl.Series:
    return pl.Series(us).cast(pl.Datetime("us", "UTC"))


def _enum(codes: Ints, names: tuple[str, ...]) -> pl.Series:
    return pl.Series(codes.astype(np.uint32)).cat.to(pl.Enum(names))


def _constant(value: str, n: int, names: tuple[str, ...] | None = None) -> pl.Series:
    names = names or (value,)
    return _enum(np.full(n, names.index(value)), names)


def utc(text: str) -> datetime:
    """A date or instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
