"""Names round-trip for every contract a venue could list."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gex_pipeline.core.instruments import (
    USD_QUOTES,
    VENUES,
    Instrument,
    build,
    has_usd_quote,
    parse,
    underlying_of,
    venues_of,
)

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
STRIKES = st.one_of(
    st.integers(1, 10_000_000).map(float), st.integers(1, 10**9).map(lambda n: n / 10_000), st.just(0.625)
)
COINS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=8)


def _contract(venue: str, coin: str, day: date, strike: float, kind: str, is_linear: bool) -> Instrument:
    """A contract of the venue: binance and bybit list linear ones only, bybit in two books."""
    at = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    if venue == "bybit":
        return Instrument(coin, at, strike, kind, "linear", "USDC" if is_linear else "USDT")
    return Instrument(coin, at, strike, kind, "linear" if is_linear or venue == "binance" else "inverse")


@pytest.mark.parametrize("venue", VENUES)
@given(coin=COINS, day=DAYS, strike=STRIKES, kind=st.sampled_from("CP"), is_linear=st.booleans())
@example(coin="XRP", day=date(2026, 1, 3), strike=2.05, kind="P", is_linear=True)
@example(coin="XRP", day=date(2026, 10, 9), strike=0.0001, kind="C", is_linear=False)
def test_name_round_trips(venue: str, coin: str, day: date, strike: float, kind: str, is_linear: bool) -> None:
    contract = _contract(venue, coin, day, strike, kind, is_linear)
    name = build(venue, contract)
    assert parse(venue, name) == contract
    assert venue in venues_of(name)


@pytest.mark.parametrize("venue", VENUES)
@given(name=st.text(max_size=40))
def test_any_text_is_a_contract_or_none(venue: str, name: str) -> None:
    contract = parse(venue, name)
    assert contract is None or contract.strike_usd >= 0


@given(coin=COINS, quote=st.sampled_from(USD_QUOTES), separator=st.sampled_from("-_/"))
def test_the_coin_before_a_separator_is_the_underlying(coin: str, quote: str, separator: str) -> None:
    symbol = f"{coin}{separator}{quote}"
    assert underlying_of(symbol) == coin
    assert has_usd_quote(symbol)


@given(symbol=st.text(max_size=20))
def test_any_symbol_begins_with_its_coin(symbol: str) -> None:
    coin = underlying_of(symbol)
    assert symbol.strip().upper().startswith(coin)
    assert has_usd_quote(symbol) == (coin != symbol.strip().upper())
