"""What makes a folder a warehouse, and keeps made-up data out of a real one."""

from __future__ import annotations

import json

import pytest

from gex_pipeline.errors import StoreError
from gex_pipeline.store.layout import MARKER
from gex_pipeline.store.marker import UNDECIDED
from gex_pipeline.store.partitions import Store


def test_a_folder_becomes_a_warehouse_once(tmp_path):
    made = Store(tmp_path / "new" / "warehouse")
    with pytest.raises(StoreError, match="does not exist"):
        made.require()
    made.create()
    made.create()
    made.require()
    assert json.loads((made.root / "gex-warehouse.json").read_text()) == {"format": 1, "kind": "real"}


@pytest.mark.parametrize("leftover", [".gitignore", "gex-warehouse.json.tmp"])
def test_a_creation_that_was_cut_short_can_be_repeated(tmp_path, leftover):
    (tmp_path / leftover).write_text("")
    Store(tmp_path).create()
    assert not (tmp_path / "gex-warehouse.json.tmp").exists()


@pytest.mark.parametrize("kind", ["real", "synthetic", UNDECIDED])
def test_a_warehouse_of_a_newer_layout_is_refused(tmp_path, kind):
    (tmp_path / MARKER).write_text('{"format": 2, "kind": "real"}')
    with pytest.raises(StoreError, match="use a newer gex"):
        Store(tmp_path).create(kind)


def test_folders_and_files_that_are_no_warehouse_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(StoreError, match="neither empty nor a warehouse"):
        Store(tmp_path).create()
    with pytest.raises(StoreError, match="is not a warehouse"):
        Store(tmp_path).require()
    with pytest.raises(StoreError, match="is a file, not a folder"):
        Store(tmp_path / "thesis.tex").create()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
