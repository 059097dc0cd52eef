"""Option trades of the four venues: units, sides, sentinels, pages, and which host remembers."""

from __future__ import annotations

from typing import Any

import pytest

from gex_pipeline.venues.around import AROUND
from gex_pipeline.venues.base import Request
from gex_pipeline.venues.deribit import trades as deribit
from gex_pipeline.venues.feeds import Feed, instant
from tests.unit.venues.walks import ms, params, span, trouble, walked

#: Half an hour before AT.
WHOLE = span("2026-11-20T06:00", "2026-11-20T12:00")
T = ms("2026-11-20T11:30:00")


def feed(venue: str, name: str, coins: tuple[str, ...] = ("BTC",)) -> Feed:
    return next(f for f in AROUND[venue].feeds(coins) if f.table.name == "trades" and f.name == name)


# ---------------------------------------------------------------- Deribit


def deribit_trade(number: int = 1, at: int = T, **changes: Any) -> dict[str, Any]:
    made = {
        "trade_id": str(number),
        "timestamp": at,
        "instrument_name": "BTC-25DEC26-100000-C",
        "direction": "buy",
        "amount": 0.5,
        "contracts": 0.5,
        "price": 0.0285,
        "mark_price": 0.0291,
        "iv": 47.2,
        "index_price": 84000.0,
        "tick_direction": 1,
    }
    return {**made, **changes}


def deribit_page(*trades: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": {"trades": list(trades), "has_more": has_more}, "testnet": False}


def first(haul: Any) -> dict[str, Any]:
    return haul.frame.row(0, named=True)


def test_deribit_prices_in_coin_are_valued_at_the_index() -> None:
    haul, _ = walked(feed("deribit", "BTC"), WHOLE, [deribit_page(deribit_trade())])
    row = first(haul)
    assert row["price_usd"] == pytest.approx(0.0285 * 84000.0, rel=1e-15) and row["price_coin"] == 0.0285
    assert (row["amount_coin"], row["iv"], row["taker_side"], row["is_block"]) == (
        0.5,
        pytest.approx(0.472),
        "buy",
        False,
    )
    assert row["traded_at"] == row["knowledge_time"] == instant(T)


def test_deribit_linear_prices_are_dollars_and_amounts_coins() -> None:
    """Ten coins are one contract of SOL: the amount is not multiplied."""
    sol = deribit_trade(instrument_name="SOL_USDC-25DEC26-150-C", amount=30.0, contracts=3.0, price=6.1)
    haul, _ = walked(feed("deribit", "USDC", ("BTC", "SOL")), WHOLE, [deribit_page(sol)])
    row = first(haul)
    assert (row["price_usd"], row["price_coin"], row["amount_coin"], row["underlying"]) == (6.1, None, 30.0, "SOL")


@pytest.mark.parametrize("iv", [0.0, 999.0, 500.0, None])
def test_sentinels_are_no_volatility(iv: float | None) -> None:
    haul, _ = walked(feed("deribit", "BTC"), WHOLE, [deribit_page(deribit_trade(iv=iv))])
    assert first(haul)["iv"] is None


def test_blocks_and_combinations_are_named() -> None:
    block = deribit_trade(block_trade_id="BLOCK-7", combo_id="BTC-CS-25DEC26-1_2")
    haul, _ = walked(feed("deribit", "BTC"), WHOLE, [deribit_page(block)])
    row = first(haul)
    assert (row["is_block"], row["block_id"], row["combo_id"]) == (True, "BLOCK-7", "BTC-CS-25DEC26-1_2")


def test_deribit_pages_go_on_at_the_last_millisecond_and_each_trade_is_one_row() -> None:
    one, two, three = deribit_trade(1, T), deribit_trade(2, T + 5), deribit_trade(3, T + 5)
    pages = [deribit_page(one, two, has_more=True), deribit_page(two, three)]
    haul, asked = walked(feed("deribit", "BTC"), WHOLE, pages)
    assert sorted(haul.frame["trade_id"]) == ["1", "2", "3"]
    assert params(asked, "start_timestamp", "sorting", "include_old", "count") == [
        (str(WHOLE.start_ms), "asc", "true", "1000"),
        (str(T + 5), "asc", "true", "1000"),
    ]


def test_trades_of_other_coins_are_passed_over() -> None:
    xrp = deribit_trade(instrument_name="XRP_USDC-2OCT26-1d55-C")
    haul, _ = walked(feed("deribit", "USDC"), WHOLE, [deribit_page(xrp)])
    assert haul.frame.height == 0 and haul.dropped == {}


def test_what_is_older_than_a_day_is_asked_of_the_history() -> None:
    _, asked = walked(feed("deribit", "BTC"), span("2026-11-19T12:59", "2026-11-19T18:00"), [deribit_page()])
    assert asked[0].host == deribit.HISTORY
    _, asked = walked(feed("deribit", "BTC"), span("2026-11-19T13:01", "2026-11-19T18:00"), [deribit_page()])
    assert asked[0].host == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"instrument_name": "BTC-CS-25DEC26-1_2"}, "name not parsed"),
        ({"amount": 0.0}, "price, amount or side missing"),
        ({"price": None}, "price, amount or side missing"),
        ({"index_price": None}, "price, amount or side missing"),
        ({"direction": "hold"}, "price, amount or side missing"),
    ],
)
def test_unusable_trades_are_counted(change: dict[str, Any], reason: str) -> None:
    haul, _ = walked(feed("deribit", "BTC"), WHOLE, [deribit_page(deribit_trade(**change))])
    assert haul.frame.height == 0 and haul.dropped == {reason: 1}


