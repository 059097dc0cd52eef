"""Query results as csv, json, parquet and text."""

from __future__ import annotations

import io
import json
import os
import threading
from datetime import UTC, date, datetime

import polars as pl
import pytest
from rich.console import Console

from gex_pipeline.errors import GexError, UsageError
from gex_pipeline.present import exports, files


@pytest.fixture
def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "at": [datetime(2026, 3, 17, 16, tzinfo=UTC), None],
            "day": [date(2026, 3, 17), None],
            "level": ["hvl", 'a "quoted", one'],
            "value": [1.5, None],
        },
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )


def test_csv_has_instants_with_z_and_empty_cells_for_null(frame):
    lines = exports.csv(frame).decode().splitlines()
    assert lines == [
        "at,day,level,value",
        "2026-03-17T16:00:00Z,2026-03-17,hvl,1.5",
        ',,"a ""quoted"", one",',
    ]


def test_csv_keeps_microseconds(frame):
    shifted = frame.with_columns(pl.col("at") + pl.duration(microseconds=7))
    assert "2026-03-17T16:00:00.000007Z" in exports.csv(shifted).decode()


def test_csv_refuses_lists():
    with pytest.raises(UsageError, match="column xs"):
        exports.csv(pl.DataFrame({"xs": [[1, 2]]}))


def test_json_is_an_array_of_objects_without_nan(frame):
    odd = pl.Series("xs", [[1.0, float("inf")], None])
    rows = json.loads(exports.json_rows(frame.with_columns(odd, nan=pl.lit(float("nan")))))
    assert rows[0] == {
        "at": "2026-03-17T16:00:00Z",
        "day": "2026-03-17",
        "level": "hvl",
        "value": 1.5,
        "xs": [1.0, None],
        "nan": None,
    }
    assert json.loads(exports.json_rows(frame.clear())) == []


def test_parquet_round_trip(frame):
    assert pl.read_parquet(io.BytesIO(exports.parquet(frame))).equals(frame)


def test_text_table_has_every_row_and_no_colour():
    text = exports.table_text(pl.DataFrame({"n": range(500)})).decode()
    assert "\x1b" not in text
    assert [int(line) for line in text.split()[2:]] == list(range(500))


def test_a_long_cell_is_cut_on_a_terminal():
    screen = io.StringIO()
    console = Console(file=screen, width=1000)
    console.print(exports.table(pl.DataFrame({"long": ["x" * 300], "n": [1]})))
    assert screen.getvalue().splitlines()[-1] == "x" * 199 + "…  1"


def test_text_table_is_never_cut():
    text = exports.table_text(pl.DataFrame({"long": ["x" * 300], "n": [1]})).decode()
    assert "x" * 300 in text


def test_empty_frame_in_every_format():
    for encode in exports.ENCODERS.values():
        assert encode(pl.DataFrame({"n": []}, schema={"n": pl.Int64}))


def test_an_output_file_is_written_where_it_was_meant(tmp_path):
    """Links are followed, pipes are written into, a folder that does not exist is not made."""
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_bytes(b"old")
    link.symlink_to(target)
    files.write_atomically(link, b"new")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    received: list[bytes] = []
    reader.start()
    files.write_atomically(pipe, b"flowed")
    reader.join(10)
    assert (pipe.is_fifo(), received) == (True, [b"flowed"])
    with pytest.raises(GexError, match=r"the folder .*missing does not exist"):
        files.write_atomically(tmp_path / "missing" / "x.csv", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.csv", "pipe", "target.csv"]
