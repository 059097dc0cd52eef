"""Bybit's perpetuals and its clock."""

from __future__ import annotations

from typing import Any

from gex_pipeline.market.server import perps
from gex_pipeline.market.server.answers import Moment, Query, text
from gex_pipeline.market.server.bybit import options
from gex_pipeline.market.server.bybit.wire import one_of

_EIGHT_HOURS_MS = 28_800_000


def perpetuals(moment: Moment) -> dict[str, tuple[str, str]]:
    """Symbol -> (coin, index source): BTCUSDT and BTCPERP (USDC), and so on."""
    usdt = {f"{coin}USDT": (coin, "bybit/usdt") for coin in moment.coins}
    return usdt | {f"{coin}PERP": (coin, "bybit/usdc") for coin in moment.coins}


def tickers(moment: Moment, query: Query) -> dict[str, Any]:
    """`tickers`: options or linear perpetuals."""
    if one_of(query, "category", ("option", "linear")) == "option":
        return options.tickers(moment, query)
    rows = [_ticker(moment, symbol, *of) for symbol, of in perpetuals(moment).items()]
    return {"category": "linear", "list": options.chosen(rows, query)}


def _ticker(moment: Moment, symbol: str, coin: str, source: str) -> dict[str, Any]:
    """One perpetual; `openInterest` counts both sides, `singleOpenInterest` one."""
    p = perps.perpetual(moment, source, coin)
    next_ms = (moment.now_ms // _EIGHT_HOURS_MS + 1) * _EIGHT_HOURS_MS
    return {
        "symbol": symbol,
        "lastPrice": text(p.last, 4),
        "indexPrice": text(p.index, 4),
        "markPrice": text(p.mark, 4),
        "prevPrice24h": text(p.last / (1 + p.change_pct / 100), 4),
        "price24hPcnt": text(p.change_pct / 100, 6),
        "highPrice24h": text(p.high, 4),
        "lowPrice24h": text(p.low, 4),
        "openInterest": text(2 * p.open_interest_coin, 4),
        "openInterestValue": text(2 * p.open_interest_coin * p.mark, 4),
        "singleOpenInterest": text(p.open_interest_coin, 4),
        "turnover24h": text(p.volume_coin * p.last, 4),
        "volume24h": text(p.volume_coin, 4),
        "fundingRate": text(p.funding_8h, 8),
        "nextFundingTime": str(next_ms),
        "bid1Price": text(p.bid, 4),
        "bid1Size": "10",
        "ask1Price": text(p.ask, 4),
        "ask1Size": "10",
        "deliveryTime": "0",
    }


def clock(moment: Moment, _query: Query) -> dict[str, str]:
    """`time`."""
    return {"timeSecond": str(moment.now_us // 1_000_000), "timeNano": str(moment.now_us * 1_000)}


def status(_moment: Moment, _query: Query) -> dict[str, list[Any]]:
    """`/v5/system/status`: nothing is announced."""
    return {"list": []}
