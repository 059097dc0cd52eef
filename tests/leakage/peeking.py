"""Rules that look ahead, each in its own way, for the harness to catch; and one that does nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from gex_backtest.bars import HOUR_US
from gex_backtest.decisions import Decisions, every
from gex_backtest.estimates import mean
from gex_backtest.events import events
from gex_backtest.holdings import Orders
from gex_backtest.panel import Panel, micros
from gex_backtest.paths import event_path, price_path
from gex_backtest.study import Estimate, Rule, Study
from gex_pipeline.core.black76 import Bools, Floats


@dataclass(frozen=True)
class Nothing:
    """No parameters."""


def _events(panel: Panel, is_chosen: Bools) -> Study:
    return Study(_table(_chosen(panel, is_chosen), "chosen"), [])


def _chosen(panel: Panel, is_chosen: Bools) -> Decisions:
    made = every(panel, 4)
    return Decisions(panel, made.rows[is_chosen[made.rows]])


def _table(made: Decisions, kind: str | np.ndarray) -> pl.DataFrame:
    return events(made, 4, kind, "spot", "move", "1", made.moves(4))


def _not_known_yet(panel: Panel) -> Floats:
    """A level from the instant that it describes on."""
    levels = panel.history.levels.filter(pl.col("scope") == "all_expiry")
    row = np.searchsorted(micros(levels["snapshot_at"]), panel.bars.close_at, side="right") - 1
    return np.where(row >= 0, levels["hvl_slope"].cast(pl.Float64).fill_null(np.nan).to_numpy()[row], np.nan)


def _is_high(panel: Panel) -> Bools:
    """By a median of all prices, the later ones too."""
    return panel.bars.close > np.median(panel.bars.close)


def _of_the_whole_sample(panel: Panel, _: Nothing) -> Study:
    return _events(panel, _is_high(panel))


def _path_of_the_whole_sample(panel: Panel, _: Nothing) -> Study:
    at = panel.bars.close_at[panel.has_levels & _is_high(panel)]
    path = event_path(panel.bars, *price_path(panel.bars, 4), at)
    return replace(_of_nothing(panel, _), paths={"high": path})


def _estimate_of_the_whole_sample(panel: Panel, _: Nothing) -> Study:
    high = panel.bars.close[panel.has_levels & _is_high(panel)]
    return replace(_of_nothing(panel, _), estimates=[mean("price", "high", "USD", high)])


def _of_the_snapshot(panel: Panel, _: Nothing) -> Study:
    return _events(panel, panel.bars.close > _not_known_yet(panel))


def _at_times_of_the_snapshot(panel: Panel, _: Nothing) -> Study:
    """Waits for what is known every second time."""
    is_patient = panel.bars.close_at % (8 * HOUR_US) == 0
    return _events(panel, panel.bars.close > np.where(is_patient, panel.level("hvl_slope"), _not_known_yet(panel)))


def _side_of_the_snapshot(panel: Panel, _: Nothing) -> Study:
    """Decides where a level is known, on the side of one that is not known yet."""
    made = _chosen(panel, np.isfinite(panel.level("hvl_slope")))
    is_above = made.spot > _not_known_yet(panel)[made.rows]
    return Study(_table(made, np.where(is_above, "above", "below")), [])


def _of_nothing(panel: Panel, _: Nothing) -> Study:
    return _events(panel, np.zeros(len(panel.bars), dtype=np.bool_))


def _next_close(panel: Panel, _: Nothing) -> Orders:
    """Holds what the next bar will do."""
    return Orders(np.append(np.sign(np.diff(panel.bars.close)), 0.0))


def _next_settlement(panel: Panel, _: Nothing) -> Orders:
    """Stops at a settlement price that is not known yet."""
    table = panel.history.settlements
    return Orders(np.ones(len(panel.bars)), stops=_next(panel, table["expiry_at"], table["price_usd"]))


def _next_funding(panel: Panel, _: Nothing) -> Orders:
    """Is short where longs will pay."""
    table = panel.history.funding
    return Orders(-np.sign(_next(panel, table["funding_at"], table["funding_rate"])))


def _next_dvol(panel: Panel, _: Nothing) -> Orders:
    """Holds as much as the next DVOL allows."""
    table = panel.history.dvol
    return Orders(50.0 / _next(panel, table["close_at"], table["close"]))


def _next(panel: Panel, at: pl.Series, values: pl.Series) -> Floats:
    row = np.searchsorted(micros(at), panel.bars.close_at, side="right")
    return np.append(values.to_numpy(), np.nan)[row]


def _placebos_of_the_next_close(panel: Panel, parameters: Nothing) -> dict[str, Orders]:
    return {"random": Orders(np.full(len(panel.bars), np.nan)), "mirror": _next_close(panel, parameters)}


def _no_headline(panel: Panel, _: Nothing) -> Estimate:
    raise NotImplementedError


HONEST = Rule("made_up", "Nothing.", Nothing, _of_nothing, _no_headline, 1.0)
#: By what they peek at.
OF_THE_FUTURE = {
    "whole sample": replace(HONEST, study=_of_the_whole_sample),
    "next close": replace(HONEST, orders=_next_close),
    "next settlement": replace(HONEST, orders=_next_settlement),
    "next funding": replace(HONEST, orders=_next_funding),
    "next dvol": replace(HONEST, orders=_next_dvol),
    "placebos": replace(HONEST, placebo_orders=_placebos_of_the_next_close),
}
OF_ALL_BARS = {
    "path": replace(HONEST, study=_path_of_the_whole_sample),
    "estimate": replace(HONEST, study=_estimate_of_the_whole_sample),
}
OF_THE_SNAPSHOT = {
    "always": replace(HONEST, study=_of_the_snapshot),
    "at times": replace(HONEST, study=_at_times_of_the_snapshot),
}
ITS_SIDE = replace(HONEST, study=_side_of_the_snapshot)
