"""Option names: what each venue's grammar takes, refuses and gives back."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from gex_pipeline.core.instruments import USD_QUOTES, Instrument, build, has_usd_quote, parse, underlying_of, venues_of

DEC_25 = datetime(2026, 12, 25, 8, tzinfo=UTC)

CONTRACTS = [
    ("deribit", "BTC-25DEC26-100000-C", Instrument("BTC", DEC_25, 100000.0, "C", "inverse")),
    ("deribit", "SOL_USDC-25DEC26-150-P", Instrument("SOL", DEC_25, 150.0, "P", "linear")),
    ("deribit", "XRP_USDC-2OCT26-1d55-C", Instrument("XRP", datetime(2026, 10, 2, 8, tzinfo=UTC), 1.55, "C", "linear")),
    ("deribit", "ABC_USDC-25DEC26-0d625-P", Instrument("ABC", DEC_25, 0.625, "P", "linear")),
    ("bybit", "BTC-25DEC26-89000-P-USDT", Instrument("BTC", DEC_25, 89000.0, "P", "linear", "USDT")),
    (
        "bybit",
        "BTC-6JAN23-17500-C",
        Instrument("BTC", datetime(2023, 1, 6, 8, tzinfo=UTC), 17500.0, "C", "linear", "USDC"),
    ),
    ("okx", "BTC-USD-261225-100000-C", Instrument("BTC", DEC_25, 100000.0, "C", "inverse")),
    ("okx", "SOL-USD_UM-261225-150-P", Instrument("SOL", DEC_25, 150.0, "P", "linear")),
    ("binance", "XRP-251219-2.05-P", Instrument("XRP", datetime(2025, 12, 19, 8, tzinfo=UTC), 2.05, "P", "linear")),
]


@pytest.mark.parametrize(("venue", "name", "contract"), CONTRACTS)
def test_name_means_contract_and_contract_gives_name(venue: str, name: str, contract: Instrument) -> None:
    assert parse(venue, name) == contract
    assert build(venue, contract) == name


def test_upper_case_decimal_of_tardis_is_read() -> None:
    contract = parse("deribit", "AVAX_USDC-29MAY26-8D6-P")
    assert contract is not None
    assert contract.strike_usd == 8.6
    assert build("deribit", contract) == "AVAX_USDC-29MAY26-8d6-P"


@pytest.mark.parametrize(
    ("venue", "name"),
    [
        ("deribit", "BTC-PERPETUAL"),
        ("deribit", "BTC-25DEC26"),
        ("deribit", "BTC-CS-19MAY26-70000_75000"),
        ("deribit", "BTC-31FEB26-100000-C"),  # no such day
        ("deribit", "BTC-03JAN26-100000-C"),  # the venue writes no leading zero
        ("deribit", "BTC-25DEZ26-100000-C"),
        ("deribit", "BTC-25DEC26-100000-C\n"),
        ("deribit", "BTC-25DEC26-1\u0665000-C"),  # an Arabic digit is a digit to Python
        ("deribit", "BTC-25DEC26-100000-X"),
        ("deribit", "btc-25DEC26-100000-C"),
        ("bybit", "BTC-25DEC26-100000-C-USDC"),
        ("okx", "BTC-USD-261225"),
        ("okx", "ETH-USD_UM_XPERP-310404"),
        ("okx", "BTC-261225-100000-C"),
        ("binance", "BTC-261325-100000-C"),  # no 13th month
        ("binance", "BTCUSDT_261225"),
        ("binance", ""),
        ("binance", f"BTC-261225-{'9' * 400}-C"),  # no float holds it
    ],
)
def test_what_is_no_option_name_of_the_venue_is_none(venue: str, name: str) -> None:
    assert parse(venue, name) is None


def test_a_contract_the_venue_cannot_list_has_no_name() -> None:
    inverse = Instrument("BTC", DEC_25, 100000.0, "C", "inverse")
    with pytest.raises(ValueError, match="binance lists no inverse"):
        build("binance", inverse)
    with pytest.raises(KeyError):
        build("kraken", inverse)
    with pytest.raises(KeyError):
        parse("kraken", "BTC-25DEC26-100000-C")


def test_bybit_contract_without_settle_coin_is_of_the_usdt_book() -> None:
    assert build("bybit", Instrument("BTC", DEC_25, 89000.0, "P", "linear")) == "BTC-25DEC26-89000-P-USDT"


def test_tiny_and_huge_strikes_are_written_without_exponent() -> None:
    assert build("binance", Instrument("X", DEC_25, 0.00001, "C", "linear")) == "X-261225-0.00001-C"
    assert build("deribit", Instrument("X", DEC_25, 1e16, "C", "linear")) == "X_USDC-25DEC26-10000000000000000-C"


def test_which_venues_a_name_belongs_to() -> None:
    assert venues_of("BTC-231229-34000-C") == ("binance",)
    assert venues_of("BTC-USD-261225-100000-C") == ("okx",)
    assert venues_of("BTC-25DEC26-100000-C") == ("deribit", "bybit")
    assert venues_of("BTCUSDT") == ()


@pytest.mark.parametrize(
    "symbol", ["BTC", "BTCUSDT", "BTC_USDC", "BTC-USD", "BTC/USD", "btcusdt", "BTCUSDC", "BTC_USDT"]
)
def test_symbols_of_one_coin(symbol: str) -> None:
    assert underlying_of(symbol) == "BTC"


@pytest.mark.parametrize("quote", USD_QUOTES)
@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL", "HYPE", "BNB", "DOT", "USDT", "S", "1000SHIB"])
def test_every_dollar_is_a_quote(quote: str, coin: str) -> None:
    for separator in ("-", "_", "/"):
        assert underlying_of(f"{coin}{separator}{quote}") == coin
    assert underlying_of(f"{coin}{quote}".lower()) == coin
    assert has_usd_quote(f"{coin}{quote}")


def test_a_quote_coin_alone_is_itself() -> None:
    assert [underlying_of(quote) for quote in USD_QUOTES] == list(USD_QUOTES)
    assert not any(has_usd_quote(quote) for quote in USD_QUOTES)


@pytest.mark.parametrize("symbol", ["ETHBTC", "BTCEUR", "BTC", "BTC-PERPETUAL", "USDTTRY", "BTC OPT", ""])
def test_what_has_no_dollar_quote_is_given_back(symbol: str) -> None:
    assert underlying_of(symbol) == symbol
    assert not has_usd_quote(symbol)


def test_expiries_are_at_the_settlement_time_of_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gex_pipeline.core.instruments.SETTLEMENT_TIME", time(9, 30, tzinfo=UTC))
    parse.cache_clear()
    try:
        contract = parse("binance", "BTC-261225-100000-C")
        assert contract is not None
        assert contract.expiry_at == DEC_25.replace(hour=9, minute=30)
    finally:
        parse.cache_clear()  # names that were read with the other time
