"""The recipes of plain-readers.md on the demo: DuckDB's shell, Polars and pandas, none with this package."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

import pytest

from gex_pipeline.engine.build import build
from gex_pipeline.schema import CHAIN, LEVELS
from tests import recipes
from tests.unit.store.build import chain, store


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "warehouse"
    made = store(root)
    for venue, coin in product(("deribit", "okx"), ("BTC", "ETH")):
        made.merge(CHAIN, chain("2026-01-10T03:00", 4, venue=venue, underlying=coin, is_whole=True), {})
    assert not build(root).failures
    return root


@pytest.mark.parametrize("table", [CHAIN, LEVELS], ids=lambda t: t.name)
@pytest.mark.parametrize("reader", recipes.READERS)
def test_rows_and_types(reader, table, warehouse, tmp_path):
    recipes.check(reader, table, warehouse, tmp_path)


@pytest.mark.parametrize("reader", recipes.READERS)
def test_a_recipe_does_without_the_package(reader):
    assert "gex" not in recipes.recipe(reader)


@pytest.mark.parametrize("reader", recipes.READERS)
def test_a_filter_on_the_path_opens_no_other_folder(reader, warehouse, tmp_path):
    """All queries of the page ask for BTC: files of ETH that no reader can open do not matter."""
    broken = shutil.copytree(warehouse, tmp_path / "broken")
    files = [*broken.glob("chain/underlying=ETH/**/*.parquet"), *broken.glob("levels/underlying=ETH/**/*.parquet")]
    assert len(files) == 3  # two venues, and what is derived of both
    for file in files:
        file.write_bytes(b"no Parquet")
    recipes.run(reader, broken, tmp_path)
