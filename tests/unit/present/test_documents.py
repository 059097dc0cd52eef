"""The JSON documents: exact keys, nulls, times; numbers that can be added by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from gex_pipeline.errors import GexError
from gex_pipeline.present import documents

NOW = datetime(2026, 3, 17, 16, 1, 30, tzinfo=UTC)
ALL = {"candles", "expected_move", "max_pain", "ranked", "spot", "zones"}
META = [
    "version",
    "timestamp",
    "request_id",
    "symbol",
    "spot_price",
    "computed_at",
    "freshness_seconds",
    "source",
    "exchanges_filtered",
    "extra",
]


def levels(answer: Any, include: set[str] = ALL) -> dict[str, Any]:
    document = documents.levels_document(answer, include, NOW, "an-id")
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    return document


def test_levels_document_has_exactly_the_keys_of_the_interface(make_answer):
    document = levels(make_answer(), set())
    assert list(document) == ["data", "meta", "success"]
    assert list(document["data"]) == ["all_expiry", "odte"]
    assert list(document["data"]["all_expiry"]) == [
        "hvl",
        "zero_gamma",
        "call_resistance",
        "call_wall_2",
        "call_wall_3",
        "put_support",
        "put_wall_2",
        "put_wall_3",
    ]
    assert list(document["data"]["odte"]) == ["hvl", "zero_gamma", "call_resistance", "put_support"]
    assert list(document["meta"]) == META
    assert document["success"] is True


def test_an_absent_level_is_null_and_its_status_is_told(make_answer):
    document = levels(make_answer())
    assert document["data"]["all_expiry"]["zero_gamma"] == 97.5
    assert document["data"]["all_expiry"]["hvl"] is None
    assert document["data"]["odte"]["zero_gamma"] is None
    status = document["meta"]["extra"]["status"]
    assert status["zero_gamma"] == "multiple"
    assert status["hvl"] == "empty"
    assert status["odte.zero_gamma"] == "none_positive"
    assert status["odte.zero_dte_magnet"] == "empty"


def test_each_section_appears_when_it_is_included_and_only_then(make_answer):
    keys = {
        "ranked": "ranked",
        "max_pain": "max_pain",
        "expected_move": "expected_move",
        "zones": "gamma_flip_zones",
        "spot": "spot",
        "candles": "candles",
    }
    for word, key in keys.items():
        assert set(levels(make_answer(), {word})["data"]) == {"all_expiry", "odte", key}


def test_meta_tells_instant_age_sources_and_filters(make_answer):
    filters = {"venues": ["deribit"], "moneyness_min": 0.9, "moneyness_max": None, "spot_window_pct": None}
    meta = levels(make_answer(filters=filters, is_stale=True))["meta"]
    assert meta["timestamp"] == "2026-03-17T16:01:30Z"
    assert meta["computed_at"] == "2026-03-17T16:00:00Z"
    assert (meta["request_id"], meta["symbol"], meta["spot_price"]) == ("an-id", "BTC", 100.0)
    assert meta["freshness_seconds"] == 90.0
    assert (meta["source"], meta["exchanges_filtered"]) == (["deribit"], ["deribit"])
    assert meta["extra"]["sign_model"] == "naive"
    assert meta["extra"]["scope_filters"] == {"moneyness_min": 0.9, "moneyness_max": None, "spot_window_pct": None}
    assert meta["extra"]["is_stale"] is True
    assert meta["extra"]["absent_venues"] == []
    assert levels(make_answer(absent_venues=["okx"]))["meta"]["extra"]["absent_venues"] == ["okx"]
    assert meta["extra"]["knowledge_time"] == "2026-03-17T16:00:00Z"


def test_without_a_venue_filter_the_filter_is_an_empty_list(make_answer):
    assert levels(make_answer())["meta"]["exchanges_filtered"] == []


def test_headlines_of_max_pain_and_expected_move_are_the_front_expiry(make_answer):
    data = levels(make_answer())["data"]
    assert data["max_pain"] == {"strike": 100.0, "value": 1234.5, "expiry": "2026-03-18T08:00:00Z"}
    bands = dict.fromkeys(("upper_1sd", "lower_1sd", "upper_2sd", "lower_2sd"))
    assert data["expected_move"] == bands | {"expiry": "2026-03-18T08:00:00Z"}


def test_sections_without_rows_are_null_not_missing(make_answer):
    answer = make_answer()
    empty = make_answer(max_pain=answer.max_pain.clear(), expected_move=answer.expected_move.clear(), candles=None)
    data = levels(empty)["data"]
    assert data["max_pain"] == {"strike": None, "value": None, "expiry": None}
    assert set(data["expected_move"].values()) == {None}
    assert data["candles"] == []


def test_ranked_flips_spot_and_candles(make_answer):
    data = levels(make_answer())["data"]
    assert data["ranked"]["all_expiry_top_10"] == [
        {"strike": 110.0, "net_gex_usd": 83.0, "call_gex_usd": 90.0, "put_gex_usd": -7.0}
    ]
    assert [row["strike"] for row in data["ranked"]["odte_top_10"]] == [110.0, 90.0]
    assert data["gamma_flip_zones"] == [
        {"price": 97.5, "direction": "up", "slope": 7.5},
        {"price": 112.0, "direction": "down", "slope": -3.0},
    ]
    assert data["spot"] == {"spot_price": 100.0, "perps_price": None}
    assert len(data["candles"]) == 48
    assert data["candles"][-1] == {
        "datetime": "2026-03-11T23:00:00Z",
        "open": 1.0,
        "high": 3.0,
        "low": 0.5,
        "close": 2.0,
        "volume": None,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_number_that_is_not_finite_is_null(value):
    assert documents.number(value) is None


def test_zero_has_no_sign():
    assert json.dumps(documents.number(-0.0)) == "0.0"


def test_profile_sums_expiries_per_strike(make_answer):
    document = documents.profile_document(make_answer(), "all", NOW, "an-id")
    json.dumps(document, allow_nan=False)
    assert list(document["data"]) == ["expiry", "strikes", "ranked_top_10"]
    assert list(document["meta"]) == META
    strikes = {row["strike"]: row for row in document["data"]["strikes"]}
    assert list(strikes) == [80.0, 90.0, 100.0, 110.0, 200.0]
    assert strikes[90.0] == {
        "strike": 90.0,
        "call_gex_usd": 3.0,
        "put_gex_usd": -50.0,
        "net_gex_usd": -47.0,
        "gross_gex_usd": 53.0,
        "call_oi_coin": 11.0,
        "put_oi_coin": 130.0,
    }
    # 100 has net 0: below the floor, so it makes no rank.
    assert [row["strike"] for row in document["data"]["ranked_top_10"]] == [110.0, 90.0, 80.0, 200.0]


@pytest.mark.parametrize(
    ("expiry", "named", "strikes"),
    [("odte", "odte", [90.0, 100.0, 110.0]), (date(2026, 3, 27), "2026-03-27", [80.0, 90.0, 110.0, 200.0])],
)
def test_profile_of_one_choice_of_expiry(make_answer, expiry, named, strikes):
    data = documents.profile_document(make_answer(), expiry, NOW, "an-id")["data"]
    assert data["expiry"] == named
    assert [row["strike"] for row in data["strikes"]] == strikes


def test_profile_of_an_expiry_that_is_not_listed_names_those_that_are(make_answer):
    with pytest.raises(GexError, match=r"2026-03-20.*2026-03-18, 2026-03-27"):
        documents.profile_document(make_answer(), date(2026, 3, 20), NOW, "an-id")


def test_heatmap_is_strikes_by_expiries_with_null_where_no_contract_is(make_answer):
    document = documents.heatmap_document(make_answer(), NOW, "an-id")
    json.dumps(document, allow_nan=False)
    assert document["data"] == {
        "strikes": [80.0, 90.0, 100.0, 110.0, 200.0],
        "expiries": ["2026-03-18T08:00:00Z", "2026-03-27T08:00:00Z"],
        "net_gex_usd": [[None, -8.0], [-19.0, -28.0], [0.0, None], [38.0, 45.0], [None, 4.0]],
    }


def test_venues_add_up_in_the_heatmap(make_answer):
    exposure = make_answer().exposure
    two = pl.concat([exposure, exposure.with_columns(venue=pl.lit("okx"))])
    assert documents.heatmap_document(make_answer(exposure=two), NOW, "an-id")["data"]["net_gex_usd"][1] == [
        -38.0,
        -56.0,
    ]


def test_of_what_nothing_is_known_the_number_is_null(partly_known):
    rows = documents.profile_document(partly_known, "all", NOW, "id")["data"]
    found = {r["strike"]: [r[f"{c}_gex_usd"] for c in ("call", "put", "net", "gross")] for r in rows["strikes"]}
    assert found == {
        80.0: [None, None, None, None],
        90.0: [2.0, None, 2.0, 2.0],
        100.0: [30.0, -30.0, 0.0, 60.0],
        110.0: [90.0, -7.0, 83.0, 97.0],
        200.0: [4.0, None, 4.0, 4.0],
    }
    assert [r["strike"] for r in rows["ranked_top_10"]] == [110.0, 200.0, 90.0]
    grid = documents.heatmap_document(partly_known, NOW, "id")["data"]["net_gex_usd"]
    assert grid == [[None, None], [None, 2.0], [0.0, None], [38.0, 45.0], [None, 4.0]]


def test_documents_of_an_empty_scope_are_empty_lists(make_answer):
    answer = make_answer(exposure=make_answer().exposure.clear())
    assert documents.profile_document(answer, "odte", NOW, "an-id")["data"]["strikes"] == []
    assert documents.heatmap_document(answer, NOW, "an-id")["data"]["net_gex_usd"] == []


def test_bundle_names_what_was_served_missing_and_invalid(make_answer):
    document = documents.bundle_document(
        {"BTC": levels(make_answer())}, {"ETH": "nothing stored"}, ["B/C"], ["BTCUSDT", "ETH", "B/C"], NOW, "an-id"
    )
    data = document["data"]
    assert list(data) == ["results", "requested", "served", "missing", "invalid"]
    assert data["requested"] == ["BTCUSDT", "ETH", "B/C"]
    assert data["served"] == ["BTC"]
    assert data["missing"] == {"ETH": "nothing stored"}
    assert data["invalid"] == ["B/C"]
    assert document["success"] is True


def test_documents_are_the_same_whatever_the_order_of_the_rows(make_answer):
    exposure = make_answer().exposure
    shuffled = make_answer(exposure=exposure.sample(fraction=1.0, shuffle=True, seed=7))
    for build in (documents.heatmap_document, lambda a, n, i: documents.profile_document(a, "all", n, i)):
        assert json.dumps(build(make_answer(), NOW, "x")) == json.dumps(build(shuffled, NOW, "x"))
