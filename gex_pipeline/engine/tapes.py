"""Which files the tape of some days is read from, and the tape.

Belongs here: `trades` of the days, `taker_flow` of all days before, and where each venue's trades begin. Not: what a
tape says of a chain (`transforms.tape`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import polars as pl

from gex_pipeline.engine import flows
from gex_pipeline.engine.days import Days, period_days
from gex_pipeline.errors import GexError
from gex_pipeline.schema import CHAIN, TAKER_FLOW, TRADES
from gex_pipeline.schema.model import Table
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition
from gex_pipeline.store.partitions import Store
from gex_pipeline.transforms.taker_flow import COLUMNS
from gex_pipeline.transforms.tape import Tape, hours_of

_POSITIONS = ("venue", "instrument", "flow_coin", "block_coin", "combo_coin", "n_trades")
_ADVICE = "sign model taker needs them, gex market fetches them"
_HOURS = ("venue", "day_at", "hours")


@dataclass(frozen=True, order=True)
class Begin:
    """Where the trades of a venue begin: their first file and instant, and the first snapshot since, with its file.

    Contracts of that snapshot may be older than the trades; all others were listed later.
    """

    trades: Partition
    first_at: datetime
    chain: Partition
    snapshot_at: datetime

    @property
    def venue(self) -> str:
        """The venue."""
        return self.chain.value("venue")


@dataclass(frozen=True, order=True)
class Sources:
    """What a tape is read from: partitions of `trades` that meet its days, those before, and the begins."""

    trades: tuple[Partition, ...]
    earlier: tuple[Partition, ...]
    begins: tuple[Begin, ...]

    @property
    def flows(self) -> tuple[Partition, ...]:
        """The partitions of `taker_flow` of the days before."""
        return tuple(map(flows.flow_of, self.earlier))

    @property
    def files(self) -> tuple[Partition, ...]:
        """All that is read but the flows."""
        begins = (p for begin in self.begins for p in (begin.trades, begin.chain))
        return tuple(sorted({*self.trades, *begins}))


def begins(store: Store, trades: Iterable[Partition], chain: Iterable[Partition]) -> tuple[Begin, ...]:
    """Where the trades of each venue of one underlying begin; not of one whose chain ends before.

    Raises ``StoreError`` where a file cannot be read.
    """
    first: dict[str, Partition] = {}
    for p in sorted(trades):
        first.setdefault(p.value("venue"), p)
    found = (_begin(store, p, [c for c in sorted(chain) if c.value("venue") == venue]) for venue, p in first.items())
    return tuple(begin for begin in found if begin is not None)


def _begin(store: Store, trades: Partition, chain: Sequence[Partition]) -> Begin | None:
    first_at = _first(store, trades, "traded_at")
    if first_at is None:
        return None
    for p in (p for p in chain if period_days(p.period).last >= first_at.date()):
        at = _first(store, p, "snapshot_at", pl.col("snapshot_at") >= first_at)
        if at is not None:
            return Begin(trades, first_at, p, at)
    return None


def _first(store: Store, partition: Partition, column: str, where: pl.Expr | None = None) -> datetime | None:
    first = store.read(partition, (column,), where)[column].min()
    return first if isinstance(first, datetime) else None


def unreadable(files: Iterable[Partition]) -> Sources:
    """Files one of which cannot be read: whatever job is to read them names it."""
    return Sources(tuple(files), (), ())


def sources(trades: Sequence[Partition], begun: tuple[Begin, ...], days: Days) -> Sources | None:
    """What the tape of some days is read from; None where no venue has both trades and a chain by then."""
    begun = tuple(b for b in begun if b.first_at.date() <= days.last)
    venues = {b.venue for b in begun}
    mine = [p for p in trades if p.value("venue") in venues]
    spans = {p: period_days(p.period) for p in mine}
    here = tuple(p for p in mine if days.meets(spans[p].first, spans[p].last))
    earlier = tuple(p for p in mine if spans[p].first < days.first)
    return Sources(here, earlier, begun) if begun else None


def tape(store: Store, asked: Sources, days: Days) -> Tape:
    """The tape of some days."""
    begin = datetime.combine(days.first, time(), UTC)
    is_before, is_live = pl.col("day_at") < begin, pl.col("expiry_at") > begin
    trades = _read(TRADES, COLUMNS, (store.read(p, COLUMNS, days.holds("traded_at")) for p in asked.trades))
    positions, hours = (
        _read(TAKER_FLOW, columns, (flows.read(store, p, columns, where) for p in asked.earlier))
        for columns, where in ((_POSITIONS, is_before & is_live), (_HOURS, is_before))
    )
    first_us = {b.venue: round(b.first_at.timestamp() * 1e6) for b in asked.begins}
    return Tape.from_rows(begin, positions, trades, _old(store, asked.begins), first_us, hours_of(hours, trades))


def of_snapshot(store: Store, underlying: str, chain: pl.DataFrame) -> Tape:
    """The tape of the day of a snapshot, whose rows are given. Raises ``GexError`` where no trade is stored by then."""
    venues = chain["venue"].unique()
    trades, chains = (
        [p for p in store.partitions(t, underlying) if p.value("venue") in venues] for t in (TRADES, CHAIN)
    )
    at: datetime = chain["snapshot_at"][0]
    day = Days(at.date(), at.date())
    asked = sources(trades, begins(store, trades, chains), day)
    found = tape(store, asked, day) if asked else None
    if found is None or found.on(chain)["dealer_coin"].null_count() == chain.height:
        names = ", ".join(venues.sort())
        raise GexError(f"no option trade of {underlying} from {names} until {at:%Y-%m-%dT%H:%MZ} is stored: {_ADVICE}")
    return found


def _read(table: Table, columns: tuple[str, ...], frames: Iterator[pl.DataFrame]) -> pl.DataFrame:
    none = pl.DataFrame(schema=polars_schema(table)).select(columns)
    return pl.concat([none, *frames])


def _old(store: Store, begun: Iterable[Begin]) -> pl.DataFrame:
    """The contracts that were listed when the trades of their venue began."""
    columns = ("venue", "instrument")
    return _read(CHAIN, columns, (store.read(b.chain, columns, pl.col("snapshot_at") == b.snapshot_at) for b in begun))
