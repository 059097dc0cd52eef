"""What the headlines, and their careless twins, say of one drawn market: the task of calibration. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl

from gex_backtest import made_up
from gex_backtest.calibration.careless import CARELESS
from gex_backtest.calibration.plan import COIN, START, Draw
from gex_backtest.history import History
from gex_backtest.panel import Panel
from gex_backtest.rules import RULES

#: A row a market, sample and rule. ``value`` and ``p_value`` are those of the headline, null where it says too little
#: data; ``careless_p_value`` is that of its twin.
ROWS = {
    "seed": pl.Int64,
    "effect": pl.Float64,
    "days": pl.Int64,
    "rule": pl.String,
    "n": pl.Int64,
    "value": pl.Float64,
    "p_value": pl.Float64,
    "careless_p_value": pl.Float64,
}
PREMIUM = "vol_premium"
#: Of the snapshots that are told strike by strike: all that the headline of pins, and its twin, look at.
_HOURS = (6, 23)


def judged(draw: Draw) -> pl.DataFrame:
    """Rows of a market."""
    rows = [row for days, history in _histories(draw) for row in _rows(draw, days, history)]
    return pl.DataFrame(rows, schema=ROWS, orient="row")


def _histories(draw: Draw) -> Iterator[tuple[int, History]]:
    """Samples: the market's first days. That of the premium has candles and IV alone, by the hour."""
    whole = made_up.drawn(COIN, START, max(draw.days), draw.seed, draw.effect, _HOURS)
    yield from ((days, whole.until(START + timedelta(days=days))) for days in draw.days)
    dear = made_up.priced(COIN, START, max(draw.premium_days), draw.seed, draw.effect)
    yield from ((days, dear.until(START + timedelta(days=days))) for days in draw.premium_days)


def _rows(draw: Draw, days: int, history: History) -> Iterator[tuple[Any, ...]]:
    panel = Panel(history)
    for name, rule in RULES.items():
        if (name == PREMIUM) == history.levels.is_empty():
            found = rule.headline(panel, rule.parameters())
            numbers = found.n, found.value, found.p_value
            yield draw.seed, draw.effect, days, name, *numbers, CARELESS[name](panel)
