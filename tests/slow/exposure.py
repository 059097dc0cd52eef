"""Spot, signs and the `exposure` table, one contract after the other (definitions, sections 3, 4 and 6)."""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta
from typing import Any

from tests.slow import black76, settlement_average

Row = dict[str, Any]
SIGNS = {
    "naive": {"C": 1.0, "P": -1.0},
    "short_all": {"C": -1.0, "P": -1.0},
    "unsigned": {"C": 1.0, "P": 1.0},
}
SECONDS_PER_YEAR = 365 * 86_400


def sign(row: Row, sign_model: str) -> float:
    """The dealers' sign; by the trades that of what they hold, a row whose open interest is the size of it."""
    if sign_model == "taker":
        return -1.0 if (row["dealer_coin"] or 0.0) < 0 else 1.0
    return SIGNS[sign_model][row["option_type"]]


def median(values: list[float]) -> float:
    """Middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    n = len(ordered)
    return ordered[n // 2] if n % 2 else 0.5 * (ordered[n // 2 - 1] + ordered[n // 2])


def spot(rows: list[Row]) -> float:
    """Median over the venues of each venue's median index."""
    venues = sorted({r["venue"] for r in rows})
    return median([median([r["index_usd"] for r in rows if r["venue"] == v]) for v in venues])


def gross_gex(row: Row) -> float:
    """USD per 1 % move without a sign: gamma_F x F^2 x open interest x 0.01."""
    f = row["forward_usd"]
    gamma = black76.gamma(f, row["strike_usd"], row["tenor_years"], row["mark_iv"])
    return gamma * f * f * row["open_interest_coin"] * 0.01


def next_settlement(instant: datetime) -> datetime:
    """The next 08:00 UTC strictly later."""
    candidate = datetime.combine(instant.date(), time(8), instant.tzinfo)
    return candidate if candidate > instant else candidate + timedelta(days=1)


def delta_at_next_settlement(row: Row) -> float:
    """Delta re-priced to the next 08:00 UTC with F and IV kept."""
    f, k, s, kind = row["forward_usd"], row["strike_usd"], row["mark_iv"], row["option_type"]
    left = (row["expiry_at"] - next_settlement(row["snapshot_at"])).total_seconds()
    if left <= 0:
        return black76.delta_at_expiry(f, k, kind)
    return black76.delta(f, k, left / SECONDS_PER_YEAR, s, kind)


def contract_exposures(row: Row, sign_model: str = "naive") -> dict[str, float]:
    """The exposures of one row, signed, by the column name they add to."""
    f, k, t, s, kind = (row[n] for n in ("forward_usd", "strike_usd", "tenor_years", "mark_iv", "option_type"))
    dollars = sign(row, sign_model) * row["open_interest_coin"] * f
    delta, vanna, charm = black76.delta(f, k, t, s, kind), black76.vanna(f, k, t, s), black76.charm(f, k, t, s)
    is_inverse = row["settlement"] == "inverse"
    delta_pa = delta - black76.price(f, k, t, s, kind) / f if is_inverse else delta
    vanna_pa = vanna - black76.vega(f, k, t, s) / f if is_inverse else vanna
    charm_pa = charm - black76.theta(f, k, t, s) / f if is_inverse else charm
    return {
        "gex_usd": sign(row, sign_model) * gross_gex(row),
        "dex_usd": dollars * delta,
        "vex_usd": dollars * vanna * 0.01,
        "chex_usd": dollars * charm / 365,
        "chex_to_expiry_usd": dollars * (delta_at_next_settlement(row) - delta),
        "dex_pa_usd": dollars * delta_pa,
        "vex_pa_usd": dollars * vanna_pa * 0.01,
        "chex_pa_usd": dollars * charm_pa / 365,
    }


def gex_twap(row: Row) -> float | None:
    """GEX from the gamma of the settlement average, naive signs; None with two hours or more to go."""
    if row["expiry_at"] - row["snapshot_at"] >= timedelta(hours=2):
        return None
    f, window = row["forward_usd"], settlement_average.window_minutes(row["venue"], row["expiry_at"].date())
    years = window / settlement_average.MINUTES_PER_YEAR
    average = row.get("settlement_estimate_usd") or f
    gamma = settlement_average.gamma(f, row["strike_usd"], row["tenor_years"], row["mark_iv"], years, average)
    return SIGNS["naive"][row["option_type"]] * gamma * f * f * row["open_interest_coin"] * 0.01


NAMES = (
    "gex_usd",
    "dex_usd",
    "vex_usd",
    "chex_usd",
    "chex_to_expiry_usd",
    "dex_pa_usd",
    "vex_pa_usd",
    "chex_pa_usd",
)


def exposure(rows: list[Row]) -> dict[tuple[str, datetime, float], dict[str, Any]]:
    """(venue, expiry, strike) -> the columns of table `exposure`, naive signs."""
    table: dict[tuple[str, datetime, float], dict[str, float]] = {}
    for row in rows:
        key = (row["venue"], row["expiry_at"], row["strike_usd"])
        cell = table.setdefault(key, _empty_cell(gex_twap(row) is None))
        side = "call" if row["option_type"] == "C" else "put"
        for name, value in contract_exposures(row).items():
            cell[f"{side}_{name}"] += value
            cell["net_gex_usd" if name == "gex_usd" else name] += value
        cell["gross_gex_usd"] += gross_gex(row)
        if (twap := gex_twap(row)) is not None:
            cell[f"{side}_gamma_twap_usd"] += twap
            cell["gamma_twap_usd"] += twap
        cell[f"{side}_oi_coin"] += row["open_interest_coin"]
    return table


def _empty_cell(is_far: bool) -> dict[str, Any]:
    sided = {f"{side}_{name}": 0.0 for name in NAMES for side in ("call", "put")}
    net = {"net_gex_usd" if name == "gex_usd" else name: 0.0 for name in NAMES}
    twap = dict.fromkeys(("call_gamma_twap_usd", "put_gamma_twap_usd", "gamma_twap_usd"), None if is_far else 0.0)
    return {**sided, **net, **twap, "gross_gex_usd": 0.0, "call_oi_coin": 0.0, "put_oi_coin": 0.0}


def totals(rows: list[Row]) -> dict[str, float]:
    """Sums of a book for table `exposure_totals`, naive signs."""
    names = ("dex_usd", "vex_usd", "chex_usd", "dex_pa_usd", "vex_pa_usd", "chex_pa_usd")
    found = [contract_exposures(row) for row in rows]
    sums = {name: math.fsum(each[name] for each in found) for name in names}
    net, gross = (math.fsum(values) for values in ([e["gex_usd"] for e in found], [abs(e["gex_usd"]) for e in found]))
    return {"net_gex_usd": net, "gross_gex_usd": gross, **sums}
