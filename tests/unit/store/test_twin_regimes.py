"""Views `regime` and `regime_transitions` against the slow twin, case by case."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from gex_pipeline.schema import EXPOSURE_TOTALS, LEVELS, REGIME, REGIME_TRANSITIONS, VOLATILITY, Table
from gex_pipeline.schema.types import polars_schema
from tests.slow import premium
from tests.slow.frames import assert_declared
from tests.views import rows_of

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Row = dict[str, Any]


def frame(table: Table, rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame([{**dict.fromkeys(table.names), **r} for r in rows], schema=polars_schema(table), orient="row")


def scoped(at: datetime, **more: Any) -> Row:
    key = {"underlying": "BTC", "venues": "all", "scope": "all_expiry", "sign_model": "naive"}
    return {"snapshot_at": at, "knowledge_time": at + timedelta(seconds=2), **key, "spot_usd": 100.0, **more}


def totals(at: datetime, net: float, vex: float = -1.0) -> Row:
    return scoped(at, net_gex_usd=net, gross_gex_usd=1e6, vex_usd=vex)


def of_venues(at: datetime, *names: str) -> list[Row]:
    """The rows of single venues at a snapshot."""
    return [{**totals(at, 7.0), "venues": name} for name in names]


def flip(at: datetime, value: float | None, status: str = "ok") -> Row:
    return scoped(at, level="zero_gamma", value_usd=value, status=status)


#: The floor is 1 on both sides; distances to the flip lie on and beside 0.5 % and 2 %.
NETS = (5e5, 1.0, 0.99, 0.0, -0.99, -1.0, -5e5)
FLIPS = (
    *((value, "ok") for value in (97.0, 98.0, 98.5, 99.5, 99.9, 100.0, 100.5, 100.6, 102.0, 102.5)),
    (51.0, "edge"),
    (99.0, "multiple"),
    (None, "none_positive"),
    (None, "none_negative"),
    (None, "empty"),
)
CASES = list(itertools.product(NETS, FLIPS, (-2.0, 0.0, 2.0), (None, -1.0, 0.999, 1.0, 3.0)))


def regimes() -> tuple[list[Row], pl.DataFrame]:
    """All cases, one a snapshot: what the twin says and the view."""
    want, books, flips, scores = [], [], [], []
    for i, (net, (value, status), vex, z) in enumerate(CASES):
        at = START + i * HOUR
        books.append(totals(at, net, vex))
        flips.append(flip(at, value, status))
        scores.append({"snapshot_at": at, "knowledge_time": at, "underlying": "BTC", "vrp_z": z, "status": "ok"})
        want.append({"snapshot_at": at, **premium.labels(books[-1], value, status, z)})
    others = [{**b, **o, "net_gex_usd": 7.0} for b in books[:5] for o in ({"venues": "okx"}, {"scope": "odte"})]
    frames = {
        "exposure_totals": frame(EXPOSURE_TOTALS, books + others),
        "levels": frame(LEVELS, [*flips, *({**f, "level": "hvl", "value_usd": 1.0} for f in flips)]),
        "volatility": frame(VOLATILITY, scores),
    }
    return want, rows_of(REGIME, **frames)


def test_every_label_agrees() -> None:
    want, found = regimes()
    assert_declared(REGIME, found)
    assert found.height == len(want)
    for row, expected in zip(found.rows(named=True), want, strict=True):
        assert {name: row[name] for name in expected} == expected


def test_every_label_occurs() -> None:
    _, found = regimes()
    for name in ("regime", "confidence", "cell", "meaning"):
        assert set(found[name]) == {None, *REGIME[name].choices}


def test_near_the_flip_nothing_else_holds_and_one_case_has_no_name() -> None:
    _, found = regimes()
    assert set(found.filter(confidence="low")["meaning"]) == {"near_flip"}
    unnamed = found.filter(
        pl.col("meaning").is_null(), pl.col("regime").is_not_null(), pl.col("confidence").is_not_null()
    )
    assert set(unnamed.select("regime", "vanna_aligned", "confidence").iter_rows()) == {("positive", True, "moderate")}


def test_without_volatility_only_the_cell_is_missing() -> None:
    frames = {
        "exposure_totals": frame(EXPOSURE_TOTALS, [totals(START, 5.0)]),
        "levels": frame(LEVELS, [flip(START, 97.0)]),
        "volatility": frame(VOLATILITY, []),
    }
    (row,) = rows_of(REGIME, **frames).rows(named=True)
    assert (row["regime"], row["confidence"], row["meaning"]) == ("positive", "high", "strongly_dampened")
    assert (row["vrp_z"], row["cell"]) == (None, None)
    assert row["knowledge_time"] == START + timedelta(seconds=2)


def transitions(rows: list[Row]) -> pl.DataFrame:
    return rows_of(REGIME_TRANSITIONS, exposure_totals=frame(EXPOSURE_TOTALS, rows))


@pytest.mark.parametrize("seed", range(5))
def test_transitions_agree(seed: int) -> None:
    """Hours, sometimes missing, sometimes without a sign; the rhythm changes to three hours. A venue comes and goes."""
    rng, rows, at = random.Random(seed), [], START
    for i in range(120):
        at += HOUR * (rng.choice([1, 1, 1, 1, 2, 3, 5]) if i < 60 else 3)
        rows.append(totals(at, rng.choice([3.0, 8.0, 0.5, -0.5, -4.0, 3.0])))
        rows += of_venues(at, *rng.choice([("okx", "deribit"), ("deribit", "okx"), ("deribit",)]))
    found = transitions(rows)
    assert_declared(REGIME_TRANSITIONS, found)
    want = premium.transitions(rows)
    assert set(found["has_gap"]) == set(found["has_other_venues"]) == {True, False}
    assert found.select(list(want[0])).rows(named=True) == want


def test_a_transition_by_hand() -> None:
    """The sign is lost at 3:00 and negative from 4:00 on; a hole before 10:00, when it is positive again."""
    nets = {0: 5.0, 1: 6.0, 2: 7.0, 3: 0.0, 4: -3.0, 5: -2.0, 10: 4.0}
    rows = [totals(START + h * HOUR, net) for h, net in nets.items()]
    rows[2]["knowledge_time"] = START + 6 * HOUR
    first, second = transitions(rows).rows(named=True)
    assert (first["snapshot_at"], first["previous_at"]) == (START + 4 * HOUR, START + 2 * HOUR)
    assert (first["from_regime"], first["to_regime"]) == ("positive", "negative")
    assert (first["net_gex_before_usd"], first["net_gex_after_usd"], first["spot_usd"]) == (7.0, -3.0, 100.0)
    assert (first["hours_since_last"], first["has_gap"]) == (None, False)
    assert first["knowledge_time"] == START + 6 * HOUR
    assert (second["snapshot_at"], second["hours_since_last"], second["has_gap"]) == (START + 10 * HOUR, 6.0, True)
    assert transitions(rows[:4]).is_empty()


def test_a_venue_that_drops_out_and_comes_back_by_hand() -> None:
    """okx is missing at 1:00 and 2:00, and at 4:00, where there is no sign: from 3:00 to 5:00 nothing differs."""
    books = {0: (5.0, "all"), 1: (-5.0, "one"), 2: (5.0, "one"), 3: (-5.0, "all"), 4: (0.0, "one"), 5: (5.0, "all")}
    names = {"all": ("okx", "deribit"), "one": ("deribit",)}
    rows = [totals(START + h * HOUR, net) for h, (net, _) in books.items()]
    rows += [r for h, (_, which) in books.items() for r in of_venues(START + h * HOUR, *names[which])]
    rows += [{**r, "underlying": "ETH"} for r in of_venues(START + 5 * HOUR, "bybit")]
    rows += [{**r, "scope": "odte"} for r in of_venues(START + 2 * HOUR, "bybit")]
    found = transitions(rows).select((pl.col("snapshot_at") - START).dt.total_hours(), "has_other_venues")
    assert found.rows() == [(1, True), (2, False), (3, True), (5, False)]


def test_underlyings_are_kept_apart() -> None:
    rows = [totals(START, 5.0), {**totals(START + HOUR, -5.0), "underlying": "ETH"}]
    assert transitions(rows).is_empty()
