"""Commands that look at the warehouse itself: `status`, `verify`, `sql`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gex_pipeline import settings
from gex_pipeline.commands.arguments import Context, one_of
from gex_pipeline.commands.output import refuse_warehouse_files, say, say_all, show, show_lines
from gex_pipeline.commands.question import clock
from gex_pipeline.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

Given = Annotated[Context, Parameter(parse=False)]
Format = Annotated[str | None, Parameter(name="--format", metavar="FORMAT")]
Out = Annotated[Path | None, Parameter(metavar="FILE")]
_SUFFIXES = {".csv": "csv", ".json": "json", ".parquet": "parquet"}


def status(*, check: bool = False, gaps: bool = False, context: Given) -> int:
    """Per venue and underlying: last snapshot, age, rows, rejected rows, gaps. Per venue: what was fetched when.

    Parameters
    ----------
    check
        Exit status 1 when something of $GEX_VENUES and $GEX_UNDERLYINGS is stale (older than twice the usual interval),
        failed, was never taken, was not built within 15 minutes or not fetched for 3 hours.
    gaps
        Instead: between which snapshots hours are missing, and why.
    """
    from gex_pipeline.engine.status import status as status_of
    from gex_pipeline.present import status as shown

    found = status_of(context.warehouse, clock())
    if gaps:
        show(shown.gap_table(found.rows), is_wide=True)
        return 0
    show(shown.status_table(found.rows), is_wide=True)
    if found.fetches:
        show(shown.fetch_table(found.fetches), is_wide=True)
    if check:
        configured = settings.load()
        found = found.watched(configured.venues, configured.underlyings)
    nothing = [] if found.rows or found.absent else ["no snapshot is stored; see gex snapshot --help"]
    return 1 if say_all([*nothing, *shown.problems(found)]) and check else 0


def verify(*, context: Given) -> int:
    """Check every file against its manifest; name what is damaged, foreign or of an older schema."""
    from gex_pipeline.present.summaries import count
    from gex_pipeline.store.verify import verify as findings_of

    findings = findings_of(context.warehouse)
    show_lines(f"{finding.path}: {finding.problem}" for finding in findings)
    say(f"verify: {count(len(findings), 'problem')} in {context.warehouse}")
    return 1 if findings else 0


def sql(query: str, /, *, as_format: Format = None, out: Out = None, context: Given) -> int:
    """Run a query on the tables and views of the warehouse.

    Parameters
    ----------
    query
        SQL in DuckDB's dialect, read only.
    as_format
        table, csv, json or parquet. Default: by the ending of --out, otherwise table.
    out
        Write to this file: whole, or not at all.
    """
    from gex_pipeline.present import exports

    chosen = (
        one_of("format", as_format, exports.FORMATS) if as_format else _SUFFIXES.get(out.suffix if out else "", "table")
    )
    if chosen == "parquet" and out is None and sys.stdout.isatty():
        raise UsageError("parquet is not for a terminal; add --out FILE.parquet or redirect standard output")

    from gex_pipeline.warehouse import open_warehouse

    with open_warehouse(context.warehouse) as warehouse:
        frame = warehouse.query(query)
    _deliver(frame, chosen, out)
    return 0


def _deliver(frame: pl.DataFrame, form: str, out: Path | None) -> None:
    from gex_pipeline.present import exports, files

    if form == "table" and out is None:
        show(exports.table(frame), is_wide=True)
        if frame.height > exports.TABLE_ROWS:
            say(f"{exports.TABLE_ROWS} of {frame.height:,} rows shown; --format csv gives all")
        return
    content = exports.ENCODERS[form](frame)
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        refuse_warehouse_files(out)
        files.write_atomically(out, content)
        say(f"wrote {frame.height:,} rows to {out}")
