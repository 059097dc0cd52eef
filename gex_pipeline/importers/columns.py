"""A mapping applied to the raw frame: canonical columns, still in the source's units.

Belongs here: finding columns, constants, names. Not here: units, forwards and rejection (chain.py and its parts).
"""

from __future__ import annotations

import re

import polars as pl

from gex_pipeline.core import instruments
from gex_pipeline.errors import ImportFileError, UsageError, nearest
from gex_pipeline.importers.base import Options
from gex_pipeline.importers.cells import finite, numbers, shown, text
from gex_pipeline.importers.fields import Constant, Field
from gex_pipeline.importers.mapping import Mapping
from gex_pipeline.importers.read import Raw
from gex_pipeline.importers.times import instants
from gex_pipeline.importers.vocabulary import FROM_NAME, TARGETS, Kind
from gex_pipeline.schema.common import FOLDER_NAME, FOLDER_NAME_RULE

TIME = pl.Datetime("us", "UTC")
UNKNOWN = "unknown"  # underlying of a rejected row whose name says nothing
_TYPES = {"time": TIME, "number": pl.Float64, "text": pl.String, "instrument": pl.String}
_NAME_TYPES = {
    "underlying": pl.String,
    "expiry_at": pl.Int64,
    "strike_usd": pl.Float64,
    "option_type": pl.String,
    "settlement": pl.String,
}


def mapped(raw: Raw, mapping: Mapping, options: Options) -> pl.DataFrame:
    """One column per canonical name of the target, and ``row``, the source row; null where the mapping is silent.

    Names are parsed or built, so that ``is_named`` says whether the row is a contract that is understood.
    Raises ``ImportFileError`` where the file is not what the mapping says.
    """
    words, fields = TARGETS[mapping.target], mapping.fields
    given = {k: f for k, f in fields.items() if f.columns and k != "underlying"}
    series = [_read(raw, find(raw, f.columns), words[k].kind, f).alias(k) for k, f in given.items()]
    absent = {k: w for k, w in words.items() if k not in given and k != "underlying"}
    frame = pl.DataFrame([_underlying(raw, mapping, options), *series]).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
        *(finite(k) for k in given if words[k].kind == "number"),
        *(pl.lit(_constant(fields.get(k)), dtype=_TYPES[w.kind]).alias(k) for k, w in absent.items()),
    )
    return _with_names(raw, mapping, frame) if mapping.target == "chain" else _by_underlying(mapping, frame)


def find(raw: Raw, candidates: tuple[str, ...]) -> str:
    """The first of the columns that the file has. Raises ``ImportFileError`` naming the nearest it has."""
    for name in candidates:
        if name in raw.columns or name in raw.frame.columns:
            return name
    wanted = " or ".join(repr(c) for c in candidates)
    raise ImportFileError(f"{raw.path} has no column {wanted}{nearest(candidates[0], raw.columns)}")


def only_underlying(raw: Raw, frame: pl.DataFrame, underlying: str | None) -> pl.DataFrame:
    """The rows of one coin; a row that names no coin stays, to be rejected. Raises ``ImportFileError`` if none is."""
    if underlying is None:
        return frame
    coin = instruments.underlying_of(underlying)
    kept = frame.filter(pl.col("underlying").is_in([coin, UNKNOWN]))
    if not (kept["underlying"] == coin).any():
        held = ", ".join(frame["underlying"].drop_nulls().unique().sort().to_list())
        raise ImportFileError(f"{raw.path} holds {held}, no {coin}")
    return kept


def _underlying(raw: Raw, mapping: Mapping, options: Options) -> pl.Series:
    field = mapping.fields.get("underlying", Field())
    if field.columns:
        return _coins(raw, find(raw, field.columns)).alias("underlying")
    coin = field.value if field.value is not None else _from_file(raw, field) if field.file else options.underlying
    if coin is None and not _has_grammar(mapping):
        raise UsageError(f"{mapping.name}: the mapping names no underlying: give --underlying")
    value = None if coin is None else instruments.underlying_of(str(coin))
    return pl.repeat(value, raw.frame.height, dtype=pl.String, eager=True).alias("underlying")


def _has_grammar(mapping: Mapping) -> bool:
    return "instrument" in mapping.fields and bool(mapping.fields["instrument"].grammar)


def _coins(raw: Raw, column: str) -> pl.Series:
    symbols = text(raw, column)
    coins = {s: instruments.underlying_of(s) for s in symbols.drop_nulls().unique().sort()}
    odd = symbols.is_in([s for s, coin in coins.items() if not FOLDER_NAME.fullmatch(coin)]).fill_null(False)
    if odd.any():
        row = odd.arg_max() or 0
        raise ImportFileError(_no_coin(raw.where(row), column, symbols[row]))
    return symbols.replace_strict(list(coins), list(coins.values()), default=None, return_dtype=pl.String)


def _no_coin(place: str, what: str, value: str) -> str:
    return f"{place}: {what} = {shown(value)} is no name of a coin: it may have {FOLDER_NAME_RULE}"


