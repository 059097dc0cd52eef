"""A thousand variants of a rule, one row of numbers each. Not: choosing among them, which needs `inference`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TypeVar, get_type_hints

import polars as pl

from gex_backtest.account import account, marks
from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.holdings import Orders
from gex_backtest.metrics import Metrics, metrics
from gex_pipeline.core.black76 import Floats

Variant = TypeVar("Variant")


def simulate_many(
    bars: Bars,
    make_orders: Callable[[Bars, Variant], Orders],
    variants: Sequence[Variant],
    costs: Costs,
    *,
    funding: Floats | None = None,
    workers: int = 2,
) -> pl.DataFrame:
    """Metrics of every variant, in their order; the columns are those of `Metrics`, null for NaN.

    Each variant is made, simulated, measured and forgotten, so that memory does not grow with their number. They run
    in threads, as NumPy lets other threads work while it does. Parameters are those of `simulate.simulate`.
    """
    mark = marks(bars, funding)

    def measure(variant: Variant) -> Metrics:
        run = account(bars, make_orders(bars, variant), costs, mark)
        return metrics(bars, run.equity, run.ledger)

    with ThreadPoolExecutor(workers) as threads:
        rows = [asdict(row) for row in threads.map(measure, variants)]
    return pl.DataFrame(rows, schema=get_type_hints(Metrics) | {"note": str}).fill_nan(None)
