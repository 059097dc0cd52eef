"""What trading forms came to, net of costs, beside holding the coin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gex_backtest.bars import Bars, Ints
from gex_backtest.report.pictures import FIRST, SECOND, Picture, legend, seen, times
from gex_backtest.suite import Outcome
from gex_pipeline.core.black76 import Floats
from gex_pipeline.present.history_plots import SHARE
from gex_pipeline.present.plot_style import FAINT, new_figure, style, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DETAIL = "above: of 1 at the start, after fees, spread, slippage and funding; below: fall from the last peak"


def equity(outcomes: Sequence[Outcome], bars: Bars, is_synthetic: bool) -> Picture:
    """Equity and drawdown of every variant that trades, and of buying at the first open (without costs).

    Of the first variant also the same orders on placebo levels, where the rule trades at levels.
    """
    rule, rows = outcomes[0].rule.name, seen(len(bars))
    traded = [outcome.trading for outcome in outcomes if outcome.trading]
    at, curves = times(bars.close_at[rows]), [each.equity for each in traded]
    placebos = [each.equity for each in traded[0].placebos.values() if each.metrics.n_trades]
    with style():
        figure, upper = new_figure(height=4.8, above=0.85, share=SHARE)
        box = upper.get_position()
        upper.set_position((box.x0, box.y0 + 0.36 * box.height, box.width, 0.64 * box.height))
        lower = figure.add_axes((box.x0, box.y0, box.width, 0.30 * box.height), sharex=upper)
        for axes, of in ((upper, lambda curve: curve[rows]), (lower, lambda curve: lowest(drawdown(curve), rows))):
            _line(axes, at, of(bars.close / bars.open[0]), FAINT, "buy and hold, no costs", "--")
            for i, curve in enumerate(placebos):
                _line(axes, at, of(curve), SECOND, None if i else _placebos(len(placebos)), "-", 0.6)
            for i, curve in enumerate(curves):
                _line(axes, at, of(curve), FIRST, None if i else _label(len(curves)), "-", 1.0 / len(curves) ** 0.5)
        upper.axhline(1.0, color=FAINT, linewidth=0.8)
        low, high = upper.get_ylim()
        upper.set_ylim(low, high + 0.15 * (high - low))  # the legend's
        upper.tick_params(labelbottom=False)
        lower.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}".replace("%", " %"))
        legend(upper)
        titled(figure, f"{rule}  equity and drawdown", _DETAIL, is_synthetic=is_synthetic)
    return Picture(f"{rule}_equity", f"{rule}: equity and drawdown after costs beside buying and holding", figure)


def drawdown(equity: Floats) -> Floats:
    """Fall from the last peak, as a negative fraction of it."""
    return equity / np.maximum.accumulate(equity) - 1.0


def lowest(values: Floats, rows: Ints) -> Floats:
    """The lowest value of each stretch that ends at a row."""
    return np.asarray(np.minimum.reduceat(values, np.append(0, rows[:-1] + 1)))


def _label(n: int) -> str:
    return "trading form" if n == 1 else f"trading form, {n:,} variants"


def _placebos(n: int) -> str:
    return f"the same on placebo levels, {n} kind{'s' if n > 1 else ''}"


def _line(axes: Axes, at: Any, values: Floats, colour: str, label: str | None, line: str, alpha: float = 1.0) -> None:
    axes.plot(at, values, line, color=colour, linewidth=0.7 if colour == SECOND else 1.2, label=label, alpha=alpha)
    axes.margins(x=0)
