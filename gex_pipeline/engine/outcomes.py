"""What one poll of a venue means: rows per coin, or why there are none. Pure.

Belongs here: the order of the checks and what `snapshots` says. Not: reading or writing (`poll_rows`, `rebuild`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from gex_pipeline.engine.freshness import hours_missing
from gex_pipeline.errors import printable
from gex_pipeline.schema import SNAPSHOTS
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.venues.base import Answers
from gex_pipeline.venues.guards import against_previous
from gex_pipeline.venues.raw import Poll
from gex_pipeline.venues.registry import VENUES
from gex_pipeline.venues.rows import Rows, venue_rows

#: A check against an older snapshot is a warning at most: a venue may have delisted much by now.
_COMPARED_AGE = timedelta(hours=6)
#: How old the last snapshot may be that a coin is missed from.
LISTED_AGE = timedelta(days=30)
#: True for a row that was taken live, and not imported.
IS_LIVE = pl.col("source").cast(pl.String).str.ends_with("-rest")
#: What :func:`outcomes` needs of `snapshots`.
KNOWN = ("snapshot_at", "underlying", "status")


@dataclass(frozen=True)
class Outcome:
    """What became of one coin of one poll. ``gaps``: hours without a stored snapshot before it."""

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
        text = self.rows.error or "; ".join(self.rows.warnings)
        return printable(text) or None


def outcomes(poll: Poll, known: pl.DataFrame, previous: Mapping[str, pl.DataFrame]) -> list[Outcome]:
    """Rows of every coin of a poll that is not stored yet.

    ``known``: rows of `snapshots` of the venue, with the columns ``KNOWN``. ``previous``: coin -> ``snapshot_at``,
    ``instrument``, ``expiry_at`` of the last live snapshot before.
    """
    venue, at = VENUES[poll.venue], poll.snapshot_at
    done, last = taken(known, at), last_stored(known, at)
    coins = [coin for coin in poll.coins if coin not in done]
    found = venue_rows(venue, Answers(venue, poll.replies), coins, at, is_synthetic=poll.is_synthetic)
    return [
        Outcome(poll.venue, coin, _checked(found[coin], previous[coin], at), _gaps(last.get(coin), at))
        for coin in coins
    ]


def _checked(rows: Rows, previous: pl.DataFrame, at: datetime) -> Rows:
    """The same rows after the check against the snapshot before."""
    before = previous.filter(pl.col("snapshot_at") >= at - LISTED_AGE)
    if rows.error or before.is_empty():
        return rows
    if not rows.is_listed:
        alive = before.filter(pl.col("expiry_at") > at).height
        text = f"none is listed any more, though {alive} of {before['snapshot_at'][0]:%Y-%m-%dT%H:%MZ} have not expired"
        return replace(rows, error=f"contracts: {text}", is_listed=True) if alive else rows
    finding = against_previous(rows.chain, before, at)
    if finding is None:
        return rows
    if finding.severity == "warning" or before["snapshot_at"][0] < at - _COMPARED_AGE:
        return replace(rows, warnings=(*rows.warnings, str(finding)))
    return Rows(rows.chain.clear(), rows.rejected.clear(), error=str(finding))


def latest_live(chain: pl.DataFrame) -> pl.DataFrame:
    """The contracts of the last live snapshot among rows of `chain`."""
    live = chain.filter(IS_LIVE)
    last = live.filter(pl.col("snapshot_at") == pl.col("snapshot_at").max())
    return last.select("snapshot_at", "instrument", "expiry_at")


def taken(known: pl.DataFrame, at: datetime) -> list[str]:
    """Coins of which a venue's snapshot of that instant is stored."""
    return known.filter((pl.col("snapshot_at") == at) & (pl.col("status") != "failed"))["underlying"].to_list()


def _gaps(last: datetime | None, at: datetime) -> int:
    """Hours missing between the last stored snapshot of a coin and this one."""
    return hours_missing(last, at) if last is not None else 0


def last_stored(known: pl.DataFrame, at: datetime) -> dict[str, datetime]:
    """Coin -> the last instant before another at which it was stored of a venue; one that never was is left out."""
    is_before = (pl.col("status") != "failed") & (pl.col("snapshot_at") < at)
    return dict(known.filter(is_before).group_by("underlying").agg(pl.col("snapshot_at").max()).rows())


def snapshot_rows(poll: Poll, found: Iterable[Outcome]) -> pl.DataFrame:
    """Rows of `snapshots`; a coin that the venue does not list has none."""
    rows = [_row(poll, outcome) for outcome in found if outcome.rows.is_listed]
    return pl.DataFrame(rows, schema=polars_schema(SNAPSHOTS), orient="row")


def told(poll: Poll, found: Iterable[Outcome]) -> pl.DataFrame:
    """Keys of `snapshots` that a poll decides: also coins that the venue does not list, for which it has no row."""
    schema = {name: polars_schema(SNAPSHOTS)[name] for name in ("snapshot_at", "underlying")}
    return pl.DataFrame([(poll.snapshot_at, outcome.coin) for outcome in found], schema=schema, orient="row")


def _row(poll: Poll, outcome: Outcome) -> dict[str, object]:
    return {
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
