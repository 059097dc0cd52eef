"""File bytes -> frame of raw columns. Belongs here: compression and container formats; not: what a column means.

Text formats give every cell as a string, exactly as written, so that nothing is guessed before the mapping has spoken.
Parquet and Feather keep their own types. A file that is broken anywhere is refused whole: half a chain looks like a
chain. Every message names the file and the line or byte.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from gex_pipeline.errors import ImportFileError
from gex_pipeline.importers.text import checked_text, read_csv, read_jsonl

FORMATS = ("csv", "jsonl", "feather", "parquet")
_TEXTS = ("csv", "jsonl", "json")
_EXTENSIONS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".feather": "feather",
    ".arrow": "feather",
    ".parquet": "parquet",
    ".pq": "parquet",
}
#: First bytes of files that are often given the wrong name.
_MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "feather",
    b"FEA1": "feather",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"SQLite format 3": "SQLite",
    b"%PDF": "PDF",
}
_ENCRYPTED = 0x1
#: What a flipped byte makes zipfile raise: wrong offsets, unknown versions, broken streams.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError)
#: Seconds from 1970 within which a time has a year of Python's, 1 .. 9999.
_LATEST_SECOND = 60_000_000_000
_PER_SECOND = {"ns": 1_000_000_000, "us": 1_000_000, "ms": 1_000, "d": 1 / 86_400}
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True)
class Raw:
    """The rows of one file as they were read.

    ``frame`` has the source's own columns; an importer may add derived ones, which are not in ``columns``.
    ``lines`` are the line numbers of the rows, for text formats.
    """

    path: Path
    frame: pl.DataFrame
    columns: tuple[str, ...]
    lines: Sequence[int] | None = None

    def where(self, row: int) -> str:
        """Where a row lies, for a message: ``FILE line 7`` (counted from 1, header included) or ``FILE row 7``."""
        return f"{self.path} row {row + 1}" if self.lines is None else f"{self.path} line {self.lines[row]}"


def read(path: Path, file_format: str | None = None, header: Sequence[str] | None = None) -> Raw:
    """Read a csv, jsonl, feather or parquet file, text formats also as .gz or as the one member of a .zip.

    ``file_format``: the format where the name does not tell it. ``header``: column names of a CSV without a header.
    Raises ``ImportFileError`` for anything that is not a whole, well-formed file with at least one row.
    """
    data, inner = _decompressed(path, _bytes_of(path))
    kind = file_format or _format_of(path, inner)
    _check_content(path, data, kind)
    lines: Sequence[int] | None = None
    if kind == "csv":
        frame, lines = read_csv(path, data, header)
    elif kind == "jsonl":
        frame, lines = read_jsonl(path, data)
    else:
        frame = _read_arrow(path, data, kind)
    if frame.height == 0:
        raise ImportFileError(f"{path} has no rows")
    return Raw(path, frame, tuple(frame.columns), lines)


def file_bytes(path: Path) -> bytes:
    """The content of a file after decompression."""
    return _decompressed(path, _bytes_of(path))[0]


def json_bytes(path: Path) -> bytes:
    """The text of a JSON file after decompression, without a byte order mark, for a reader that parses it itself.

    Raises ``ImportFileError`` for what cannot be text of that kind; whether it is JSON is for the reader to see.
    """
    data = file_bytes(path)
    _check_content(path, data, "json")
    text = checked_text(path, data)
    if not text.strip():
        raise ImportFileError(f"{path} is empty")
    return text


def opened(path: Path) -> BinaryIO:
    """A file to read bytes from. Raises ``ImportFileError`` for what is missing, no file or not readable."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ImportFileError(f"{path} is not a regular file")  # a pipe would be waited for for ever
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise ImportFileError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise ImportFileError(f"{path} is a directory, not a file") from None
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error.strerror}") from None


def _bytes_of(path: Path) -> bytes:
    with opened(path) as file:
        try:
            data = file.read()
        except OSError as error:
            raise ImportFileError(f"{path} cannot be read: {error.strerror}") from None
    if not data:
        raise ImportFileError(f"{path} is empty")
    return data


def _decompressed(path: Path, data: bytes) -> tuple[bytes, str]:
    """Content and the name it goes by inside the compression."""
    if path.suffix.lower() == ".gz":
        return _gunzip(path, data), path.stem
    if path.suffix.lower() == ".zip":
        return _unzip(path, data)
    return data, path.name


