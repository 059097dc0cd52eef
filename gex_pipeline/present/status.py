"""How a warehouse is, as tables and lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from gex_pipeline.present import text
from gex_pipeline.present.tables import plain_table

if TYPE_CHECKING:
    from gex_pipeline.engine.fetches import Fetch
    from gex_pipeline.engine.status import Status, StatusRow


def status_table(rows: Sequence[StatusRow]) -> Table:
    """One line per venue and underlying, what is wrong last."""
    table = plain_table("coin", "venue", "last snapshot (UTC)", "age", "every", "rows", "rejected", "gaps (h)")
    for row in sorted(rows, key=lambda r: (r.underlying, r.venue)):
        style = "red" if row.problem else "yellow" if row.is_stale else ""
        table.add_row(*_status_cells(row), style=style)
    return table


def gap_table(rows: Iterable[StatusRow]) -> Table:
    """One line per gap of all of them, oldest first."""
    table = plain_table("coin", "venue", "after (UTC)", "before (UTC)", "hours missing", "why")
    table.columns[-1].justify = "left"
    for gap in sorted((gap for row in rows for gap in row.gaps), key=lambda g: (g.after, g.venue, g.underlying)):
        ends = (text.instant(t).removesuffix(" UTC") for t in (gap.after, gap.before))
        table.add_row(gap.underlying, gap.venue, *ends, str(gap.hours), gap.reason)
    return table


def fetch_table(fetches: Sequence[Fetch]) -> Table:
    """Ages of the last fetches, of the oldest that is late or else the newest: a line per venue, a column per table."""
    ages = {pair: _age_of(mine) for pair, mine in _by_table(fetches).items()}
    venues, names = (sorted(set(words)) for words in zip(*ages, strict=True))
    table = plain_table("fetched", *names)
    for venue in venues:
        table.add_row(venue, *(ages.get((venue, name), "") for name in names))
    return table


def _age_of(fetches: Sequence[Fetch]) -> str:
    late = [f.age_seconds for f in fetches if f.is_late]
    return f"{text.age(max(late))} !" if late else text.age(min(f.age_seconds for f in fetches))


def _by_table(fetches: Iterable[Fetch]) -> dict[tuple[str, str], list[Fetch]]:
    found: dict[tuple[str, str], list[Fetch]] = {}
    for fetch in fetches:
        found.setdefault((fetch.kind.venue, fetch.kind.table), []).append(fetch)
    return found


def problems(status: Status) -> Iterator[str]:
    """One line for each thing that is stale or red."""
    yield from _row_problems(status.rows)
    for venue in status.silent:
        yield f"{venue}: no snapshot yet: take one, or leave it out of GEX_VENUES"
    for coin in status.absent:
        yield f"{coin}: no snapshot from any of GEX_VENUES: take one; if none lists it, mend GEX_UNDERLYINGS"
    yield from _unbuilt(status.unbuilt)
    yield from _late(status.fetches)


def _row_problems(rows: Iterable[StatusRow]) -> Iterator[str]:
    for row in sorted(rows, key=lambda r: (r.underlying, r.venue)):
        stale = f"stale, last snapshot {text.age(row.age_seconds)} ago" if row.is_stale else None
        if reasons := [reason for reason in (stale, row.problem) if reason]:
            yield f"{row.venue} {row.underlying}: {'; '.join(reasons)}"


def _unbuilt(periods: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for coin, missing in periods.items():
        yield f"{coin}: not built: {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}; run `gex build`"


def _late(fetches: Iterable[Fetch]) -> Iterator[str]:
    """One line for a table of a venue; it names coins where not all of them are late."""
    for (venue, table), mine in _by_table(fetches).items():
        if late := [fetch for fetch in mine if fetch.is_late]:
            names = ", ".join(f"{fetch.coin} {fetch.kind.market}".rstrip() for fetch in late)
            what = f"{venue} {table}" if late == mine else f"{venue} {table} of {names}"
            command = "gex candles" if table == "candles" else "gex market"
            yield f"{what}: last fetched {text.age(max(fetch.age_seconds for fetch in late))} ago; run `{command}`"


def _status_cells(row: StatusRow) -> tuple[Any, ...]:
    last = "never" if row.last_snapshot_at is None else text.instant(row.last_snapshot_at).removesuffix(" UTC")
    age = Text(text.age(row.age_seconds) + (" !" if row.is_stale else ""))
    every = text.age(row.usual_interval_seconds)
    missing = sum(gap.hours for gap in row.gaps)
    return row.underlying, row.venue, last, age, every, f"{row.rows:,}", f"{row.rejected:,}", f"{missing:,}"
