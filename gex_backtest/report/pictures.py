"""A picture of a run and the files it makes; what pictures share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gex_backtest.bars import Ints
from gex_pipeline.present.plot_style import FAINT, INK, NEGATIVE, png, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of Okabe and Ito's palette those that stay apart on a dark ground, too.
FIRST, SECOND = "#0072B2", NEGATIVE
#: How the kinds of events are told apart, by shape as well as by colour.
MARKERS = (("^", FIRST), ("v", SECOND), ("o", FAINT), ("s", "#CC79A7"))
#: What pictures show, as patterns of the ends of their names, which begin with the rule.
KINDS = ("distance", "equity", "over_time", r"path_\d+", "price", "variants")
#: Points of a line across the page; more would not be seen.
_POINTS = 4_000


@dataclass(frozen=True, eq=False)
class Picture:
    """``name``: of its files, without their endings; ``words``: what it shows, for those who do not see it."""

    name: str
    words: str
    figure: Figure

    @cached_property
    def png(self) -> bytes:
        """As dots."""
        return png(self.figure)

    @property
    def files(self) -> dict[str, bytes]:
        """Name -> bytes, as dots and as lines."""
        return {f"{self.name}.png": self.png, f"{self.name}.svg": svg(self.figure)}


def times(us: Ints) -> NDArray[np.datetime64]:
    """Microseconds since 1970 as matplotlib takes them."""
    return us.astype("datetime64[us]")


def seen(n: int) -> Ints:
    """Rows of a long line that are drawn, the last one among them."""
    return np.unique(np.linspace(0, n - 1, min(n, _POINTS)).astype(np.int64))


def marked(axes: Axes, x: Any, y: Any, place: int, label: str) -> None:
    """Points of one kind, the ``place``-th."""
    shape, colour = MARKERS[place % len(MARKERS)]
    axes.plot(
        x, y, linestyle="none", marker=shape, color=colour, markersize=6, markeredgecolor=INK, markeredgewidth=0.5,
        label=label, zorder=4,
    )  # fmt: skip


def legend(axes: Axes) -> None:
    """In a row inside the axes, above what is drawn."""
    axes.legend(loc="upper left", ncols=4, frameon=True, framealpha=0.9, edgecolor="none")
