"""Binance's answers, invented: two expiries that Black-76 on the index agrees with. Not here: expectations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from gex_pipeline.venues.base import Reply
from gex_pipeline.venues.binance import wire
from tests.unit.venues.replies import AT, AT_MS, price_and_gamma, reply

INDEX, IV = 84_500.0, 0.5
DAYS = ("261127", "261225")
NAMES = tuple(f"BTC-{day}-{strike}-{kind}" for day in DAYS for strike in (80_000, 85_000, 90_000) for kind in "CP")
XRP = tuple(f"XRP-261225-{strike}-{kind}" for strike in ("1.95", "2.05") for kind in "CP")
XRP_INDEX = 2.0


def expiry(name: str) -> datetime:
    return datetime.strptime(name.split("-")[1], "%y%m%d").replace(hour=8, tzinfo=UTC)


def mark(name: str, index: float = INDEX, unit: float = 1.0, **cells: Any) -> dict[str, Any]:
    """A mark, per contract; ``cells`` replace its fields."""
    _, _, strike, kind = name.split("-")
    tenor = (expiry(name) - AT).total_seconds() / (365 * 86_400)
    price, gamma = price_and_gamma(index, float(strike), IV, kind, tenor)
    row = {
        "symbol": name,
        "markPrice": f"{price * unit:.6f}",
        "bidIV": "0.49000000",
        "askIV": "0.51000000",
        "markIV": f"{IV}",
        "delta": "0.5",
        "theta": "-41.5",
        "gamma": f"{gamma:.8f}",
        "vega": "64.8",
        "riskFreeInterest": "0",
    }
    return row | cells


def quote(name: str, **cells: Any) -> dict[str, Any]:
    row = {"symbol": name, "bidPrice": "2410", "askPrice": "2500", "volume": "6.83", "openTime": 0, "strikePrice": "1"}
    return row | cells


def contract(name: str, unit: float = 1, **cells: Any) -> dict[str, Any]:
    coin, _, strike, kind = name.split("-")
    row = {
        "expiryDate": round(expiry(name).timestamp() * 1000),
        "symbol": name,
        "side": "CALL" if kind == "C" else "PUT",
        "strikePrice": f"{float(strike):.4f}",
        "underlying": f"{coin}USDT",
        "unit": unit,
        "status": "TRADING",
    }
    return row | cells


def interest(name: str, amount: float = 212.4, index: float = INDEX, unit: float = 1.0, **cells: Any) -> dict[str, Any]:
    row = {
        "symbol": name,
        "sumOpenInterest": f"{amount}",
        "sumOpenInterestUsd": f"{amount * index * unit:.2f}",
        "timestamp": str(AT_MS - 60_000),
    }
    return row | cells


def marks(rows: Sequence[dict[str, Any]]) -> Reply:
    return reply(wire.MARKS, rows)


def listing(rows: Sequence[dict[str, Any]]) -> Reply:
    return reply(wire.SPECIFICATION, {"timezone": "UTC", "serverTime": AT_MS, "optionSymbols": rows})


def interests(rows: Iterable[dict[str, Any]], coin: str, days: Sequence[str]) -> list[Reply]:
    """One reply per expiry."""
    found = list(rows)
    return [reply(wire.open_interest(coin, day), [r for r in found if f"-{day}-" in r["symbol"]]) for day in days]


def index(coin: str = "BTC", price: str = f"{INDEX}", time: int = AT_MS + 1_000) -> Reply:
    return reply(wire.index(coin), {"time": time, "indexPrice": price})


def chain(**changed: Sequence[dict[str, Any]]) -> list[Reply]:
    """A whole snapshot of BTC; ``marks``, ``quotes``, ``contracts`` and ``interest`` replace all rows of an answer."""
    return [
        marks(changed.get("marks", [mark(n) for n in NAMES])),
        reply(wire.TICKERS, changed.get("quotes", [quote(n) for n in NAMES])),
        listing(changed.get("contracts", [contract(n) for n in NAMES])),
        index(),
        *interests(changed.get("interest", [interest(n) for n in NAMES]), "BTC", DAYS),
    ]


def with_first(rows: Sequence[dict[str, Any]], **cells: Any) -> list[dict[str, Any]]:
    """The rows with some fields of the first one replaced."""
    return [rows[0] | cells, *rows[1:]]


def xrp() -> list[Reply]:
    """A whole snapshot of XRP, 100 coins a contract."""
    return [
        marks([mark(n, XRP_INDEX, 100) for n in XRP]),
        reply(wire.TICKERS, [quote(n, bidPrice="18.5", askPrice="19.5", volume="7") for n in XRP]),
        listing([contract(n, 100) for n in XRP]),
        index("XRP", f"{XRP_INDEX}"),
        *interests([interest(n, 3.5, XRP_INDEX, 100) for n in XRP], "XRP", ["261225"]),
    ]