def _from_file(raw: Raw, field: Field) -> str:
    match = re.search(field.file, raw.path.name)
    if match is None or not match[1]:
        raise ImportFileError(f"{raw.path}: the name does not match {field.file!r}, which should give the underlying")
    if not FOLDER_NAME.fullmatch(instruments.underlying_of(match[1])):
        raise ImportFileError(_no_coin(str(raw.path), "its name's underlying", match[1]))
    return match[1]


def _constant(field: Field | None) -> Constant | None:
    return None if field is None or isinstance(field.value, dict) else field.value


def _by_underlying(mapping: Mapping, frame: pl.DataFrame) -> pl.DataFrame:
    """Constants that differ from coin to coin."""
    tables = {k: f.value for k, f in mapping.fields.items() if isinstance(f.value, dict)}
    coin = pl.col("underlying")
    return frame.with_columns(
        coin.replace_strict(list(values), list(values.values()), default=None, return_dtype=frame.schema[name]).alias(
            name
        )
        for name, values in tables.items()
    )


def _with_names(raw: Raw, mapping: Mapping, frame: pl.DataFrame) -> pl.DataFrame:
    field = mapping.fields["instrument"]
    if field.grammar:
        return _by_underlying(mapping, _parsed_names(raw, field.grammar, frame))
    frame = _by_underlying(mapping, frame).with_columns(_option_type(), pl.col("settlement").str.to_lowercase())
    if field.build:
        return _built_names(field.build, frame)
    return frame.with_columns(is_named=pl.col("instrument").is_not_null() & pl.col("underlying").is_not_null())


def _read(raw: Raw, column: str, kind: Kind, field: Field) -> pl.Series:
    if kind == "time":
        return instants(raw, column, field.time)
    return numbers(raw, column) if kind == "number" else text(raw, column)


def _option_type() -> pl.Expr:
    """C, P, call, Put, ... as C and P; anything else is null."""
    letter = pl.col("option_type").str.to_uppercase().replace({"CALL": "C", "PUT": "P"})
    return pl.when(letter.is_in(["C", "P"])).then(letter).alias("option_type")


def _contract(venue: str, name: str) -> tuple[str, int, float, str, str] | None:
    """The parts of a name in the order of FROM_NAME, the expiry in microseconds."""
    found = instruments.parse(venue, name)
    if found is None:
        return None
    expiry = int(found.expiry_at.timestamp()) * 1_000_000
    return found.underlying, expiry, found.strike_usd, found.option_type, found.settlement


def _parsed_names(raw: Raw, venue: str, frame: pl.DataFrame) -> pl.DataFrame:
    names = frame["instrument"].unique().drop_nulls().to_list()
    found = {n: c for n in names if (c := _contract(venue, n)) is not None}
    if not found:
        raise ImportFileError(_foreign(raw, venue, frame["instrument"]))
    parts = dict(zip(FROM_NAME, zip(*found.values(), strict=True), strict=True))
    contracts = pl.LazyFrame(
        {"instrument": list(found), **parts}, schema={"instrument": pl.String, **_NAME_TYPES}
    ).with_columns(pl.col("expiry_at").cast(TIME), is_named=pl.lit(True))
    # the letters before the first separator, so that an unread name still lies with its coin
    coin = pl.col("instrument").str.to_uppercase().str.extract(r"^([A-Z0-9]+)[-_]").fill_null(UNKNOWN)
    return (
        frame.lazy()
        .drop(FROM_NAME)
        .join(contracts, on="instrument", how="left", maintain_order="left")
        .with_columns(is_named=pl.col("is_named").fill_null(False), underlying=pl.coalesce("underlying", coin))
        .collect(engine="in-memory")
    )


def _foreign(raw: Raw, venue: str, names: pl.Series) -> str:
    present = names.drop_nulls()
    if present.is_empty():
        return f"no {venue} instrument name in {raw.path}: the column is empty"
    first = present[0]
    others = instruments.venues_of(first)
    known = f"a {others[0]} name" if others else "a name of no known venue"
    return f"no {venue} instrument name in {raw.path}: first is {shown(first)}, {known}"


def _built_names(venue: str, frame: pl.DataFrame) -> pl.DataFrame:
    distinct = frame.select(FROM_NAME).unique().sort(FROM_NAME)
    names = [_name(venue, *row) for row in distinct.iter_rows()]
    distinct = distinct.with_columns(instrument=pl.Series(names, dtype=pl.String))
    joined = frame.drop("instrument").join(distinct, on=FROM_NAME, how="left", maintain_order="left", nulls_equal=True)
    # where one of these is missing, that is the reason, not the name that could not be built without it
    is_partial = pl.any_horizontal(pl.col("expiry_at", "strike_usd", "option_type").is_null())
    return joined.with_columns(is_named=pl.col("instrument").is_not_null() | is_partial)


def _name(venue: str, underlying: str | None, expiry_at: object, strike_usd: object, *rest: str | None) -> str | None:
    parts = (underlying, expiry_at, strike_usd, *rest)
    if any(p is None for p in parts):
        return None
    try:
        return instruments.build(venue, instruments.Instrument(*parts))  # pyright: ignore[reportArgumentType]
    except ValueError:
        return None