def test_hostile_trades_name_the_field() -> None:
    text = trouble(feed("deribit", "BTC"), WHOLE, [deribit_page(deribit_trade(amount="0.5"))])
    assert text.startswith("public/get_last_trades_by_currency_and_time currency=BTC")
    assert text.endswith("at `$.result.trades[0].amount`")


# ---------------------------------------------------------------- Bybit


def bybit_trade(number: int = 1, at: int = T, **changes: Any) -> dict[str, Any]:
    prices = {"price": "2415", "size": "0.3", "mP": "2462.8", "iP": "84511.72", "mIv": "0.4765", "iv": "0.4712"}
    named = {"execId": f"exec-{number}", "symbol": "BTC-25DEC26-100000-C-USDT", "side": "Sell", "time": str(at)}
    return {**named, **prices, "isBlockTrade": True, **changes}


def bybit_page(*trades: dict[str, Any]) -> dict[str, Any]:
    return {"retCode": 0, "result": {"category": "option", "list": list(trades)}, "time": T}


def test_bybit_amounts_are_coins_and_volatilities_fractions() -> None:
    haul, asked = walked(feed("bybit", "BTC"), WHOLE, [bybit_page(bybit_trade())])
    row = first(haul)
    assert (row["price_usd"], row["amount_coin"], row["iv"], row["index_usd"]) == (2415.0, 0.3, 0.4712, 84511.72)
    assert (row["taker_side"], row["is_block"], row["price_coin"]) == ("sell", True, None)
    assert asked[0].params == {"category": "option", "baseCoin": "BTC", "limit": "1000"}


def test_a_full_page_says_since_when_trades_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_pipeline.venues.bybit.options._MOST_TRADES", 2)
    haul, _ = walked(feed("bybit", "BTC"), WHOLE, [bybit_page(bybit_trade(2, T + 9), bybit_trade(1, T))])
    assert haul.since == instant(T + 1), "there may have been more in that millisecond"
    haul, _ = walked(feed("bybit", "BTC"), WHOLE, [bybit_page(bybit_trade())])
    assert haul.since is None


# ---------------------------------------------------------------- OKX


def okx_listed(**changes: str) -> dict[str, Any]:
    row = {"instId": "BTC-USD-261225-100000-C", "ctVal": "1", "ctMult": "0.01", "ctValCcy": "BTC", **changes}
    return {"code": "0", "data": [row]}


def okx_trades(**changes: str) -> dict[str, Any]:
    named = {"instId": "BTC-USD-261225-100000-C", "tradeId": "12", "side": "buy", "ts": str(T)}
    prices = {"px": "0.029", "sz": "50", "fillVol": "0.4772", "fwdPx": "85206.91", "idxPx": "84510.4"}
    return {"code": "0", "data": [{**named, **prices, **changes}]}


