"""A glance at a run, for a page that has little room: verdicts as Markdown, headlines in one small picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gex_backtest import words
from gex_backtest.report.pictures import FIRST
from gex_backtest.suite import Outcome
from gex_pipeline.present.glances import image_markdown, small_figure, table_markdown
from gex_pipeline.present.plot_style import FAINT, INK, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Claimed sizes that are shown to the left and to the right of none; what reaches further is cut off.
_FARTHEST = (-3.0, 4.0)
#: Rows that a glance has room for.
_SHOWN = 24


def verdicts(outcomes: Sequence[Outcome]) -> str:
    """What each headline says of its claim, as a Markdown table."""
    return table_markdown(words.VERDICTS, words.verdicts(outcomes)[:_SHOWN])


def picture(outcomes: Sequence[Outcome], is_synthetic: bool) -> str:
    """:func:`headlines` as a Markdown image that carries its bytes."""
    return image_markdown("headlines", headlines(outcomes[:_SHOWN], is_synthetic))


def headlines(outcomes: Sequence[Outcome], is_synthetic: bool) -> Figure:
    """Headline and interval of every variant over the size claimed: 0 is no effect, 1 what is claimed."""
    with style():
        figure = small_figure(1, width=5.0, height=0.7 + 0.22 * len(outcomes))
        axes = figure.axes[0]
        for at, line in ((0.0, "-"), (1.0, ":")):
            axes.axvline(at, color=FAINT, linewidth=1.0, linestyle=line)
        for row, outcome in enumerate(outcomes):
            _headline(axes, row, outcome)
        axes.set_yticks(range(len(outcomes)), [name for name, *_ in words.verdicts(outcomes)])
        axes.set(xlim=_FARTHEST, ylim=(len(outcomes) - 0.5, -0.5))
        marked = "SYNTHETIC DATA: " if is_synthetic else ""
        axes.set_xlabel(f"{marked}headline over the size claimed, 95 %", fontsize=7)
    return figure


def _headline(axes: Axes, row: int, outcome: Outcome) -> None:
    found, claimed = outcome.study.estimates[0] if outcome.study else None, outcome.rule.claimed
    if found is None or found.value is None:
        axes.text(0.1, row, "too little data", color=INK, fontsize=7, va="center")
        return
    axes.plot(found.value / claimed, row, "o", color=FIRST, markersize=4)
    if found.low is not None and found.high is not None:
        axes.plot([found.low / claimed, found.high / claimed], [row, row], color=FIRST, linewidth=1.3)
