"""An as-of question -> an Answer, re-priced from the chain of one snapshot.

With no filter the numbers equal the stored tables: the same transforms make both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.core.signs import TAKER
from gex_pipeline.core.window import Window
from gex_pipeline.engine import as_of, tapes
from gex_pipeline.errors import UsageError, known
from gex_pipeline.present.answer import Answer
from gex_pipeline.schema import TABLES
from gex_pipeline.schema.common import SIGN_MODELS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.contracts import ALL_VENUES, Contracts
from gex_pipeline.transforms.expected_move import expected_move
from gex_pipeline.transforms.flip_zones import flip_zones
from gex_pipeline.transforms.gamma_profile import gamma_profile
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.max_pain import max_pain
from gex_pipeline.transforms.ranked import ranked
from gex_pipeline.transforms.strike_profile import strike_profile
from gex_pipeline.transforms.taker_coverage import taker_coverage
from gex_pipeline.transforms.tape import Tape

#: Bars in an answer, and the intervals they may have, finest first.
N_CANDLES = 48
_INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h")
_MARKETS = ("spot", "perp", "index", "mark")


@dataclass(frozen=True)
class Asked:
    """A question about one underlying and the snapshot that answers it.

    ``whole``: all contracts of the venues; ``book``: those inside the window, from which every exposure comes;
    ``tape``: where the sign model needs trades.
    """

    underlying: str
    at: datetime
    venues: list[str] | None
    sign_model: str
    window: Window
    found: as_of.Found
    chain: pl.DataFrame
    whole: Contracts
    book: Book
    tape: Tape | None

    @property
    def strikes(self) -> pl.DataFrame:
        """Exposure and open interest per expiry and strike inside the window."""
        return strike_profile(self.whole.inside(self.window), self.sign_model)


def ask(
    store: Store,
    underlying: str,
    *,
    at: datetime,
    venues: list[str] | None = None,
    sign_model: str = "naive",
    window: Window | None = None,
) -> Asked:
    """The snapshot of one underlying that was known at ``at``, narrowed to venues and strikes.

    Raises ``GexError`` where nothing is stored for the question, be it trades for the sign model that needs them, and
    ``UsageError`` for a venue or sign model that is unknown.
    """
    _check(venues, sign_model)
    window = window or Window()
    found, chain = as_of.latest(store, underlying, at, venues)
    tape = tapes.of_snapshot(store, underlying, chain) if sign_model == TAKER else None
    whole = Contracts.from_chain(chain if tape is None else tape.on(chain))
    book = Book((whole if tape is None else whole.by_trades()).inside(window))
    return Asked(underlying, at, venues, sign_model, window, found, chain, whole, book, tape)


def answer(store: Store, underlying: str, *, at: datetime, has_candles: bool = False, **question: Any) -> Answer:
    """Every table of the snapshot that :func:`ask` finds; ``question`` and errors as there."""
    asked = ask(store, underlying, at=at, **question)
    found, book, whole, sign_model = asked.found, asked.book, asked.whole, asked.sign_model
    return Answer(
        underlying=underlying,
        snapshot_at=found.snapshot_at,
        knowledge_time=datetime.fromtimestamp(int(whole.knowledge[0, 0]) / 1e6, UTC),
        age_seconds=found.age_seconds(at),
        is_stale=found.is_stale(at),
        is_synthetic=bool(asked.chain["source"].str.starts_with("synthetic").any()),
        spot_usd=float(whole.spots[0, 0]),
        perps_usd=_perps_usd(store, underlying, found.snapshot_at, at, asked.venues),
        venues=list(whole.venue_names),
        absent_venues=as_of.absent_venues(store, underlying, found, asked.chain) if asked.venues is None else [],
        sign_model=sign_model,
        filters={"venues": asked.venues, **asdict(asked.window)},
        levels=whole_set(levels(book, sign_model)),
        flip_zones=whole_set(flip_zones(book, sign_model)),
        ranked=whole_set(ranked(book, sign_model)),
        profile=whole_set(gamma_profile(book, sign_model)),
        max_pain=whole_set(max_pain(Book(whole))),
        expected_move=whole_set(expected_move(Book(whole))),
        exposure=asked.strikes,
        coverage=None if asked.tape is None else whole_set(taker_coverage(Book(whole), asked.tape)),
        candles=_candles(store, underlying, at) if has_candles else None,
    )


def _check(venues: list[str] | None, sign_model: str) -> None:
    if venues is not None and not venues:
        raise UsageError("the list of venues is empty: leave it out for all of them")
    for venue in venues or ():
        known(venue, VENUES, "venue")
    known(sign_model, SIGN_MODELS, "sign model")


def whole_set(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of all asked-for venues together, with categories as strings."""
    frame = frame.filter(pl.col("venues") == ALL_VENUES)
    return frame.with_columns(pl.col(pl.Enum).cast(pl.String))


def _perps_usd(
    store: Store, underlying: str, snapshot_at: datetime, at: datetime, venues: list[str] | None
) -> float | None:
    """Median over the venues of their perpetual's last mark that was known at ``at``; null where none is of this hour.

    Of this hour: no older than one before the snapshot.
    """
    first = snapshot_at - timedelta(hours=1)
    years = {f"{t.year}" for t in (first, at)}
    files = [p for p in store.partitions(TABLES["perps"], underlying) if p.period in years]
    files = [p for p in files if venues is None or p.value("venue") in venues]
    if not files:
        return None
    is_known = (pl.col("snapshot_at") >= first) & (pl.col("knowledge_time") <= at) & pl.col("mark_usd").is_not_null()
    marks = pl.concat(store.read(p, ("venue", "snapshot_at", "knowledge_time", "mark_usd"), is_known) for p in files)
    last = marks.sort("snapshot_at").group_by("venue", maintain_order=True).agg(pl.col("mark_usd").last())
    middle = last["mark_usd"].median()
    return float(middle) if isinstance(middle, float) else None


def _candles(store: Store, underlying: str, at: datetime) -> pl.DataFrame:
    """The last bars that were closed at ``at``, of the finest interval that is up to date."""
    table = TABLES["candles"]
    stored = [p for p in store.partitions(table) if p.value("underlying") == underlying and p.period <= f"{at:%Y}"]
    newest = max((p.period for p in stored), default="")
    recent = [p for p in stored if p.period >= min(newest, f"{at.year - 1}")]
    if not recent:
        return pl.DataFrame(schema=polars_schema(table))
    bars = pl.concat(map(store.read, recent)).filter(pl.col("close_at") <= at, pl.col("interval").is_in(_INTERVALS))
    if bars.is_empty():
        return bars
    series = bars.group_by("interval", "market", "venue", "symbol").agg(pl.col("close_at").max().alias("last"))
    current = series.filter(pl.col("last") > pl.col("last").max() - pl.duration(hours=1))
    finest = min(
        current.iter_rows(named=True),
        key=lambda s: (_INTERVALS.index(s["interval"]), _MARKETS.index(s["market"]), s["venue"], s["symbol"]),
    )
    chosen = [pl.col(c) == finest[c] for c in ("interval", "market", "venue", "symbol")]
    return bars.filter(*chosen).sort("open_at").tail(N_CANDLES)
