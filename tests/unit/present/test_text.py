"""Single values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gex_pipeline.present import text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (12_345_678.0, "12.3 M"),
        (-2_500_000.0, "-2.50 M"),
        (999_999.0, "1.00 M"),
        (1_234.0, "1.23 k"),
        (5.6e9, "5.60 B"),
        (42.0, "42.0"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.1234, "0.12"),
        (None, ""),
        (float("nan"), ""),
    ],
)
def test_amount(value, words):
    assert text.amount(value) == words


def test_amount_signed():
    assert text.amount(1e6, is_signed=True) == "+1.00 M"


@pytest.mark.parametrize(
    ("value", "words"),
    [(73_250.4, "73,250"), (3_125.5, "3,125.50"), (142.0, "142"), (32.5, "32.50"), (0.5, "0.5000"), (None, "")],
)
def test_price(value, words):
    assert text.price(value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (125, "2 min 5 s"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d"),
        (90_061, "1 d 1 h"),
        (None, ""),
    ],
)
def test_age(seconds, words):
    assert text.age(seconds) == words


def test_instant_is_utc_whatever_the_zone():
    local = datetime(2026, 3, 17, 18, 30, tzinfo=timezone(timedelta(hours=2)))
    assert text.instant(local) == "2026-03-17 16:30 UTC"
    assert text.day(datetime(2026, 3, 27, 8, tzinfo=UTC)) == "27MAR26"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0.104, 0.39, 0, "partial"), "10.4 % of open interest; 39.0 % of contracts have any; partial: some venues"),
        ((0.5, 1.0, 3, "ok"), "50.0 % of open interest; 100.0 % of contracts have any; 3 hours since have none"),
        ((None, 0.5, None, "empty"), "none of open interest; 50.0 % of contracts have any"),
    ],
)
def test_coverage(row: tuple[float | None, float, int | None, str], words: str) -> None:
    names = ("share_of_oi", "share_of_contracts", "hours_without_trades", "status")
    said = text.coverage({"first_trade_at": datetime(2026, 1, 11, 3, tzinfo=UTC), **dict(zip(names, row, strict=True))})
    assert said.startswith(f"trades since 2026-01-11 03:00 UTC explain {words}")
