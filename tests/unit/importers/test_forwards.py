"""Front forward and put-call parity on chains small enough for pencil and paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.importers.build import chain_of, good, reasons, row

PARITY = {"forward_usd": None, "forward": "parity", "mark_usd": "mark", "bid_usd": "bid", "ask_usd": "ask"}


def _pair(strike: int, call: Any, put: Any, expiry: str = "10JAN26", **cells: Any) -> list[dict[str, Any]]:
    names = (f"BTC_USDC-{expiry}-{strike}-C", f"BTC_USDC-{expiry}-{strike}-P")
    return [row(**{"name": n, "mark": m, **cells}) for n, m in zip(names, (call, put), strict=True)]


def _forwards(imported: Any) -> dict[str, tuple[float, str]]:
    """Expiry part of the name -> (forward, its source)."""
    frame = good(imported).select("instrument", "forward_usd", "forward_source").unique()
    return {name.split("-")[1]: (forward, source) for name, forward, source in frame.iter_rows()}


def test_median_of_the_five_closest_strikes(tmp_path: Path) -> None:
    rows = (
        _pair(90, 12, 1)  # |C-P| 11
        + _pair(95, 8, 2)  # 6 -> F 101
        + _pair(100, 5, 4)  # 1 -> F 101
        + _pair(105, 3, 7)  # 4 -> F 101
        + _pair(110, 2, 10)  # 8 -> F 102
        + _pair(115, 1, 10)  # 9 -> F 106
        + _pair(120, 1, 30)  # 29 -> F 91
    )
    assert _forwards(chain_of(tmp_path, rows, PARITY)) == {"10JAN26": (101.0, "parity")}  # of 101 101 101 102 106


def test_ties_go_to_the_lower_strike(tmp_path: Path) -> None:
    # five pairs, then two with |C-P| = 9: strike 80 gives F 89, strike 130 gives F 121
    near = _pair(100, 9, 8) + _pair(104, 8, 9) + _pair(96, 9, 7) + _pair(108, 7, 9)  # F 101, 103, 98, 106
    rows = near + _pair(130, 1, 10) + _pair(80, 10, 1)
    assert _forwards(chain_of(tmp_path, rows, PARITY)) == {"10JAN26": (101.0, "parity")}  # 89 98 [101] 103 106
    without_tie = near + _pair(130, 1, 10)
    assert _forwards(chain_of(tmp_path, without_tie, PARITY)) == {"10JAN26": (103.0, "parity")}  # 98 101 [103] 106 121


def test_even_number_of_pairs_takes_the_mean_of_the_middle(tmp_path: Path) -> None:
    rows = _pair(100, 3, 1) + _pair(110, 1, 3)  # 102 and 108
    assert _forwards(chain_of(tmp_path, rows, PARITY)) == {"10JAN26": (105.0, "parity")}


def test_marks_of_zero_make_no_pair_and_rejected_rows_take_part(tmp_path: Path) -> None:
    rows = _pair(100, 6, 1, iv="0", oi="") + _pair(100000, 0, 7) + _pair(110, "", 9)
    imported = chain_of(tmp_path, rows, PARITY)
    assert set(_forwards(imported).values()) == {(105.0, "parity")}
    assert sorted(reasons(imported)) == ["no_iv", "no_iv"]


def test_expired_and_misnamed_rows_take_no_part(tmp_path: Path) -> None:
    rows = _pair(100, 6, 1) + _pair(100, 60, 1, expiry="1JAN26", at="2026-01-01T09:00:00Z")
    for line in rows[:2]:
        line["at"] = "2026-01-01T09:00:00Z"
    imported = chain_of(tmp_path, [*rows, row(name="BTC-PERPETUAL", at="2026-01-01T09:00:00Z")], PARITY)
    assert _forwards(imported) == {"10JAN26": (105.0, "parity")}
    assert set(good(imported)["index_usd"]) == {105.0}  # not the expired expiry's
    assert sorted(reasons(imported)) == ["expired", "expired", "name_not_parsed"]


def test_expiry_without_a_pair_takes_the_nearest_that_has_one(tmp_path: Path) -> None:
    lonely = [row(name="BTC_USDC-3JAN26-100-C", mark="5")]  # nearest in time, but no put
    rows = lonely + _pair(100, 8, 1, expiry="30JAN26") + _pair(100, 6, 1)
    imported = chain_of(tmp_path, rows, PARITY)
    assert _forwards(imported) == {
        "3JAN26": (105.0, "index"),
        "10JAN26": (105.0, "parity"),
        "30JAN26": (107.0, "parity"),
    }
    assert set(good(imported).select("index_usd", "index_source").iter_rows()) == {(105.0, "front_forward")}


def test_expiry_without_a_pair_takes_the_venues_index_where_there_is_one(tmp_path: Path) -> None:
    rows = [row(name="BTC_USDC-3JAN26-100-C", mark="5"), *_pair(100, 6, 1)]
    imported = chain_of(tmp_path, [{**r, "idx": "104"} for r in rows], {**PARITY, "index_usd": "idx"})
    assert _forwards(imported) == {"3JAN26": (104.0, "index"), "10JAN26": (105.0, "parity")}
    assert set(good(imported).select("index_usd", "index_source").iter_rows()) == {(104.0, "venue")}


def test_parity_per_snapshot(tmp_path: Path) -> None:
    rows = _pair(100, 6, 1) + _pair(100, 9, 1, at="2026-01-01T01:00:00Z")
    frame = good(chain_of(tmp_path, rows, PARITY)).select("snapshot_at", "forward_usd").unique().sort("snapshot_at")
    assert frame["forward_usd"].to_list() == [105.0, 108.0]


def test_parity_prices_are_per_coin_first(tmp_path: Path) -> None:
    per_contract = {k: {"column": v, "unit": "usd_per_contract"} for k, v in (("mark_usd", "mark"), ("bid_usd", "bid"))}
    section = {**PARITY, **per_contract, "contract_size_coin": {"value": 100}}
    rows = _pair(2, 30, 10)  # 0.3 - 0.1 per coin
    assert _forwards(chain_of(tmp_path, rows, section)) == {"10JAN26": (2.2, "parity")}


def test_front_forward_is_the_median_of_the_nearest_expiry_of_each_book(tmp_path: Path) -> None:
    def contract(name: str, forward: str) -> dict[str, Any]:
        return row(name=name, fwd=forward)

    rows = [
        contract("BTC-3JAN26-100-C", "100"),
        contract("BTC-3JAN26-100-P", "104"),
        contract("BTC-3JAN26-90-P", "101"),
        contract("BTC-3JAN26-80-P", "-5"),  # no forward
        contract("BTC-2JAN26-80-P", ""),  # a nearer expiry without any forward
        contract("BTC-30JAN26-100-C", "200"),
        contract("BTC_USDC-3JAN26-100-C", "99"),
        contract("ETH-3JAN26-100-C", "7"),
    ]
    frame = good(chain_of(tmp_path, rows))
    found = set(frame.select("underlying", "settlement", "index_usd", "index_source").iter_rows())
    assert found == {
        ("BTC", "inverse", 101.0, "front_forward"),
        ("BTC", "linear", 99.0, "front_forward"),
        ("ETH", "inverse", 7.0, "front_forward"),
    }


def test_front_forward_passes_over_expired_expiries(tmp_path: Path) -> None:
    at = "2026-01-01T08:00:00Z"
    rows = [row(name="BTC-1JAN26-100-C", fwd="50", at=at), row(name="BTC-3JAN26-100-C", fwd="100", at=at)]
    imported = chain_of(tmp_path, rows)
    assert good(imported)["index_usd"].to_list() == [100.0]
    assert reasons(imported) == ["expired"]
