"""The declared types in the three engines, and Arrow tables of frames."""

from __future__ import annotations

import io

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gex_pipeline.schema import CHAIN, TABLES
from gex_pipeline.schema.model import Column, Table
from gex_pipeline.schema.types import arrow_schema, duckdb_type, polars_schema, to_arrow

EXPECTED = {
    "timestamp": (pa.timestamp("us", tz="UTC"), pl.Datetime("us", "UTC"), "TIMESTAMPTZ"),
    "float": (pa.float64(), pl.Float64(), "DOUBLE"),
    "int": (pa.int64(), pl.Int64(), "BIGINT"),
    "string": (pa.string(), pl.String(), "VARCHAR"),
    "category": (pa.dictionary(pa.int32(), pa.string()), pl.String(), "VARCHAR"),
    "bool": (pa.bool_(), pl.Boolean(), "BOOLEAN"),
    "binary": (pa.binary(), pl.Binary(), "BLOB"),
}

OPEN = Table(
    "open",
    "An open and a closed category.",
    (
        Column("name", "category", "", "Open.", is_nullable=True),
        Column("side", "category", "", "Closed.", choices=("C", "P")),
    ),
    key=("name",),
)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_has_its_type_in_every_engine(table):
    arrow, polars = arrow_schema(table), polars_schema(table)
    assert tuple(polars) == table.names
    assert arrow.names == [n for n in table.names if n not in table.hive]
    for column in table.columns:
        in_arrow, in_polars, in_duckdb = EXPECTED[column.dtype]
        assert polars[column.name] == in_polars
        assert duckdb_type(column) == in_duckdb
        if column.name not in table.hive:
            assert arrow.field(column.name).type == in_arrow
            assert arrow.field(column.name).nullable == column.is_nullable


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_declarations_are_consistent(table):
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)
    assert all(c.description for c in table.columns)
    if table.period is None:
        return
    # The order of a file must be total, or equal rows could give different bytes.
    assert set(table.hive) <= set(table.names)
    assert set(table.key) - set(table.hive) <= set(table.sort)
    assert table.period_column in table.names


def test_an_empty_frame_becomes_an_empty_table_of_the_schema():
    empty = to_arrow(CHAIN, pl.DataFrame(schema=polars_schema(CHAIN)))
    assert empty.schema.equals(arrow_schema(CHAIN))
    assert empty.num_rows == 0


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(to_arrow(OPEN, frame), buffer)
    return buffer.getvalue()


NAMES, SIDES = ["b", None, "a", "b"], ["P", "C", "P", "P"]


@pytest.mark.parametrize(
    "dtypes",
    [
        {"name": pl.Categorical, "side": pl.Categorical},
        {"name": pl.Enum(["a", "b"]), "side": pl.Enum(["C", "P"])},
        {"name": pl.String, "side": pl.Enum(["C", "P"])},
    ],
)
def test_equal_rows_give_equal_bytes_whatever_the_representation(dtypes):
    frame = pl.DataFrame({"name": NAMES, "side": SIDES}, schema={"name": pl.String, "side": pl.String})
    assert parquet(frame.cast(dtypes)) == parquet(frame)
    # A slice of a longer frame, in several chunks, is the same rows too.
    longer = pl.concat([frame, frame.head(1), frame], rechunk=False).cast(dtypes).slice(0, 4)
    assert parquet(longer) == parquet(frame)


@pytest.mark.parametrize("dtype", [pl.Enum(["z", "b", "a"]), pl.Enum(["b", "a", "z"])])
def test_equal_rows_give_equal_bytes_for_an_enum_of_other_names(dtype):
    frame = pl.DataFrame({"name": NAMES, "side": SIDES}, schema={"name": pl.String, "side": pl.String})
    assert parquet(frame.cast({"name": dtype})) == parquet(frame)


def test_a_value_outside_the_type_is_refused():
    frame = pl.DataFrame({"name": ["a"], "side": ["C"]}).with_columns(side=pl.lit(1.5))
    table = Table("x", "One number.", (Column("side", "int", "", "A count."),), key=("side",))
    with pytest.raises(pl.exceptions.PolarsError):
        to_arrow(table, frame.with_columns(side=pl.lit("one")))
