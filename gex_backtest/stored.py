"""A run on what is stored of a coin: read, confronted, written back. The task that command line and Dagster share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gex_backtest import data, results, suite
from gex_backtest.config import Configuration
from gex_backtest.history import History
from gex_backtest.identity import Origin
from gex_backtest.results import Record
from gex_backtest.unfinished import unfinished

#: Whose bars, and how many; as `Origin` has them.
Instruments = list[dict[str, Any]]


def read(root: Path, configuration: Configuration) -> tuple[History, Instruments]:
    """What a warehouse has of the coin and span of a configuration. Raises ``BacktestError`` where it has no bars."""
    span = configuration.start or data.FIRST, configuration.end or data.LAST
    history, counts = data.load(root, configuration.underlying, *span, configuration.candles)
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
        record = Record(suite.run(history, configuration, done, kept.outcome), origin)
        results.store(root, record)
    return record
