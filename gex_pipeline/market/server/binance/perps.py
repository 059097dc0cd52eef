"""Binance's USD-M perpetuals (fapi) and the clocks."""

from __future__ import annotations

from typing import Any

from gex_pipeline.market.server import perps
from gex_pipeline.market.server.answers import Moment, Query
from gex_pipeline.market.server.binance.wire import invalid_symbol

_EIGHT_HOURS_MS = 28_800_000


def coin_of(moment: Moment, symbol: str) -> str:
    """The coin of a perpetual like BTCUSDT."""
    coin = symbol.removesuffix("USDT")
    if coin not in moment.coins or not symbol.endswith("USDT"):
        raise invalid_symbol()
    return coin


def premium_index(moment: Moment, query: Query) -> dict[str, Any] | list[dict[str, Any]]:
    """`premiumIndex`: one symbol, or all of them."""
    if query.get("symbol"):
        return _premium(moment, coin_of(moment, query["symbol"]))
    return [_premium(moment, coin) for coin in moment.coins]


def _premium(moment: Moment, coin: str) -> dict[str, Any]:
    p = perps.perpetual(moment, "binance/usdt", coin)
    return {
        "symbol": f"{coin}USDT",
        "markPrice": f"{p.mark:.8f}",
        "indexPrice": f"{p.index:.8f}",
        "estimatedSettlePrice": f"{p.index:.8f}",
        "lastFundingRate": f"{p.funding_8h:.8f}",
        "interestRate": "0.00010000",
        "nextFundingTime": (moment.now_ms // _EIGHT_HOURS_MS + 1) * _EIGHT_HOURS_MS,
        "time": moment.now_ms,
    }


def clock(moment: Moment, _query: Query) -> dict[str, int]:
    """`time`."""
    return {"serverTime": moment.now_ms}


def ping(_moment: Moment, _query: Query) -> dict[str, int]:
    """`ping`."""
    return {}


def status(_moment: Moment, _query: Query) -> dict[str, Any]:
    """`/sapi/v1/system/status`, which covers the whole site."""
    return {"status": 0, "msg": "normal"}
