"""What the plots share: colours, captions, marked prices, deterministic PNG and SVG files.

matplotlib is imported inside the functions: it takes 0.4 s, and most commands draw nothing. No pyplot: its global
state and the reader's own matplotlib settings must not change a picture.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gex_pipeline.present import text
from gex_pipeline.present.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from gex_pipeline.present.answer import Answer

# Okabe and Ito's palette, distinguishable with any common colour blindness.
POSITIVE = "#009E73"
NEGATIVE = "#D55E00"
FLIP = "#7B3FA0"
SPOT = "#111111"
INK = "#333333"
FAINT = "#8A8A8A"
MISSING = "#EFEFEF"

DPI = 120
LEFT = 0.085  # left edge of axes and captions, as a share of the width
LABEL_SIZE = 8.5
_CHARACTER = LABEL_SIZE * 0.58 / 72  # inches, a wide average of the font
_LABEL_Y = 1.05  # foot of the labels, as a share of the axes' height
_STYLE: dict[str, Any] = {
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9.5,
    "svg.hashsalt": "gex",  # else each file has names of its own
    "text.parse_math": False,  # a name may have a dollar sign
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Mark:
    """A price to point at: ``name`` identifies it, ``label`` is what the reader sees."""

    name: str
    price_usd: float
    label: str
    colour: str
    line: str = "--"


def quieten() -> None:
    """Before matplotlib is loaded: where the home folder takes no cache it would say so, and draw all the same."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


@contextmanager
def style() -> Generator[None]:
    """Use the defaults of matplotlib plus ours, whatever the reader's configuration says."""
    quieten()
    import matplotlib as mpl

    defaults = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
    with mpl.rc_context({**defaults, **_STYLE}):  # pyright: ignore[reportArgumentType]
        yield


def new_figure(
    width: float = 11.0, height: float = 6.4, above: float = 1.35, share: float = 0.89
) -> tuple[Figure, Axes]:
    """An empty figure (inches) with one pair of axes ``share`` of its width, ``above`` inches below its top."""
    quieten()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    top, bottom = 1 - above / height, 0.62 / height
    return figure, figure.add_axes((LEFT, bottom, share, top - bottom))


def caption(figure: Figure, answer: Answer, title: str, *details: str) -> None:
    """Title, and under it what the numbers are: instant, venues, sign model, unit."""
    height = float(figure.get_figheight())
    line = [text.instant(answer.snapshot_at), ", ".join(answer.venues), f"{answer.sign_model} signs", *details]
    figure.text(LEFT, 1 - 0.34 / height, f"{answer.underlying}  {title}", fontsize=14, weight="bold", color=INK)
    figure.text(LEFT, 1 - 0.58 / height, "  |  ".join([*line, "USD per 1 % move"]), fontsize=9, color=INK)
    if answer.is_synthetic:
        made_up(figure)


def titled(figure: Figure, title: str, detail: str, *, is_synthetic: bool) -> None:
    """Title, and under it what the numbers are, where no answer says so."""
    height = float(figure.get_figheight())
    figure.text(LEFT, 1 - 0.34 / height, title, fontsize=14, weight="bold", color=INK)
    figure.text(LEFT, 1 - 0.58 / height, detail, fontsize=9, color=INK)
    if is_synthetic:
        made_up(figure)


def made_up(figure: Figure) -> None:
    """A mark that nobody overlooks on pictures of made-up data."""
    figure.text(
        0.975, 1 - 0.34 / float(figure.get_figheight()), "SYNTHETIC DATA", fontsize=11, weight="bold", color="white",
        ha="right", bbox={"facecolor": FLIP, "edgecolor": "none", "boxstyle": "round,pad=0.35"},
    )  # fmt: skip


def mark_prices(axes: Axes, marks: Sequence[Mark]) -> None:
    """A vertical line per mark in view, and above the axes its label, moved aside where labels would touch.

    ``marks`` come in order of importance: labels that do not fit are left out from the end, their lines stay.
    """
    low, high = axes.get_xlim()
    shown = [m for m in marks if low <= m.price_usd <= high]
    for mark in shown:
        axes.axvline(mark.price_usd, color=mark.colour, linestyle=mark.line, linewidth=1.2, zorder=1.5, gid=mark.name)
    per_inch = (high - low) / (axes.get_position().width * float(axes.figure.get_figwidth()))  # pyright: ignore[reportAttributeAccessIssue]
    width = {m: (max(map(len, m.label.split("\n"))) + 2) * _CHARACTER * per_inch for m in shown}
    fitting = [m for i, m in enumerate(shown) if sum(width[n] for n in shown[: i + 1]) <= high - low]
    fitting.sort(key=lambda m: m.price_usd)
    centres = spread([m.price_usd for m in fitting], [width[m] for m in fitting], low, high)
    for mark, x in zip(fitting, centres, strict=True):
        _label(axes, mark, x)


def _label(axes: Axes, mark: Mark, x: float) -> None:
    """The words at ``x``, and a thin line down to the mark."""
    across = axes.get_xaxis_transform()
    path = axes.plot([mark.price_usd, x], [1.0, _LABEL_Y], color=mark.colour, linewidth=0.8, clip_on=False)[0]
    path.set_transform(across)
    axes.text(
        x, _LABEL_Y + 0.008, mark.label, color=mark.colour, fontsize=LABEL_SIZE, ha="center", va="bottom",
        transform=across, gid=f"label {mark.name}", linespacing=1.15,
    )  # fmt: skip


def spread(centres: Sequence[float], widths: Sequence[float], low: float, high: float) -> list[float]:
    """Centres of labels that do not overlap, each as near as possible (least squares) to its own centre.

    ``centres`` ascend. Pool-adjacent-violators on the centres less the room that the labels before them take.
    Labels stay within ``low`` .. ``high`` when their widths fit there together.
    """
    room = [sum(widths[:i]) + width / 2 for i, width in enumerate(widths)]
    pools: list[list[float]] = []
    for centre, taken in zip(centres, room, strict=True):
        pools.append([centre - taken])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    free = [_mean(pool) for pool in pools for _ in pool]
    return [min(max(f, low), high - sum(widths)) + taken for f, taken in zip(free, room, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def amounts(value: float, _: int | None = None) -> str:
    """Tick label of an exposure: 12.5 M, without trailing zeros."""
    words = text.amount(value).split(" ")
    digits = words[0].rstrip("0").rstrip(".") if "." in words[0] else words[0]
    return " ".join([digits, *words[1:]])


def prices(value: float, _: int | None = None) -> str:
    """Tick label of a price."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def diverging() -> Colormap:
    """White at zero, the two colours of the palette at the ends; grey where there is no contract."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = ["#8F3E00", NEGATIVE, "#F3B58C", "#FFFFFF", "#8FD0BC", POSITIVE, "#005C43"]
    return LinearSegmentedColormap.from_list("gex", ends, N=255).with_extremes(bad=MISSING)


def save_png(figure: Figure, path: Path) -> None:
    """Write the figure."""
    write_atomically(path, png(figure))


def png(figure: Figure) -> bytes:
    """The figure as a file; equal figures give equal bytes (no dates, no program version)."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """The figure as lines and letters, as :func:`png` without dates."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
