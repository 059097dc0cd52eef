"""Commands that fill the warehouse: `import`, `build`, `demo`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gex_pipeline.commands.arguments import (
    Context,
    one_of,
    to_duration,
    to_instant,
    to_market,
    to_underlying,
    to_underlyings,
)
from gex_pipeline.commands.output import say_all, show, show_lines
from gex_pipeline.errors import UsageError

Duration = Annotated[timedelta | None, Parameter(converter=to_duration, metavar="DURATION")]
Instant = Annotated[datetime | None, Parameter(converter=to_instant, metavar="TIME")]
Given = Annotated[Context, Parameter(parse=False)]


def import_(
    source: str,
    /,
    *paths: Path,
    underlying: Annotated[str | None, Parameter(converter=to_underlying, metavar="U")] = None,
    mapping: Annotated[Path | None, Parameter(metavar="FILE.toml")] = None,
    every: Duration = None,
    max_age: Duration = None,
    market: Annotated[str, Parameter(converter=to_market, metavar="MARKET")] = "perp",
    context: Given,
) -> int:
    """Read archive files into the warehouse. A file that fails does not stop the others.

    Parameters
    ----------
    source
        tardis-options-chain, binance-eoh, deribit-book-summary, binance-klines; with --mapping: chain, candles, dvol.
    paths
        Files, or folders of files.
    underlying
        Only this coin, BTC or BTCUSDT.
    mapping
        TOML file that names the columns of the source.
    every
        Grid of the snapshots, like 5m or 1h. Default: as the file has them.
    max_age
        Oldest row that a grid instant may take. Default: --every.
    market
        Kind of candles: perp, spot, index or mark.
    """
    from gex_pipeline.importers import READERS

    source = one_of("source", source, sorted(READERS))
    if not paths:
        raise UsageError(f"import {source} needs at least one file or folder")

    from gex_pipeline.engine.imports import import_files
    from gex_pipeline.present import progress, summaries

    summary = import_files(
        context.warehouse,
        source,
        list(paths),
        mapping=mapping,
        underlying=underlying,
        every=every,
        max_age=max_age,
        market=market,
        progress=progress.for_stream(),
    )
    show_lines(summaries.import_lines(summary))
    return 3 if say_all([*summary.failures, *summary.conflicts]) else 0


def build(
    *,
    underlying: Annotated[tuple[str, ...], Parameter(converter=to_underlyings, metavar="U")] = (),
    start: Annotated[Instant, Parameter(name="--from", metavar="TIME")] = None,
    end: Annotated[Instant, Parameter(name="--to", metavar="TIME")] = None,
    force: bool = False,
    workers: int | None = None,
    context: Given,
) -> int:
    """Compute every derived table from chain: only what is missing or stale.

    Parameters
    ----------
    underlying
        Only these coins; repeat or separate by commas. Default: all.
    start
        First instant. Default: the first that is stored.
    end
        Last instant. Default: the last that is stored.
    force
        Build all of it again.
    workers
        Processes to use. Default: chosen by the machine.
    """
    from gex_pipeline.engine import build as engine
    from gex_pipeline.present import progress, summaries

    if start and end and start > end:
        raise UsageError(f"--from {start:%Y-%m-%dT%H:%MZ} is after --to {end:%Y-%m-%dT%H:%MZ}")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers} must be at least 1")
    summary = engine.build(
        context.warehouse,
        underlyings=list(underlying),
        start=start,
        end=end,
        is_forced=force,
        workers=workers,
        progress=progress.for_stream(),
    )
    show_lines(summaries.build_lines(summary))
    return 3 if say_all(summary.failures) else 0


def demo(*, days: int = 3, out: Annotated[Path, Parameter(metavar="DIR")] = Path("data/demo"), context: Given) -> int:
    """The whole job on synthetic chains: archive files, import, build, levels, pictures.

    Parameters
    ----------
    days
        Days of hourly chains.
    out
        Folder for the demo's files, warehouse and pictures.
    """
    from gex_pipeline.engine import demo as engine
    from gex_pipeline.present import progress, summaries, tables

    if not 1 <= days <= 28:
        raise UsageError(f"--days {days} must be from 1 to 28")
    done = engine.run(out, days, progress.for_stream())
    show_lines([*summaries.import_lines(done.imported), *summaries.build_lines(done.built), ""])
    show(tables.levels_table(done.answer, ()))
    show_lines(["", *summaries.demo_lines(done)])
    return 0