def _gunzip(path: Path, data: bytes) -> bytes:
    stream = io.BytesIO(data)
    try:
        with gzip.GzipFile(fileobj=stream) as file:
            return file.read()
    except EOFError:
        raise ImportFileError(cut_off(path, len(data))) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ImportFileError(damaged_gzip(path, stream.tell(), error)) from None


def cut_off(path: Path, byte: int) -> str:
    """What is said of a .gz that ends too early."""
    return f"{path} is cut off: its gzip stream has no end at byte {byte}"


def damaged_gzip(path: Path, byte: int, error: Exception) -> str:
    """What is said of a .gz that cannot be decompressed."""
    return f"{path} is damaged gzip before byte {byte}: {error}"


def _unzip(path: Path, data: bytes) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _only_member(path, archive)
    except _ZIP_ERRORS as error:
        raise ImportFileError(f"{path} is a damaged zip of {len(data)} bytes: {error}") from None


def _only_member(path: Path, archive: zipfile.ZipFile) -> tuple[bytes, str]:
    members = [m for m in archive.infolist() if not m.is_dir()]
    if len(members) != 1:
        raise ImportFileError(f"{path} holds {len(members)} files; a zip must hold exactly one")
    member = members[0]
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _COMPRESSIONS:
        raise ImportFileError(f"{path} is encrypted or compressed in a way that cannot be read")
    return archive.read(member), Path(member.filename).name


def _format_of(path: Path, inner: str) -> str:
    suffix = Path(inner).suffix.lower()
    if suffix not in _EXTENSIONS:
        known = ", ".join(_EXTENSIONS)
        raise ImportFileError(f"{path}: no known format for {inner!r}; use one of {known} or set format in the mapping")
    return _EXTENSIONS[suffix]


def _check_content(path: Path, data: bytes, kind: str) -> None:
    actual = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), "")
    if kind in _TEXTS and not actual and data[:200].lstrip()[:5].lower() in (b"<html", b"<!doc", b"<?xml"):
        actual = "HTML or XML"
    is_text_as_expected = kind in _TEXTS and not actual
    if not is_text_as_expected and actual != kind:
        raise ImportFileError(f"{path} is not {kind}: its content is {actual or f'unknown ({data[:8]!r} at byte 0)'}")


def _read_arrow(path: Path, data: bytes, kind: str) -> pl.DataFrame:
    try:
        table = _parquet(data) if kind == "parquet" else feather.read_table(pa.BufferReader(data))
        frame = _checked_frame(table)
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImportFileError(f"{path} is damaged {kind} ({len(data)} bytes): {reason}") from None
    _refuse_impossible_times(path, frame)
    return frame


def _checked_frame(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a frame, once it is certain that Polars, which trusts it, will not crash on it."""
    table.validate(full=True)  # offsets and UTF-8 of the cells
    names = table.column_names  # raises where the bytes are not UTF-8, and so do the zones
    zones = [f.type.tz or "" for f in table.schema if pa.types.is_timestamp(f.type)]
    if any("\0" in word for word in (*names, *zones)):
        raise ValueError("a column name or time zone holds a NUL byte")
    if len(set(names)) < len(names):
        repeated = min(n for n in names if names.count(n) > 1)
        raise ValueError(f"the column {repeated!r} occurs more than once")
    frame = pl.from_arrow(table.replace_schema_metadata(None))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _refuse_impossible_times(path: Path, frame: pl.DataFrame) -> None:
    """Python's years end at 9999; beyond them even an error message could not show the value."""
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Datetime | pl.Date):
            unit = dtype.time_unit if isinstance(dtype, pl.Datetime) else "d"
            bound = min(int(_LATEST_SECOND * _PER_SECOND[unit]), 2**63 - 1)
            ticks = frame[name].to_physical().cast(pl.Int64)
            row = (~ticks.is_between(-bound, bound)).fill_null(False).arg_max() or 0
            if ticks[row] is not None and not -bound <= ticks[row] <= bound:
                raise ImportFileError(f"{path} row {row + 1}: {name} is no time ({ticks[row]} {unit} since 1970)")


def _parquet(data: bytes) -> pa.Table:
    # ParquetFile, not read_table: the latter takes `underlying=BTC` in the path for a partition column
    with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
        return file.read(use_threads=False)
