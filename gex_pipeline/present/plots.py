"""The three pictures of an answer: gamma by strike, the re-priced gamma profile, the strike x expiry heatmap.

Belongs here: frames in, figure out. Not: numbers that are not in the answer. Every marked price carries a ``gid``
(``spot``, ``zero_gamma``, ...), so that tests can find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gex_pipeline.errors import GexError
from gex_pipeline.present import strikes, text
from gex_pipeline.present.choices import Expiry
from gex_pipeline.present.plot_style import (
    FAINT,
    FLIP,
    INK,
    NEGATIVE,
    POSITIVE,
    SPOT,
    Mark,
    amounts,
    caption,
    diverging,
    mark_prices,
    new_figure,
    prices,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gex_pipeline.present.answer import Answer

#: The stored profile has a point every 1 %: one more on either side, so that the curve reaches the edge.
GRID_STEP = 0.02
#: Cells of the heatmap that carry their number.
LABELLED_CELLS = 12
#: Strikes of the heatmap that carry theirs, at most.
LABELLED_STRIKES = 28
_WALLS = {
    "call_resistance": ("call resistance", POSITIVE, "-"),
    "put_support": ("put support", NEGATIVE, "-"),
    "call_wall_2": ("call wall 2", POSITIVE, ":"),
    "put_wall_2": ("put wall 2", NEGATIVE, ":"),
    "call_wall_3": ("call wall 3", POSITIVE, ":"),
    "put_wall_3": ("put wall 3", NEGATIVE, ":"),
}


def strike_profile(answer: Answer, expiry: Expiry = "all") -> Figure:
    """Bars of calls (up) and puts (down) per strike, net as a diamond, with spot, flip and walls."""
    rows = strikes.per_strike(strikes.of_expiry(answer.exposure, answer.snapshot_at, expiry))
    near = rows.filter(strikes.shown(answer, rows["strike_usd"].to_numpy()))
    if near.is_empty():
        raise GexError(f"no strike near spot {text.price(answer.spot_usd)}: nothing to draw")
    scope = "odte" if expiry == "odte" else "all_expiry" if expiry == "all" else None
    with style():
        figure, axes = new_figure()
        _bars(axes, near)
        axes.set_xlim(*strikes.reach(answer, near))
        _frame_axes(axes, "strike (USD)")
        mark_prices(axes, [_spot(answer), *_flips(answer, scope), *_walls(answer, scope)])
        axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")
        caption(figure, answer, "dealer gamma by strike", _expiry_words(expiry))
    return figure


def gamma_profile(answer: Answer, scope: str = "all_expiry", window: float = strikes.WINDOW) -> Figure:
    """Net dealer gamma as a function of price, green above zero and red below, with every flip."""
    curve = answer.profile.filter(pl.col("scope") == scope).sort("spot_usd")
    near = curve.filter((pl.col("spot_usd") / answer.spot_usd - 1).abs() <= window + GRID_STEP)
    if near.is_empty():
        raise GexError(f"no gamma profile of {answer.underlying} in this scope: nothing to draw")
    x, net = near["spot_usd"].to_numpy(), near["net_gex_usd"].to_numpy()
    with style():
        figure, axes = new_figure()
        axes.fill_between(x, net, 0, where=net >= 0, interpolate=True, color=POSITIVE, alpha=0.35, linewidth=0)
        axes.fill_between(x, net, 0, where=net <= 0, interpolate=True, color=NEGATIVE, alpha=0.35, linewidth=0)
        axes.plot(x, near["call_gex_usd"], color=POSITIVE, linewidth=1.1, linestyle="--", label="calls")
        axes.plot(x, near["put_gex_usd"], color=NEGATIVE, linewidth=1.1, linestyle="--", label="puts")
        axes.plot(x, net, color=INK, linewidth=2.2, label="net", gid="net")
        axes.set_xlim(answer.spot_usd * (1 - window), answer.spot_usd * (1 + window))
        _frame_axes(axes, "price of the underlying (USD)")
        zones = answer.flip_zones.filter(pl.col("scope") == scope).sort("price_usd")
        mark_prices(axes, [_spot(answer), *_flips(answer, scope), *_other_flips(answer, zones, scope)])
        axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")
        caption(figure, answer, "gamma profile: the book re-priced along price", _scope_words(scope))
    return figure


def heatmap(answer: Answer) -> Figure:
    """Net dealer gamma by strike and expiry; colour by signed square root, so that small cells are seen too."""
    strike, expiries, net = strikes.grid(answer.exposure)
    is_shown = strikes.shown(answer, strike)
    strike, net = strike[is_shown], net[is_shown]
    if not net.size:
        raise GexError(f"no strike near spot {text.price(answer.spot_usd)}: nothing to draw")
    with style():
        figure, axes = new_figure(height=float(np.clip(0.12 * len(strike) + 2.0, 4.8, 13.0)), above=0.85, share=0.735)
        _cells(figure, axes, net)
        _heatmap_ticks(axes, strike, [text.day(e) for e in expiries])
        if strike[0] <= answer.spot_usd <= strike[-1]:
            _spot_row(axes, answer.spot_usd, strike)
        caption(figure, answer, "dealer gamma by strike and expiry")
    return figure


def _bars(axes: Axes, near: pl.DataFrame) -> None:
    x = near["strike_usd"].to_numpy()
    width = 0.8 * float(np.min(np.diff(x))) if len(x) > 1 else 1.0
    axes.bar(x, near["call_gex_usd"], width, color=POSITIVE, alpha=0.75, label="calls")
    call, put = near["call_gex_usd"].to_numpy(), near["put_gex_usd"].to_numpy()
    on_top = np.where(call * put > 0, call, 0.0)  # one sign for both (unsigned, short_all): stacked, not hidden
    axes.bar(x, put, width, on_top, color=NEGATIVE, alpha=0.75, label="puts")
    axes.plot(x, near["net_gex_usd"], "D", color=INK, markersize=3.2, label="net", gid="net", zorder=5)


def _frame_axes(axes: Axes, label: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.use_sticky_edges = False  # bars of one sign only would end at the frame
    axes.axhline(0, color=INK, linewidth=0.8, zorder=3)
    axes.grid(axis="y", color="#E3E3E3", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel(label)
    axes.set_ylabel("GEX (USD per 1 % move)")
    axes.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(prices))
    axes.yaxis.set_major_formatter(FuncFormatter(amounts))


def _cells(figure: Figure, axes: Axes, net: NDArray[np.float64]) -> None:
    from matplotlib.colors import FuncNorm
    from matplotlib.ticker import FuncFormatter

    largest = float(np.nan_to_num(np.abs(net)).max()) or 1.0
    root = (lambda v: np.sign(v) * np.sqrt(np.abs(v)), lambda v: np.sign(v) * np.square(v))
    norm = FuncNorm(root, vmin=-largest, vmax=largest)
    mesh = axes.pcolormesh(np.ma.masked_invalid(net), cmap=diverging(), norm=norm, edgecolors="white", linewidth=0.3)
    ticks = [share * largest for share in (-1, -0.25, 0, 0.25, 1)]
    _, bottom, _, height = axes.get_position().bounds
    place = figure.add_axes((0.9, bottom, 0.016, height))
    bar = figure.colorbar(mesh, cax=place, ticks=ticks, format=FuncFormatter(amounts))
    bar.set_label("net GEX (USD per 1 % move)")
    bar.outline.set_visible(False)
    for cell in np.argsort(-np.nan_to_num(np.abs(net)), axis=None, kind="stable")[:LABELLED_CELLS]:
        row, column = np.unravel_index(cell, net.shape)
        value = float(net[row, column])
        if np.isfinite(value) and value:
            axes.text(
                column + 0.5, row + 0.5, text.amount(value), ha="center", va="center", fontsize=7, zorder=5,
                color="white" if abs(value) > 0.3 * largest else INK,
                bbox={"facecolor": mesh.cmap(norm(value)), "edgecolor": "none", "pad": 0.4},
            )  # fmt: skip


def _spot_row(axes: Axes, spot_usd: float, strike: NDArray[np.float64]) -> None:
    """A line between the two strikes around spot, in proportion."""
    row = float(np.interp(spot_usd, strike, np.arange(len(strike)) + 0.5))
    axes.axhline(row, color=SPOT, linewidth=1.4, gid="spot", zorder=3)
    axes.annotate(
        f"spot\n{text.price(spot_usd)}", (1.008, row), xycoords=("axes fraction", "data"), fontsize=8.5,
        weight="bold", va="center", annotation_clip=False,
    )  # fmt: skip


def _heatmap_ticks(axes: Axes, strike: NDArray[np.float64], expiries: list[str]) -> None:
    """A label per expiry, and for at most 28 strikes, preferring round ones."""
    rows = _labelled(strike, LABELLED_STRIKES)
    axes.set_yticks([i + 0.5 for i in rows], [prices(float(strike[i])) for i in rows])
    axes.set_xticks([i + 0.5 for i in range(len(expiries))], expiries, rotation=0 if len(expiries) <= 11 else 45)
    axes.set_ylabel("strike (USD)")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _labelled(strike: NDArray[np.float64], most: int) -> list[int]:
    """Which strikes get a label: all when they are few, else the round ones, else every n-th.

    Round are the multiples of the smallest of 1, 2, 2.5, 5 x 10^k that has at most ``most`` of them. Where that leaves
    hardly any, the strikes are no round numbers.
    """
    if len(strike) <= most:
        return list(range(len(strike)))
    start = 10.0 ** np.floor(np.log10(strike.min()) - 4)
    ratios = (strike / (m * start * 10.0**k) for k in range(9) for m in (1, 2, 2.5, 5))
    rounds = (np.flatnonzero(np.abs(r - np.round(r)) < 1e-9).tolist() for r in ratios)
    rows = next((rows for rows in rounds if len(rows) <= most), [])
    return rows if len(rows) >= most / 4 else list(range(0, len(strike), -(-len(strike) // most)))


def _spot(answer: Answer) -> Mark:
    return Mark("spot", answer.spot_usd, f"spot\n{text.price(answer.spot_usd)}", SPOT, "-")


def _level(answer: Answer, scope: str | None, level: str) -> float | None:
    rows = answer.levels.filter((pl.col("scope") == scope) & (pl.col("level") == level))
    return None if rows.is_empty() else rows["value_usd"][0]


def _flips(answer: Answer, scope: str | None) -> list[Mark]:
    value = _level(answer, scope, "zero_gamma")
    return [] if value is None else [Mark("zero_gamma", value, f"zero gamma\n{text.price(value)}", FLIP)]


def _other_flips(answer: Answer, zones: pl.DataFrame, scope: str) -> list[Mark]:
    """The crossings that are not the headline, nearest to spot first."""
    headline = _level(answer, scope, "zero_gamma") or 0.0
    rows = zones.filter((pl.col("price_usd") - headline).abs() > 1e-5 * pl.col("price_usd"))
    rows = rows.sort((pl.col("price_usd") - answer.spot_usd).abs(), "price_usd")
    return [
        Mark(f"flip {i}", r["price_usd"], f"flip {r['direction']}\n{text.price(r['price_usd'])}", FAINT, ":")
        for i, r in enumerate(rows.iter_rows(named=True), 1)
    ]


def _walls(answer: Answer, scope: str | None) -> list[Mark]:
    found = ((level, _level(answer, scope, level)) for level in _WALLS)
    return [
        Mark(level, value, f"{_WALLS[level][0]}\n{text.price(value)}", *_WALLS[level][1:])
        for level, value in found
        if value is not None
    ]


def _expiry_words(expiry: Expiry) -> str:
    return {"all": "all expiries", "odte": "0DTE (24 h)"}.get(str(expiry), f"expiry {expiry}")


def _scope_words(scope: str) -> str:
    return _expiry_words("odte" if scope == "odte" else "all")
