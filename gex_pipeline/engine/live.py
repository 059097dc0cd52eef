"""`gex snapshot`: stored replies -> `chain`, `chain_rejected` and `snapshots`.

All three are functions of `raw` alone, so that :func:`rebuild` makes them again, byte for byte. A coin's rows are those
of the first poll of a venue and instant that had them whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.polls import Network, poll_all
from gex_pipeline.errors import UsageError
from gex_pipeline.schema import CHAIN, CHAIN_REJECTED, RAW, SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.layout import Partition, period_of, snapshot_at
from gex_pipeline.store.partitions import Store
from gex_pipeline.venues.base import Answers
from gex_pipeline.venues.guards import against_previous
from gex_pipeline.venues.raw import Poll, from_frame
from gex_pipeline.venues.registry import VENUES
from gex_pipeline.venues.rows import Rows, coin_rows

_HOUR = timedelta(hours=1)
#: A snapshot that is older says nothing of how many contracts there should be: a venue may have delisted half.
_PREVIOUS_AGE = timedelta(hours=6)
#: How far back an unfinished snapshot is looked for.
_UNFINISHED_AGE = timedelta(days=2)


@dataclass(frozen=True)
class Outcome:
    """What became of one coin of one poll."""

    venue: str
    coin: str
    rows: Rows
    gaps: int = 0

    @property
    def status(self) -> str:
        """As in `snapshots`."""
        return "failed" if self.rows.error else "partial" if self.rows.warnings else "ok"

    @property
    def text(self) -> str | None:
        """What failed or is warned of."""
        return self.rows.error or "; ".join(self.rows.warnings) or None


@dataclass
class SnapshotSummary:
    """What a snapshot did.

    ``outcomes``: per venue and coin that is listed there; ``requests`` and ``seconds``: per venue that was asked;
    ``taken``: venue -> coins whose snapshot of this instant was stored before.
    """

    snapshot_at: datetime
    outcomes: list[Outcome] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)


def grid_time(at: datetime | None, now: datetime) -> datetime:
    """The instant a snapshot is for: the minute that has begun, or the one that is asked for and just over.

    Raises ``UsageError`` for one that cannot be taken any more, or not yet: a venue says only what is.
    """
    if at is None:
        return now.replace(second=0, microsecond=0)
    if not now - _HOUR <= at <= now:
        raise UsageError(f"--at {at:%Y-%m-%dT%H:%M:%SZ} is not within the last hour: a venue says only what is now")
    return at.replace(microsecond=0)


def snapshot(
    store: Store, network: Network, venues: Sequence[str], coins: Sequence[str], at: datetime
) -> SnapshotSummary:
    """Take one snapshot. What an earlier one was killed in the middle of is finished first."""
    for file in _unfinished(store, venues):
        _store_rows(store, file)
    taken = {venue: _taken(_snapshots(store, venue), at) for venue in venues}
    summary = SnapshotSummary(at, taken={venue: done for venue, done in taken.items() if done})
    for file in poll_all(store, network, [v for v in venues if set(coins) - set(taken[v])], coins, at):
        poll, outcomes = _store_rows(store, file)
        summary.outcomes += [outcome for outcome in outcomes if outcome.rows.is_listed]
        summary.requests[poll.venue], summary.seconds[poll.venue] = len(poll.fresh), poll.duration_seconds
    return summary


def _unfinished(store: Store, venues: Sequence[str]) -> list[Partition]:
    """Recent files of `raw` that `snapshots` does not know."""
    since, found = store.clock() - _UNFINISHED_AGE, []
    for venue in venues:
        files = [f for f in store.recent(RAW, {"venue": venue}, store.clock()) if snapshot_at(f) >= since]
        known = set(_snapshots(store, venue)["snapshot_at"]) if files else set()
        found += [f for f in files if snapshot_at(f) not in known]
    return found


def _store_rows(store: Store, file: Partition) -> tuple[Poll, list[Outcome]]:
    """Make the rows of one file of `raw` and store them; `snapshots` last, as it says that all is done."""
    poll, known = from_frame(store.read(file)), _snapshots(store, file.value("venue"))
    done = _taken(known, poll.snapshot_at)
    coins = [coin for coin in poll.coins if coin not in done]
    previous = {coin: _previous(store, poll, coin) for coin in coins}
    outcomes = [_outcome(poll, coin, previous[coin], known) for coin in coins]
    inputs = {file.path: store.content_hash(file)}
    for outcome in outcomes:
        for table, rows in ((CHAIN, outcome.rows.chain), (CHAIN_REJECTED, outcome.rows.rejected)):
            store.merge(table, rows, inputs)
    _put_snapshots(store, poll, _lines(poll, outcomes), inputs)
    return poll, outcomes


def _taken(known: pl.DataFrame, at: datetime) -> list[str]:
    """Coins of which a venue's snapshot of that instant is stored."""
    return known.filter((pl.col("snapshot_at") == at) & (pl.col("status") != "failed"))["underlying"].to_list()


