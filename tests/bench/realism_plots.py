"""The made-up market beside the real one in pictures: smile, open interest, ladders, returns, regimes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gex_pipeline.present.plot_style import save_png, style

#: What is drawn of a market: its daily chains, hourly log-returns, and net GEX by day.
Sample = tuple[pl.DataFrame, np.ndarray, np.ndarray]
_HOURS, _DAYS = 72, 20
_MONEYNESS, _TENORS = np.arange(-0.6, 0.65, 0.05), np.array([0, 1, 2, 4, 9, 16, 40, 70, 120, 200, 400])


def plot(samples: dict[str, Sample], path: Path) -> None:
    """One panel a figure of the table, all samples in each."""
    panels: dict[str, Callable[[Sample], tuple[np.ndarray, np.ndarray]]] = {
        "IV beside ATM by ln(K / F), 9 to 40 days: median": _smile,
        "share of OI by ln(K / F)": lambda sample: _shares(
            sample[0], _distance(sample[0]), np.arange(-0.6, 0.65, 0.05)
        ),
        "share of OI by days to expiry": lambda sample: _shares(sample[0], sample[0]["days"].to_numpy(), _TENORS),
        "contracts of an expiry: share of expiries": _ladders,
        "autocorrelation of |hourly return| by hours": lambda sample: _autocorrelation(np.abs(sample[1]), _HOURS),
        "autocorrelation of the sign of net GEX by days": lambda sample: _autocorrelation(np.sign(sample[2]), _DAYS),
    }
    with style():
        figure = Figure(figsize=(11, 6.5), layout="constrained")
        places: Iterator[Axes] = iter(figure.subplots(2, 3).flat)
        for (title, of), axes in zip(panels.items(), places, strict=True):
            for name, sample in samples.items():
                axes.plot(*of(sample), marker=".", label=name)
            axes.set_title(title, fontsize=9)
            axes.legend(fontsize=8)
        save_png(figure, path)


def _distance(chain: pl.DataFrame) -> np.ndarray:
    return (chain["strike"] / chain["forward"]).log().to_numpy()


def _smile(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    chain = sample[0].with_columns(x=pl.Series(_distance(sample[0])))
    atm = chain.sort(pl.col("x").abs()).group_by("at", "expiry").agg(atm=pl.first("iv"))
    rows = chain.join(atm, on=["at", "expiry"]).filter(pl.col("days").is_between(9, 40), pl.col("x").abs() < 0.5)
    bins = rows.group_by((pl.col("x") / 0.05).round() * 0.05).agg((pl.col("iv") / pl.col("atm")).median()).sort("x")
    return bins["x"].to_numpy(), bins["iv"].to_numpy()


def _shares(chain: pl.DataFrame, of: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sums, _ = np.histogram(of, edges, weights=chain["oi"].to_numpy())
    return (edges[1:] + edges[:-1]) / 2, sums / chain["oi"].sum()


def _ladders(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    counts = sample[0].group_by("at", "expiry").len()["len"].to_numpy()
    found, edges = np.histogram(counts, np.arange(0, 200, 10))
    return edges[:-1], found / len(counts)


def _autocorrelation(x: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    lags = np.arange(1, most + 1)
    return lags, np.array([np.corrcoef(x[lag:], x[:-lag])[0, 1] for lag in lags])
