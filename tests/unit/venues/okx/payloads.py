"""A small OKX: eight contracts of BTC in two families, two of SOL. Not here: expectations."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gex_pipeline.venues.base import Answers, Reply, ReplyError, Request
from gex_pipeline.venues.okx import wire
from gex_pipeline.venues.okx.client import Okx
from gex_pipeline.venues.rows import Rows, venue_rows

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXPIRY = datetime(2026, 12, 25, 8, tzinfo=UTC)
TENOR = (EXPIRY - AT) / timedelta(days=365)
SPOT = {"BTC": 84_500.0, "SOL": 200.0}
FORWARD = {"BTC": 85_000.0, "SOL": 201.0}
IV = 0.5
#: Family -> coins per contract.
SIZES = {"BTC-USD": "0.01", "BTC-USD_UM": "0.01", "SOL-USD_UM": "0.1"}
NAMES = (
    "BTC-USD-261225-80000-C",
    "BTC-USD-261225-80000-P",
    "BTC-USD-261225-90000-C",
    "BTC-USD-261225-90000-P",
    "BTC-USD_UM-261225-80000-C",
    "BTC-USD_UM-261225-80000-P",
    "BTC-USD_UM-261225-90000-C",
    "BTC-USD_UM-261225-90000-P",
    "SOL-USD_UM-261225-200-C",
    "SOL-USD_UM-261225-202.5-P",
)
Row = dict[str, Any]
Edit = Callable[[list[Row]], list[Row]]


def ms(at: datetime) -> str:
    return str(round(at.timestamp() * 1000))


def coin_of(name: str) -> str:
    return name.partition("-")[0]


def family(name: str) -> str:
    return name.rsplit("-", 3)[0]


def price_in_usd(name: str) -> float:
    """Black-76 at the payload's one volatility, by hand."""
    coin, strike, kind = coin_of(name), float(name.split("-")[3]), name[-1]
    v = IV * math.sqrt(TENOR)
    d1 = math.log(FORWARD[coin] / strike) / v + v / 2
    call = FORWARD[coin] * _cdf(d1) - strike * _cdf(d1 - v)
    return call if kind == "C" else call - FORWARD[coin] + strike


def _cdf(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def gamma_on_index(name: str) -> float:
    coin, strike = coin_of(name), float(name.split("-")[3])
    v = IV * math.sqrt(TENOR)
    d1 = math.log(SPOT[coin] / strike) / v + v / 2
    return math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) / (SPOT[coin] * v)


def mark(name: str) -> str:
    """In coin where the family is coin-margined, else in USD."""
    usd = price_in_usd(name)
    return f"{usd:.4f}" if "_UM" in name else f"{usd / FORWARD[coin_of(name)]:.8f}"


def ticker(name: str) -> Row:
    bid, ask = ("1000", "1100") if "_UM" in name else ("0.02", "0.03")
    stated = {"bidPx": bid, "askPx": ask, "vol24h": "150", "volCcy24h": "1.5", "last": ""}
    return {"instType": "OPTION", "instId": name, **stated, "ts": ms(AT + timedelta(seconds=1))}


def mark_price(name: str) -> Row:
    return {"instType": "OPTION", "instId": name, "markPx": mark(name), "ts": ms(AT + timedelta(seconds=2))}


def instrument(name: str) -> Row:
    coin, _, _, strike, kind = name.split("-")
    is_linear = "_UM" in name
    return {
        "instType": "OPTION",
        "instId": name,
        "instFamily": family(name),
        "uly": f"{coin}-USD",
        "settleCcy": "USD" if is_linear else coin,
        "ctType": "linear" if is_linear else "",
        "ctVal": "1",
        "ctMult": SIZES[family(name)],
        "ctValCcy": coin,
        "optType": kind,
        "stk": strike,
        "expTime": ms(EXPIRY),
        "state": "live",
    }


def interest(name: str) -> Row:
    coins = 1_234 * float(SIZES[family(name)])
    ts = ms(AT + timedelta(seconds=3))
    return {"instType": "OPTION", "instId": name, "oi": "1234", "oiCcy": f"{coins:g}", "oiUsd": "1", "ts": ts}


