"""Price, the levels as they were known, and where the events of a rule are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from gex_backtest.panel import Panel, micros
from gex_backtest.report.pictures import Picture, legend, marked, seen, times
from gex_pipeline.present.history_plots import LEVELS, levels_over_time
from gex_pipeline.present.plot_style import style


@dataclass(frozen=True)
class Marks:
    """Which events of a rule are marked: rows, what they are told apart by, and the column of their price."""

    chosen: pl.Expr
    label: pl.Expr
    at: str

    def of(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events, one a decision and label; ``label`` is null for none."""
        return (
            events.filter(self.chosen)
            .with_columns(label=self.label)
            .unique(["label", "decided_at"], maintain_order=True)
        )


_BOUNCED = (
    pl.when(pl.col("value").is_null())
    .then(pl.lit("touched, neither yet"))
    .when(pl.col("value") > 0)
    .then(pl.lit("touched, turned"))
    .otherwise(pl.lit("touched, went through"))
)
_FIRST_WALLS = pl.col("subject").str.contains(r"^(all_expiry/)?(call_resistance|put_support)$")
_TOUCHES = (pl.col("outcome") == "bounced") & _FIRST_WALLS
_KIND = pl.col("kind")
#: Of a rule that is not named below.
OF_ANY = Marks(~_KIND.str.starts_with("placebo"), _KIND, "spot_usd")
#: Of a rule whose events are everywhere.
NONE = Marks(pl.lit(value=False), _KIND, "spot_usd")
#: Rule -> what is marked; None for no picture.
MARKS: dict[str, Marks | None] = {
    "odte_vs_all": Marks(
        _TOUCHES & (_KIND == "all_expiry: session after") | (_TOUCHES & (_KIND == "odte: until settlement")),
        pl.concat_str(_KIND.str.split(":").list.first(), pl.lit(" "), _BOUNCED),
        "level_usd",
    ),
    "opex_pin": Marks(
        (pl.col("outcome") == "closer, 8 h") & (_KIND == "max_gamma"), pl.lit("strike with the most gamma"), "level_usd"
    ),
    "regime": NONE,
    "regime_cross": Marks(pl.col("subject") == "zero_gamma", _KIND, "spot_usd"),
    "vol_premium": None,
    "wall_bounce": Marks(_TOUCHES & (_KIND == "wall"), _BOUNCED, "level_usd"),
}


def price(rule: str, panel: Panel, events: pl.DataFrame, at: str, is_synthetic: bool) -> Picture:
    """``events``: rows of `study.EVENTS` with a ``label``; ``at``: the column of the price at which they are drawn."""
    title = f"{rule}  {panel.history.underlying}, levels as they were known"
    figure = levels_over_time(title, _known(panel), is_synthetic=is_synthetic)
    axes = figure.axes[0]
    with style():
        for i, ((label,), mine) in enumerate(events.sort("label").partition_by("label", as_dict=True).items()):
            marked(axes, times(micros(mine["decided_at"])), mine[at], i, f"{label} ({mine.height:,})")
        legend(axes)
    return Picture(f"{rule}_price", f"{rule}: price, levels as they were known, and {events.height:,} events", figure)


def _known(panel: Panel) -> pl.DataFrame:
    """What was known at each close."""
    rows = seen(len(panel.bars))
    at = pl.Series(panel.bars.close_at[rows]).cast(pl.Datetime("us", "UTC"))
    there = [name for name in LEVELS if name in panel.history.levels.columns]
    columns = {name: panel.level(name)[rows] for name in ("net_gex_usd", *there)}
    missing = {name: np.full(len(rows), np.nan) for name in LEVELS if name not in there}
    frame = pl.DataFrame({"snapshot_at": at, "spot_usd": panel.bars.close[rows], **columns, **missing})
    return frame.with_columns(pl.col("net_gex_usd").fill_nan(None))
