"""Recorded answers of Deribit, read as the live client reads them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gex_pipeline.core.instruments import parse
from gex_pipeline.importers.deribit_instruments import contradiction
from gex_pipeline.venues.base import Reply, Request
from gex_pipeline.venues.deribit import wire
from gex_pipeline.venues.deribit.trades import feed
from gex_pipeline.venues.feeds import Haul, Span

AT = datetime(2026, 5, 19, tzinfo=UTC)


@pytest.fixture
def recorded(real_data: Path) -> Path:
    folder = real_data / "wire" / "deribit"
    if not folder.is_dir():
        pytest.skip(f"no recorded answers of Deribit: {folder} is no folder")
    return folder


def answered(request: Request, body: bytes) -> Reply:
    return Reply(request, "", 200, AT, AT, body=body)


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_lists_of_contracts_fit_their_names(recorded: Path, coin: str) -> None:
    body = (
        recorded / f"get_instruments_currency_{coin}_expired_false__162699372{3 + (coin == 'SOL')}.json"
    ).read_bytes()
    rows = wire.listed(answered(wire.listing(coin), body))
    options = [row for row in rows if parse("deribit", row.instrument_name) is not None]
    assert len(options) == sum(row.option_type is not None for row in rows) > 100
    assert [contradiction(row) for row in rows] == [None] * len(rows)
    assert {row.contract_size for row in options} == {1.0}


def hauled(trades: list[dict[str, object]]) -> Haul:
    day = Span(datetime(2026, 5, 18, tzinfo=UTC), datetime(2026, 5, 19, tzinfo=UTC), AT)
    walk = feed("BTC", ("BTC",)).walk(day)
    request = next(walk)
    with pytest.raises(StopIteration) as done:
        walk.send(answered(request, json.dumps({"result": {"trades": trades, "has_more": False}}).encode()))
    return done.value.value


def test_legs_of_a_combination_are_trades_and_it_is_none(recorded: Path) -> None:
    document = json.loads((recorded / "http_get_last_trades_option_combo.json").read_bytes())
    [combination] = document["result"]["trades"]
    haul = hauled([combination, *combination["legs"]])
    assert haul.dropped == {"name not parsed": 1}
    found = haul.frame.select("instrument", "taker_side", "amount_coin", "price_coin", "iv", "combo_id").rows()
    assert found == [
        ("BTC-19MAY26-75000-C", "buy", 0.1, 0.0174, pytest.approx(0.4101), "BTC-CS-19MAY26-70000_75000"),
        ("BTC-19MAY26-70000-C", "sell", 0.1, 0.0813, pytest.approx(0.8339), "BTC-CS-19MAY26-70000_75000"),
    ]
    assert haul.frame["price_usd"].to_list() == pytest.approx([0.0174 * 76185.14, 0.0813 * 76185.14])
