"""Expiries some hours before they settle: what was known of each then, and the strikes it may be drawn to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from gex_backtest import returns
from gex_backtest.as_of import known_rows
from gex_backtest.bars import DAY_US, HOUR_US, YEAR_HOURS, Bars, Ints
from gex_backtest.panel import Panel, micros
from gex_pipeline.core.black76 import Bools, Floats
from gex_pipeline.core.calendar import expiry_type
from gex_pipeline.core.units import FLOOR

#: Types of expiries that are at least a week apart; the others are daily.
FRIDAYS = ("weekly", "monthly", "quarterly")
MAX_GAMMA, PERMUTED = "max_gamma", "placebo: permuted"
_BOOK = ("strikes", "gross_gex_usd", "oi_coin", "max_pain_usd")
#: Candidates that are ranked, and the least strikes that a table of them holds.
_RANKS = 3


def decisions(panel: Panel, leads_hours: Sequence[int], volatility_days: int) -> pl.DataFrame:
    """One row an expiry and lead at which its book, the price and its volatility were known; by expiry and lead.

    Returns
    -------
    ``expiry_at``, ``expiry_type``, ``lead_hours``, ``decided_at``; ``spot_usd``, the close of the bar that ends then;
    ``sd``, the standard deviation of the log-price until the settlement by the realised volatility of the days before;
    of the last snapshot known ``strikes``, ``gross_gex_usd``, ``oi_coin`` (lists) and ``max_pain_usd``; and of the
    settlement ``price_usd``, ``settled_at`` (when it was known) and ``origin``, null while there is none.
    """
    expiring = panel.history.expiring
    every = expiring.select(pl.col("expiry_at").unique().sort()).join(_leads(leads_hours), how="cross")
    every = every.with_columns(decided_at=pl.col("expiry_at") - pl.duration(hours="lead_hours"))
    decided_us = micros(every["decided_at"])
    years = every["lead_hours"].to_numpy() / YEAR_HOURS
    sd = returns.realised(panel.bars, decided_us - volatility_days * DAY_US, decided_us) * np.sqrt(years)
    every = every.with_columns(_last_snapshot(panel, decided_us), spot_usd=closes(panel.bars, decided_us), sd=sd)
    book = expiring.select("snapshot_at", "expiry_at", *_BOOK, known_at="knowledge_time")
    found = every.join(book, on=["snapshot_at", "expiry_at"], maintain_order="left").filter(
        pl.col("known_at") <= pl.col("decided_at") - pl.duration(microseconds=panel.latency_us),
        pl.col("spot_usd").is_not_nan() & (pl.col("sd") > 0) & pl.col("sd").is_not_nan(),
    )
    types = [expiry_type(at.date()) for at in found["expiry_at"]]
    settlements = panel.history.settlements.rename({"knowledge_time": "settled_at"})
    return found.with_columns(pl.Series("expiry_type", types, pl.String)).join(
        settlements, on="expiry_at", how="left", maintain_order="left"
    )


def candidates(known: pl.DataFrame, band_pct: float, seed: int) -> dict[str, Floats]:
    """Prices that a settlement may be drawn to, by name; NaN where there is none.

    Parameters
    ----------
    known
        Rows of :func:`decisions`.
    band_pct
        Distance from spot, per cent, within which the placebo's open interest changes its strike.
    seed
        With the expiry, what the placebo is drawn by.
    """
    strikes, gross, coins = (table(known[name]) for name in ("strikes", "gross_gex_usd", "oi_coin"))
    spot = known["spot_usd"].to_numpy()
    is_near = np.abs(strikes / spot[:, None] - 1.0) <= band_pct / 100.0
    permuted = _permuted(gross, coins, is_near, micros(known["expiry_at"]) // HOUR_US, seed)
    ranked = strongest(known)
    return {
        MAX_GAMMA: ranked[:, 0],
        "gamma_2": ranked[:, 1],
        "gamma_3": ranked[:, 2],
        "max_pain": known["max_pain_usd"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        "oi_centroid": _ratio(np.nansum(strikes * coins, axis=1), np.nansum(coins, axis=1)),
        PERMUTED: _strongest(strikes, permuted)[:, 0],
        "placebo: round": np.round(spot / round_step(spot)) * round_step(spot),
        "placebo: nearest": nearest(strikes, spot)[0],
    }


def strongest(known: pl.DataFrame) -> Floats:
    """The strikes with the largest gross gamma of rows of :func:`decisions`, shape (rows, ranks); NaN for none."""
    return _strongest(table(known["strikes"]), table(known["gross_gex_usd"]))


def nearest(strikes: Floats, price: Floats) -> tuple[Floats, Floats]:
    """The strike nearest to each price, and its distance as a share of that between the two strikes around the price.

    ``strikes``: shape (prices, strikes), NaN where there is none. NaN outside the listed strikes.
    """
    is_below = strikes <= price[:, None]
    low = np.where(is_below, strikes, -np.inf).max(axis=1)
    high = np.where(strikes > price[:, None], strikes, np.inf).min(axis=1)
    is_between = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(is_between, low, np.nan), np.where(is_between, high, np.nan)
    strike = np.where(price - low <= high - price, low, high)
    return strike, np.abs(price - strike) / (high - low)


def round_step(price: Floats) -> Floats:
    """Distance of round numbers: five times the power of ten at or below 2 % of a price, 5,000 at 90,000."""
    return 5.0 * 10.0 ** np.floor(np.log10(0.02 * price))


def is_round(price: Floats) -> Bools:
    """Whether prices are round numbers."""
    steps = price / round_step(price)
    return np.abs(steps - np.round(steps)) < 1e-9


def closes(bars: Bars, at_us: Ints) -> Floats:
    """Close of the bar that ends at each instant; NaN where none does."""
    row = np.minimum(np.searchsorted(bars.close_at, at_us), len(bars) - 1)
    return np.where(bars.close_at[row] == at_us, bars.close[row], np.nan)


def table(lists: pl.Series) -> Floats:
    """Lists as rows of one length, NaN behind their ends."""
    lengths = lists.list.len().to_numpy()
    out = np.full((len(lists), max(_RANKS, int(lengths.max() if len(lists) else 0))), np.nan)
    out[np.arange(out.shape[1]) < lengths[:, None]] = lists.explode(empty_as_null=False).to_numpy()
    return out


def _leads(hours: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame({"lead_hours": pl.Series(sorted(hours), dtype=pl.Int64)})


def _last_snapshot(panel: Panel, decided_us: Ints) -> pl.Series:
    """Which snapshot each decision uses, null for none. That an expiry is missing there is not made up for."""
    expiring = panel.history.expiring
    snapshots = expiring.group_by("snapshot_at").agg(pl.col("knowledge_time").min()).sort("snapshot_at")
    at_us, known_us = micros(snapshots["snapshot_at"]), micros(snapshots["knowledge_time"])
    rows = pl.Series(known_rows(at_us, known_us, decided_us, panel.latency_us), dtype=pl.Int64)
    return snapshots["snapshot_at"].gather(rows.replace(-1, None))


def _strongest(strikes: Floats, gross: Floats) -> Floats:
    """The strikes with the largest gross gamma, shape (rows, ranks); NaN where gamma is nothing."""
    gross = np.nan_to_num(gross)
    order = np.argsort(-gross, axis=1, kind="stable")[:, :_RANKS]
    is_strong = np.take_along_axis(gross, order, axis=1) > FLOOR * gross.sum(axis=1, keepdims=True)
    return np.where(is_strong, np.take_along_axis(strikes, order, axis=1), np.nan)


def _permuted(gross: Floats, coins: Floats, is_near: Bools, keys: Ints, seed: int) -> Floats:
    """Gross gamma after open interest near spot has changed its strike, 0 elsewhere; a coin's gamma stays.

    ``keys``: a number per row; the same draws in the same row, whatever else there is.
    """
    per_coin = _ratio(gross, coins)
    is_drawn = is_near & np.isfinite(per_coin)
    draws = [np.random.default_rng([seed, key]).random(gross.shape[1]) for key in keys.tolist()]
    shuffled = np.argsort(np.where(is_drawn, np.reshape(draws, gross.shape), 2.0), axis=1, kind="stable")
    places = np.argsort(~is_drawn, axis=1, kind="stable")
    moved = np.zeros_like(gross)
    np.put_along_axis(moved, places, np.take_along_axis(coins, shuffled, axis=1), axis=1)
    return np.where(is_drawn, per_coin * moved, 0.0)


def _ratio(a: Floats, b: Floats) -> Floats:
    """a / b, NaN where b is not positive."""
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
