"""What came of a rule's events: outcomes over time, paths around them, where settlements lie between strikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy.stats import binom

from gex_backtest.panel import micros
from gex_backtest.report.pictures import FIRST, MARKERS, SECOND, Picture, legend, times
from gex_backtest.study import Study
from gex_pipeline.present.history_plots import SHARE
from gex_pipeline.present.plot_style import FAINT, INK, NEGATIVE, POSITIVE, new_figure, style, titled

_OF_KIND = {"positive": ("^", POSITIVE), "negative": ("v", NEGATIVE)}
_BINS = 10
_FARTHEST = 0.5


def over_time(rule: str, study: Study, is_synthetic: bool) -> Picture:
    """Outcome of each event of the headline, by its kind."""
    headline = study.estimates[0]
    subject = headline.group.split(",")[0]
    found = study.events.filter(pl.col("subject") == subject, pl.col("value").is_not_null())
    with style():
        figure, axes = new_figure(height=3.6, above=0.85, share=SHARE)
        for i, ((kind,), mine) in enumerate(found.sort("kind").partition_by("kind", as_dict=True).items()):
            shape, colour = _OF_KIND.get(str(kind), MARKERS[i % len(MARKERS)])
            at = times(micros(mine["decided_at"]))
            axes.vlines(at, 0, mine["value"], color=colour, linewidth=1.0, alpha=0.6)
            axes.plot(at, mine["value"], shape, color=colour, markersize=3.5, label=f"{kind} ({mine.height:,})")
        axes.axhline(0, color=FAINT, linewidth=0.8)
        axes.margins(x=0.01, y=0.15)
        if len(found):
            legend(axes)
        words = found.select(pl.concat_str("outcome", pl.lit(" ("), "unit", pl.lit(")")).first()).item() or "no events"
        titled(figure, f"{rule}  {subject}", words, is_synthetic=is_synthetic)
    return Picture(f"{rule}_over_time", f"{rule}: outcomes by time and kind, {subject}", figure)


def paths(rule: str, study: Study, is_synthetic: bool) -> Iterator[Picture]:
    """The mean path around events, and where that of as many placebo times is in 95 of 100 draws."""
    there = {name: path for name, path in study.paths.items() if path["n"].max()}
    for i, (name, path) in enumerate(there.items(), 1):
        with style():
            figure, axes = new_figure(height=3.6, above=0.85)
            axes.fill_between(
                path["hour"],
                path["low"],
                path["high"],
                color=FAINT,
                alpha=0.3,
                linewidth=0,
                label="placebo times, 95 %",
            )
            axes.plot(path["hour"], path["mean"], color=FIRST, marker="o", markersize=4, label="events")
            axes.axhline(0, color=FAINT, linewidth=0.8)
            axes.axvline(0, color=FAINT, linewidth=0.8, linestyle="--")
            axes.set_xlabel("hours from the event")
            axes.margins(y=0.2)  # the legend's
            legend(axes)
            titled(
                figure, f"{rule}  {name}", f"mean path of {path['n'].max() or 0:,} events", is_synthetic=is_synthetic
            )
        yield Picture(
            f"{rule}_path_{i}", f"{rule}: mean path around events with the band of placebo times, {name}", figure
        )


def pins(rule: str, events: pl.DataFrame, is_synthetic: bool) -> Iterator[Picture]:
    """Distances of settlements from the nearest strike beside those at other hours and what no pull would give."""
    measured = events.filter(pl.col("outcome") == "strike distance")
    settled, others = (measured.filter(pl.col("kind") == kind)["value"] for kind in ("settlement", "other hour"))
    if settled.is_empty():
        return
    with style():
        figure, axes = new_figure(height=3.6, above=0.85)
        edges = np.linspace(0.0, _FARTHEST, _BINS + 1)
        n = len(settled)
        axes.axhspan(
            binom.ppf(0.025, n, 1 / _BINS),
            binom.ppf(0.975, n, 1 / _BINS),
            color=FAINT,
            alpha=0.3,
            label="uniform, 95 % a bar",
        )
        axes.axhline(n / _BINS, color=INK, linestyle="--", linewidth=1.0, label="uniform: no strike attracts")
        axes.hist(settled, edges.tolist(), color=FIRST, alpha=0.8, edgecolor="white", label=f"settlements ({n:,})")
        if len(others):
            counts = np.histogram(others, edges)[0] * n / len(others)
            axes.stairs(counts, edges, color=SECOND, linewidth=2.0, label=f"other hours ({len(others):,}), scaled")
        axes.set_xlabel("distance from the nearest strike, in spacings of strikes")
        axes.set_ylim(0, axes.get_ylim()[1] * 1.25)
        legend(axes)
        titled(
            figure, f"{rule}  where settlements lie between strikes", "number of settlements", is_synthetic=is_synthetic
        )
    yield Picture(f"{rule}_distance", f"{rule}: distance of settlements from the nearest strike", figure)
