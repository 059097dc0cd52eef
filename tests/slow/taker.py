"""What takers and dealers hold by the trades: every contract against every trade (definitions, section 3)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from tests.slow.exposure import Row, gross_gex

Trade = dict[str, Any]
HOUR = timedelta(hours=1)


def position(row: Row, trades: list[Trade]) -> dict[str, Any] | None:
    """The taker's book of one contract at one snapshot, None where it has no trade."""
    mine = [t for t in trades if is_of(t, row) and t["traded_at"] <= row["snapshot_at"]]
    if not mine:
        return None
    inventory = signed(mine)
    oi = Fraction(str(row["open_interest_coin"]))
    return {
        "inventory_coin": float(inventory),
        "block_coin": float(signed([t for t in mine if t["is_block"]])),
        "combo_coin": float(signed([t for t in mine if t["combo_id"] is not None])),
        "dealer_coin": float(min(max(-inventory, -oi), oi)),
        "n_trades": len(mine),
    }


def is_of(trade: Trade, row: Row) -> bool:
    return (trade["venue"], trade["instrument"]) == (row["venue"], row["instrument"])


def changes(rows: list[Row], trades: list[Trade]) -> list[tuple[datetime, str, str]]:
    """(snapshot, venue, contract) of the first of a day, and of each that knows of more trades than the one before."""
    known: dict[tuple[str, str], tuple[object, int]] = {}
    found = []
    for r in sorted(rows, key=lambda r: r["snapshot_at"]):
        held, contract = position(r, trades), (r["venue"], r["instrument"])
        if held is not None:
            now = (r["snapshot_at"].date(), held["n_trades"])
            if known.get(contract) != now:
                found.append((r["snapshot_at"], *contract))
            known[contract] = now
    return found


def latest(row: Row, inventory: list[Row]) -> Row | None:
    """The row of `taker_inventory` that holds for a contract at a snapshot."""
    mine = [i for i in inventory if is_of(i, row) and i["snapshot_at"] <= row["snapshot_at"]]
    return max(mine, key=lambda i: i["snapshot_at"], default=None)


def signed(trades: list[Trade]) -> Fraction:
    """Exact sum of what takers bought less what they sold."""
    sides = {"buy": 1, "sell": -1}
    return sum((sides[t["taker_side"]] * Fraction(str(t["amount_coin"])) for t in trades), Fraction(0))


def is_whole(row: Row, rows: list[Row], trades: list[Trade]) -> bool:
    """Whether the contract was not listed yet in the first snapshot since its venue's first trade."""
    first = first_trade(row["venue"], trades)
    if first is None or row["snapshot_at"] < first:
        return False
    mine = [r for r in rows if r["venue"] == row["venue"] and r["snapshot_at"] >= first]
    opening = min(r["snapshot_at"] for r in mine)
    return all(r["instrument"] != row["instrument"] for r in mine if r["snapshot_at"] == opening)


def first_trade(venue: str, trades: list[Trade]) -> datetime | None:
    return min((t["traded_at"] for t in trades if t["venue"] == venue), default=None)


def coverage(at: datetime, venues: list[str], rows: list[Row], trades: list[Trade]) -> dict[str, Any] | None:
    """The coverage of some venues together at a snapshot; None before the first trade of any venue in ``rows``."""
    begun = [t for v in {r["venue"] for r in rows if r["snapshot_at"] == at} if (t := first_trade(v, trades))]
    if not any(t <= at for t in begun):
        return None
    here = [r for r in rows if r["snapshot_at"] == at and r["venue"] in venues]
    held = [position(r, trades) for r in here]
    firsts = [t for v in venues if (t := first_trade(v, trades)) is not None and t <= at]
    oi = sum(r["open_interest_coin"] for r in here)
    traded = [h for h in held if h is not None]
    is_old = any(r["open_interest_coin"] > 0 and not is_whole(r, rows, trades) for r in here)
    traded_venues = {r["venue"] for r, h in zip(here, held, strict=True) if h is not None}
    status = "reconstructed" if is_old else "ok"
    if len(venues) > 1 and traded_venues != {r["venue"] for r in here}:
        status = "partial"
    if oi == 0:
        status = "empty"
    if not traded:
        status = "no_trades"
    return {
        "first_trade_at": max(firsts, default=None),
        "share_of_oi": sum(abs(h["dealer_coin"]) for h in traded) / oi if oi else None,
        "share_of_contracts": len(traded) / len(here),
        "hours_without_trades": max(
            (quiet_hours(v, at, trades) for v in venues if _has_begun(v, at, trades)), default=None
        ),
        "is_reconstructed": is_old,
        "status": status,
    }


def _has_begun(venue: str, at: datetime, trades: list[Trade]) -> bool:
    first = first_trade(venue, trades)
    return first is not None and first <= at


def quiet_hours(venue: str, at: datetime, trades: list[Trade]) -> int:
    """Hours of the clock from that of the first trade to the one before the snapshot's that have no trade."""
    times = [t["traded_at"] for t in trades if t["venue"] == venue]
    hour, count = hour_of(min(times)), 0
    while hour < hour_of(at):
        count += all(hour_of(t) != hour for t in times)
        hour += HOUR
    return count


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def strikes(rows: list[Row]) -> dict[tuple, dict[str, float | None]]:
    """(expiry, strike) -> gamma of what dealers hold; null where of no contract of a side, or of none, it is known."""
    table = {}
    for key in sorted({(r["expiry_at"], r["strike_usd"]) for r in rows}):
        here = [r for r in rows if (r["expiry_at"], r["strike_usd"]) == key]
        known = [r for r in here if r["dealer_coin"] is not None]
        cell: dict[str, float | None] = {
            "net_gex_usd": sum(map(signed_gex, known)) if known else None,
            "gross_gex_usd": sum(abs(signed_gex(r)) for r in known) if known else None,
        }
        for name, kind in (("call_gex_usd", "C"), ("put_gex_usd", "P")):
            is_unknown = any(r["option_type"] == kind for r in here) and all(r["option_type"] != kind for r in known)
            cell[name] = None if is_unknown else sum(signed_gex(r) for r in known if r["option_type"] == kind)
        table[key] = cell
    return table


def signed_gex(row: Row) -> float:
    """Gamma of what dealers hold of a contract, USD per 1 %."""
    return math.copysign(1.0, row["dealer_coin"]) * gross_gex(held([row])[0])


def held(rows: list[Row]) -> list[Row]:
    """The rows with the size of what dealers hold in the place of the open interest."""
    return [{**r, "open_interest_coin": abs(r["dealer_coin"] or 0.0)} for r in rows]
