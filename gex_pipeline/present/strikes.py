"""Exposure rows -> what a reader looks at: sums per strike, the strike x expiry grid, the largest strikes.

Belongs here: regrouping of the exposure rows of one answer. Not: any formula of exposure itself.
Sums run over sorted rows with NumPy, so that equal input gives equal bytes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gex_pipeline.core.groups import run_starts
from gex_pipeline.core.strike_levels import StrikeBooks, ranked
from gex_pipeline.core.units import ODTE_YEARS, SECONDS_PER_YEAR
from gex_pipeline.errors import GexError
from gex_pipeline.present.answer import Answer
from gex_pipeline.present.choices import Expiry

ODTE = timedelta(seconds=round(ODTE_YEARS * SECONDS_PER_YEAR))
#: Strikes further from spot than this share of it are not shown, unless the question chose the strikes.
WINDOW = 0.28
#: A picture reaches out to the last strike with this share of the largest gross, and to LEAST at least.
SEEN_SHARE = 0.005
LEAST = 0.04
_FILTERS = ("moneyness_min", "moneyness_max", "spot_window_pct")

SUMS = ("call_gex_usd", "put_gex_usd", "net_gex_usd", "gross_gex_usd", "call_oi_coin", "put_oi_coin")


def of_expiry(exposure: pl.DataFrame, snapshot_at: datetime, expiry: Expiry) -> pl.DataFrame:
    """The rows of one choice of expiry; ``odte`` = 0 < tenor <= 24 h.

    Raises ``GexError`` when a date is asked for that has no contract.
    """
    if expiry == "all":
        return exposure
    if expiry == "odte":
        return exposure.filter((pl.col("expiry_at") > snapshot_at) & (pl.col("expiry_at") <= snapshot_at + ODTE))
    rows = exposure.filter(pl.col("expiry_at").dt.date() == expiry)
    if rows.is_empty():
        listed = ", ".join(str(d) for d in exposure["expiry_at"].dt.date().unique().sort().to_list()) or "none"
        raise GexError(f"no contract expires on {expiry} in this answer; listed expiries: {listed}")
    return rows


def shown(answer: Answer, strike_usd: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which strikes tables and pictures show: all that the question chose, otherwise those near spot."""
    if _is_chosen(answer):
        return np.ones(strike_usd.shape, dtype=bool)
    return np.abs(strike_usd / answer.spot_usd - 1) <= WINDOW


def reach(answer: Answer, rows: pl.DataFrame) -> tuple[float, float]:
    """Prices from and to which a picture of these strikes goes.

    All that the question chose; otherwise symmetric around spot and no further than there is something to see.
    """
    strike, gross = rows["strike_usd"].to_numpy(), rows["gross_gex_usd"].fill_null(0.0).to_numpy()
    if _is_chosen(answer):
        margin = 0.02 * answer.spot_usd
        return float(strike.min()) - margin, float(strike.max()) + margin
    seen = strike[gross >= SEEN_SHARE * gross.max()]
    half = float(np.clip(1.1 * np.abs(seen / answer.spot_usd - 1).max(initial=0.0), LEAST, WINDOW))
    return answer.spot_usd * (1 - half), answer.spot_usd * (1 + half)


def _is_chosen(answer: Answer) -> bool:
    return any(answer.filters.get(name) is not None for name in _FILTERS)


def per_strike(exposure: pl.DataFrame) -> pl.DataFrame:
    """Sums over expiries and venues: ``strike_usd`` and the columns of ``SUMS``, strikes ascending.

    Nulls are skipped; where nothing is left the sum is null.
    """
    return _sum_by(exposure, ["strike_usd"], SUMS)


def grid(exposure: pl.DataFrame) -> tuple[NDArray[np.float64], list[datetime], NDArray[np.float64]]:
    """Net exposure as a matrix.

    Returns
    -------
    strikes : (n,) ascending, USD
    expiries : m instants ascending
    net_gex_usd : (n, m), USD per 1 % move; NaN where no contract is listed, or what dealers hold of none is known
    """
    cells = _sum_by(exposure, ["expiry_at", "strike_usd"], ("net_gex_usd",))
    strikes = cells["strike_usd"].unique().sort()
    expiries = cells["expiry_at"].unique().sort()
    net = np.full((len(strikes), len(expiries)), np.nan)
    rows, columns = strikes.search_sorted(cells["strike_usd"]), expiries.search_sorted(cells["expiry_at"])
    net[rows.to_numpy(), columns.to_numpy()] = cells["net_gex_usd"].to_numpy()
    return strikes.to_numpy(), expiries.to_list(), net


def largest(strikes: pl.DataFrame, spot_usd: float) -> pl.DataFrame:
    """The ten rows of :func:`per_strike` with the largest absolute net exposure, largest first."""
    call, put, gross = (strikes[f"{c}_gex_usd"].fill_null(0.0).to_numpy()[None, :] for c in ("call", "put", "gross"))
    books = StrikeBooks(
        strikes=strikes["strike_usd"].to_numpy(),
        spot=np.array([spot_usd]),
        call=call,
        put=put,
        gross=gross,
        is_listed=np.ones_like(gross, dtype=bool),
    )
    choices = ranked(books)[0] if strikes.height else np.empty(0, dtype=np.intp)
    return strikes[choices[choices >= 0].tolist()]


def _sum_by(exposure: pl.DataFrame, keys: list[str], sums: tuple[str, ...]) -> pl.DataFrame:
    """Sum ``sums`` per key; keys ascending. Rows of one key are added in the order of venue and expiry."""
    others = (c for c in ("expiry_at", "strike_usd", "venue") if c in exposure.columns and c not in keys)
    rows = exposure.sort(*keys, *others)
    if rows.is_empty():
        return rows.select(*keys, *sums)
    run = rows.select(run=pl.struct(keys).rle_id())["run"].to_numpy()
    starts = run_starts(run)
    return rows.select(keys)[starts.tolist()].with_columns(_sum(rows[c], starts) for c in sums)


def _sum(values: pl.Series, starts: NDArray[np.intp]) -> pl.Series:
    total = np.add.reduceat(values.fill_null(0.0).to_numpy(), starts)
    count = np.add.reduceat(values.is_not_null().to_numpy().astype(np.intp), starts)
    return pl.Series(values.name, np.where(count > 0, total, np.nan), nan_to_null=True)
