"""The types of a declared column in the engines: Arrow (files), Polars (frames), DuckDB (views)."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from gex_pipeline.schema.model import Column, Table

_ARROW = {
    "timestamp": pa.timestamp("us", tz="UTC"),
    "float": pa.float64(),
    "int": pa.int64(),
    "string": pa.string(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "bool": pa.bool_(),
    "binary": pa.binary(),
}
_POLARS: dict[str, type[pl.DataType] | pl.DataType] = {
    "timestamp": pl.Datetime("us", "UTC"),
    "float": pl.Float64,
    "int": pl.Int64,
    "string": pl.String,
    "category": pl.String,
    "bool": pl.Boolean,
    "binary": pl.Binary,
}
_DUCKDB = {
    "timestamp": "TIMESTAMPTZ",
    "float": "DOUBLE",
    "int": "BIGINT",
    "string": "VARCHAR",
    "category": "VARCHAR",
    "bool": "BOOLEAN",
    "binary": "BLOB",
}


def arrow_schema(table: Table) -> pa.Schema:
    """Schema of a file of this table: the hive columns are in its path, not in it."""
    return pa.schema([pa.field(c.name, _ARROW[c.dtype], c.is_nullable) for c in table.file_columns])


def polars_schema(table: Table, *, is_coded: bool = False) -> pl.Schema:
    """Schema of a whole frame of this table, hive columns included; categories as strings, or ``is_coded``."""
    types = {**_POLARS, "category": pl.Categorical()} if is_coded else _POLARS
    return pl.Schema({c.name: types[c.dtype] for c in table.columns})


def duckdb_type(column: Column) -> str:
    """SQL type of a column in a view."""
    return _DUCKDB[column.dtype]


def to_arrow(table: Table, frame: pl.DataFrame) -> pa.Table:
    """The file columns of a frame as an Arrow table with exactly the declared schema.

    Category columns may be String, Enum or Categorical. The dictionary is the declared choices, or the sorted values
    that occur, so that equal rows give equal bytes.
    """
    schema = arrow_schema(table)
    arrays = [_array(frame[c.name], c) for c in table.file_columns]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(series: pl.Series, column: Column) -> pa.Array:
    if column.dtype != "category":
        array = _contiguous(series.cast(_POLARS[column.dtype]))
        return array if array.type == _ARROW[column.dtype] else array.cast(_ARROW[column.dtype])
    names = list(column.choices) or series.unique().drop_nulls().cast(pl.String).sort().to_list()
    codes = _contiguous(_coded(series, names).to_physical().cast(pl.Int32))
    # not pyarrow's own conversion of a list, which imports pandas where it is installed
    return pa.DictionaryArray.from_arrays(codes, _contiguous(pl.Series(names, dtype=pl.String)).cast(pa.string()))


def _coded(series: pl.Series, names: list[str]) -> pl.Series:
    """The series as an Enum of ``names``; another Enum is recoded without turning rows into strings."""
    dtype = series.dtype
    if not isinstance(dtype, pl.Enum):
        return series.cast(pl.String).cast(pl.Enum(names))
    given = dtype.categories.to_list()
    if given == names:
        return series
    new_code = pl.Series([names.index(n) if n in names else None for n in given], dtype=pl.UInt32)
    return new_code.gather(series.to_physical()).cat.to(pl.Enum(names))


def _contiguous(series: pl.Series) -> pa.Array:
    array = series.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
