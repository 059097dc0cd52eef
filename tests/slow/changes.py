"""Changes of open interest and of net gamma between two books, one contract after the other."""

from __future__ import annotations

from typing import Any

from tests.slow.exposure import SIGNS, Row, gross_gex

#: (venue, instrument) of contracts.
Names = frozenset[tuple[str, str]]
CONTRACT = ("venue", "instrument", "expiry_at", "strike_usd", "option_type")


def oi_changes(now: list[Row], before: list[Row], rejected: Names = frozenset()) -> dict[tuple, dict[str, Any]]:
    """(expiry, strike) of what is listed now -> open interest of either side now, earlier, and the difference."""
    table = {}
    for key in sorted({(r["expiry_at"], r["strike_usd"]) for r in now}):
        here, there = ([r for r in rows if (r["expiry_at"], r["strike_usd"]) == key] for rows in (now, before))
        unknown = [r["option_type"] for r in here if was_rejected(r, before, rejected)]
        cell: dict[str, Any] = {"is_new": not there and not unknown}
        for side, kind in (("call", "C"), ("put", "P")):
            have, had = (sum(r["open_interest_coin"] for r in x if r["option_type"] == kind) for x in (here, there))
            cell[f"{side}_oi_coin"] = have
            cell[f"{side}_oi_before_coin"] = None if cell["is_new"] or kind in unknown else had
            cell[f"{side}_oi_change_coin"] = None if kind in unknown else have - had
        table[key] = cell
    return table


def gex_changes(now: list[Row], before: list[Row], rejected: Names = frozenset()) -> dict[float, dict[str, float]]:
    """Strike -> net gamma of either book and the three reasons for the difference."""
    names = ("net_gex_usd", "net_gex_before_usd", "change_usd", "expired_usd", "oi_usd", "rest_usd")
    table: dict[float, dict[str, float]] = {r["strike_usd"]: dict.fromkeys(names, 0.0) for r in [*before, *now]}
    have, had = ({tuple(r[n] for n in CONTRACT): r for r in rows} for rows in (now, before))
    at = now[0]["snapshot_at"]
    for key in have.keys() | had.keys():
        row, old = have.get(key), had.get(key)
        cell = table[(row or old)["strike_usd"]]
        gex, gex_before = signed(row), signed(old)
        cell["net_gex_usd"] += gex
        cell["net_gex_before_usd"] += gex_before
        cell["change_usd"] += gex - gex_before
        if row is None:
            cell["expired_usd" if old["expiry_at"] <= at else "rest_usd"] -= gex_before
        elif old is None:
            cell["rest_usd" if was_rejected(row, before, rejected) else "oi_usd"] += gex
        else:
            at_earlier_prices = signed({**old, "open_interest_coin": row["open_interest_coin"]})
            cell["oi_usd"] += at_earlier_prices - gex_before
            cell["rest_usd"] += gex - at_earlier_prices
    return table


def was_rejected(row: Row, before: list[Row], rejected: Names) -> bool:
    """Whether a contract had rejected rows before and no other."""
    name = (row["venue"], row["instrument"])
    return name in rejected and all(name != (r["venue"], r["instrument"]) for r in before)


def signed(row: Row | None) -> float:
    """Net gamma of a contract, naive signs; 0 without one."""
    return SIGNS["naive"][row["option_type"]] * gross_gex(row) if row else 0.0


def by_rank(table: dict[float, dict[str, float]], now: list[Row], before: list[Row]) -> list[float]:
    """Strikes by falling |change|, those below 1e-6 of gross left out; no ties are drawn."""
    gross = 0.0
    for strike in table:
        here, there = (sum(gross_gex(r) for r in rows if r["strike_usd"] == strike) for rows in (now, before))
        gross += max(here, there)
    kept = [k for k, cell in table.items() if abs(cell["change_usd"]) >= 1e-6 * gross]
    return sorted(kept, key=lambda k: -abs(table[k]["change_usd"]))
