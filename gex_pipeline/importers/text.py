"""CSV and JSON Lines -> frame of strings. Belongs here: what makes a text file well formed; not: what it means.

pyarrow's CSV reader is fast and refuses rows of the wrong length, but it lets pass what hides a damaged file: NUL
bytes, repeated column names, and a quote that never closes (it swallows the rows up to the next quote). Those are
checked here first.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv as pc

from gex_pipeline.errors import ImportFileError

_BOM = b"\xef\xbb\xbf"
#: What pyarrow says of a line with too few or too many cells: row, expected, got.
WRONG_LENGTH = re.compile(r"Row #([0-9]+): Expected ([0-9]+) columns, got ([0-9]+)")


def read_csv(path: Path, data: bytes, header: Sequence[str] | None = None) -> tuple[pl.DataFrame, list[int]]:
    """Strict CSV: comma, double quotes, UTF-8, a header line, one row a line. Empty lines are skipped.

    Returns the frame (all String, an empty cell is "") and each row's line number. ``header`` names the columns of a
    file without a header line. Raises ``ImportFileError``.
    """
    data = checked_text(path, data)
    lines = _lines(data)
    if not lines:
        raise ImportFileError(f"{path} is empty")
    names = _unique(path, list(header) if header else _fields(path, *lines[0]))
    for number, line in lines:
        if b'"' in line:
            _fields(path, number, line)
    rows = lines if header else lines[1:]
    if not rows:
        raise ImportFileError(f"{path} has no rows, only a header")
    return _parsed(path, data, names, header is not None, lines), [number for number, _ in rows]


def read_jsonl(path: Path, data: bytes) -> tuple[pl.DataFrame, list[int]]:
    """JSON Lines: one object a line. Scalars become text as written (1e-8 stays ``1e-8``), null and absent null.

    Returns the frame and each row's line number. Raises ``ImportFileError`` naming the first broken line.
    """
    lines = _lines(checked_text(path, data))
    records = [_record(path, number, line) for number, line in lines]
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = {name: [_scalar(record.get(name)) for record in records] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)), [number for number, _ in lines]


def checked_text(path: Path, data: bytes) -> bytes:
    """The bytes of a text without a byte order mark. Raises ``ImportFileError`` for NUL and what is not UTF-8."""
    nul = data.find(b"\0")
    if nul >= 0:
        raise ImportFileError(f"{path} is not text: NUL at byte {nul}")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ImportFileError(f"{path} is not UTF-8 at byte {error.start}") from None
    return data.removeprefix(_BOM)


def _lines(data: bytes) -> list[tuple[int, bytes]]:
    return [(i, line) for i, line in enumerate(data.splitlines(), start=1) if line]


def _fields(path: Path, number: int, line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode()], strict=True))
    except csv.Error as error:
        raise ImportFileError(f"{path} line {number}: a quoted cell does not end as it should ({error})") from None


def _unique(path: Path, names: list[str]) -> list[str]:
    for name in names:
        if not name.strip():
            raise ImportFileError(f"{path} line 1: column {names.index(name) + 1} of the header has no name")
        if names.count(name) > 1:
            raise ImportFileError(f"{path} line 1: the column {name!r} occurs more than once")
    return names


def _parsed(
    path: Path, data: bytes, names: list[str], is_headerless: bool, lines: list[tuple[int, bytes]]
) -> pl.DataFrame:
    try:
        table = pc.read_csv(
            io.BytesIO(data),
            # one thread: with several, the error does not say which row it is
            read_options=pc.ReadOptions(use_threads=False, column_names=names if is_headerless else None),
            convert_options=pc.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise ImportFileError(_reason(path, str(error), lines)) from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    expected = len(lines) - (0 if is_headerless else 1)
    if frame.height != expected:
        raise ImportFileError(f"{path}: {expected} lines gave {frame.height} rows; a quoted cell spans lines")
    return frame


def _reason(path: Path, message: str, lines: list[tuple[int, bytes]]) -> str:
    match = WRONG_LENGTH.search(message)
    if match is None:
        return f"{path} is not CSV: {message.splitlines()[0]}"
    row, expected, got = (int(g) for g in match.groups())
    return f"{path} line {lines[row - 1][0]}: {got} cells instead of {expected}"


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
    except (json.JSONDecodeError, RecursionError) as error:
        at = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ImportFileError(f"{path} line {number}: not JSON{at}") from None
    if not isinstance(record, dict):
        raise ImportFileError(f"{path} line {number}: not a JSON object")
    return record


def _scalar(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)
