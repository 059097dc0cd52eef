"""The command that needs nothing: `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gex_pipeline.commands.arguments import folder
from gex_pipeline.commands.fill import Count, Given
from gex_pipeline.commands.interrupts import hear_ctrl_c
from gex_pipeline.commands.output import show, show_lines
from gex_pipeline.errors import UsageError

if TYPE_CHECKING:
    from gex_backtest.results import Record
    from gex_pipeline.engine.demo import Demo

Folder = Annotated[Path, Parameter(metavar="DIR")]


def demo(*, days: Count = 90, out: Folder = Path("data/demo"), context: Given) -> int:
    """The whole job on a made-up market: archive files and snapshots of local venues, build, levels, backtest, reports.

    Parameters
    ----------
    days
        Days of hourly chains, 2 to 365.
    out
        Folder for the files, the warehouse and the reports; empty, or of an earlier demo, which is replaced.
    """
    from gex_pipeline.engine import demo as engine
    from gex_pipeline.engine.demo_folder import LEAST_DAYS, new_folder
    from gex_pipeline.present import progress

    if not LEAST_DAYS <= days <= 365:
        raise UsageError(f"--days {days} must be from {LEAST_DAYS} to 365")
    hear_ctrl_c()
    with new_folder(folder("--out", out), days):
        done = engine.run(out, days, progress.for_stream())
        record = _pages(done, out)
    _show(done, record, out)
    return 0


def _pages(done: Demo, out: Path) -> Record:
    """Confront the default rules, then write both pages; returns the run."""
    from gex_backtest import words
    from gex_backtest.config import configure
    from gex_backtest.report import page
    from gex_pipeline.commands.backtest import confronted
    from gex_pipeline.engine.demo import histories
    from gex_pipeline.present import demo_report, demo_words
    from gex_pipeline.store.objects import LocalObjects

    record, history = confronted(done.warehouse, configure())
    backtest = page.report(record, history, is_synthetic=True, has_pictures=False)
    verdicts = [words.VERDICTS, *words.verdicts(record.results.outcomes)]
    told = demo_words.story(done), demo_words.commands(done)
    report = demo_report.report(done.answers, histories(done), verdicts, *told)
    LocalObjects(out).write(demo_report.BACKTEST, backtest["report.html"])
    LocalObjects(out).write("report.html", report.encode())
    return record


def _show(done: Demo, record: Record, out: Path) -> None:
    from gex_backtest import summary
    from gex_pipeline.present import demo_report, demo_words, tables

    show(tables.levels_now(done.answers), "", summary.brief(record.results), is_wide=True)
    show_lines(["", *demo_words.lines(done, out / "report.html", out / demo_report.BACKTEST)])
