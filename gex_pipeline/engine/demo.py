"""`gex demo`: the whole job on the made-up market, without network or data of anybody's.

History arrives as archive files through the importers, the last day as snapshots of the four local venues: rows enter
by no other door.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.engine.answers import answer
from gex_pipeline.engine.around import candle_feeds, market_feeds
from gex_pipeline.engine.build import BuildSummary, build
from gex_pipeline.engine.demo_archives import import_archives, must
from gex_pipeline.engine.demo_venues import Venues, still, venues_apart
from gex_pipeline.engine.feeds import fetch
from gex_pipeline.engine.live import snapshot
from gex_pipeline.engine.polls import Network
from gex_pipeline.engine.progress import Progress
from gex_pipeline.market import chains
from gex_pipeline.market.books import COINS
from gex_pipeline.market.world import World
from gex_pipeline.present.answer import Answer
from gex_pipeline.schema import TRADES
from gex_pipeline.schema.chain import SYNTHETIC
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session

#: The demo always shows the same days, so that its numbers can be compared.
START = date(2026, 1, 5)
SEED = 1
#: The whole last day is taken live, of a short demo only its last hours.
_LONG_DAYS, _LIVE_HOURS = 28, 4
_PATIENCE_SECONDS = 60.0
_HISTORY = """
    SELECT snapshot_at, spot_usd, net_gex_usd, zero_gamma, call_resistance, put_support
    FROM levels_wide
    WHERE underlying = ? AND venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'
    ORDER BY snapshot_at
"""


@dataclass
class Demo:
    """Where the demo's warehouse is, how its rows came, and what it found at the end of its days.

    ``files``: archive files read; ``requests``: served by the local venues.
    """

    warehouse: Path
    world: World
    files: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    snapshots: int = 0
    built: BuildSummary = field(default_factory=BuildSummary)
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def end(self) -> datetime:
        """The instant of the last snapshot."""
        return _midnight(self.world.start + timedelta(days=self.world.days - 1)) - timedelta(hours=1)

    @property
    def at(self) -> datetime:
        """When all rows of the last snapshot were known."""
        return self.end + timedelta(minutes=2)


def run(out: Path, n_days: int, progress: Progress) -> Demo:
    """Everything below an empty folder. Raises ``GexError`` when a step fails."""
    done = Demo(out / "warehouse", World(SEED, START, n_days + 1))
    Store(done.warehouse).create(SYNTHETIC)
    live = _LIVE_HOURS if n_days < _LONG_DAYS else 24
    with venues_apart(SEED, START, done.end) as venues:  # made while the files are
        done.files = import_archives(out, done.world, 24 * n_days - live, done.end, progress)
        take_last_hours(done, venues, live, progress)
        _fetch_around(done, venues, progress)
    done.built = build(done.warehouse, progress=progress)
    must(done.built.failures)
    done.answers = {coin: answer(Store(done.warehouse), coin, at=done.at) for coin in COINS}
    return done


def take_last_hours(done: Demo, venues: Venues, live: int, progress: Progress) -> None:
    """Snapshots of the last hours, each as if it took no time."""
    network = _network(venues)
    hours = [done.end - timedelta(hours=back) for back in reversed(range(live))]
    progress.start("snapshots", len(hours))
    try:
        for at in hours:
            venues.set(at)
            taken = snapshot(Store(done.warehouse, partial(still, at)), network, VENUES, tuple(COINS), at)
            must([*taken.failures.values(), *(o.rows.error for o in taken.outcomes if o.rows.error)])
            done.snapshots += 1
            progress.advance(note=f"{at:%Y-%m-%d %H:%M}")
    finally:
        progress.close()


def _fetch_around(done: Demo, venues: Venues, progress: Progress) -> None:
    """Candles of all days; of the last day what else is around the chain.

    Not Binance's trades: it is asked contract by contract, and its limits make minutes of that.
    """
    candles = candle_feeds(VENUES, tuple(COINS), "1h", "perp")
    others = [f for f in market_feeds(VENUES, tuple(COINS)) if (f.venue, f.table) != ("binance", TRADES)]
    clock = partial(still, done.end)
    store = Store(done.warehouse, clock)
    for feeds, start in ((candles, _midnight(done.world.start)), (others, _midnight(done.end.date()))):
        fetched = fetch(store, _network(venues), feeds, start, progress=progress, clock=clock)
        must([*fetched.failures, *fetched.conflicts])
    done.requests = venues.set(done.end)


def _network(venues: Venues) -> Network:
    return Network(venues.hosts, _PATIENCE_SECONDS, _PATIENCE_SECONDS)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def histories(done: Demo) -> dict[str, pl.DataFrame]:
    """Per coin and hour what is stored of its levels; of the first coin also the truth of the market."""
    with closing(Session(done.warehouse)) as session:
        stored = {coin: session.query(_HISTORY, [coin]) for coin in COINS}
    first = next(iter(COINS))
    return stored | {first: stored[first].join(truth(done.world, first), on="snapshot_at")}


def truth(world: World, coin: str) -> pl.DataFrame:
    """By hour: ``gamma_usd`` of the dealers (USD per 1 %), ``realised`` volatility of the hour (annual, a fraction)."""
    market = world.market(coin)
    squares = (np.diff(np.log(market.price)) ** 2).reshape(-1, 60).sum(axis=1)
    hours = chains.hours(market.start, len(squares))
    return pl.DataFrame(
        {
            "snapshot_at": pl.Series(hours).cast(pl.Datetime("us", "UTC")),
            "gamma_usd": market.gamma_usd,
            "realised": np.sqrt(squares * 24 * 365),
        }
    )
