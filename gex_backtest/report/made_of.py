"""What a run had to go on, and what it was made of: coverage, gaps, instruments, hashes, versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from gex_backtest import words
from gex_backtest.bars import Ints
from gex_backtest.identity import libraries
from gex_backtest.panel import Panel
from gex_backtest.results import Record
from gex_pipeline.present import text
from gex_pipeline.present.page import code, folded, paragraph, subheading, table

#: Gaps that are shown, the longest ones.
_SHOWN = 8


def covered(record: Record, panel: Panel) -> Iterator[str]:
    """What there was of bars, levels and funding, and what was missing."""
    found, costs = record.results.coverage, record.results.configuration.costs
    rows = [
        ["bars", f"{found.bars:,} of {text.age(found.bar_seconds)}", _span(found.first_open_at, found.last_close_at)],
        ["bars missing between them", f"{found.missing_bars:,}", ""],
        ["snapshots", f"{found.snapshots:,}", _span(found.first_snapshot_at, found.last_snapshot_at)],
        ["decisions with fresh levels", f"{found.level_share:.1%}".replace("%", " %"), ""],
        ["funding rates stored", f"{found.funding_instants:,}", ""],
        ["funding assumed", words.assumed_hours(found), words.assumed_rate(costs)],
    ]
    yield table(["", "how many", "when"], rows, [2])
    yield from _gaps("Bars missing", *_between_bars(panel))
    yield from _gaps("No fresh levels", *_without_levels(panel))
    yield subheading("Instruments")
    names = ("venue", "market", "symbol", "interval")
    yield table(
        [*names, "bars"], [[*(str(i[n]) for n in names), f"{i['bars']:,}"] for i in record.origin.instruments], range(4)
    )


def _span(start: datetime | None, end: datetime | None) -> str:
    return f"{text.instant(start)} to {text.instant(end)}" if start and end else ""


def _between_bars(panel: Panel) -> tuple[Ints, Ints]:
    """First and last instants without bars, microseconds."""
    open_at, close_at = panel.bars.open_at, panel.bars.close_at
    after = np.flatnonzero(open_at[1:] > close_at[:-1])
    return close_at[after], open_at[after + 1]


def _without_levels(panel: Panel) -> tuple[Ints, Ints]:
    """The same of decisions that know no levels, from the first of them to the next that does."""
    changes = np.diff(np.concatenate([[0], ~panel.has_levels, [0]]).astype(np.int8))
    close_at = np.append(panel.bars.close_at, panel.bars.close_at[-1])
    return close_at[np.flatnonzero(changes == 1)], close_at[np.flatnonzero(changes == -1)]


def _gaps(words: str, start: Ints, end: Ints) -> Iterator[str]:
    if not len(start):
        return
    longest = np.sort(np.argsort(start - end, kind="stable")[:_SHOWN])
    shown = f", the longest {_SHOWN}" if len(start) > _SHOWN else ""
    gaps = zip(start[longest].tolist(), end[longest].tolist(), strict=True)
    rows = [[_instant(first), _instant(last), text.age((last - first) / 1e6)] for first, last in gaps]
    yield subheading(f"{words}: {len(start):,} times{shown}")
    yield table(["from", "to", "for"], rows, [1])


def _instant(us: int) -> str:
    return text.instant(datetime.fromtimestamp(us / 1e6, UTC))


def origins(record: Record) -> Iterator[str]:
    """Names and hashes by which the run can be made again, and the configuration in full."""
    rows = [
        ["run", record.run_id],
        ["configuration", record.results.configuration.sha256],
        ["code", record.origin.code_version],
        *([f"input: {name}", digest] for name, digest in record.origin.inputs.items()),
        *([library, version] for library, version in libraries().items()),
    ]
    yield paragraph("The same configuration, inputs and code give the same run. Hashes are SHA-256.")
    yield table(["", "hash or version"], rows, [1])
    whole = json.dumps(record.document["configuration"], indent=1)
    yield folded("The configuration, with all defaults", code(whole.splitlines()))
