"""A file of ticks, too large for memory -> the rows that a grid can take: per contract and grid instant the last one.

Belongs here: choosing rows of a CSV by two of its columns. Not here: what the other columns mean; which instants a row
serves is for grid.py, which sees the rows that are left and would choose the same ones from all.

Of every line the number of cells, the contract and the time are checked; the other cells only where a row is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc

from gex_pipeline.errors import ImportFileError, nearest
from gex_pipeline.importers.cells import shown
from gex_pipeline.importers.read import Raw
from gex_pipeline.importers.stream import Block, blocks
from gex_pipeline.importers.text import WRONG_LENGTH, read_csv

#: Python hears a Ctrl-C itself at the end of a block, some 50 ms; two handlers would each leave it to the other.
pa.enable_signal_handlers(False)

_MICROSECOND = timedelta(microseconds=1)
#: What a file of plain ASCII cells never holds: a quote could hide a line feed from one reader and not from another.
_FOREIGN = {b'"': "a quoted cell", b"\0": "a NUL byte"}
_KEYS = ["contract", "instant"]


@dataclass(frozen=True)
class Ticks:
    """Which columns a file must have, and which of them are the contract and the receipt in microseconds since 1970."""

    columns: tuple[str, ...]
    contract: str
    received_at: str


@dataclass
class Chosen:
    """The rows that are left, the lines of data that were read, and how many of those go back in time."""

    raw: Raw
    rows: int
    unordered: int


@dataclass
class _Reading:
    """State of one pass. ``kept`` holds contract, instant, received_at, line and text of the rows left so far."""

    path: Path
    ticks: Ticks
    step: int
    header: list[str]
    kept: list[pl.DataFrame] = field(default_factory=list)
    compacted: int = 0
    rows: int = 0
    unordered: int = 0
    latest: int = np.iinfo(np.int64).min

    def take(self, block: Block) -> None:
        """Keep the last row per contract and grid instant of a block."""
        frame = _block_frame(self, block)
        received = frame["received_at"].to_numpy()
        before = np.maximum.accumulate(np.concatenate([[self.latest], received]))
        is_behind = received < before[:-1]
        self.latest, self.rows = int(before[-1]), self.rows + len(received)
        self.unordered += int(is_behind.sum())
        chosen = _last(frame, is_sorted=not is_behind.any())
        self.kept.append(chosen.with_columns(text=pl.Series(_texts(block, chosen["line"].to_numpy()), dtype=pl.Binary)))
        if sum(f.height for f in self.kept) > 2 * self.compacted + 50_000:
            self.compact()

    def compact(self) -> None:
        """Bring what is kept down to one row per contract and grid instant."""
        self.kept = [_last(pl.concat(self.kept), is_sorted=False)]
        self.compacted = self.kept[0].height


def last_rows(path: Path, ticks: Ticks, every: timedelta) -> Chosen:
    """Read a CSV or .csv.gz once. Lines may be in any order; of equal receipts the later line is the last.

    Raises ``ImportFileError`` for a missing column, a line of another number of cells, a contract or time that is none.
    """
    with closing(blocks(path)) as stream:
        header, first = _header(path, ticks, next(stream))
        reading = _Reading(path, ticks, every // _MICROSECOND, header)
        for block in _with(first, stream):
            reading.take(block)
    if not reading.rows:
        raise ImportFileError(f"{path} has no rows, only a header")
    reading.compact()
    return Chosen(_raw(reading), reading.rows, reading.unordered)


def _header(path: Path, ticks: Ticks, block: Block) -> tuple[list[str], Block]:
    """Column names, and the block without its first line."""
    line, rest = block.data[: block.ends[0]], block.data[block.ends[0] + 1 :]
    text = line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r")
    if not text.isascii() or not text.strip() or b"\0" in text:
        raise ImportFileError(f"{path} is not CSV: its first line is {shown(text)}")
    header = text.decode().split(",")
    for name in ticks.columns:
        if name not in header:
            raise ImportFileError(f"{path} line 1: no column {name!r}{nearest(name, header)}")
    if len(set(header)) < len(header):
        repeated = next(n for n in header if header.count(n) > 1)
        raise ImportFileError(f"{path} line 1: the column {repeated!r} occurs more than once")
    return header, Block(rest, block.ends[1:] - len(line) - 1, block.first_line + 1)


def _with(first: Block, rest: Iterator[Block]) -> Iterator[Block]:
    if first.data:
        yield first
    yield from rest


def _block_frame(reading: _Reading, block: Block) -> pl.DataFrame:
    """Columns contract, instant (number of grid steps since 1970), received_at, line."""
    _check_text(reading.path, block)
    try:
        table = _parsed(reading, block.data, pa.int64(), is_threaded=True)
    except pa.ArrowInvalid:
        raise ImportFileError(_explained(reading, block)) from None
    if table[1].null_count or table.num_rows != len(block.ends):
        raise ImportFileError(_explained(reading, block))
    contract, time = (pl.Series(column) for column in table.columns)
    is_nameless = contract == ""
    if is_nameless.any():  # ticks of many contracts would be one, of which the last row stays
        line = block.first_line + (is_nameless.arg_max() or 0)
        raise ImportFileError(f"{reading.path} line {line}: {reading.ticks.contract} is empty")
    received = time.to_numpy()  # not pyarrow's, which imports pandas where it is installed
    line = np.arange(block.first_line, block.first_line + len(received))
    instant = -(-received // reading.step)
    return pl.DataFrame({"contract": contract, "instant": instant, "received_at": received, "line": line})


def _parsed(reading: _Reading, data: bytes, time: pa.DataType, *, is_threaded: bool) -> pa.Table:
    names = [reading.ticks.contract, reading.ticks.received_at]
    types = {names[0]: pa.string(), names[1]: time}
    return pc.read_csv(
        pa.BufferReader(data),
        read_options=pc.ReadOptions(use_threads=is_threaded, block_size=1 << 22, column_names=reading.header),
        parse_options=pc.ParseOptions(quote_char=False, ignore_empty_lines=False),
        convert_options=pc.ConvertOptions(include_columns=names, column_types=types, strings_can_be_null=False),
    )


def _check_text(path: Path, block: Block) -> None:
    for byte, what in _FOREIGN.items():
        if byte in block.data:
            raise ImportFileError(f"{path} line {_line_of(block, block.data.index(byte))}: {what}")
    if not block.data.isascii():
        at = next(i for i, byte in enumerate(block.data) if byte > 127)
        raise ImportFileError(f"{path} line {_line_of(block, at)}: a byte that is not ASCII")


def _line_of(block: Block, byte: int) -> int:
    return block.first_line + int(np.searchsorted(block.ends, byte))


def _explained(reading: _Reading, block: Block) -> str:
    """Why a block cannot be read: its first line of wrong length, else its first time that is no number."""
    try:
        table = _parsed(reading, block.data, pa.string(), is_threaded=False)
    except pa.ArrowInvalid as error:
        match = WRONG_LENGTH.search(str(error))
        if match is None:
            return f"{reading.path} line {block.first_line} or later: {str(error).splitlines()[0]}"
        row, expected, got = (int(g) for g in match.groups())
        return f"{reading.path} line {block.first_line + row - 1}: {got} cells instead of {expected}"
    cells = pl.Series(table[1].combine_chunks())
    is_bad = cells.cast(pl.Int64, strict=False).is_null()
    if not is_bad.any():
        return f"{reading.path} line {block.first_line} or later: a line ends in a carriage return alone"
    row = is_bad.arg_max() or 0
    place = f"{reading.path} line {block.first_line + row}"
    if not _texts(block, np.array([block.first_line + row]))[0].strip():
        return f"{place}: an empty line"
    return f"{place}: {reading.ticks.received_at} = {shown(cells[row])} is not a time in us"


def _last(frame: pl.DataFrame, *, is_sorted: bool) -> pl.DataFrame:
    """The last row of each contract and grid instant; of equal receipts the later line."""
    ordered = frame if is_sorted else frame.sort("received_at", "line")
    return ordered.unique(_KEYS, keep="last", maintain_order=True)


def _texts(block: Block, lines: np.ndarray) -> list[bytes]:
    starts = np.concatenate([[0], block.ends[:-1] + 1])
    rows = lines - block.first_line
    return [block.data[a:b] for a, b in zip(starts[rows].tolist(), block.ends[rows].tolist(), strict=True)]


def _raw(reading: _Reading) -> Raw:
    kept = reading.kept[0].sort("line")
    texts: Sequence[bytes] = kept["text"].to_list()
    data = b"\n".join([",".join(reading.header).encode(), *texts]) + b"\n"
    frame, _ = read_csv(reading.path, data)
    return Raw(reading.path, frame, tuple(frame.columns), kept["line"].to_list())
