"""The command that confronts claims with the stored history: `backtest`."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gex_pipeline import settings
from gex_pipeline.commands.arguments import Context, to_interval, to_market, to_underlying
from gex_pipeline.commands.fill import Instant
from gex_pipeline.commands.interrupts import hear_ctrl_c
from gex_pipeline.commands.output import (
    refuse_warehouse_files,
    require_folder,
    require_room,
    say_all,
    show,
    show_json,
    show_lines,
)
from gex_pipeline.errors import GexError, UsageError

if TYPE_CHECKING:
    from gex_backtest.config import Configuration
    from gex_backtest.history import History
    from gex_backtest.results import Record

_QUERY = (
    "SELECT rule, variant, name, sample, value, low, high, n, status FROM backtest_stats "
    "WHERE run_id = '{}' ORDER BY rule, variant, place"
)


@Parameter(name="*")
@dataclass(frozen=True)
class Stored:
    """Which part of what is stored to use; whether that can be is for the configuration to say."""

    start: Annotated[Instant, Parameter(name="--from", metavar="TIME")] = None
    """First instant; trailing measures begin there too, so leave them weeks. Default: the first that is stored."""

    end: Annotated[Instant, Parameter(name="--to", metavar="TIME")] = None
    """Last instant. Default: the last that is stored."""

    underlying: Annotated[str | None, Parameter(converter=to_underlying, metavar="U")] = None
    """BTC or BTCUSDT. Default: BTC."""

    interval: Annotated[str | None, Parameter(converter=to_interval)] = None
    """Length of the candles, like 5m. Default: of those that cover most days the finest."""

    market: Annotated[str | None, Parameter(converter=to_market, metavar="MARKET")] = None
    """Kind of the candles: perp, spot, index or mark. Default: perp where it covers most days."""

    venue: Annotated[str | None, Parameter(metavar="V")] = None
    """Venue of the candles."""


#: As much as there is.
ALL = Stored()


def backtest(
    *rules: str,
    stored: Stored = ALL,
    config: Annotated[Path | None, Parameter(metavar="FILE.toml")] = None,
    out: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    report: Annotated[Path | None, Parameter(metavar="FILE.html")] = None,
    listed: Annotated[bool, Parameter(name="--list")] = False,
    json: bool = False,
    context: Annotated[Context, Parameter(parse=False)],
) -> int:
    """Confront rules with the stored history: estimates with intervals, and what trading on them would have come to.

    The run is stored in the tables backtest_runs, _stats, _events, _trades and _equity. The same data, configuration
    and code give the same run again, in the place of the one before.

    Parameters
    ----------
    rules
        Names of rules. Default: those that the file has sections for, else all.
    config
        TOML file: what the options say, latency, costs, sizing, and parameters of rules; a list of values makes
        variants.
    out
        Write the run to this folder too: run.json, a Parquet file per table, report.html, and its pictures as PNG and
        SVG.
    report
        Write a page that opens offline: verdicts, estimates, pictures, and what the run was made of.
    listed
        Print the rules with what they claim and their parameters, and run nothing.
    json
        Print the JSON document of the run, or with --list of the rules.
    """
    if listed:
        return _list(rules, json)
    from gex_backtest import spans, summary
    from gex_backtest.config import configure

    candles = {"interval": stored.interval, "market": stored.market, "venue": stored.venue}
    given = {"underlying": stored.underlying, "from": stored.start, "to": stored.end, "candles": candles}
    configuration = configure(rules, config, given)
    if out:
        _require_out(out)
    if report:
        refuse_warehouse_files(report)
        require_folder("--report", report)
    hear_ctrl_c()
    record, history = confronted(context.warehouse, configuration)
    say_all(
        [*summary.problems(record.results), *filter(None, [spans.beside(context.warehouse, configuration, history)])]
    )
    _write(record, history, context.warehouse, out, report)
    if json:
        show_json(record.document)
    else:
        show(summary.table(record.results), is_wide=True)
        show_lines(["", *_places(record, context.warehouse, out, report)])
    return 0


def _require_out(folder: Path) -> None:
    """A run can be written there: told now, not when everything is worked out."""
    from gex_backtest.report.folder import DOCUMENT, obstacles

    refuse_warehouse_files(folder / DOCUMENT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        blocked = next(obstacles(folder), None)
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be made: {error.strerror}; choose another place") from error
    if blocked:
        raise UsageError(f"--out {folder} cannot be written: {blocked.name} in it is no file; choose another place")
    require_room("--out", folder, folder)


def _list(names: tuple[str, ...], is_json: bool) -> int:
    from gex_backtest.rules import RULES, named
    from gex_backtest.summary import listing

    rules = [named(name, RULES) for name in names] or list(RULES.values())
    if is_json:
        found = [{"rule": r.name, "hypothesis": r.hypothesis, "parameters": asdict(r.parameters())} for r in rules]
        show_json({"rules": found})
    else:
        show_lines(listing(rules))
    return 0


def confronted(warehouse: Path, configuration: Configuration) -> tuple[Record, History]:
    """A run on what is stored, and in the end stored itself, with its progress on standard error."""
    from gex_backtest.stored import confront, read
    from gex_pipeline.present import progress

    history, instruments = read(warehouse, configuration)
    shown = progress.for_stream()
    shown.start("backtest", sum(len(choice.variants) for choice in configuration.rules))
    try:
        record = confront(warehouse, configuration, history, instruments, lambda rule: shown.advance(note=rule))
    finally:
        shown.close()
    return record, history


def _write(record: Record, history: History, warehouse: Path, out: Path | None, report: Path | None) -> None:
    """What was asked for beside the tables. Raises ``GexError`` that says where the run is all the same."""
    if not (out or report):
        return
    from gex_backtest.report import folder, page
    from gex_pipeline.present.files import write_atomically
    from gex_pipeline.store.marker import is_synthetic

    files = page.report(record, history, is_synthetic=is_synthetic(warehouse), has_pictures=bool(out))
    try:
        if out:
            folder.write(out, record, files)
        if report:
            write_atomically(report, files[folder.PAGE])
    except GexError as error:
        way = "free room there and run again" if _is_full(error) else "choose another place"
        told = f"{error}: {way}; the run itself is stored, as {record.run_id} in {warehouse}"
        raise GexError(told) from error


def _is_full(error: GexError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT)


def _places(record: Record, warehouse: Path, out: Path | None, report: Path | None) -> Iterator[str]:
    yield f"run {record.run_id} is in backtest_runs, _stats, _events, _trades and _equity of {warehouse}"
    if out:
        tables = "stats.parquet, events.parquet, trades.parquet, equity.parquet"
        yield f"and in {out}: run.json, {tables}, report.html and its pictures"
    if report:
        yield f"report {report}"
    where = "" if warehouse == settings.warehouse() else f" --warehouse {shlex.quote(str(warehouse))}"
    yield f'gex{where} sql "{_QUERY.format(record.run_id)}"'
