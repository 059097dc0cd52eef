"""Recorded book summaries, put back into the responses they came from, beside the same rows through a mapping."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gex_pipeline.core.instruments import parse
from gex_pipeline.importers import READERS, Options, load_mapping
from gex_pipeline.importers.deribit_instruments import contract_sizes

MAPPING = Path(__file__).parents[1] / "mappings" / "deribit-5min.toml"
SIZES = {"BTC": 1, "ETH": 1, "SOL": 10}
GRID = timedelta(minutes=5)


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "instrument_name": row["instrument_name"],
        "open_interest": row["open_interest"],
        "mark_price": row["mark_price"],
        "bid_price": row["best_bid_price"],
        "ask_price": row["best_ask_price"],
        "mark_iv": row["mark_iv"],
        "underlying_price": row["underlying_price"],
        "volume": row["volume"],
    }


def _response(flat: pl.DataFrame) -> dict[str, Any]:
    (sent,) = flat["harvest_time"].dt.epoch("us").unique().to_list()
    return {"jsonrpc": "2.0", "result": [_summary(r) for r in flat.iter_rows(named=True)], "usOut": sent}


def _instruments(names: pl.Series) -> dict[str, Any]:
    found = {name: parse("deribit", name) for name in names}
    return {"result": [{"instrument_name": n, "contract_size": SIZES[c.underlying]} for n, c in found.items()]}


@pytest.mark.parametrize("book", ["BTC", "ETH", "BTC_USDC", "ETH_USDC", "SOL_USDC"])
def test_responses_give_what_their_flattened_files_give(real_data: Path, tmp_path: Path, book: str) -> None:
    files = sorted((real_data / "deribit-5min" / book).glob("*.parquet"))[::25]
    assert len(files) > 4
    for i, file in enumerate(files):
        flat = pl.read_parquet(file, hive_partitioning=False)
        (tmp_path / f"{i}.json").write_text(json.dumps(_response(flat)))
        (tmp_path / f"{i}.sizes").write_text(json.dumps(_instruments(flat["instrument_name"])))
        options = Options(every=GRID, instruments=(tmp_path / f"{i}.sizes",))
        found = READERS["deribit-book-summary"](tmp_path / f"{i}.json", options)
        expected = READERS["chain"](file, Options(mapping=load_mapping(MAPPING)))
        assert found.tables["chain"].height > 20
        for table, key in (("chain", "source"), ("chain_rejected", "raw")):
            other = ["source", key]
            assert_frame_equal(
                found.tables[table].drop(other, strict=False),
                expected.tables[table].drop(other, strict=False),
                check_exact=True,
            )
        assert (found.rows, found.dropped, found.repeated) == (expected.rows, expected.dropped, expected.repeated)


def test_recorded_instruments_agree_with_their_names(real_data: Path) -> None:
    paths = tuple(sorted((real_data / "wire" / "deribit").glob("get_instruments_*.json")))
    sizes = contract_sizes(paths)
    assert len(sizes) > 300
    assert {name.split("-")[0] for name in sizes} == {"BTC", "ETH", "SOL"}
    assert set(sizes.values()) == {1.0}
