"""The recipes of plain-readers.md on real chains of two venues and two months."""

from __future__ import annotations

from pathlib import Path

import pytest

from gex_pipeline.engine.build import build
from gex_pipeline.engine.imports import import_files
from gex_pipeline.importers import Options, load_mapping
from gex_pipeline.schema import CHAIN, LEVELS
from tests import recipes

MAPPING = Path(__file__).parents[1] / "mappings" / "deribit-daily.toml"


@pytest.fixture(scope="module")
def warehouse(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three daily files of Deribit and one day of Binance, built."""
    root = tmp_path_factory.mktemp("plain") / "warehouse"
    days = sorted((real_data / "deribit-daily").glob("*.csv"))[:3]
    hours = sorted((real_data / "binance-eoh").glob("*.csv"))[:1]
    mapping = load_mapping(MAPPING)
    for source, files, options in (("chain", days, Options(mapping)), ("binance-eoh", hours, Options())):
        assert import_files(root, source, files, options).failures == []
    assert build(root).failures == []
    return root


@pytest.mark.parametrize("table", [CHAIN, LEVELS], ids=lambda t: t.name)
@pytest.mark.parametrize("reader", recipes.READERS)
def test_rows_and_types(reader, table, warehouse, tmp_path):
    recipes.check(reader, table, warehouse, tmp_path)
