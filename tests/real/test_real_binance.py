"""Real chains and a recorded mark of Binance, put back into the answers of REST: units and greeks."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.venues.base import Answers, Reply, Request
from gex_pipeline.venues.binance import wire
from gex_pipeline.venues.binance.client import Binance
from gex_pipeline.venues.rows import Rows, venue_rows
from tests.unit.venues.binance.payloads import contract, quote
from tests.unit.venues.replies import reply

VENUE = Binance()


def _rows(at: datetime, coin: str, bodies: list[tuple[Request, Any]]) -> Rows:
    replies: list[Reply] = [reply(request, body, received_at=at) for request, body in bodies]
    return venue_rows(VENUE, Answers(VENUE, replies), [coin], at, is_synthetic=False)[coin]


def test_a_recorded_mark_of_a_hundred_coins_a_contract(real_data: Path) -> None:
    path = real_data / "wire" / "binance" / "binance-european-options_messages_v2.jsonl"
    frames = [json.loads(line) for line in path.read_text().splitlines()]
    (sent,) = next(f["data"] for f in frames if f["stream"] == "xrpusdt@optionMarkPrice")
    name, at = sent["s"], datetime.fromtimestamp(sent["E"] / 1000, UTC)
    mark = {"symbol": name, "markPrice": sent["mp"], "markIV": sent["vo"], "bidIV": sent["b"], "askIV": sent["a"]}
    interest = {"symbol": name, "sumOpenInterest": "2", "timestamp": str(sent["E"])}
    usd = f"{2 * 100 * float(sent['i'])}"
    made = _rows(
        at,
        "XRP",
        [
            (wire.MARKS, [mark | {"gamma": sent["g"]}]),
            (wire.TICKERS, [quote(name, bidPrice=sent["bo"], askPrice=sent["ao"])]),
            (wire.SPECIFICATION, {"optionSymbols": [contract(name, 100)]}),
            (wire.index("XRP"), {"time": sent["E"], "indexPrice": sent["i"]}),
            (wire.open_interest("XRP", "251219"), [interest | {"sumOpenInterestUsd": usd}]),
        ],
    )
    assert (made.error, made.warnings) == (None, ())
    row = made.chain.row(0, named=True)
    assert (row["open_interest_coin"], row["mark_usd"], row["bid_usd"]) == (200.0, pytest.approx(0.190314), None)


def _hour(path: Path, hour: int) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["hour"]) == hour and row["openinterest_contracts"]]


def _chain(rows: list[dict[str, str]], at: datetime, index: float) -> list[tuple[Request, Any]]:
    ms = round(at.timestamp() * 1000)
    names = [row["symbol"] for row in rows]
    days = sorted({name.split("-")[1] for name in names})
    marks = [
        {"symbol": r["symbol"], "markPrice": r["mark_price"], "markIV": r["mark_iv"], "bidIV": "", "askIV": ""}
        | {"gamma": r["gamma"]}
        for r in rows
    ]
    interest = [
        {"symbol": r["symbol"], "sumOpenInterest": r["openinterest_contracts"]}
        | {"sumOpenInterestUsd": r["openinterest_usdt"], "timestamp": str(ms)}
        for r in rows
    ]
    return [
        (wire.MARKS, marks),
        (wire.TICKERS, [quote(r["symbol"], bidPrice=r["best_bid_price"], askPrice=r["best_ask_price"]) for r in rows]),
        (wire.SPECIFICATION, {"optionSymbols": [contract(name) for name in names]}),
        (wire.index("BTC"), {"time": ms, "indexPrice": f"{index}"}),
        *((wire.open_interest("BTC", day), [r for r in interest if f"-{day}-" in r["symbol"]]) for day in days),
    ]


def _index(rows: list[dict[str, str]], at: datetime) -> float:
    """The spot that put-call parity of the first expiry alive gives at the money: the file has none."""
    marks: dict[tuple[str, float], dict[str, float]] = {}
    for row in rows:
        _, day, strike, kind = row["symbol"].split("-")
        if f"{at:%y%m%d}" < day:
            marks.setdefault((day, float(strike)), {})[kind] = float(row["mark_price"])
    first = min(day for day, _ in marks)
    pairs = [(m["C"] - m["P"], k) for (day, k), m in marks.items() if day == first and len(m) == 2]
    difference, strike = min(pairs, key=lambda pair: abs(pair[0]))
    return strike + difference


@pytest.mark.parametrize("hour", [0, 3, 6, 12, 18, 22])
def test_real_chains_pass_all_guards(real_data: Path, hour: int) -> None:
    for path in sorted((real_data / "binance-eoh").glob("BTCUSDT-*.csv")):
        rows = _hour(path, hour)
        # the hour names the one that ends; contracts that end with it are not alive
        at = datetime.fromisoformat(rows[0]["date"]).replace(tzinfo=UTC) + timedelta(hours=hour + 1)
        index = _index(rows, at)
        made = _rows(at, "BTC", _chain(rows, at, index))
        assert made.error is None and made.chain.height > 200
        # the marks of 2023 were discounted at a rate, which the parity forward has and Black-76 without one has not
        assert [w for w in made.warnings if not w.startswith("mark: ")] == []
        assert float((made.chain["forward_usd"] / index - 1.0).abs().max() or 0) < 0.1
