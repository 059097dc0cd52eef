"""While a settlement price is averaged the venues say what it will be: stored for what settles, and used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gex_pipeline.core.instruments import VENUES
from gex_pipeline.engine.live import SnapshotSummary, snapshot
from gex_pipeline.engine.polls import Network
from gex_pipeline.market.quotes import index_price
from gex_pipeline.market.server.answers import as_us
from gex_pipeline.market.server.faults import Fault
from gex_pipeline.market.server.server import VenueServer, serve
from gex_pipeline.market.world import World
from gex_pipeline.store.partitions import Store
from gex_pipeline.warehouse import open_warehouse
from tests.slow import exposure as slow_exposure

MINUTE = timedelta(minutes=1)
#: Within the window of a day whose index has moved since it began.
AT = datetime(2026, 5, 29, 7, 45, tzinfo=UTC)
INDICES = {
    ("deribit", "inverse"): "deribit/usd",
    ("deribit", "linear"): "deribit/usdc",
    ("bybit", "linear"): "bybit/usdt",
    ("okx", "inverse"): "okx/usd",
    ("binance", "linear"): "binance/usdt",
}
ESTIMATE = "public/estimated-price"


def taken(place: Path, at: datetime, *faults: Fault) -> tuple[SnapshotSummary, World]:
    """A snapshot of BTC of all venues at a simulated instant."""
    with serve(3, lambda: at, ("BTC",)) as server:
        for fault in faults:
            server.inject(fault)
        return _taken(server, place, at), server.moment().world


def _taken(server: VenueServer, place: Path, at: datetime) -> SnapshotSummary:
    store = Store(place, clock=lambda: at)
    store.create("synthetic")
    return snapshot(store, Network(server.hosts, 5.0, 10.0), VENUES, ["BTC"], at)


def chain(place: Path) -> pl.DataFrame:
    with open_warehouse(place) as warehouse:
        return warehouse.query("SELECT *, expiry_at - snapshot_at < INTERVAL 1 DAY AS is_next FROM chain")


def mean_of_index(world: World, source: str, at: datetime, minutes: int) -> float:
    """The index of every minute since 08:00 less the window."""
    begin = at.replace(hour=8, minute=0) - minutes * MINUTE
    instants = [as_us(begin + i * MINUTE) for i in range((at - begin) // MINUTE + 1)]
    return float(np.mean(index_price(world, source, "BTC", np.array(instants))))


def test_within_the_window_what_settles_has_the_mean_of_the_index_so_far(tmp_path: Path) -> None:
    summary, world = taken(tmp_path, AT)
    assert summary.failures == {}
    rows = chain(tmp_path)
    assert rows.filter(~pl.col("is_next"))["settlement_estimate_usd"].null_count() == rows["is_next"].not_().sum()
    for (venue, settlement), source in INDICES.items():
        is_mine = pl.col("is_next") & (pl.col("venue") == venue) & (pl.col("settlement") == settlement)
        mine, mean = rows.filter(is_mine), mean_of_index(world, source, AT, 30)
        assert mine.height > 0 and mine["settlement_estimate_usd"].null_count() == 0
        found = mine["settlement_estimate_usd"].to_numpy()
        assert np.abs(found / mean - 1.0).min() < 1e-4  # Bybit has books on two indices
        assert np.abs(found / mean - 1.0).max() < 3e-4
        assert abs(mean / mine["index_usd"][0] - 1.0) > 4e-4, "the index has not moved enough to tell them apart"


def test_gamma_of_the_average_uses_it(tmp_path: Path) -> None:
    taken(tmp_path, AT - 9 * MINUTE)  # later, strikes this far apart have no gamma left
    book = chain(tmp_path).filter("is_next").to_dicts()
    with open_warehouse(tmp_path) as warehouse:
        cells = warehouse.query("FROM gamma_twap").rows(named=True)
    assert sorted(cell["venue"] for cell in cells) == sorted(VENUES)
    differences = []
    for cell in cells:
        mine = [row for row in book if row["venue"] == cell["venue"]]
        gross = sum(map(slow_exposure.gross_gex, mine))
        told, untold = (
            sum(slow_exposure.gex_twap({**row, **change}) or 0.0 for row in mine)
            for change in ({}, {"settlement_estimate_usd": None})
        )
        assert cell["gamma_twap_usd"] == pytest.approx(told, abs=1e-9 * gross)
        differences.append(abs(told - untold) / gross)
    assert max(differences) > 1e-3, "the forward would have done as well"


@pytest.mark.parametrize(
    ("at", "venues"),
    [
        (AT - 15 * MINUTE, set()),
        (datetime(2026, 3, 17, 7, 15, tzinfo=UTC), {"okx"}),  # its window was an hour until 2026-03-18
        (datetime(2026, 3, 18, 7, 15, tzinfo=UTC), set()),
    ],
)
def test_before_the_window_there_is_none(tmp_path: Path, at: datetime, venues: set[str]) -> None:
    taken(tmp_path, at)
    told = chain(tmp_path).filter(pl.col("settlement_estimate_usd").is_not_null())
    assert set(told["venue"]) == venues and told["is_next"].all()


@pytest.mark.parametrize(("kind", "warnings"), [("http_status", 2), ("empty_list", 0), ("missing_field", 2)])
def test_an_estimate_that_cannot_be_had_costs_no_snapshot(tmp_path: Path, kind: str, warnings: int) -> None:
    summary, _ = taken(tmp_path, AT, Fault("okx", ESTIMATE, kind, times=None, value=404, field="settlePx"))
    assert summary.failures == {}
    okx = chain(tmp_path).filter(pl.col("venue") == "okx")
    assert okx.height > 0 and okx["settlement_estimate_usd"].null_count() == okx.height
    (outcome,) = [o for o in summary.outcomes if o.venue == "okx"]
    assert len([w for w in outcome.rows.warnings if w.startswith("settlement_estimate: ")]) == warnings
