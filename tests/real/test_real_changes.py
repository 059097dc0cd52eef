"""Real chains compared over a day, and the last hour of real expiries, beside the slow twins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gex_pipeline import open_warehouse
from gex_pipeline.engine.imports import import_files
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.warehouse import Warehouse
from tests.slow import changes as slow
from tests.slow.compare import close
from tests.slow.exposure import contract_exposures, gex_twap, gross_gex

MAPPINGS = Path(__file__).parents[1] / "mappings"
#: (at, hours): Binance's with rows that were rejected, over an expiry, over none and over a day; Deribit's over a day
#: and over a quarterly expiry.
QUESTIONS = [
    (datetime(2023, 10, 20, 7, tzinfo=UTC), 3),
    (datetime(2023, 10, 20, 12, tzinfo=UTC), 6),
    (datetime(2023, 10, 20, 14, tzinfo=UTC), 1),
    (datetime(2023, 10, 21, 10, tzinfo=UTC), 24),
    (datetime(2026, 3, 24, 23, tzinfo=UTC), 24),
    (datetime(2026, 3, 27, 23, tzinfo=UTC), 24),
]


@pytest.fixture(scope="module")
def warehouse(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """All files of Binance and the daily ones of Deribit; nothing is built."""
    root = tmp_path_factory.mktemp("real") / "warehouse"
    daily = Options(load_mapping(MAPPINGS / "deribit-daily.toml"))
    assert import_files(root, "chain", [real_data / "deribit-daily"], daily).failures == []
    assert import_files(root, "binance-eoh", [real_data / "binance-eoh"], Options()).failures == []
    return open_warehouse(root)


def rows_at(warehouse: Warehouse, at: datetime) -> list[dict[str, Any]]:
    return warehouse.query("SELECT * FROM chain WHERE underlying = 'BTC' AND snapshot_at = ?", [at]).to_dicts()


def rejected_at(warehouse: Warehouse, at: datetime) -> slow.Names:
    where = "underlying = 'BTC' AND snapshot_at = ?"
    return frozenset(warehouse.query(f"SELECT venue, instrument FROM chain_rejected WHERE {where}", [at]).rows())


@pytest.mark.parametrize(("at", "hours"), QUESTIONS)
def test_changes_agree_with_the_twins(warehouse: Warehouse, at: datetime, hours: int) -> None:
    oi = warehouse.query("FROM oi_changes('BTC', at := ?, hours := ?) ORDER BY expiry_at, strike_usd", [at, hours])
    gex = warehouse.query("FROM gex_changes('BTC', at := ?, hours := ?, top := 1000) ORDER BY rank", [at, hours])
    ((now_at, before_at, status),) = oi.select("snapshot_at", "snapshot_before_at", "status").unique().rows()
    assert status == "ok"
    assert before_at <= at - timedelta(hours=hours) < now_at <= at
    now, before = rows_at(warehouse, now_at), rows_at(warehouse, before_at)
    lost = rejected_at(warehouse, before_at)
    cells = slow.oi_changes(now, before, lost)
    assert oi.height == len(cells) > 50
    for r in oi.rows(named=True):
        cell = cells[r["expiry_at"], r["strike_usd"]]
        assert [name for name in cell if not close(r[name], cell[name], 1e-9)] == []
    strikes, gross = slow.gex_changes(now, before, lost), sum(map(gross_gex, now + before))
    assert gex.height >= 20
    for r in gex.rows(named=True):
        cell = strikes[r["strike_usd"]]
        assert {name: r[name] for name in cell} == pytest.approx(cell, abs=1e-11 * gross)


def test_the_last_hours_of_expiries(warehouse: Warehouse) -> None:
    """Binance at 07:00 of one of the two days (the other lists none): an hour to go, half an hour to the window."""
    found = warehouse.query("FROM gamma_twap WHERE venue = 'binance' ORDER BY snapshot_at")
    assert [(r["tenor_minutes"], r["window_minutes"]) for r in found.rows(named=True)] == [(60.0, 30)]
    for r in found.rows(named=True):
        near = [x for x in rows_at(warehouse, r["snapshot_at"]) if x["expiry_at"] == r["expiry_at"]]
        gross = sum(map(gross_gex, near))
        assert r["net_gex_usd"] == pytest.approx(sum(contract_exposures(x)["gex_usd"] for x in near), abs=1e-9 * gross)
        assert r["gamma_twap_usd"] == pytest.approx(sum(gex_twap(x) or 0.0 for x in near), abs=1e-9 * gross)
