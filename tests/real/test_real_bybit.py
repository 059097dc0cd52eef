"""Recorded tickers of Bybit, whose websocket keys are put back into those of REST: units and greeks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline.venues.base import Answers
from gex_pipeline.venues.bybit import wire
from gex_pipeline.venues.bybit.client import Bybit
from gex_pipeline.venues.rows import venue_rows
from tests.unit.venues.bybit.payloads import instrument
from tests.unit.venues.replies import reply

#: Websocket key -> key of REST.
_KEYS = {
    "bidPrice": "bid1Price",
    "askPrice": "ask1Price",
    "bidIv": "bid1Iv",
    "askIv": "ask1Iv",
    "markPriceIv": "markIv",
}


def _frames(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "wire" / "bybit" / "bybit-options_messages.jsonl").read_text().splitlines()
    single = json.loads((folder / "wire" / "bybit" / "ws_ticker_option.json").read_text())
    return [f for f in [*map(json.loads, lines), single] if f["topic"].startswith("tickers.")]


@pytest.mark.parametrize(("coin", "interest", "size"), [("SOL", 20.0, 1.0), ("ETH", 231.5, 1.0), ("BTC", 49.85, 1.0)])
def test_a_recorded_ticker_is_a_row_that_all_guards_pass(
    real_data: Path, coin: str, interest: float, size: float
) -> None:
    (frame,) = [f for f in _frames(real_data) if f["data"]["symbol"].startswith(coin)]
    row = {_KEYS.get(key, key): value for key, value in frame["data"].items()}
    at = datetime.fromtimestamp(frame["ts"] / 1000, UTC)
    day = datetime.strptime(row["symbol"].split("-")[1], "%d%b%y").replace(hour=8, tzinfo=UTC)
    listed = instrument(row["symbol"], deliveryTime=str(round(day.timestamp() * 1000)))
    envelope = {"retCode": 0, "retMsg": "OK", "time": frame["ts"]}
    replies = [
        reply(wire.tickers(coin), envelope | {"result": {"list": [row]}}, received_at=at),
        reply(wire.instruments(coin), envelope | {"result": {"list": [listed]}}, received_at=at),
    ]
    venue = Bybit()
    made = venue_rows(venue, Answers(venue, replies), [coin], at, is_synthetic=False)[coin]
    assert (made.error, made.warnings, made.rejected.height) == (None, (), 0)
    assert made.chain.select("open_interest_coin", "contract_size_coin").rows() == [(interest, size)]