def test_okx_contracts_are_of_both_multipliers_and_prices_in_coin_are_valued_at_the_forward() -> None:
    """50 contracts of 1 x 0.01 BTC are half a coin."""
    haul, asked = walked(feed("okx", "BTC-USD"), WHOLE, [okx_listed(), okx_trades()])
    row = first(haul)
    assert row["amount_coin"] == 0.5 and row["price_coin"] == 0.029
    assert row["price_usd"] == pytest.approx(0.029 * 85206.91, rel=1e-15)
    assert (row["forward_usd"], row["iv"], row["is_block"]) == (85206.91, 0.4772, None)
    assert row["trade_id"] == "BTC-USD-261225-100000-C/12"
    assert [r.endpoint for r in asked] == ["api/v5/public/instruments", "api/v5/public/option-trades"]


def test_okx_dollar_margined_contracts_have_dollar_prices_and_their_own_size() -> None:
    name = "ETH-USD_UM-261225-4000-P"
    listed, traded = okx_listed(instId=name, ctValCcy="ETH"), okx_trades(instId=name, px="212.5", sz="7")
    haul, _ = walked(feed("okx", "ETH-USD_UM", ("ETH",)), WHOLE, [listed, traded])
    row = first(haul)
    assert (row["price_usd"], row["price_coin"], row["amount_coin"]) == (212.5, None, pytest.approx(0.07, rel=1e-15))


@pytest.mark.parametrize("change", [{"ctMult": ""}, {"ctVal": "0"}, {"ctValCcy": "USD"}])
def test_okx_without_one_contract_size_gives_no_trades(change: dict[str, str]) -> None:
    assert "no one contract size in BTC" in trouble(feed("okx", "BTC-USD"), WHOLE, [okx_listed(**change)])


# ---------------------------------------------------------------- Binance


def binance_answer(request: Request, unit: float = 1, trades: list[dict[str, Any]] | None = None) -> Any:
    names = ("XRP-261225-2.05-P", "XRP-261225-3-C", "XRP-261225-4-C", "BTC-261225-100000-C")
    volumes, closes = ("5", "0", "5", "5"), (T, 0, WHOLE.start_ms - 1, T)
    if request.endpoint == "eapi/v1/exchangeInfo":
        return {"optionSymbols": [{"symbol": name, "unit": unit} for name in names]}
    if request.endpoint == "eapi/v1/ticker":
        rows = zip(names, volumes, closes, strict=True)
        return [{"symbol": name, "volume": volume, "closeTime": close} for name, volume, close in rows]
    return trades


def binance_trade(**changes: Any) -> dict[str, Any]:
    made = {"id": 7, "symbol": "XRP-261225-2.05-P", "price": "19.03", "qty": "-2", "quoteQty": "-38.06", "side": -1}
    return {**made, "time": T, **changes}


def test_binance_amounts_and_prices_are_of_contracts() -> None:
    """A contract of XRP is a hundred: 2 sold at 19.03 each are 200 coins at 0.1903."""
    xrp = feed("binance", "XRP", ("XRP",))
    haul, asked = walked(xrp, WHOLE, lambda r: binance_answer(r, 100, [binance_trade()]))
    row = first(haul)
    assert (row["amount_coin"], row["price_usd"], row["taker_side"]) == (200.0, pytest.approx(0.1903), "sell")
    assert (row["trade_id"], row["iv"], row["index_usd"]) == ("XRP-261225-2.05-P/7", None, None)
    traded = [r.params["symbol"] for r in asked if r.endpoint == "eapi/v1/trades"]
    assert traded == ["XRP-261225-2.05-P"], (
        "those without volume, with an old last trade or of another coin are not asked"
    )


def test_binance_trades_of_another_contract_are_an_error() -> None:
    other = binance_trade(symbol="XRP-261225-9-C")
    text = trouble(feed("binance", "XRP", ("XRP",)), WHOLE, lambda r: binance_answer(r, 100, [other]))
    assert text == "eapi/v1/trades symbol=XRP-261225-2.05-P limit=500: has a trade of 'XRP-261225-9-C'"
