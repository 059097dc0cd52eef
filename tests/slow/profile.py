"""The re-priced book: net gamma at another spot, its crossings, and the stored curve (definitions, section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from tests.slow import black76
from tests.slow.exposure import Row, sign

FLOOR = 1e-6


@dataclass(frozen=True)
class Crossing:
    """One zero of the re-priced net gamma."""

    price: float
    direction: str
    slope: float


@dataclass(frozen=True)
class Search:
    """All crossings, and the signs (-1, 1) that the profile takes at all."""

    crossings: list[Crossing]
    signs: set[int]


def gross_at(row: Row, spot_now: float, spot_new: float) -> float:
    """Gamma exposure of one row without sign, re-priced: IV, tenor and F/S kept."""
    f = row["forward_usd"] / spot_now * spot_new
    gamma = black76.gamma(f, row["strike_usd"], row["tenor_years"], row["mark_iv"])
    return gamma * f * f * row["open_interest_coin"] * 0.01


def net_at(rows: list[Row], spot_now: float, spot_new: float, sign_model: str = "naive") -> tuple[float, float, float]:
    """(net, call side, put side) in USD per 1 % with the book re-priced at ``spot_new``."""
    side = {"C": 0.0, "P": 0.0}
    for row in rows:
        side[row["option_type"]] += sign(row, sign_model) * gross_at(row, spot_now, spot_new)
    return side["C"] + side["P"], side["C"], side["P"]


def slope_at(rows: list[Row], spot_now: float, spot_new: float, sign_model: str = "naive") -> float:
    """0.01 x S* x d net / dS at S*, by the derivative of F phi(d1) / (s sqrt t)."""
    total = 0.0
    for row in rows:
        f, v = row["forward_usd"] / spot_now * spot_new, row["mark_iv"] * math.sqrt(row["tenor_years"])
        a = black76.d1(f, row["strike_usd"], row["tenor_years"], row["mark_iv"])
        d_by_df = 0.01 * row["open_interest_coin"] * black76.phi(a) / v * (1.0 - a / v)
        total += sign(row, sign_model) * d_by_df * row["forward_usd"] / spot_now
    return 0.01 * spot_new * total


def sign_of_net(rows: list[Row], spot_now: float, spot_new: float, sign_model: str) -> int:
    """Sign of the net in exact arithmetic but for rounding: the terms are scaled before they can underflow."""
    terms: list[tuple[float, float]] = []
    for row in rows:
        if row["open_interest_coin"] > 0:
            f, v = row["forward_usd"] / spot_now * spot_new, row["mark_iv"] * math.sqrt(row["tenor_years"])
            a = black76.d1(f, row["strike_usd"], row["tenor_years"], row["mark_iv"])
            log_size = math.log(f * row["open_interest_coin"] / v) - 0.5 * a * a
            terms.append((sign(row, sign_model), log_size))
    largest = max(log_size for _, log_size in terms)
    net = math.fsum(side * math.exp(log_size - largest) for side, log_size in terms)
    return (net > 0) - (net < 0)


def search_grid(rows: list[Row], spot_now: float) -> list[float]:
    """0.5 S .. 1.5 S in log steps of at most 0.25 %, and K exp(+-j s sqrt t) around the strikes of short expiries."""
    low, high = 0.5 * spot_now, 1.5 * spot_now
    n = math.ceil(math.log(3.0) / math.log(1.0025))
    points = {low * 3.0 ** (i / n) for i in range(n)} | {high}
    for row in rows:
        v = row["mark_iv"] * math.sqrt(row["tenor_years"])
        if row["open_interest_coin"] > 0 and v < 0.005:
            points |= {row["strike_usd"] * math.exp(j * v) for j in range(-4, 5)}
    return sorted(p for p in points if low <= p <= high)


def crossings(rows: list[Row], spot_now: float, sign_model: str = "naive") -> Search:
    """Every crossing of zero of the re-priced profile, ascending.

    Values below 1e-6 of the largest gross on the grid are zero; two non-zero values of opposite sign with only zeros
    between them are one crossing, at the root between them.
    """
    grid = search_grid(rows, spot_now)
    values = [(x, *net_at(rows, spot_now, x, sign_model)) for x in grid]
    gross = max((abs(c) + abs(p) for _, _, c, p in values), default=0.0)
    live = [(x, 1 if net > 0 else -1) for x, net, _, _ in values if net != 0.0 and abs(net) >= FLOOR * gross]
    found = []
    for (x0, sign0), (x1, sign1) in pairwise(live):
        if sign0 != sign1:
            root = bisect(rows, spot_now, sign_model, x0, x1)
            direction = "up" if sign1 > 0 else "down"
            found.append(Crossing(root, direction, slope_at(rows, spot_now, root, sign_model)))
    return Search(found, {sign for _, sign in live})


def bisect(rows: list[Row], spot_now: float, sign_model: str, low: float, high: float) -> float:
    """Root of the net between two prices where its signs differ, to 1e-13 relative."""
    sign_low = sign_of_net(rows, spot_now, low, sign_model)
    while high / low - 1.0 > 1e-13:
        middle = math.sqrt(low * high)
        if not low < middle < high:
            break
        if sign_of_net(rows, spot_now, middle, sign_model) == sign_low:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


def gamma_profile(
    rows: list[Row], spot_now: float, sign_model: str = "naive"
) -> list[tuple[float, float, float, float]]:
    """(spot, call, put, net) at S exp(k ln 1.01), k integer, within 0.5 S .. 1.5 S."""
    first, last = math.ceil(math.log(0.5) / math.log(1.01)), math.floor(math.log(1.5) / math.log(1.01))
    curve = []
    for k in range(first, last + 1):
        x = spot_now * math.exp(k * math.log(1.01))
        net, call, put = net_at(rows, spot_now, x, sign_model)
        curve.append((x, call, put, net))
    return curve
