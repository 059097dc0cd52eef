"""Comparisons of the package's frames with the twins: every venue set and scope of one snapshot at once.

Strikes and statuses agree exactly, crossings to 1e-6 relative, sums relative to the scope's gross.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.slow import expiry, levels, profile, smiles
from tests.slow.exposure import Row, exposure, gross_gex, spot
from tests.slow.frames import as_plain, level_rows, venue_sets

SCOPES = ("all_expiry", "odte")
CROSSING = 1e-6
OF_GROSS = 1e-9
#: USD below which an amount is underflow, not exposure.
DUST = 1e-30


def scoped(frame: pl.DataFrame, venues: str, scope: str) -> pl.DataFrame:
    return as_plain(frame).filter(pl.col("venues") == venues, pl.col("scope") == scope)


def close(actual: float | None, expected: float | None, absolute: float, relative: float = 0.0) -> bool:
    if actual is None or expected is None:
        return actual is None and expected is None
    return abs(actual - expected) <= absolute + relative * abs(expected)


def assert_levels(rows: list[Row], frame: pl.DataFrame, sign_model: str = "naive", **window: float | None) -> None:
    """Every level: value, strength, share, status; and spot, net and sign model of every row."""
    problems = []
    # A window lies around the spot of the set that is asked about, so it leaves no rows for single venues.
    for venues, part in {"all": rows}.items() if window else venue_sets(rows).items():
        for scope in SCOPES:
            expected = levels.levels(part, scope, sign_model, **window)
            actual = level_rows(frame, venues, scope)
            assert set(actual) == set(expected), (venues, scope, set(actual) ^ set(expected))
            book = levels.ladder(levels.select(part, scope, **window), spot(part), sign_model)
            for name, want in expected.items():
                if not is_same_level(actual[name], want, book.gross, name):
                    problems.append(f"{venues} {scope} {name}: package {actual[name]}, twin {want}")
            _assert_context(scoped(frame, venues, scope), part, book, sign_model)
    assert not problems, "\n".join(problems)


def is_same_level(actual: levels.Level, want: levels.Level, gross: float, name: str) -> bool:
    relative = CROSSING if name in ("zero_gamma", "hvl") else 0.0
    return (
        close(actual[0], want[0], 0.0, relative)
        and close(actual[1], want[1], OF_GROSS * gross + DUST)
        and close(actual[2], want[2], OF_GROSS)
        and actual[3] == want[3]
    )


def _assert_context(frame: pl.DataFrame, part: list[Row], book: levels.Ladder, sign_model: str) -> None:
    assert frame["sign_model"].unique().to_list() == [sign_model]
    assert frame["spot_usd"].to_list() == pytest.approx([book.spot] * frame.height, rel=1e-14)
    assert frame["net_gex_usd"].to_list() == pytest.approx([book.net] * frame.height, abs=OF_GROSS * book.gross)
    assert frame["snapshot_at"].unique().to_list() == [part[0]["snapshot_at"]]


def assert_flip_zones(rows: list[Row], frame: pl.DataFrame, sign_model: str = "naive") -> None:
    """All crossings in ascending order with direction and slope, nothing more and nothing less."""
    for venues, part in venue_sets(rows).items():
        s = spot(part)
        for scope in SCOPES:
            kept = levels.select(part, scope)
            want = profile.crossings(kept, s, sign_model).crossings
            have = scoped(frame, venues, scope).sort("price_usd")
            where = (venues, scope, have["price_usd"].to_list(), [c.price for c in want])
            assert have["direction"].to_list() == [c.direction for c in want], where
            assert have["price_usd"].to_list() == pytest.approx([c.price for c in want], rel=CROSSING), where
            for price, slope in zip(have["price_usd"], have["slope_usd"], strict=True):
                assert abs(slope - profile.slope_at(kept, s, price, sign_model)) <= _slope_error(kept, s, price), where


def _slope_error(rows: list[Row], spot_now: float, price: float) -> float:
    """What an error of 1e-6 in the crossing does to the slope: gross over the square of the total volatility."""
    curvature = sum(profile.gross_at(r, spot_now, price) / (r["mark_iv"] ** 2 * r["tenor_years"]) for r in rows)
    return CROSSING * 0.01 * curvature


def assert_profile(rows: list[Row], frame: pl.DataFrame, sign_model: str = "naive") -> None:
    for venues, part in venue_sets(rows).items():
        for scope in SCOPES:
            want = profile.gamma_profile(levels.select(part, scope), spot(part), sign_model)
            have = scoped(frame, venues, scope).sort("spot_usd")
            gross = max(abs(call) + abs(put) for _, call, put, _ in want)
            assert have["spot_usd"].to_list() == pytest.approx([p[0] for p in want], rel=1e-12), (venues, scope)
            dust = 1e-15 * _notional(part)  # what is left of a peak that no grid point comes near
            for i, column in enumerate(("call_gex_usd", "put_gex_usd", "net_gex_usd"), start=1):
                actual, expected, where = have[column].to_list(), [p[i] for p in want], (venues, scope, column)
                assert actual == pytest.approx(expected, abs=OF_GROSS * gross + dust, rel=0), where


def assert_ranked(rows: list[Row], frame: pl.DataFrame, sign_model: str = "naive") -> None:
    for venues, part in venue_sets(rows).items():
        for scope in SCOPES:
            want = levels.ranked(part, scope, sign_model)
            have = scoped(frame, venues, scope).sort("rank")
            tolerance = OF_GROSS * sum(gross_gex(r) for r in levels.select(part, scope)) + DUST
            assert have["rank"].to_list() == list(range(1, len(want) + 1)), (venues, scope)
            assert have["strike_usd"].to_list() == [w[0] for w in want], (venues, scope)
            for i, column in enumerate(("net_gex_usd", "call_gex_usd", "put_gex_usd"), start=1):
                assert have[column].to_list() == pytest.approx([w[i] for w in want], abs=tolerance), (venues, column)
            assert have["spot_usd"].to_list() == pytest.approx([spot(part)] * len(want), rel=1e-14)


def by_expiry(rows: list[Row]) -> dict[Any, list[Row]]:
    return {e: [r for r in rows if r["expiry_at"] == e] for e in sorted({r["expiry_at"] for r in rows})}


def assert_max_pain(rows: list[Row], frame: pl.DataFrame) -> None:
    columns = ("strike_usd", "payout_usd", "strike_coin_usd", "status")
    for venues, part in venue_sets(rows).items():
        have = as_plain(frame).filter(pl.col("venues") == venues).sort("expiry_at")
        assert have["expiry_at"].to_list() == list(by_expiry(part)), venues
        for (expiry_at, contracts), actual in zip(by_expiry(part).items(), have.select(columns).rows(), strict=True):
            want = expiry.max_pain(contracts)
            same = (actual[0], actual[2], actual[3]) == (want[0], want[2], want[3])
            assert same and close(actual[1], want[1], 1e-9 * _notional(contracts)), (venues, expiry_at, actual, want)


def _notional(rows: list[Row]) -> float:
    return sum(r["open_interest_coin"] * r["strike_usd"] for r in rows)


def assert_expected_move(rows: list[Row], frame: pl.DataFrame) -> None:
    for venues, part in venue_sets(rows).items():
        have = as_plain(frame).filter(pl.col("venues") == venues).sort("expiry_at")
        assert have["expiry_at"].to_list() == list(by_expiry(part)), venues
        for (expiry_at, contracts), actual in zip(by_expiry(part).items(), have.rows(named=True), strict=True):
            for name, value in expiry.expected_move(contracts).items():
                where = (venues, expiry_at, name, actual[name], value)
                is_same = actual[name] == value if name == "status" else close(actual[name], value, 0.0, 1e-8)
                assert is_same, where


def assert_exposure(rows: list[Row], frame: pl.DataFrame) -> None:
    """Every column of every (venue, expiry, strike), relative to what the columns are made of."""
    want = exposure(rows)
    have = {(r["venue"], r["expiry_at"], r["strike_usd"]): r for r in as_plain(frame).rows(named=True)}
    assert set(have) == set(want)
    assert frame.height == len(want)
    for key, cell in want.items():
        parts = [r for r in rows if (r["venue"], r["expiry_at"], r["strike_usd"]) == key]
        notional = sum(r["open_interest_coin"] * r["forward_usd"] for r in parts)
        t, iv = parts[0]["tenor_years"], min(r["mark_iv"] for r in parts)
        for name, value in cell.items():
            scale = notional * (_scale(name, t, iv))
            assert close(have[key][name], value, 1e-11 * scale, 1e-9), (key, name, have[key][name], value)


def _scale(column: str, t: float, iv: float) -> float:
    """Size of the greek in a column, per dollar of notional: what its rounding is relative to."""
    if "gex" in column or "twap" in column or "oi" in column:
        return 1e-4
    if "vex" in column:
        return 0.01 / iv
    if "chex_to_expiry" in column or "dex" in column:
        return 1.0
    return 1.0 / (t * 365)


def assert_expiry_summary(rows: list[Row], frame: pl.DataFrame) -> None:
    """Every column; zero gammas of the parts for all venues together, null for single ones."""
    for venues, part in venue_sets(rows).items():
        gross = sum(map(gross_gex, part))
        want = smiles.summary(part, is_repriced=venues == "all")
        for expiry_at, actual in _rows_by_expiry(frame, venues, list(want)).items():
            for name, value in want[expiry_at].items():
                where = (venues, expiry_at, name, actual[name], value)
                assert _is_same_figure(name, actual[name], value, gross), where


def _is_same_figure(name: str, actual: Any, want: Any, gross: float) -> bool:
    if isinstance(want, str | bool):
        return actual == want
    if name.endswith("gex_usd") or name == "net_gex_without_usd":
        return close(actual, want, OF_GROSS * gross + DUST)
    if name.startswith("zero_gamma"):
        return close(actual, want, 0.0, CROSSING)
    return close(actual, want, 1e-9, 1e-8)


def _rows_by_expiry(frame: pl.DataFrame, venues: str, expiries: list[Any]) -> dict[Any, dict[str, Any]]:
    have = as_plain(frame).filter(pl.col("venues") == venues).sort("expiry_at")
    assert have["expiry_at"].to_list() == expiries, venues
    return {row["expiry_at"]: row for row in have.rows(named=True)}


def assert_density(rows: list[Row], frame: pl.DataFrame) -> None:
    for venues, part in venue_sets(rows).items():
        walls = smiles.walls(part)
        parts = by_expiry(part)
        for expiry_at, actual in _rows_by_expiry(frame, venues, list(parts)).items():
            for name, value in smiles.density(parts[expiry_at], walls).items():
                where = (venues, expiry_at, name, actual[name], value)
                is_same = actual[name] == value if name == "status" else close(actual[name], value, 1e-9, 1e-9)
                assert is_same, where


def assert_implied_vol(rows: list[Row], frame: pl.DataFrame) -> None:
    for venues, part in venue_sets(rows).items():
        (actual,) = as_plain(frame).filter(pl.col("venues") == venues).rows(named=True)
        for name, value in smiles.implied_vol(part).items():
            where = (venues, name, actual[name], value)
            assert actual[name] == value if name == "status" else close(actual[name], value, 0.0, 1e-8), where
