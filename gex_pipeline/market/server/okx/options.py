"""OKX's option lists. No endpoint has everything: clients join them on `instId`."""

from __future__ import annotations

from math import isnan

import numpy as np

from gex_pipeline.core import black76
from gex_pipeline.core.black76 import Floats
from gex_pipeline.market.books import Book
from gex_pipeline.market.quotes import Quotes
from gex_pipeline.market.server.answers import Moment, Query, text, text_or
from gex_pipeline.market.server.okx.wire import NO_INDEX, refuse, wrong

#: Each endpoint's rows are this much older than the answer, in milliseconds: their `ts` differ.
_AGE_MS = {"open-interest": 780, "opt-summary": 690, "mark-price": 595, "tickers": 499}


def of_query(moment: Moment, query: Query) -> list[Book]:
    """The families of a query: one by `instFamily`, both of a coin by `uly`."""
    listed = moment.books("okx")
    if query.get("instFamily"):
        found = [book for book in listed if book.family == query["instFamily"]]
        if not found:
            raise wrong("instFamily")
        return found
    if not query.get("uly"):
        raise refuse(400, "50015", "Either parameter uly or instFamily is required")
    found = [book for book in listed if f"{book.coin}-USD" == query["uly"]]
    if not found:
        raise refuse(200, *NO_INDEX)
    return found


def instruments(moment: Moment, book: Book) -> list[dict[str, str]]:
    """`instruments` of a family."""
    found = moment.listed(book)
    columns = (found.expiry_us.tolist(), found.since_us.tolist(), found.strike.tolist(), found.is_call.tolist())
    return [_instrument(book, *row) for row in zip(found.names, *columns, strict=True)]


