"""Bybit's answers, invented: a small chain around 85,000 that Black-76 agrees with. Not here: expectations."""

from __future__ import annotations

from typing import Any

from gex_pipeline.venues.base import Reply
from gex_pipeline.venues.bybit import wire
from tests.unit.venues.replies import AT_MS, DEC_25_MS, price_and_gamma, reply

FORWARD, INDEX, IV = 85_000.0, 84_500.0, 0.5
NAMES = tuple(f"BTC-25DEC26-{strike}-{kind}-USDT" for strike in (80_000, 85_000, 90_000) for kind in "CP")


def ticker(name: str, forward: float = FORWARD, index: float = INDEX, **cells: Any) -> dict[str, Any]:
    """A row of the book; ``cells`` replace its fields."""
    strike, kind = name.split("-")[2:4]
    mark, gamma = price_and_gamma(forward, float(strike), IV, kind)
    row = {
        "symbol": name,
        "bid1Price": f"{mark * 0.99:.4f}",
        "bid1Size": "3.1",
        "bid1Iv": "0.49",
        "ask1Price": f"{mark * 1.01:.4f}",
        "ask1Size": "2.8",
        "ask1Iv": "0.51",
        "lastPrice": "0",
        "markPrice": f"{mark:.8f}",
        "indexPrice": f"{index}",
        "markIv": f"{IV}",
        "underlyingPrice": f"{forward}",
        "openInterest": "612.43",
        "turnover24h": f"{2 * index}",
        "volume24h": "2",
        "totalVolume": "2107",
        "delta": "0.5",
        "gamma": f"{gamma:.8f}",
        "predictedDeliveryPrice": "0",
    }
    return row | cells


def instrument(name: str, **cells: Any) -> dict[str, Any]:
    """A row of the list of contracts."""
    coin, _, _, kind = name.split("-")[:4]
    settle = "USDT" if name.endswith("-USDT") else "USDC"
    row = {
        "symbol": name,
        "symbolId": 1,
        "status": "Trading",
        "baseCoin": coin,
        "quoteCoin": settle,
        "settleCoin": settle,
        "optionsType": "Call" if kind == "C" else "Put",
        "deliveryTime": str(DEC_25_MS),
        "lotSizeFilter": {"minOrderQty": "0.01"},
    }
    return row | cells


def answer(result: Any, code: int = 0, message: str = "OK") -> dict[str, Any]:
    """An envelope."""
    return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": AT_MS + 2_000}


def book(rows: list[dict[str, Any]], coin: str = "BTC") -> Reply:
    return reply(wire.tickers(coin), answer({"category": "option", "list": rows}))


def listing(names: Any, coin: str = "BTC", **cells: Any) -> Reply:
    """One page of contracts, given as names or rows."""
    found = [instrument(name, **cells) if isinstance(name, str) else name for name in names]
    return reply(wire.instruments(coin), answer({"category": "option", "nextPageCursor": "", "list": found}))


def chain(**cells: Any) -> list[Reply]:
    """A whole snapshot of BTC; ``cells`` replace fields of the first row."""
    first, *others = NAMES
    return [book([ticker(first, **cells), *map(ticker, others)]), listing(NAMES)]
