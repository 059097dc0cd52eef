"""Runs of backtests that were stored with fewer columns, beside one of today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from gex_backtest import results
from gex_backtest.config import Configuration, configure
from gex_backtest.identity import Origin
from gex_backtest.suite import run
from gex_pipeline.schema import TABLES
from gex_pipeline.store.manifest import file_hash
from gex_pipeline.store.partitions import Store
from gex_pipeline.store.session import Session
from gex_pipeline.store.verify import verify
from tests.unit.backtest import drifts

NEW = ("p_value", "q_value", "detectable")


def stored(root: Path, asked: Configuration) -> str:
    of, instrument = drifts.history(), {"venue": "okx", "market": "perp", "symbol": "BTC-PERP", "interval": "1h"}
    record = results.Record(run(of, asked), Origin.of(asked, of, [instrument]))
    results.store(root, record)
    return record.run_id


def make_old(root: Path, run_id: str) -> None:
    """As the first version of the table had it."""
    (partition,) = (p for p in Store(root).partitions(TABLES["backtest_stats"]) if p.hive == (("run_id", run_id),))
    path, manifest = root / partition.path, Store(root).manifest(partition)
    pl.read_parquet(path, hive_partitioning=False).drop(NEW).write_parquet(path)
    older = replace(manifest, schema_version=1, content_hash=file_hash(path))
    (root / partition.manifest_path).write_bytes(older.to_json())


@pytest.mark.parametrize("has_new", [False, True])
def test_what_an_older_run_did_not_tell_is_null_and_all_else_is_there(tmp_path: Path, has_new: bool) -> None:
    Store(tmp_path).create()
    asked = configure(["drifts"], rules=drifts.RULES)
    old = stored(tmp_path, asked)
    before = Session(tmp_path).query("FROM backtest_stats ORDER BY place")
    assert before["p_value"].count() > 0
    make_old(tmp_path, old)
    new = stored(tmp_path, replace(asked, latency_seconds=120.0)) if has_new else None
    found = Session(tmp_path).query(f"FROM backtest_stats WHERE run_id = '{old}' ORDER BY place")
    assert found.drop(NEW).equals(before.drop(NEW))
    assert all(found[name].null_count() == found.height for name in NEW)
    counted = Session(tmp_path).query("SELECT run_id, count(p_value) AS n FROM backtest_stats GROUP BY run_id")
    assert {run_id for run_id, n in counted.rows() if n} == ({new} if has_new else set())
    (said,) = verify(tmp_path)
    assert "schema version 1, this is version 2: delete it and run `gex backtest`" in said.problem
