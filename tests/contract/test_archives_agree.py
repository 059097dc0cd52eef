"""Archives and venues are of one market: a row of a file says what the venue said at that instant."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import polars as pl
import pytest

from gex_pipeline.market import archive
from gex_pipeline.market.archive import Piece
from gex_pipeline.market.world import World
from tests.contract.conftest import Ask
from tests.unit.market.venue_client import NOW

WORLD = World(11, date(2026, 10, 1), 56)
COINS = ("BTC", "ETH", "SOL")
Row = tuple[float | None, ...]


def deribit(ask: Ask) -> Iterable[tuple[str, Row]]:
    for currency in ("BTC", "ETH", "USDC"):
        query = {"currency": currency, "kind": "option"}
        for row in ask("/api/v2/public/get_book_summary_by_currency", **query).json()["result"]:
            told = (row["bid_price"], row["ask_price"], row["mark_price"], row["mark_iv"], row["open_interest"])
            yield row["instrument_name"], told


def bybit(ask: Ask) -> Iterable[tuple[str, Row]]:
    for coin in COINS:
        for row in ask("/v5/market/tickers", category="option", baseCoin=coin).json()["result"]["list"]:
            quoted = (float(row[key]) or None for key in ("bid1Price", "ask1Price"))
            iv, oi = 100 * float(row["markIv"]), float(row["openInterest"])
            yield row["symbol"], (*quoted, float(row["markPrice"]), iv, oi)


def okx(ask: Ask) -> Iterable[tuple[str, Row]]:
    tickers = ask("/api/v5/market/tickers", instType="OPTION").json()["data"]
    marks = ask("/api/v5/public/mark-price", instType="OPTION").json()["data"]
    chains = [ask(f"/api/v5/public/{what}", instType="OPTION", uly=f"{coin}-USD").json()["data"]
              for what in ("opt-summary", "open-interest") for coin in COINS]  # fmt: skip
    rest = {}
    for row in (row for chain in chains for row in chain):
        rest[row["instId"]] = rest.get(row["instId"], {}) | row
    for quote, mark in zip(tickers, marks, strict=True):
        more = rest[quote["instId"]]
        bid, offer = (float(quote[key]) if quote[key] else None for key in ("bidPx", "askPx"))
        told = (bid, offer, float(mark["markPx"]), 100 * float(more["markVol"]), float(more["oiCcy"]))
        yield quote["instId"], told


def binance(ask: Ask) -> Iterable[tuple[str, Row]]:
    marks = {row["symbol"]: row for row in ask("/eapi/v1/mark").json()}
    for row in ask("/eapi/v1/ticker").json():
        mark = marks[row["symbol"]]
        quoted = (float(row[key]) or None for key in ("bidPrice", "askPrice"))
        yield row["symbol"], (*quoted, float(mark["markPrice"]), 100 * float(mark["markIV"]))


@pytest.mark.parametrize("venue", [deribit, bybit, okx, binance])
def test_an_hour_of_an_archive_is_what_the_venue_says(ask: Ask, venue) -> None:
    told = dict(venue(ask))
    coins = (*COINS, "HYPE") if venue is deribit else COINS
    kept = archive.rows(WORLD, Piece("x.parquet", venue.__name__, coins, NOW, 1))
    assert set(kept["name"]) == told.keys()
    rows = kept.select("name", "bid", "ask", "mark", "iv_pct", "open_interest").iter_rows()
    wrong = [(row, told[row[0]]) for row in rows if not _is_same(row, told[row[0]])]
    assert not wrong, (len(wrong), wrong[:3])


def _is_same(kept: tuple[Any, ...], told: Row) -> bool:
    """Binance's last one is left out: it has open interest elsewhere, by expiry."""
    name, *values = kept
    pairs = list(zip(values, told, strict=False))
    exact = 6e-5 if "_U" in name else 1e-8  # Deribit and OKX tell marks in dollars to four decimals
    is_there = all((a is None) == (b is None) for a, b in pairs)
    return is_there and all(a == pytest.approx(b, rel=1e-9, abs=exact) for a, b in pairs if a is not None)


@pytest.mark.parametrize("venue", ["deribit", "bybit", "okx", "binance"])
def test_marks_of_a_vendor_lie_between_bid_and_ask(venue: str) -> None:
    rows = archive.rows(WORLD, Piece("x.parquet", venue, COINS, NOW, 9))
    _between(rows, "bid", "mark", "ask")


def test_marks_of_ticks_lie_between_bid_and_ask() -> None:
    """In price and in volatility; without a bid there is no volatility of one."""
    rows = archive.rows(WORLD, Piece("x.csv.gz", "deribit", ("BTC", "SOL"), NOW, 9))
    _between(rows, "bid_price", "mark_price", "ask_price")
    _between(rows, "bid_iv", "mark_iv", "ask_iv")
    assert rows.select((pl.col("bid_iv").is_null() == pl.col("bid_price").is_null()).all()).item()


def _between(rows: pl.DataFrame, bid: str, mark: str, ask: str) -> None:
    assert rows[bid].count() > 0.7 * rows.height and rows[ask].count() > 0.9 * rows.height
    assert rows.filter((pl.col(bid) <= 0) | (pl.col(ask) <= 0)).is_empty()
    assert rows.filter(pl.col(bid) > pl.col(mark)).is_empty() and rows.filter(pl.col(ask) < pl.col(mark)).is_empty()
