"""What long work did, and how the warehouse is: a few plain lines or one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gex_pipeline.engine.build import BuildSummary
    from gex_pipeline.engine.feeds import FetchSummary
    from gex_pipeline.engine.imports import ImportSummary
    from gex_pipeline.engine.live import SnapshotSummary
    from gex_pipeline.engine.rebuild import RebuildSummary


def import_lines(summary: ImportSummary) -> list[str]:
    """Rows per table and what was refused, with reasons; failures and conflicts are printed elsewhere."""
    tables = sorted({*summary.rows, *summary.same})
    before = f", {summary.skipped:,} imported before" if summary.skipped else ""
    lines = [f"{count(summary.files, 'file')} read{before}"]
    lines += [f"{t}: {summary.rows.get(t, 0):,} new rows, {summary.same.get(t, 0):,} already stored" for t in tables]
    if len(summary.coins) > 1:
        lines.append("coins: " + ", ".join(f"{coin} {rows:,}" for coin, rows in sorted(summary.coins.items())))
    lines += _reasons("rejected (kept in chain_rejected)", summary.rejected)
    lines += _reasons("dropped", summary.dropped)
    return lines


def build_lines(summary: BuildSummary) -> list[str]:
    """What was computed, what was fresh already, and the rows per table."""
    lines = [f"{count(summary.built, 'partition')} built, {summary.fresh:,} already fresh, {summary.seconds:.1f} s"]
    return lines + [f"{table}: {rows:,} rows" for table, rows in sorted(summary.rows.items())]


def count(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _reasons(label: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    parts = ", ".join(f"{reason} {n:,}" for reason, n in sorted(counts.items()))
    return [f"{label}: {sum(counts.values()):,} rows: {parts}"]


def snapshot_lines(summary: SnapshotSummary) -> list[str]:
    """Per venue: rows of each coin, requests and seconds."""
    lines = [f"snapshot {summary.snapshot_at:%Y-%m-%dT%H:%M:%SZ}"]
    for venue, requests in summary.requests.items():
        mine = [outcome for outcome in summary.outcomes if outcome.venue == venue]
        coins = ", ".join(f"{o.coin} {o.rows.chain.height:,}" for o in mine if not o.rows.error)
        rejected = sum(o.rows.rejected.height for o in mine)
        kept_out = f", {rejected:,} rejected" if rejected else ""
        asked = f"{count(requests, 'request')} in {summary.seconds[venue]:.1f} s"
        nothing = "nothing new" if venue in summary.taken else "nothing stored"
        lines.append(f"{venue}: {coins or nothing}{kept_out}; {asked}")
    return lines + [f"{venue}: {', '.join(coins)} stored before" for venue, coins in summary.taken.items()]


def fetch_lines(summary: FetchSummary) -> list[str]:
    """Rows per table, requests per venue, and what a venue does not have."""
    asked = ", ".join(f"{venue} {n:,}" for venue, n in sorted(summary.requests.items()))
    lines = [f"requests: {asked}" if asked else "nothing is missing"]
    tables = sorted({*summary.rows, *summary.same})
    lines += [f"{t}: {summary.rows.get(t, 0):,} new rows, {summary.same.get(t, 0):,} already stored" for t in tables]
    return lines + ([f"not listed: {', '.join(sorted(summary.unlisted))}"] if summary.unlisted else [])


def rebuild_lines(summary: RebuildSummary) -> list[str]:
    """What was read from the stored replies."""
    return [f"{count(summary.polls, 'poll')} read again: chain {summary.rows:,} rows, {summary.rejected:,} rejected"]


def snapshot_problems(summary: SnapshotSummary) -> list[str]:
    """One line per venue and cause, with the coins it costs; and one per warning."""
    causes: dict[tuple[str, str, str], list[str]] = {}
    for outcome in summary.outcomes:
        if outcome.text is not None:
            causes.setdefault((outcome.venue, outcome.status, outcome.text), []).append(outcome.coin)
    return [
        f"{venue} {', '.join(coins)}: {'warning: ' if status == 'partial' else ''}{text}"
        for (venue, status, text), coins in causes.items()
    ] + [f"{venue}: {text}" for venue, text in summary.failures.items()]


def unlisted(coins: Sequence[str], venues: Sequence[str]) -> list[str]:
    """One line of coins that no venue lists."""
    verb = "is" if len(coins) == 1 else "are"
    return [f"{', '.join(coins)} {verb} listed at none of {', '.join(venues)}"] if coins else []
