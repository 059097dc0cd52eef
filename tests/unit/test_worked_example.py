"""docs/from-chain-to-levels.md: every number on the page, recomputed by the slow twins and by the package.

The page is the input: its table of ten contracts is parsed, and everything below it has to follow to the last digit
that is printed.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import gex_pipeline
from gex_pipeline.core import black76, settlement_average
from gex_pipeline.core.calendar import expiry_type, is_opex
from gex_pipeline.transforms.book import Book
from gex_pipeline.transforms.expected_move import expected_move
from gex_pipeline.transforms.gex_changes import gex_changes
from gex_pipeline.transforms.levels import levels
from gex_pipeline.transforms.max_pain import max_pain
from tests.slow import black76 as slow
from tests.slow import changes as slow_changes
from tests.slow import expiry as slow_expiry
from tests.slow import levels as slow_levels
from tests.slow import settlement_average as slow_average
from tests.slow.chains import row
from tests.slow.exposure import Row, contract_exposures, spot
from tests.slow.frames import as_plain, chain_frame, level_rows
from tests.views import exposure

pytestmark = pytest.mark.filterwarnings("error")

PAGE = Path(gex_pipeline.__file__).parent / "docs" / "from-chain-to-levels.md"
SNAPSHOT = datetime(2026, 3, 12, 10, 6, tzinfo=UTC)
SPOT = 101_000.0
Cells = dict[str, str]


@cache
def text() -> str:
    return PAGE.read_text("utf-8")


@cache
def table(first_header: str) -> list[Cells]:
    """The rows of the table whose header starts with this word, as header -> cell."""
    lines = text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first_header} |"))
    header = cells(lines[start])
    body = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        body.append(dict(zip(header, cells(line), strict=True)))
    return body


def cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


def number(cell: str) -> float | None:
    return None if cell == "-" else float(cell.replace(",", ""))


def is_printed_as(cell: str, value: float | None) -> bool:
    """The value rounds to what the cell shows."""
    shown = number(cell)
    if shown is None or value is None:
        return shown is None and value is None
    decimals = len(cell.partition(".")[2])
    return abs(shown - value) <= 0.5000001 * 10.0**-decimals


@cache
def chain() -> tuple[Row, ...]:
    """The ten contracts of the page."""
    return tuple(contract(line) for line in table("expiry"))


def contract(line: Cells) -> Row:
    return row(
        number(line["strike"]),
        line["type"],
        number(line["OI"]),
        iv=number(line["IV"]),
        expiry_at=datetime.fromisoformat(line["expiry"]).replace(hour=8, tzinfo=UTC),
        snapshot_at=SNAPSHOT,
        index=SPOT,
        forward=number(line["forward"]),
        mark=number(line["mark"]),
    )


def front() -> list[Row]:
    return [r for r in chain() if r["expiry_at"] == min(x["expiry_at"] for x in chain())]


@cache
def book() -> Book:
    return Book.from_chain(chain_frame(list(chain())))


def whole(frame: pl.DataFrame) -> pl.DataFrame:
    return as_plain(frame).filter(venues="all")


def test_ten_contracts_two_expiries_five_strikes() -> None:
    assert len(chain()) == 10
    assert len({r["expiry_at"] for r in chain()}) == 2
    assert len({r["strike_usd"] for r in chain()}) == 5
    assert {r["tenor_years"] for r in front()} == {0.0025}
    assert "spot index S = 101,000" in text() and spot(list(chain())) == SPOT
    assert f"t = {chain()[-1]['tenor_years']:.6f}" in text()


def test_marks_are_model_prices_in_whole_dollars() -> None:
    for line, r in zip(table("expiry"), chain(), strict=True):
        value = slow.price(r["forward_usd"], r["strike_usd"], r["tenor_years"], r["mark_iv"], r["option_type"])
        assert is_printed_as(line["mark"], value)


@pytest.mark.parametrize("side", ["twin", "package"])
def test_gamma_and_gex_of_every_contract(side: str) -> None:
    for line, r in zip(table("expiry"), chain(), strict=True):
        f, k, t, s = r["forward_usd"], r["strike_usd"], r["tenor_years"], r["mark_iv"]
        assert is_printed_as(line["s sqrt t"], s * math.sqrt(t))
        if side == "twin":
            d1, gamma, gex = slow.d1(f, k, t, s), slow.gamma(f, k, t, s), contract_exposures(r)["gex_usd"]
        else:
            d1, gamma = float(black76.d1(f, k, t, s)), float(black76.gamma(f, k, t, s))
            gex = float(exposure(chain_frame([r]))["net_gex_usd"].item())
        assert is_printed_as(line["d1"], d1)
        assert is_printed_as(line["gamma x 1e6"], 1e6 * gamma)
        assert is_printed_as(line["GEX (naive)"], gex)


def test_the_first_row_by_hand() -> None:
    r = chain()[0]
    f, k, t, s = r["forward_usd"], r["strike_usd"], r["tenor_years"], r["mark_iv"]
    d1 = math.log(f / k) / (s * math.sqrt(t)) + s * math.sqrt(t) / 2
    for shown in (f"{math.log(f / k):.6f}", f"{d1:.4f}", f"{slow.phi(d1):.5f}", f"{slow.gamma(f, k, t, s):.9f}"):
        assert shown in text()


@pytest.mark.parametrize("side", ["twin", "package"])
def test_sums_per_strike(side: str) -> None:
    if side == "twin":
        strikes = slow_levels.ladder(list(chain()), SPOT).strikes
        sums = {k: (x.call, x.put, x.net, x.gross, x.cumulative) for k, x in strikes.items()}
    else:
        sums = package_sums()
    assert [number(line["strike"]) for line in table("strike")] == sorted(sums)
    for line in table("strike"):
        for name, value in zip(("calls", "puts", "net", "gross", "C(K)"), sums[number(line["strike"])], strict=True):
            assert is_printed_as(line[name], value), (line["strike"], name)
    total = list(sums.values())
    assert f"Net of the book: {sum(x[2] for x in total):,.0f}." in text()
    assert f"Gross: {sum(x[3] for x in total):,.0f}." in text()


def package_sums() -> dict[float, tuple[float, ...]]:
    columns = ["call_gex_usd", "put_gex_usd", "net_gex_usd", "gross_gex_usd"]
    frame = exposure(chain_frame(list(chain()))).group_by("strike_usd").agg(pl.col(columns).sum()).sort("strike_usd")
    frame = frame.with_columns(pl.col("net_gex_usd").cum_sum().alias("cumulative"))
    return {r[0]: r[1:] for r in frame.iter_rows()}


@pytest.mark.parametrize("side", ["twin", "package"])
def test_every_level(side: str) -> None:
    found = {scope: all_levels(side, scope) for scope in ("all_expiry", "odte")}
    assert [line["level"] for line in table("level")] == list(slow_levels.levels(list(chain()), "odte"))
    for line in table("level"):
        name = line["level"]
        assert is_printed_as(line["value, odte"], found["odte"][name][0]), name
        if name == "zero_dte_magnet":
            continue
        value, strength, share, status = found["all_expiry"][name]
        assert is_printed_as(line["value"], value), name
        assert is_printed_as(line["strength"], strength), name
        assert is_printed_as(line["share of gross"], share), name
        assert line["status"] == status, name


def all_levels(side: str, scope: str) -> dict[str, slow_levels.Level]:
    return slow_levels.levels(list(chain()), scope) if side == "twin" else level_rows(levels(book()), "all", scope)


def test_distance_to_the_flip() -> None:
    zero_gamma = all_levels("package", "all_expiry")["zero_gamma"][0]
    assert zero_gamma is not None
    assert f"(S - zero_gamma) / S = {(SPOT - zero_gamma) / SPOT * 100:.2f} %" in text()


@pytest.mark.parametrize("side", ["twin", "package"])
def test_max_pain(side: str) -> None:
    curve = slow_expiry.pain_curve(front())
    for line, (p, payout) in zip(table("P"), curve, strict=True):
        calls = sum(r["open_interest_coin"] * max(p - r["strike_usd"], 0) for r in front() if r["option_type"] == "C")
        assert number(line["P"]) == p
        assert is_printed_as(line["calls' payout"], calls)
        assert is_printed_as(line["puts' payout"], float(payout) - calls)
        assert is_printed_as(line["total"], float(payout))
        assert is_printed_as(line["total / P"], float(payout) / p)
    lowest = min(table("P"), key=lambda line: number(line["total"]) or math.inf)
    if side == "twin":
        strike, payout_usd, coin_strike, _ = slow_expiry.max_pain(front())
    else:
        found = whole(max_pain(book())).sort("expiry_at")
        strike, payout_usd, coin_strike = found.select("strike_usd", "payout_usd", "strike_coin_usd").row(0)
    assert (strike, payout_usd, coin_strike) == (number(lowest["P"]), number(lowest["total"]), 100_000.0)
    assert f"lowest total, {strike:,.0f};" in text()


@pytest.mark.parametrize("side", ["twin", "package"])
def test_expected_move(side: str) -> None:
    if side == "twin":
        found = slow_expiry.expected_move(front())
    else:
        found = whole(expected_move(book())).sort("expiry_at").row(0, named=True)
    for line in table("quantity"):
        assert is_printed_as(line["value"], found[line["quantity"]]), line["quantity"]


def test_the_steps_of_the_expected_move() -> None:
    """The variances and straddle volatilities that the page names on the way."""
    t = front()[0]["tenor_years"]
    for iv in (0.60, 0.62):
        assert f"{iv * iv * t:.6f}" in text()
    for k in (100_000.0, 105_000.0):
        straddle = sum(r["mark_usd"] for r in front() if r["strike_usd"] == k)
        v = slow.straddle_total_vol(straddle, SPOT, k)
        assert v is not None and f"{v:.6f}" in text()


@pytest.mark.parametrize("side", ["twin", "package"])
def test_gamma_of_the_settlement_average(side: str) -> None:
    f, k, s, window = 101_000.0, 101_050.0, 0.60, 30 / 525_600
    assert "K = 101,050, IV 0.60, F = 101,000, L = 30 minutes" in text()
    assert len(table("minutes left")) == 5
    for line in table("minutes left"):
        t = float(line["minutes left"]) / 525_600
        w = min(t / window, 1.0)
        assert is_printed_as(line["w"], w)
        assert is_printed_as(line["K'"], (k - (1 - w) * f) / w)
        assert is_printed_as(line["root of variance"], s * math.sqrt(t / 3 if w < 1 else t - 2 * window / 3))
        assert is_printed_as(line["plain gamma x 1e6"], 1e6 * slow.gamma(f, k, t, s))
        contract = (f, k, t, s, window, f)
        averaged = settlement_average.gamma if side == "package" else slow_average.gamma
        assert is_printed_as(line["gamma of the average x 1e6"], 1e6 * float(averaged(*map(np.float64, contract))))


def next_day() -> list[Row]:
    """The strike 100,000 a day later."""
    expiry_at, later = max(r["expiry_at"] for r in chain()), SNAPSHOT + timedelta(hours=24)
    common = {"expiry_at": expiry_at, "snapshot_at": later, "index": SPOT, "forward": 102_000.0, "iv": 0.50}
    return [row(100_000.0, "C", 310.0, **common), row(100_000.0, "P", 80.0, **common)]


@pytest.mark.parametrize("side", ["twin", "package"])
def test_what_changed_a_day_later(side: str) -> None:
    """Contract by contract, and all of them together."""
    shown = [line["contract"] for line in table("contract")]
    names = [f"{day}, {kind}" for day in ("2026-03-13", "2026-03-20") for kind in "CP"]
    assert shown == [*names, "all"]
    before = [r for r in chain() if r["strike_usd"] == 100_000.0]
    for line in table("contract"):
        old, new = ([r for r in rows if line["contract"] in ("all", name_of(r))] for rows in (before, next_day()))
        values = changed(side, old, new)
        assert is_printed_as(line["before"], values["net_gex_before_usd"] if old else None)
        assert is_printed_as(line["now"], values["net_gex_usd"] if new else None)
        columns = {"change": "change_usd", "expiry": "expired_usd", "open interest": "oi_usd", "rest": "rest_usd"}
        for header, column in columns.items():
            assert is_printed_as(line[header], values[column]), (line["contract"], header)


def name_of(r: Row) -> str:
    return f"{r['expiry_at']:%Y-%m-%d}, {r['option_type']}"


def changed(side: str, before: list[Row], now: list[Row]) -> dict[str, float]:
    """The strike's row; a strike far away keeps the later book from being empty."""
    far = {**next_day()[0], "strike_usd": 1e6, "instrument": "far"}
    if side == "twin":
        return slow_changes.gex_changes([*now, far], before)[100_000.0]
    # frames without rows keep their types
    old, new = chain_frame(before or [far]).head(len(before)), chain_frame([*now, far])
    return gex_changes(new, old, spot_usd=SPOT, top=10).row(0, named=True)


def test_the_anchor_of_the_calendar() -> None:
    days = [date(2026, 3, 12) + timedelta(days=n) for n in range(60)]
    first, second = [d for d in days if is_opex(d)][:2]
    assert (
        f"On Thursday 2026-03-12 it is {first}, a {expiry_type(first)}; from 08:00 of that day it is {second}" in text()
    )
    assert [line["type"] for line in table("type")] == ["quarterly", "monthly", "weekly", "daily"]


def test_the_sign_is_stated_as_an_assumption() -> None:
    assert "The sign is an assumption about who holds what, not an observation." in text()
    assert "customers\nsell calls (overwriting) and buy puts (protection)" in text()
