"""Recorded answers of OKX, read as the client reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gex_pipeline.core.instruments import parse
from gex_pipeline.venues.base import Reply, Request
from gex_pipeline.venues.okx import checks, normalize, wire

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def recorded(real_data: Path) -> Path:
    folder = real_data / "wire" / "okx"
    if not folder.is_dir():
        pytest.skip(f"no recorded answers of OKX: {folder} is no folder")
    return folder


def read(path: Path, request: Request) -> Reply:
    return Reply(request, "", 200, AT, AT, body=path.read_bytes())


@pytest.mark.parametrize(
    ("name", "family", "size"),
    [
        ("instruments_instType_OPTION_uly_BTC_USD__1652458997.json", "BTC-USD", 0.1),  # before the change of 2022
        ("instruments_instType_OPTION_uly_ETH_USD__1652458997.json", "ETH-USD", 1.0),
        ("http_get_instruments_option.json", "BTC-USD", 0.01),
    ],
)
def test_lists_of_contracts_fit_their_names(recorded: Path, name: str, family: str, size: float) -> None:
    reply = read(recorded / name, wire.instruments(family))
    table = normalize._table(family[:3], [reply], wire.Listed)
    assert table.height == len(wire.rows(reply, wire.Listed)) > 0
    assert all(parse("okx", name) is not None for name in table["instId"])
    assert wire.families(table["instId"], family[:3]) == [family]
    assert checks._contradictions(table) is None
    sizes = table.select(checks.number("ctVal") * checks.number("ctMult")).to_series()
    assert sizes.unique().to_list() == [pytest.approx(size)]


def test_a_summary_without_greeks(recorded: Path) -> None:
    rows = wire.rows(read(recorded / "http_get_option_summary.json", wire.summary("BTC-USD")), wire.Summary)
    assert {(r.mark_vol, r.bid_vol, r.ask_vol, r.fwd_px, r.gamma_bs) for r in rows} == {
        ("0.455", "0.45", "0.46", "97000", "")
    }