def _instrument(book: Book, name: str, expiry_us: int, since_us: int, strike: float, is_call: bool) -> dict[str, str]:
    return {
        "instType": "OPTION",
        "instId": name,
        "instFamily": book.family,
        "uly": f"{book.coin}-USD",
        "settleCcy": book.settle_coin,
        "ctType": "" if book.is_inverse else "linear",
        "ctVal": "1",
        "ctMult": text(book.contract_coin, 2),
        "ctValCcy": book.coin,
        "optType": "C" if is_call else "P",
        "stk": text(strike, 4),
        "expTime": str(expiry_us // 1_000),
        "listTime": str(since_us // 1_000),
        "tickSz": text(book.tick, 4),
        "lotSz": "1",
        "minSz": "1",
        "baseCcy": "",
        "quoteCcy": "",
        "category": "1",
        "alias": "",
        "lever": "",
        "state": "live",
        "ruleType": "normal",
        "maxLmtSz": "1000000",
        "maxMktSz": "5000",
    }


def _stamp(q: Quotes, endpoint: str) -> str:
    return str(int(q.instant_us) // 1_000 - _AGE_MS[endpoint])


def open_interest(q: Quotes) -> list[dict[str, str]]:
    """`open-interest`: contracts, coins and USD."""
    ts, size = _stamp(q, "open-interest"), q.book.contract_coin
    return [
        {
            "instType": "OPTION",
            "instId": name,
            "oi": text(coins / size, 0),
            "oiCcy": text(coins, 4),
            "oiUsd": text(coins * q.spot, 4),
            "ts": ts,
        }
        for name, coins in zip(q.listed.names, q.open_interest.tolist(), strict=True)
    ]


def summary(q: Quotes, exp_time: str) -> list[dict[str, str]]:
    """`opt-summary`: volatilities and both sets of greeks, of one expiry (YYMMDD) where one is asked for."""
    bid, ask = q.bid_and_ask()
    quoted = (np.where(np.isnan(bid), np.nan, q.bid_iv), np.where(np.isnan(ask), np.nan, q.ask_iv))
    columns = (q.mark_iv, *quoted, q.forward, *_greeks(q))
    rows = zip(q.listed.names, *(c.tolist() for c in columns), strict=True)
    return [_summary(q, *row) for row in rows if not exp_time or f"-{exp_time}-" in row[0]]


def _greeks(q: Quotes) -> tuple[Floats, ...]:
    """Black-Scholes per coin on the index S, then the price-adjusted set: derivatives of V / S in coin.

    delta = deltaBS - V/S, gamma = S gammaBS - 2 delta, vega and theta the dollar ones over S. V/S is the Black-76
    price over the forward.
    """
    k, t, f, iv, s = q.listed.strike, q.tenor, q.forward, q.mark_iv, q.spot
    delta = black76.delta(f, k, t, iv, q.listed.is_call)
    gamma = black76.gamma(f, k, t, iv) * f / s
    vega = black76.vega(f, k, t, iv) / 100 * s / f
    theta = black76.theta(f, k, t, iv) / 365 * s / f
    adjusted = delta - q.price(iv) / f
    return delta, gamma, vega, theta, adjusted, s * gamma - 2 * adjusted, vega / s, theta / s


def _summary(
    q: Quotes, name: str, iv: float, bid_iv: float, ask_iv: float, forward: float, *greeks: float
) -> dict[str, str]:
    delta_bs, gamma_bs, vega_bs, theta_bs, delta, gamma, vega, theta = greeks
    return {
        "instType": "OPTION",
        "instId": name,
        "uly": f"{q.book.coin}-USD",
        "delta": text(delta, 10),
        "gamma": text(gamma, 10),
        "vega": text(vega, 10),
        "theta": text(theta, 10),
        "deltaBS": text(delta_bs, 10),
        "gammaBS": text(gamma_bs, 12),
        "vegaBS": text(vega_bs, 10),
        "thetaBS": text(theta_bs, 10),
        "lever": "34.1",
        "markVol": text(iv, 4),
        "bidVol": text_or(bid_iv, 4, ""),
        "askVol": text_or(ask_iv, 4, ""),
        "realVol": "0",
        "volLv": text(iv, 4),
        "fwdPx": text(forward, 4),
        "ts": _stamp(q, "opt-summary"),
    }


def mark_prices(q: Quotes) -> list[dict[str, str]]:
    """`mark-price`: coin or USD per coin, as the family is quoted."""
    ts, decimals = _stamp(q, "mark-price"), 8 if q.book.is_inverse else 4
    names = zip(q.listed.names, q.mark().tolist(), strict=True)
    return [{"instType": "OPTION", "instId": name, "markPx": text(px, decimals), "ts": ts} for name, px in names]


def tickers(q: Quotes) -> list[dict[str, str]]:
    """`tickers`: quotes and volume in contracts; "" where there is none."""
    columns = (q.mark(), *q.bid_and_ask(), q.volume)
    rows = zip(q.listed.names, *(c.tolist() for c in columns), strict=True)
    return [_ticker(q, *row) for row in rows]


def _ticker(q: Quotes, name: str, mark: float, bid: float, ask: float, volume: float) -> dict[str, str]:
    decimals, is_traded = 4 if q.book.is_inverse else 2, volume > 0
    last = text(mark, decimals) if is_traded else ""
    return {
        "instType": "OPTION",
        "instId": name,
        "last": last,
        "lastSz": "5" if is_traded else "0",
        "askPx": text_or(ask, decimals, ""),
        "askSz": "310" if not isnan(ask) else "0",
        "bidPx": text_or(bid, decimals, ""),
        "bidSz": "420" if not isnan(bid) else "0",
        "open24h": last,
        "high24h": text(1.1 * mark, decimals) if is_traded else "",
        "low24h": text(0.9 * mark, decimals) if is_traded else "",
        "volCcy24h": text(volume, 4),
        "vol24h": text(volume / q.book.contract_coin, 0),
        "sodUtc0": last,
        "sodUtc8": last,
        "ts": _stamp(q, "tickers"),
    }
