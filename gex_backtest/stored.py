"""A run on what is stored of a coin: read, confronted, written back. The task that command line and Dagster share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gex_backtest import data, results, spans, suite
from gex_backtest.config import Configuration
from gex_backtest.errors import BacktestError
from gex_backtest.history import History
from gex_backtest.identity import Origin
from gex_backtest.results import Record
from gex_backtest.suite import Results
from gex_backtest.unfinished import Unfinished, unfinished

#: Whose bars, and how many; as `Origin` has them.
Instruments = list[dict[str, Any]]


def read(root: Path, configuration: Configuration) -> tuple[History, Instruments]:
    """What a warehouse has of the coin and span of a configuration.

    Raises ``BacktestError`` where it has no bars, or bars that are too long for the sizing.
    """
    span = configuration.start or data.FIRST, configuration.end or data.LAST
    try:
        history, counts = data.load(root, configuration.underlying, *span, configuration.candles)
    except BacktestError:
        spans.require_candles(root, configuration)
        raise
    configuration.require_window(history.bars.length_us, BacktestError)
    return history, [{**asdict(each), "bars": bars} for each, bars in counts.items()]


def confront(
    root: Path,
    configuration: Configuration,
    history: History,
    instruments: Instruments,
    done: Callable[[str], None] = lambda _: None,
) -> Record:
    """Run the rules and store the run in the warehouse; ``done`` is told each rule, as by `suite.run`, which raises.

    A run that was stopped goes on where it was.
    """
    origin = Origin.of(configuration, history, instruments)
    with unfinished(root, origin.run_id) as kept:
        record = Record(_results(root, configuration, history, done, kept), origin)
        results.store(root, record)
    return record


def _results(
    root: Path, configuration: Configuration, history: History, done: Callable[[str], None], kept: Unfinished
) -> Results:
    try:
        return suite.run(history, configuration, done, kept.outcome)
    except BacktestError as error:
        beside = spans.beside(root, configuration, history)
        raise BacktestError("; ".join(filter(None, (str(error), beside)))) from None
