"""Pictures of levels over time, and of what only a made-up market can show: its truth beside what is assumed.

Belongs here: frames in, figure out. Not: how the frames are made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gex_pipeline.present.plot_style import (
    FAINT,
    FLIP,
    NEGATIVE,
    POSITIVE,
    SPOT,
    amounts,
    new_figure,
    prices,
    style,
    titled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Room below and above the path of spot, as a share of it.
_AROUND = 0.08
#: Width of axes of time, as a share of the page: the last day is written beyond its tick.
SHARE = 0.87
#: Levels that are drawn -> their colours.
LEVELS = {"zero_gamma": FLIP, "call_resistance": POSITIVE, "put_support": NEGATIVE}


def levels_over_time(title: str, history: pl.DataFrame, *, is_synthetic: bool) -> Figure:
    """Spot, flip and walls by snapshot. ``history``: snapshot_at, spot_usd, net_gex_usd and a column per level."""
    with style():
        figure, axes = new_figure(height=4.2, above=0.85, share=SHARE)
        _shade(axes, history)
        for name, colour in LEVELS.items():
            axes.step(_times(history), history[name], where="post", color=colour, linewidth=1.1, label=_words(name))
        axes.plot(_times(history), history["spot_usd"], color=SPOT, linewidth=1.3, label="spot")
        axes.yaxis.set_major_formatter(lambda value, _: prices(value))
        axes.margins(x=0)
        axes.set_ylim(*_reach(history["spot_usd"]))
        axes.legend(loc="upper left", ncols=4, frameon=True, framealpha=0.9, edgecolor="none")
        titled(
            figure,
            title,
            "shaded: net dealer gamma below zero, naive signs",
            is_synthetic=is_synthetic,
        )
    return figure


def truth(coin: str, hours: pl.DataFrame) -> Figure:
    """The dealers' true gamma and the net GEX that the naive signs make of the chain, by hour.

    ``hours``: snapshot_at, ``gamma_usd`` and ``net_gex_usd``, both in USD per 1 % move.
    """
    with style():
        figure, axes = new_figure(height=3.6, above=0.85, share=SHARE)
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.plot(_times(hours), hours["gamma_usd"], color=SPOT, linewidth=1.1, label="true dealer gamma")
        axes.plot(_times(hours), hours["net_gex_usd"], color=FLIP, linewidth=1.1, label="net GEX, naive signs")
        axes.yaxis.set_major_formatter(lambda value, _: amounts(value))
        axes.margins(x=0)
        axes.legend(loc="upper left", ncols=2, frameon=True, framealpha=0.9, edgecolor="none")
        titled(figure, f"{coin}  what dealers hold, and what is assumed", "USD per 1 % move", is_synthetic=True)
    return figure


def _times(frame: pl.DataFrame) -> np.ndarray:
    return frame["snapshot_at"].dt.replace_time_zone(None).to_numpy()


def _reach(spot: pl.Series) -> tuple[float, float]:
    """Prices around spot; a level further away is out of the picture."""
    low, high = np.quantile(spot, [0.0, 1.0])
    return float(low) * (1 - _AROUND), float(high) * (1 + 1.5 * _AROUND)


def _words(level: str) -> str:
    return level.replace("_", " ")


def _shade(axes: Axes, history: pl.DataFrame) -> None:
    """Bands where net gamma is below zero."""
    is_below = (history["net_gex_usd"] < 0).fill_null(value=False).to_numpy()
    axes.fill_between(
        _times(history), 0, 1, where=is_below, transform=axes.get_xaxis_transform(),
        color=NEGATIVE, alpha=0.10, linewidth=0, step="post",
    )  # fmt: skip
