"""What an orchestrator runs every hour: one snapshot of the venues, then the derived tables of its day.

`gex snapshot` and `gex build` are the same on the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gex_pipeline.engine.days import Days
from gex_pipeline.engine.live import SnapshotSummary, grid_time, snapshot
from gex_pipeline.engine.outcomes import Outcome
from gex_pipeline.engine.polls import Network, now
from gex_pipeline.engine.stages import Outcome as DayOutcome
from gex_pipeline.engine.stages import build_days
from gex_pipeline.store.partitions import Store


@dataclass
class VenueHour:
    """One venue's share of a snapshot.

    ``coins``: rows it has in `snapshots`; ``failed`` and ``warned``: ``COIN: text``; ``facts``: numbers for a page.
    """

    coins: int = 0
    facts: dict[str, int | float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Take one coin."""
        self.coins += 1
        if outcome.rows.error:
            self.failed.append(f"{outcome.coin}: {outcome.rows.error}")
            return
        self.warned += [f"{outcome.coin}: {text}" for text in outcome.rows.warnings]
        self.facts[f"rows {outcome.coin}"] = outcome.rows.chain.height
        self.facts["rejected"] = self.facts.get("rejected", 0) + outcome.rows.rejected.height
        self.facts["dagster/row_count"] = self.facts.get("dagster/row_count", 0) + outcome.rows.chain.height


def snapshot_hour(
    root: Path, network: Network, venues: Sequence[str], coins: Sequence[str], at: datetime
) -> dict[str, VenueHour]:
    """Take the snapshot of an hour. Raises ``UsageError`` for one that is over: it cannot be had any more."""
    summary = snapshot(Store(root), network, venues, coins, grid_time(at, now()))
    return {venue: _venue_hour(summary, venue) for venue in venues}


def _venue_hour(summary: SnapshotSummary, venue: str) -> VenueHour:
    taken = len(summary.taken.get(venue, ()))
    facts = {"requests": summary.requests.get(venue, 0), "seconds": summary.seconds.get(venue, 0.0)}
    hour = VenueHour(taken, {**facts, "coins stored before": taken})
    for outcome in summary.outcomes:
        if outcome.venue == venue:
            hour.add(outcome)
    return hour


def build_day_of(root: Path, at: datetime, coins: Sequence[str]) -> DayOutcome:
    """Bring the derived tables of the day of a snapshot up to date."""
    return build_days(root, Days(at.date(), at.date()), coins)
