"""A thousand variants of a rule over two years of five-minute bars, beside a pandas loop and `bt`.

    python -m tests.bench.backtest

runs the variants alone, as a process whose memory can be measured.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from gex_backtest.bars import Bars
from gex_backtest.costs import Costs
from gex_backtest.holdings import Orders
from gex_backtest.many import simulate_many
from gex_backtest.simulate import simulate
from tests import through_bt
from tests.bench.measure import best, run
from tests.price_bars import drawn

N_BARS, N_BARS_BT, N_LOOPS = 210_000, 5_000, 3
#: Sign (follow, fade), bars looked back over, threshold and stop in units of the typical move over those bars.
VARIANTS = list(product((1, -1), (3, 6, 12, 24, 48, 72, 96, 144, 192, 288), np.linspace(0.5, 2.5, 10), (1, 2, 3, 4, 6)))
_VOL, _SEED = 1e-3, 7

Variant = tuple[int, int, float, float]


def made_bars(n: int = N_BARS) -> Bars:
    """A random walk without missing bars."""
    return drawn(np.random.default_rng(_SEED), n, _VOL, missing=0.0)


def orders(bars: Bars, variant: Variant) -> Orders:
    """Follow or fade the return over some bars beyond a threshold, with a stop; nothing new between the thresholds."""
    sign, back, threshold, stop = variant
    typical = 2 * _VOL * np.sqrt(back)
    moved = np.zeros(len(bars))
    moved[back:] = bars.close[back:] / bars.close[:-back] - 1.0
    targets = np.where(np.abs(moved) > threshold * typical, sign * np.sign(moved), np.nan)
    return Orders(targets, bars.close * (1.0 - targets * stop * typical))


def everything() -> pl.DataFrame:
    """All variants."""
    return simulate_many(made_bars(), orders, VARIANTS, Costs())


def lines() -> Iterator[str]:
    """One line per figure, all measured in this run."""
    bars = made_bars()
    began = time.perf_counter()
    found = simulate_many(bars, orders, VARIANTS, Costs())
    seconds = time.perf_counter() - began
    yield (
        f"{found.height:,} variants with stops over {len(bars):,} bars, {found['n_trades'].sum():,} trades: "
        f"{seconds:.1f} s (below 10) = {seconds / found.height:.4f} s a variant"
    )
    alone = run([sys.executable, "-m", "tests.bench.backtest"])
    yield f"  as a process: wall {alone.wall:.1f} s, CPU {alone.cpu:.1f} s, peak {alone.peak_mb:,.0f} MB (below 2,000)"
    suite = run([sys.executable, "-m", "tests.bench.claims"])
    yield "all rules on 90 days of five-minute bars, drawn too, and their page:"
    yield f"  wall {suite.wall:.1f} s (below 60), CPU {suite.cpu:.1f} s, peak {suite.peak_mb:,.0f} MB (below 2,000)"
    yield from _pandas(bars)
    yield from _bt(bars[:N_BARS_BT])


def _pandas(bars: Bars) -> Iterator[str]:
    """The same rule as one would write it with pandas: a frame, and a loop over its rows."""
    frame = pd.DataFrame({name: getattr(bars, name) for name in ("open", "high", "low", "close")})
    some = VARIANTS[:: len(VARIANTS) // N_LOOPS][:N_LOOPS]
    began = time.perf_counter()
    theirs = [_loop(frame, orders(bars, variant)) for variant in some]
    seconds = (time.perf_counter() - began) / len(some)
    ours = simulate_many(bars, orders, some, Costs())["total_return"]
    assert np.allclose(ours, theirs, rtol=0, atol=1e-9)
    yield f"  a pandas loop over {len(bars):,} bars, {len(some)} variants, the same returns: {seconds:.2f} s a variant"


def _loop(frame: pd.DataFrame, wanted: Orders) -> float:
    """Total return of one variant, bar by bar."""
    cost, cash, coins, before, stop, order = Costs().fraction, 1.0, 0.0, 0.0, np.nan, None
    rows: Iterable[Any] = frame.assign(target=wanted.targets, stop=wanted.stops).itertuples()
    for bar in rows:
        if order is not None:
            change = order[0] * (cash + coins * bar.open) / bar.open - coins
            cash, coins, stop = cash - change * bar.open - cost * abs(change) * bar.open, coins + change, order[1]
            order = None
        if (coins > 0 and bar.low <= stop) or (coins < 0 and bar.high >= stop):
            price = min(stop, bar.open) if coins > 0 else max(stop, bar.open)
            cash, coins = cash + coins * price - cost * abs(coins) * price, 0.0
        if bar.target == bar.target and bar.target != before:  # NaN keeps the target before
            before, order = bar.target, (bar.target, bar.stop)
    return cash + coins * frame["close"].iloc[-1] - 1.0


def _bt(bars: Bars) -> Iterator[str]:
    """One variant without its stop, which bt has not."""
    targets, costs = orders(bars, VARIANTS[0]).targets, Costs()
    began = time.perf_counter()
    theirs = through_bt.equity(bars, through_bt.hold(bars, targets), costs.fraction)
    seconds = time.perf_counter() - began
    ours = best(lambda: simulate(bars, targets, costs), 3)
    assert np.allclose(simulate(bars, targets, costs).equity[:, 0], theirs, rtol=1e-9)
    yield f"  bt, one variant over {len(bars):,} bars, the same equity: {seconds:.2f} s; simulate: {ours:.4f} s"


if __name__ == "__main__":
    everything()
