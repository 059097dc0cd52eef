"""The variants of a rule beside each other: whether a result rests on one choice of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gex_backtest import words
from gex_backtest.report.pictures import FIRST, Picture
from gex_backtest.suite import Outcome
from gex_pipeline.present.plot_style import FAINT, new_figure, style, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Rows that a picture has room for.
_SHOWN = 60


def plateau(outcomes: Sequence[Outcome], is_synthetic: bool) -> Picture:
    """Headline with its interval, and net return, a row per variant."""
    shown = outcomes[:_SHOWN]
    rule, rows = outcomes[0].rule.name, np.arange(len(shown))[::-1]
    with style():
        figure, left = new_figure(height=1.7 + 0.24 * len(shown), above=0.85)
        box = left.get_position()
        left.set_position((0.30, box.y0, 0.38, box.height))
        right = figure.add_axes((0.72, box.y0, 0.25, box.height), sharey=left)
        _headlines(left, shown, rows)
        _returns(right, shown, rows)
        left.set_yticks(rows, [" ".join(words.varied(outcome, outcomes)) for outcome in shown], fontsize=8)
        left.set_ylim(-0.7, len(shown) - 0.3)
        right.tick_params(labelleft=False)
        first = f"the first {_SHOWN} of " if len(outcomes) > _SHOWN else ""
        titled(figure, f"{rule}  {first}{len(outcomes):,} variants", _detail(outcomes[0]), is_synthetic=is_synthetic)
    return Picture(f"{rule}_variants", f"{rule}: headline and net return of each variant", figure)


def _detail(outcome: Outcome) -> str:
    assert outcome.study is not None
    first = outcome.study.estimates[0]
    return (
        f"left: {' '.join([words.named(first), *words.unit(first)])}, 95 %; right: net return; dotted: the size claimed"
    )


def _headlines(axes: Axes, outcomes: Sequence[Outcome], rows: np.ndarray) -> None:
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.axvline(outcomes[0].rule.claimed, color=FAINT, linewidth=1.0, linestyle=":")
    for outcome, row in zip(outcomes, rows.tolist(), strict=True):
        assert outcome.study is not None
        found = outcome.study.estimates[0]
        if found.value is not None:
            axes.plot(found.value, row, "o", color=FIRST, markersize=5)
        if found.low is not None and found.high is not None:
            axes.plot([found.low, found.high], [row, row], color=FIRST, linewidth=1.5)


def _returns(axes: Axes, outcomes: Sequence[Outcome], rows: np.ndarray) -> None:
    axes.axvline(0, color=FAINT, linewidth=0.8)
    traded = [
        (o.trading.metrics.total_return, row) for o, row in zip(outcomes, rows.tolist(), strict=True) if o.trading
    ]
    if traded:
        returns, places = zip(*traded, strict=True)
        axes.plot(returns, places, "D", color=FIRST, markersize=5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}".replace("%", " %"))
