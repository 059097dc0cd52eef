"""OKX's swaps and indices."""

from __future__ import annotations

from gex_pipeline.market.server import perps
from gex_pipeline.market.server.answers import Moment, Query, text
from gex_pipeline.market.server.okx.wire import NO_INDEX, NO_INSTRUMENT, refuse

_EIGHT_HOURS_MS = 28_800_000
#: Coins per contract of <coin>-USDT-SWAP.
SWAP_COINS = {"BTC": 0.01, "ETH": 0.1, "SOL": 1.0, "HYPE": 1.0}


def swaps(moment: Moment) -> dict[str, tuple[str, str]]:
    """instId -> (coin, index source): BTC-USDT-SWAP and so on."""
    return {f"{coin}-USDT-SWAP": (coin, "okx/usdt") for coin in moment.coins}


def swap_of(moment: Moment, query: Query) -> tuple[str, str, str]:
    """(instId, coin, index source) of a query's swap."""
    name = query.get("instId", "")
    if name not in swaps(moment):
        raise refuse(200, *NO_INSTRUMENT)
    return (name, *swaps(moment)[name])


def index_of(moment: Moment, name: str) -> tuple[str, str]:
    """(coin, index source) of BTC-USD, BTC-USDT and so on."""
    coin, _, quote = name.partition("-")
    if coin not in moment.coins or quote not in ("USD", "USDT"):
        raise refuse(200, *NO_INDEX)
    return coin, f"okx/{quote.lower()}"


def index_ticker(moment: Moment, name: str) -> dict[str, str]:
    """`index-tickers` of one index."""
    coin, source = index_of(moment, name)
    price, day = moment.index(source, coin), perps.last_day(moment, source, coin, "index")
    opened = text(day.open, 4)
    return {
        "instId": name,
        "idxPx": text(price, 4),
        "high24h": text(max(price, day.high), 4),
        "low24h": text(min(price, day.low), 4),
        "open24h": opened,
        "sodUtc0": opened,
        "sodUtc8": opened,
        "ts": str(moment.now_ms),
    }


def mark_price(moment: Moment, name: str) -> dict[str, str]:
    """`mark-price` of one swap."""
    coin, source = swaps(moment)[name]
    mark = perps.perpetual(moment, source, coin).mark
    return {"instType": "SWAP", "instId": name, "markPx": text(mark, 4), "ts": str(moment.now_ms)}


def ticker(moment: Moment, name: str) -> dict[str, str]:
    """`tickers` of one swap: volume in contracts and in coins."""
    coin, source = swaps(moment)[name]
    p = perps.perpetual(moment, source, coin)
    opened = text(p.last / (1 + p.change_pct / 100), 4)
    return {
        "instType": "SWAP",
        "instId": name,
        "last": text(p.last, 4),
        "lastSz": "1",
        "askPx": text(p.ask, 4),
        "askSz": "100",
        "bidPx": text(p.bid, 4),
        "bidSz": "100",
        "open24h": opened,
        "high24h": text(p.high, 4),
        "low24h": text(p.low, 4),
        "volCcy24h": text(p.volume_coin, 4),
        "vol24h": text(p.volume_coin / SWAP_COINS[coin], 0),
        "sodUtc0": opened,
        "sodUtc8": opened,
        "ts": str(moment.now_ms),
    }


def open_interest(moment: Moment, name: str) -> dict[str, str]:
    """`open-interest` of one swap."""
    coin, source = swaps(moment)[name]
    p = perps.perpetual(moment, source, coin)
    return {
        "instType": "SWAP",
        "instId": name,
        "oi": text(p.open_interest_coin / SWAP_COINS[coin], 0),
        "oiCcy": text(p.open_interest_coin, 4),
        "oiUsd": text(p.open_interest_coin * p.mark, 4),
        "ts": str(moment.now_ms),
    }


def funding_rate(moment: Moment, query: Query) -> list[dict[str, str]]:
    """`funding-rate` of the current eight hours."""
    name, coin, source = swap_of(moment, query)
    p = perps.perpetual(moment, source, coin)
    begin_ms = moment.now_ms // _EIGHT_HOURS_MS * _EIGHT_HOURS_MS
    settled, end_ms = perps.funding_8h(moment, source, coin, begin_ms * 1_000), begin_ms + _EIGHT_HOURS_MS
    return [
        {
            "instType": "SWAP",
            "instId": name,
            "method": "current_period",
            "formulaType": "noRate",
            "fundingRate": text(p.funding_8h, 10),
            "nextFundingRate": "",
            "fundingTime": str(end_ms),
            "nextFundingTime": str(end_ms + _EIGHT_HOURS_MS),
            "minFundingRate": "-0.00375",
            "maxFundingRate": "0.00375",
            "settState": "settled",
            "settFundingRate": text(settled[0], 10),
            "premium": "0",
            "ts": str(moment.now_ms),
        }
    ]
