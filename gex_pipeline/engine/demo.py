"""`gex demo`: the whole job on the made-up market, without network or data of anybody's.

History arrives as archive files through the importers, the last day as snapshots of the four local venues: rows enter
by no other door.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from isal import igzip

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.engine.answers import answer
from gex_pipeline.engine.around import candle_feeds
from gex_pipeline.engine.build import BuildSummary, build
from gex_pipeline.engine.feeds import fetch
from gex_pipeline.engine.imports import import_files
from gex_pipeline.engine.live import snapshot
from gex_pipeline.engine.polls import Network
from gex_pipeline.engine.pool import run_all
from gex_pipeline.engine.progress import Progress
from gex_pipeline.errors import GexError
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.market import archive, chains
from gex_pipeline.market.books import COINS
from gex_pipeline.market.server import VenueServer, serve
from gex_pipeline.market.world import World
from gex_pipeline.present.answer import Answer
from gex_pipeline.schema.chain import SYNTHETIC
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session

#: The demo always shows the same days, so that its numbers can be compared.
START = date(2026, 1, 5)
SEED = 1
#: The whole last day is taken live, of a short demo only its last hours.
_LONG_DAYS, _LIVE_HOURS = 28, 8
_PATIENCE_SECONDS = 60.0
_HISTORY = """
    SELECT snapshot_at, spot_usd, net_gex_usd, zero_gamma, call_resistance, put_support
    FROM levels_wide
    WHERE underlying = ? AND venues = 'all' AND scope = 'all_expiry' AND sign_model = 'naive'
    ORDER BY snapshot_at
"""
#: What Dagster imports when it runs on the demo (GEX_ARCHIVES).
_ARCHIVE = """[[archive]]
source = "chain"
files = "archive/{venue}/*.parquet"
mapping = "archive/{venue}.toml"
"""
_TICKS = """[[archive]]
source = "tardis-options-chain"
files = "archive/*.csv.gz"
venue = "{venue}"
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
    _write_archives(out, done.world, 24 * n_days - live, progress)
    _import(out, done, progress)
    with serve(SEED, lambda: done.end, start=START) as venues:
        _take_last_hours(done, venues, live, progress)
    done.built = build(done.warehouse, progress=progress)
    _must(done.built.failures)
    done.answers = {coin: answer(Store(done.warehouse), coin, at=done.at) for coin in COINS}
    return done


def _write_archives(out: Path, world: World, hours: int, progress: Progress) -> None:
    folder = out / "archive"
    for venue in VENUES:
        (folder / venue).mkdir(parents=True)
        (folder / f"{venue}.toml").write_text(archive.mapping(venue), encoding="utf-8")
    listed = [_TICKS.format(venue=archive.TARDIS_VENUE), *(_ARCHIVE.format(venue=venue) for venue in VENUES)]
    (out / "archives.toml").write_text("\n".join(listed), encoding="utf-8")
    pieces = archive.pieces(world, hours)
    progress.start("archive files", len(pieces))
    try:
        for piece, rows in run_all(partial(write_archive, folder, world), pieces):
            if isinstance(rows, GexError):
                raise rows
            progress.advance(note=piece.name)
    finally:
        progress.close()


def write_archive(folder: Path, world: World, piece: archive.Piece) -> int:
    """Write one file; returns its rows."""
    rows = archive.rows(world, piece)
    if piece.is_ticks:
        (folder / piece.name).write_bytes(igzip.compress(rows.write_csv().encode()))
    else:
        rows.write_parquet(folder / piece.name)
    return rows.height


def _import(out: Path, done: Demo, progress: Progress) -> None:
    """Both kinds of files, venue by venue."""
    folder = out / "archive"
    ways: list[tuple[str, Path, Options]] = [("tardis-options-chain", folder / "*.csv.gz", Options())]
    ways += [("chain", folder / venue, Options(load_mapping(folder / f"{venue}.toml"))) for venue in VENUES]
    for source, files, options in ways:
        imported = import_files(done.warehouse, source, [files], options, progress=progress, clock=lambda: done.end)
        _must([*imported.failures, *imported.conflicts])
        done.files += imported.files


def _take_last_hours(done: Demo, venues: VenueServer, live: int, progress: Progress) -> None:
    """Snapshots of the last hours, as if each were now; then candles of all days."""
    network = Network(venues.hosts, _PATIENCE_SECONDS, _PATIENCE_SECONDS)
    hours = [done.end - timedelta(hours=back) for back in reversed(range(live))]
    progress.start("snapshots", len(hours))
    try:
        for at in hours:
            venues.now = partial(_since, at, time.monotonic())
            taken = snapshot(Store(done.warehouse, venues.now), network, VENUES, tuple(COINS), at)
            _must([*taken.failures.values(), *(o.rows.error for o in taken.outcomes if o.rows.error)])
            done.snapshots += 1
            progress.advance(note=f"{at:%Y-%m-%d %H:%M}")
    finally:
        progress.close()
    feeds = candle_feeds(VENUES, tuple(COINS), "1h", "perp")
    start = _midnight(done.world.start)
    store = Store(done.warehouse, venues.now)
    fetched = fetch(store, network, feeds, start, progress=progress, clock=venues.now)
    _must([*fetched.failures, *fetched.conflicts])
    done.requests = Counter({venue: sum(n for (v, _), n in venues.requests.items() if v == venue) for venue in VENUES})


def _since(at: datetime, began: float) -> datetime:
    """A clock that read ``at`` when the process' own read ``began``."""
    return at + timedelta(seconds=time.monotonic() - began)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _must(problems: Sequence[str]) -> None:
    if problems:
        raise GexError(f"the demo stopped: {problems[0]}")


def histories(done: Demo) -> dict[str, pl.DataFrame]:
    """Per coin and hour what is stored of its levels, and the truth of the market."""
    with closing(Session(done.warehouse)) as session:
        stored = {coin: session.query(_HISTORY, [coin]) for coin in COINS}
    return {coin: rows.join(truth(done.world, coin), on="snapshot_at") for coin, rows in stored.items()}


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