def summary(name: str) -> Row:
    return {
        "instType": "OPTION",
        "instId": name,
        "uly": f"{coin_of(name)}-USD",
        "gamma": "-0.1318",
        "gammaBS": f"{gamma_on_index(name):.10f}",
        "markVol": "0.5",
        "bidVol": "0.48",
        "askVol": "",
        "realVol": "0",
        "fwdPx": f"{FORWARD[coin_of(name)]:g}",
        "ts": ms(AT + timedelta(seconds=4)),
    }


def index_ticker(coin: str) -> Row:
    return {"instId": f"{coin}-USD", "idxPx": f"{SPOT.get(coin, 1.0):g}", "ts": ms(AT + timedelta(seconds=5))}


def rows_of(request: Request, names: Iterable[str] = NAMES) -> list[Row]:
    """What the small OKX has to say to a request."""
    make = {
        wire.tickers().endpoint: ticker,
        wire.MARK_PRICE: mark_price,
        wire.INSTRUMENTS: instrument,
        wire.INTEREST: interest,
        wire.SUMMARY: summary,
    }.get(request.endpoint)
    if make is None:
        return [index_ticker(coin_of(request.params["instId"]))]
    wanted = request.params.get("instFamily")
    return [make(name) for name in names if wanted in (None, family(name))]


def body(rows: Iterable[object], code: str = "0", msg: str = "") -> bytes:
    return json.dumps({"code": code, "msg": msg, "data": list(rows)}).encode()


def reply(request: Request, content: bytes, seconds: float = 6.0, status: int = 200, **headers: str) -> Reply:
    at = AT + timedelta(seconds=seconds)
    return Reply(request, f"https://okx.invalid/{request.endpoint}", status, at, at, headers, content)


class FakeAsker:
    """Answers from the small OKX; ``edits`` by label change rows, ``bodies`` by label stand in for the whole answer."""

    def __init__(self, edits: Mapping[str, Edit] | None = None, bodies: Mapping[str, bytes] | None = None) -> None:
        self.asked: list[str] = []
        self.replies: list[Reply] = []
        self._edits, self._bodies = edits or {}, bodies or {}

    async def get(self, request: Request) -> Reply:
        self.asked.append(request.label)
        rows = self._edits.get(request.label, list)(rows_of(request))
        found = reply(request, self._bodies.get(request.label, body(rows)), seconds=6 + len(self.asked))
        self.replies.append(found)
        trouble = Okx().trouble(found)
        if trouble is not None:
            raise ReplyError(str(trouble))
        return found

    def keep(self, reply: Reply) -> None:
        self.replies.append(replace(reply, is_kept=True))


def requests(coin: str = "BTC", families: Iterable[str] = ("BTC-USD", "BTC-USD_UM")) -> list[Request]:
    made = [make(f) for f in families for make in (wire.instruments, wire.open_interest, wire.summary)]
    return [wire.tickers(), wire.mark_prices(), *made, wire.index(coin)]


def answers(
    edits: Mapping[str, Edit] | None = None, without: Iterable[str] = (), names: Iterable[str] = NAMES
) -> Answers:
    """The answers to a snapshot of BTC; ``edits`` by label or endpoint; ``without``: labels that have no answer."""
    changes, replies = edits or {}, []
    for number, request in enumerate(requests()):
        edit = changes.get(request.label) or changes.get(request.endpoint, list)
        replies.append(reply(request, body(edit(rows_of(request, names))), seconds=6 + number))
    return Answers(Okx(), [r for r in replies if r.request.label not in set(without)])


def made(
    edits: Mapping[str, Edit] | None = None,
    without: Iterable[str] = (),
    coin: str = "BTC",
    names: Iterable[str] = NAMES,
) -> Rows:
    """Rows of a coin from changed answers."""
    return venue_rows(Okx(), answers(edits, without, names), [coin], AT, is_synthetic=False)[coin]


def each(**cells: object) -> Edit:
    """Every row with other cells; None removes one."""
    return only("", **cells)


def only(part: str, **cells: object) -> Edit:
    """The rows with a word in their name with other cells; None removes one."""

    def edit(rows: list[Row]) -> list[Row]:
        return [_with(row, cells) if part in row["instId"] else row for row in rows]

    return edit


def _with(row: Row, cells: Mapping[str, object]) -> Row:
    return {k: v for k, v in {**row, **cells}.items() if v is not None}


def without(part: str) -> Edit:
    return lambda rows: [row for row in rows if part not in row["instId"]]


def failure(edits: Mapping[str, Edit]) -> str:
    """Why the answers give no rows; empty where they do."""
    return made(edits).error or ""
