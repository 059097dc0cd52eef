"""Every level of one venue set and scope, and the ranked strikes (definitions, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from tests.slow.exposure import Row, gross_gex, sign, spot
from tests.slow.profile import FLOOR, crossings

TIE = 1e-9
Level = tuple[float | None, float | None, float | None, str]
EMPTY: Level = (None, None, None, "empty")


@dataclass
class Strike:
    """Sums of one strike over venues and expiries."""

    call: float = 0.0
    put: float = 0.0
    gross: float = 0.0
    cumulative: float = 0.0

    @property
    def net(self) -> float:
        return self.call + self.put


@dataclass
class Ladder:
    """The strikes of a scope, ascending, with their sums; S is the spot of all the rows."""

    spot: float
    strikes: dict[float, Strike] = field(default_factory=dict)

    @property
    def gross(self) -> float:
        return sum(x.gross for x in self.strikes.values())

    @property
    def net(self) -> float:
        return sum(x.net for x in self.strikes.values())

    def is_zero(self, value: float) -> bool:
        return value == 0.0 or abs(value) < FLOOR * self.gross


def select(
    rows: list[Row],
    scope: str = "all_expiry",
    moneyness_min: float | None = None,
    moneyness_max: float | None = None,
    spot_window_pct: float | None = None,
) -> list[Row]:
    """The rows of the scope inside the strike window; the window is relative to the spot of all rows."""
    s = spot(rows)
    kept = []
    for row in rows:
        moneyness = row["strike_usd"] / s
        if scope == "odte" and row["expiry_at"] - row["snapshot_at"] > timedelta(hours=24):
            continue
        if moneyness_min is not None and moneyness < moneyness_min:
            continue
        if moneyness_max is not None and moneyness > moneyness_max:
            continue
        if spot_window_pct is not None and abs(row["strike_usd"] - s) > s * spot_window_pct / 100.0:
            continue
        kept.append(row)
    return kept


def ladder(rows: list[Row], spot_now: float, sign_model: str = "naive") -> Ladder:
    """Per-strike sums and C(K)."""
    result = Ladder(spot_now, {k: Strike() for k in sorted({r["strike_usd"] for r in rows})})
    for row in rows:
        strike, size = result.strikes[row["strike_usd"]], gross_gex(row)
        strike.gross += size
        if row["option_type"] == "C":
            strike.call += sign(row, sign_model) * size
        else:
            strike.put += sign(row, sign_model) * size
    total = 0.0
    for strike in result.strikes.values():
        total += strike.net
        strike.cumulative = total
    return result


def pick(scores: dict[float, float], book: Ladder, count: int) -> list[float]:
    """The strikes with the largest scores, best first; ties go to the strike nearer spot, then the lower one."""
    left, chosen = dict(scores), []
    while left and len(chosen) < count:
        best = max(left.values())
        tied = [k for k, score in left.items() if score >= best - TIE * book.gross]
        winner = min(tied, key=lambda k: (abs(k - book.spot), k))
        chosen.append(winner)
        del left[winner]
    return chosen


def levels(
    rows: list[Row],
    scope: str,
    sign_model: str = "naive",
    moneyness_min: float | None = None,
    moneyness_max: float | None = None,
    spot_window_pct: float | None = None,
) -> dict[str, Level]:
    """level -> (value, strength, share of gross, status) for the rows of one venue set and snapshot."""
    kept = select(rows, scope, moneyness_min, moneyness_max, spot_window_pct)
    book = ladder(kept, spot(rows), sign_model)
    result = {
        "zero_gamma": zero_gamma(kept, book.spot, sign_model),
        "hvl": hvl(book),
        "hvl_slope": hvl_slope(book),
        **walls(book, "call", "call_resistance", "call_wall"),
        **walls(book, "put", "put_support", "put_wall"),
        **net_walls(book, "call_resistance_net", is_above=True),
        **net_walls(book, "put_support_net", is_above=False),
        "max_positive_gamma": extreme(book, 1.0, "none_negative"),
        "max_negative_gamma": extreme(book, -1.0, "none_positive"),
        "absolute_gamma": largest_gross(book),
    }
    if scope == "odte":
        result["zero_dte_magnet"] = largest_gross(book)
    return result


def no_sign_change(signs: set[int]) -> Level:
    """Status of a profile that never changes sign; no sign at all is `empty`."""
    if not signs:
        return EMPTY
    return (None, None, None, "none_positive" if signs == {1} else "none_negative")


def zero_gamma(rows: list[Row], spot_now: float, sign_model: str) -> Level:
    search = crossings(rows, spot_now, sign_model)
    if not search.crossings:
        return no_sign_change(search.signs)
    up = [c for c in search.crossings if c.direction == "up"]
    price = min((c.price for c in up or search.crossings), key=lambda x: (abs(x - spot_now), x))
    is_edge = any(abs(price / (end * spot_now) - 1.0) <= 0.0025 for end in (0.5, 1.5))
    return (price, None, None, "edge" if is_edge else "multiple" if len(search.crossings) > 1 else "ok")


def hvl(book: Ladder) -> Level:
    """Crossing of C(K) nearest to spot, linear between neighbouring strikes with non-zero C of opposite sign."""
    live = [(k, x.cumulative) for k, x in book.strikes.items() if not book.is_zero(x.cumulative)]
    found = []
    for (k0, c0), (k1, c1) in pairwise(live):
        if (c0 > 0) != (c1 > 0):
            found.append(k0 + (k1 - k0) * c0 / (c0 - c1))
    if not found:
        return no_sign_change({1 if c > 0 else -1 for _, c in live})
    nearest = min(found, key=lambda x: (abs(x - book.spot), x))
    return (nearest, None, None, "multiple" if len(found) > 1 else "ok")


def hvl_slope(book: Ladder) -> Level:
    if book.gross == 0 or all(book.is_zero(x.net) for x in book.strikes.values()):
        return EMPTY

    def c(x: Strike) -> float:
        return 0.0 if book.is_zero(x.cumulative) else x.cumulative

    scores = {k: -c(x) for k, x in book.strikes.items() if not book.is_zero(x.gross)}
    return strike_level(book, pick(scores, book, 1)[0], c)


def walls(book: Ladder, side: str, first: str, others: str) -> dict[str, Level]:
    """The three largest call sides above spot, or put sides below it."""
    scores = {}
    for k, x in book.strikes.items():
        is_candidate = k > book.spot if side == "call" else k < book.spot
        if is_candidate and not book.is_zero(getattr(x, side)):
            scores[k] = abs(getattr(x, side))
    return three(book, scores, (first, f"{others}_2", f"{others}_3"), lambda x: getattr(x, side))


def net_walls(book: Ladder, first: str, *, is_above: bool) -> dict[str, Level]:
    """The three largest positive nets of at least 1 % of gross above, or below, spot."""
    scores = {}
    for k, x in book.strikes.items():
        is_candidate = k > book.spot if is_above else k < book.spot
        if is_candidate and x.net > 0 and x.net >= 0.01 * book.gross:
            scores[k] = x.net
    return three(book, scores, (first, f"{first}_2", f"{first}_3"), lambda x: x.net)


def three(
    book: Ladder, scores: dict[float, float], names: tuple[str, str, str], strength: Callable[[Strike], float]
) -> dict[str, Level]:
    chosen = pick(scores, book, 3)
    found = {name: strike_level(book, k, strength) for name, k in zip(names, chosen, strict=False)}
    return {name: found.get(name, EMPTY) for name in names}


def extreme(book: Ladder, sign: float, status_if_none: str) -> Level:
    if book.gross == 0:
        return EMPTY
    scores = {k: sign * x.net for k, x in book.strikes.items() if sign * x.net > 0 and not book.is_zero(x.net)}
    if not scores:
        return (None, None, None, status_if_none)
    return strike_level(book, pick(scores, book, 1)[0], lambda x: x.net)


def largest_gross(book: Ladder) -> Level:
    if book.gross == 0:
        return EMPTY
    return strike_level(book, pick({k: x.gross for k, x in book.strikes.items()}, book, 1)[0], lambda x: x.gross)


def strike_level(book: Ladder, k: float, strength: Callable[[Strike], float]) -> Level:
    value = strength(book.strikes[k])
    return (k, value, abs(value) / book.gross, "ok")


def ranked(rows: list[Row], scope: str, sign_model: str = "naive") -> list[tuple[float, float, float, float]]:
    """The ten largest |net|: (strike, net, call, put), best first."""
    book = ladder(select(rows, scope), spot(rows), sign_model)
    scores = {k: abs(x.net) for k, x in book.strikes.items() if not book.is_zero(x.net)}
    best = [(k, book.strikes[k]) for k in pick(scores, book, 10)]
    return [(k, x.net, x.call, x.put) for k, x in best]
