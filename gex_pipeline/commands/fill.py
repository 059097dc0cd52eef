"""Commands that fill the warehouse: `import`, `build`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gex_pipeline.commands.arguments import (
    Context,
    one_of,
    to_duration,
    to_instant,
    to_market,
    to_underlying,
    to_underlyings,
    to_whole_number,
)
from gex_pipeline.commands.interrupts import hear_ctrl_c
from gex_pipeline.commands.output import say, say_all, show_lines
from gex_pipeline.errors import UsageError

if TYPE_CHECKING:
    from gex_pipeline.engine.archives import Archive
    from gex_pipeline.engine.imports import ImportSummary
    from gex_pipeline.importers import Options

Duration = Annotated[timedelta | None, Parameter(converter=to_duration, metavar="DURATION")]
Instant = Annotated[datetime | None, Parameter(converter=to_instant, metavar="TIME")]
Given = Annotated[Context, Parameter(parse=False)]
Count = Annotated[int, Parameter(converter=to_whole_number)]


@Parameter(name="*")
@dataclass(frozen=True)
class Reading:
    """How the files of an import are read; which source takes what is for the importers to say."""

    underlying: Annotated[str | None, Parameter(converter=to_underlying, metavar="U")] = None
    """Only this coin, BTC or BTCUSDT."""

    mapping: Annotated[Path | None, Parameter(metavar="FILE.toml")] = None
    """TOML file that names the columns of the source; all its words: gex_pipeline/docs/mappings.md."""

    every: Duration = None
    """Grid of the snapshots, like 5m. Default: the file's; 1h for tardis-options-chain, 1m for deribit-book-summary."""

    max_age: Duration = None
    """Oldest row that a grid instant may take. Default: --every."""

    market: Annotated[str | None, Parameter(converter=to_market, metavar="MARKET")] = None
    """Kind of candles, for files that do not say it: perp, spot, index or mark."""

    instruments: Annotated[tuple[Path, ...], Parameter(metavar="FILE")] = ()
    """Saved get_instruments response, for contract sizes; may be repeated."""


#: As the files have it.
AS_IT_IS = Reading()
#: The SOURCE that stands for many.
_ARCHIVES = "archives"


def import_(source: str, /, *paths: Path, reading: Reading = AS_IT_IS, context: Given) -> int:
    """Read archive files into the warehouse. A file that fails does not stop the others.

    Parameters
    ----------
    source
        tardis-options-chain, deribit-book-summary, binance-eoh, binance-klines; with --mapping: chain, candles, dvol;
        archives: the files that a TOML file lists.
    paths
        Files, folders of files, or globs in quotes. Files that were imported before are skipped.
    """
    from gex_pipeline.importers import READERS

    source = one_of("source", source, (*sorted(READERS), _ARCHIVES))
    if not paths:
        raise UsageError(f"import {source} needs at least one file or folder")
    if source == _ARCHIVES:
        return _import_archives(paths, reading, context)

    from gex_pipeline.engine.imports import import_files
    from gex_pipeline.present import progress, summaries

    hear_ctrl_c()
    summary = import_files(context.warehouse, source, list(paths), _options(reading), progress=progress.for_stream())
    show_lines(summaries.import_lines(summary))
    return _import_status(summary, paths)


def _options(reading: Reading) -> Options:
    from gex_pipeline.importers import Options, load_mapping

    mapping = load_mapping(reading.mapping) if reading.mapping else None
    return Options(**{**vars(reading), "mapping": mapping})


def _import_archives(paths: Sequence[Path], reading: Reading, context: Context) -> int:
    from gex_pipeline.engine.archives import import_archives
    from gex_pipeline.present import progress, summaries

    if reading != AS_IT_IS:
        raise UsageError(f"import {_ARCHIVES} takes no options: the file says how each archive is read")
    archives = [archive for path in paths for archive in _listed(path)]
    hear_ctrl_c()
    summary = import_archives(context.warehouse, archives, progress=progress.for_stream())
    show_lines(summaries.import_lines(summary))
    return _import_status(summary, paths)


def _listed(path: Path) -> list[Archive]:
    """The archives of a list. One without any is a mistake here; for Dagster it says that nothing is expected."""
    from gex_pipeline.engine.archives import load_archives

    archives = load_archives(path)
    if not archives:
        raise UsageError(f"{path} lists no archive: it needs [[archive]] with source and files")
    return archives


def _import_status(summary: ImportSummary, paths: Sequence[Path]) -> int:
    """Say what went wrong; 1 when nothing was of use, 3 when something was not."""
    say_all(summary.notes)
    is_partial = say_all([*summary.failures, *summary.conflicts])
    if summary.failures and not any([*summary.rows.values(), *summary.same.values()]):
        say("import: nothing was stored: no file could be used")
        return 1
    if not summary.files and not summary.skipped and not summary.failures:
        from gex_pipeline.engine.imports import SUFFIXES

        say(f"import: no file found in {', '.join(map(str, paths))}: archives end in {', '.join(SUFFIXES)}")
        return 1
    return 3 if is_partial else 0


@Parameter(name="*")
@dataclass(frozen=True)
class Span:
    """Which instants to build."""

    start: Annotated[Instant, Parameter(name="--from", metavar="TIME")] = None
    """First instant. Default: the first that is stored."""

    end: Annotated[Instant, Parameter(name="--to", metavar="TIME")] = None
    """Last instant. Default: the last that is stored."""

    def __post_init__(self) -> None:
        if self.start and self.end and self.start > self.end:
            raise UsageError(f"--from {self.start:%Y-%m-%dT%H:%MZ} is after --to {self.end:%Y-%m-%dT%H:%MZ}")


#: All that is stored.
WHOLE = Span()


def build(
    *,
    underlying: Annotated[tuple[str, ...], Parameter(converter=to_underlyings, metavar="U")] = (),
    span: Span = WHOLE,
    from_raw: bool = False,
    force: bool = False,
    workers: Count | None = None,
    context: Given,
) -> int:
    """Compute every derived table from chain: only what is missing or stale.

    Parameters
    ----------
    underlying
        Only these coins; repeat or separate by commas. Default: all.
    from_raw
        Make chain again from the stored replies of the venues first.
    force
        Build all of it again.
    workers
        Processes to use; fewer need less memory. Default: chosen by the machine.
    """
    from gex_pipeline.engine import build as engine
    from gex_pipeline.present import progress, summaries

    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers} must be at least 1")
    hear_ctrl_c()
    if from_raw:
        _rebuild(underlying, span, context)
    summary = engine.build(
        context.warehouse,
        underlyings=list(underlying),
        start=span.start,
        end=span.end,
        is_forced=force,
        workers=workers,
        progress=progress.for_stream(),
    )
    show_lines(summaries.build_lines(summary))
    if not say_all(summary.failures):
        return 0
    return 3 if summary.built or summary.fresh else 1


def _rebuild(underlying: Sequence[str], span: Span, context: Context) -> None:
    from gex_pipeline.engine.rebuild import rebuild
    from gex_pipeline.present import progress, summaries
    from gex_pipeline.store.partitions import Store

    store = Store(context.warehouse)
    done = rebuild(store, underlyings=underlying, start=span.start, end=span.end, progress=progress.for_stream())
    show_lines(summaries.rebuild_lines(done))
