"""A glance at the stored rows of a day, for a page that has little room: a few rows as Markdown, one small picture.

matplotlib is imported inside the functions. The picture has few colours, so that it takes some 3 KB.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from gex_pipeline.present.plot_style import FLIP, INK, SPOT, prices, style
from gex_pipeline.schema.model import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Rows, columns, and panels of a glance: Dagster shows a text of up to 1,000 characters without a click.
N_ROWS, N_COLUMNS, N_COINS = 7, 6, 2
#: What a reader of a few rows can do without.
_SKIPPED = ("knowledge_time", "venue_time", "raw", "source")
_COLOURS = 8
_DPI = 80


def rows_markdown(table: Table, frame: pl.DataFrame) -> str:
    """The first rows of the last instant as a Markdown table; above it the columns that are alike in all of them."""
    instant = pl.col(table.period_column)
    shown = frame.filter(instant == instant.max()).head(N_ROWS)
    names = [n for n in table.names if n not in _SKIPPED]
    alike = [n for n in names if n in (*table.key, *table.hive) and shown[n].n_unique() == 1]
    varying = [n for n in names if n not in alike and shown[n].n_unique() > 1][:N_COLUMNS]
    rows = [[_cell(v) for v in row] for row in shown.select(varying).rows()]
    return ", ".join(f"{n} {_cell(shown[n][0])}" for n in alike) + f"\n\n{table_markdown(varying, rows)}"


def table_markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells of text as a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [columns, ["---"] * len(columns), *rows])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def picture_markdown(table: Table, frame: pl.DataFrame) -> str:
    """The picture of a table as a Markdown image that carries its bytes; empty for a table that has none."""
    draw = {"chain": _open_interest, "levels": _spot_and_flip}.get(table.name)
    coins = frame["underlying"].unique().sort().to_list()[:N_COINS]
    if draw is None or not coins:
        return ""
    day = frame[table.period_column].max()
    with style():
        figure = small_figure(len(coins), width=3.4 * len(coins))
        for axes, coin in zip(figure.axes, coins, strict=True):
            draw(axes, frame.filter(pl.col("underlying") == coin))
            axes.set_title(f"{coin}  {day:%Y-%m-%d}", loc="left", fontsize=9, weight="bold", color=INK)
    return image_markdown(table.name, figure)


def image_markdown(words: str, figure: Figure) -> str:
    """A figure of few colours as a Markdown image that carries its bytes."""
    with style():
        data = base64.b64encode(_png(figure)).decode()
    return f"![{words}](data:image/png;base64,{data})"


def small_figure(panels: int, width: float, height: float = 2.1) -> Figure:
    """An empty figure (inches) with axes side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for axes in figure.subplots(1, panels, squeeze=False)[0]:
        axes.tick_params(labelsize=7)
    return figure


def _open_interest(axes: Axes, chain: pl.DataFrame) -> None:
    """Open interest per expiry at the last snapshot, calls up, puts down."""
    last = chain.filter(pl.col("snapshot_at") == pl.col("snapshot_at").max())
    sums = last.group_by("expiry_at", "option_type").agg(pl.col("open_interest_coin").sum()).sort("expiry_at")
    expiries = sums["expiry_at"].unique().sort().to_list()
    for letter, sign, colour in (("C", 1, SPOT), ("P", -1, FLIP)):
        side = dict(sums.filter(pl.col("option_type") == letter).select("expiry_at", "open_interest_coin").rows())
        axes.bar(range(len(expiries)), [sign * side.get(e, 0.0) for e in expiries], color=colour, width=0.7)
    axes.set_xticks(range(len(expiries)), [f"{e:%d %b}" for e in expiries], rotation=60)
    axes.set_ylabel("calls, -puts (coin)", fontsize=7)


def _spot_and_flip(axes: Axes, levels: pl.DataFrame) -> None:
    """Spot and zero gamma over the day, all venues and expiries together."""
    from matplotlib.dates import DateFormatter

    line = levels.filter(
        pl.col("level") == "zero_gamma",
        pl.col("venues") == "all",
        pl.col("scope") == "all_expiry",
        pl.col("sign_model") == "naive",
    ).sort("snapshot_at")
    axes.plot(line["snapshot_at"].to_list(), line["spot_usd"].to_list(), color=SPOT, linewidth=1.2, label="spot")
    axes.plot(line["snapshot_at"].to_list(), line["value_usd"].to_list(), color=FLIP, linewidth=1.2, label="zero gamma")
    axes.xaxis.set_major_formatter(DateFormatter("%H"))
    axes.set_xlabel("hour UTC", fontsize=7)
    axes.yaxis.set_major_formatter(lambda value, _: prices(value))
    axes.legend(fontsize=7, frameon=False)


def _png(figure: Figure) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    small = io.BytesIO()
    Image.open(buffer).convert("RGB").quantize(_COLOURS, Image.Quantize.MAXCOVERAGE).save(
        small, format="png", optimize=True
    )
    return small.getvalue()