def _outcome(poll: Poll, coin: str, previous: pl.DataFrame, known: pl.DataFrame) -> Outcome:
    venue = VENUES[poll.venue]
    answers = Answers(venue, poll.replies)
    rows = coin_rows(venue, answers, coin, poll.snapshot_at, is_synthetic=poll.is_synthetic)
    return Outcome(poll.venue, coin, _against(rows, previous, poll.snapshot_at), _gaps(known, coin, poll.snapshot_at))


def _against(rows: Rows, previous: pl.DataFrame, at: datetime) -> Rows:
    """The same rows after the check against the snapshot before."""
    finding = None if rows.error else against_previous(rows.chain, previous, at)
    if finding is None:
        return rows
    if finding.severity == "warning":
        return replace(rows, warnings=(*rows.warnings, str(finding)))
    return replace(rows, chain=rows.chain.clear(), rejected=rows.rejected.clear(), error=str(finding), is_listed=True)


def _previous(store: Store, poll: Poll, coin: str) -> pl.DataFrame:
    """Contracts of the coin's last live snapshot before a poll: ``instrument``, ``expiry_at``."""
    first = poll.snapshot_at - _PREVIOUS_AGE
    columns = ("snapshot_at", "instrument", "expiry_at", "source")
    is_before = (pl.col("snapshot_at") >= first) & (pl.col("snapshot_at") < poll.snapshot_at)
    files = store.recent(CHAIN, {"underlying": coin, "venue": poll.venue}, poll.snapshot_at)
    days = {f"{t:%Y-%m-%d}"[: len(f.period)] for f in files for t in (first, poll.snapshot_at)}
    frames = [store.read(f, columns, is_before) for f in files if f.period in days]
    if not frames:
        return pl.DataFrame(schema={"instrument": pl.String, "expiry_at": pl.Datetime("us", "UTC")})
    live = pl.concat(frames).filter(pl.col("source").str.ends_with(_LIVE))
    return live.filter(pl.col("snapshot_at") == pl.col("snapshot_at").max()).select("instrument", "expiry_at")


#: How the source of a live row ends.
_LIVE = "-rest"


def _gaps(known: pl.DataFrame, coin: str, at: datetime) -> int:
    """Whole hours between the last stored snapshot of a coin and this one."""
    is_before = (pl.col("underlying") == coin) & (pl.col("status") != "failed") & (pl.col("snapshot_at") < at)
    last = known.filter(is_before)["snapshot_at"].max()
    return max(0, (at - last) // _HOUR - 1) if isinstance(last, datetime) else 0


def _lines(poll: Poll, outcomes: Iterable[Outcome]) -> pl.DataFrame:
    """Rows of `snapshots`; a coin that the venue does not list has none."""
    rows = [
        {
            "snapshot_at": poll.snapshot_at,
            "venue": poll.venue,
            "underlying": outcome.coin,
            "rows": outcome.rows.chain.height,
            "rejected": outcome.rows.rejected.height,
            "requests": len(poll.fresh),
            "duration_seconds": poll.duration_seconds,
            "status": outcome.status,
            "error": outcome.text,
            "gaps": outcome.gaps,
        }
        for outcome in outcomes
        if outcome.rows.is_listed
    ]
    return pl.DataFrame(rows, schema=polars_schema(SNAPSHOTS), orient="row")


def _snapshots(store: Store, venue: str) -> pl.DataFrame:
    """What is known of a venue's snapshots of this year and the one before."""
    years = {f"{store.clock().year}", f"{store.clock().year - 1}"}
    files = [f for f in store.partitions(SNAPSHOTS, venue) if f.period in years]
    return pl.concat([pl.DataFrame(schema=polars_schema(SNAPSHOTS)), *map(store.read, files)])


def _put_snapshots(store: Store, poll: Poll, rows: pl.DataFrame, inputs: dict[str, str]) -> None:
    year = Partition(
        SNAPSHOTS.name, (("venue", poll.venue),), period_of(SNAPSHOTS, poll.snapshot_at.date(), poll.snapshot_at.date())
    )
    is_replaced = (pl.col("snapshot_at") == poll.snapshot_at) & pl.col("underlying").is_in(rows["underlying"].to_list())
    store.renew(year, rows, is_replaced, inputs)
